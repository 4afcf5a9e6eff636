#include <cstdio>
#include <memory>

#include "arrcoc/io/model_folder.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

struct DemoFlags {
  std::string out;
  std::uint64_t seed = 0;
};

int run_demo_model(const DemoFlags& f) {
  check_new_folder(f.out);
  const Writing writing;
  io::write_demo_model(f.out, f.seed);
  std::fprintf(stderr, "%s: a small Qwen3-VL with random weights; its answers mean nothing\n", f.out.c_str());
  return 0;
}

}  // namespace

void add_demo_model(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("demo-model", "writes a small Qwen3-VL with seeded random weights");
  auto f = std::make_shared<DemoFlags>();
  verb->add_option("--out", f->out, "the folder to make")->required();
  verb->add_option("-s,--seed", f->seed, "of the weights");
  verb->callback([f, &command] { command.run = [f] { return run_demo_model(*f); }; });
}

}  // namespace arrcoc::tools
