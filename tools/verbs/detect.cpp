#include <memory>

#include "arrcoc/engine/detect.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

struct DetectFlags {
  std::string pipeline;
  std::vector<std::string> plugins;
};

/// One line a fault; 1 when there is any.
int run_detect(const DetectFlags& f) {
  std::string text;
  const auto found = detect_faults(preset_pipeline(f.pipeline), {f.plugins.begin(), f.plugins.end()});
  for (const detect::Found& one : found) text += one.fault + ": " + one.sentence + "\n";
  if (found.empty()) text = "no fault found in '" + f.pipeline + "'\n";
  io::write_file("-", text);
  return found.empty() ? 0 : 1;
}

}  // namespace

void add_detect(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("detect", "looks for known faults in what a pipeline keeps, without a model");
  auto f = std::make_shared<DetectFlags>();
  verb->add_option("--pipeline", f->pipeline, "a preset or a full name")->required();
  verb->add_option("--plugin", f->plugins, "a shared module with strategies; repeatable")->allow_extra_args(false);
  verb->callback([f, &command] { command.run = [f] { return run_detect(*f); }; });
}

}  // namespace arrcoc::tools
