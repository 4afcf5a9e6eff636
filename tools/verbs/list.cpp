#include <cstdio>
#include <memory>

#include "arrcoc/engine/result_json.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

struct ListFlags {
  bool json = false;
  std::vector<std::string> plugins;
};

int run_list(const ListFlags& f) {
  const auto entries = list_strategies({f.plugins.begin(), f.plugins.end()});
  if (f.json) {
    io::write_file("-", entries_json(entries));
    return 0;
  }
  std::string text;
  char row[512];
  for (const Entry& e : entries) {
    std::snprintf(row, sizeof row, "%-10s %-24s %-7s %-20s %s\n", std::string(name_of(e.kind)).c_str(), e.name.c_str(),
                  std::string(name_of(e.needs.phase)).c_str(), needs_text(e.needs.evidence).c_str(),
                  e.about.summary.c_str());
    text += row;
  }
  text += "\n";
  for (const Preset& p : presets()) {
    std::snprintf(row, sizeof row, "%-10s %-24s %s\n", "pipeline", std::string(p.name).c_str(),
                  std::string(p.summary).c_str());
    text += row;
  }
  io::write_file("-", text);
  return 0;
}

}  // namespace

void add_list(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("list", "the strategies and preset pipelines");
  auto f = std::make_shared<ListFlags>();
  verb->add_flag("--json", f->json, "kind, name, phase, needs, spend, source, seeds, settings");
  verb->add_option("--plugin", f->plugins, "a shared module with strategies; repeatable")->allow_extra_args(false);
  verb->callback([f, &command] { command.run = [f] { return run_list(*f); }; });
}

}  // namespace arrcoc::tools
