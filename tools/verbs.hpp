#pragma once
// One file per verb. A verb adds its subcommand and, when it was chosen, leaves what to run.
#include <CLI/CLI.hpp>
#include <functional>

#include "arrcoc/core/config.hpp"

namespace arrcoc::tools {

struct Command {
  Settings settings;         // --stage.field=value flags, taken out before CLI11 reads the rest
  Settings config;           // of --config FILE.json
  std::string line;          // as typed, quoted for a shell
  std::function<int()> run;  // returns the exit status
};

void add_answer(CLI::App& app, Command& command);
void add_allocate(CLI::App& app, Command& command);
void add_tokenize(CLI::App& app, Command& command);
void add_list(CLI::App& app, Command& command);
void add_explain(CLI::App& app, Command& command);
void add_clip(CLI::App& app, Command& command);
/// `explain video-plan`, below the verb explain.
void add_video_plan(CLI::App& verb, Command& command);
void add_detect(CLI::App& app, Command& command);
void add_demo_model(CLI::App& app, Command& command);
void add_scenes(CLI::App& app, Command& command);
void add_sweep(CLI::App& app, Command& command);
void add_compare(CLI::App& app, Command& command);
void add_merge(CLI::App& app, Command& command);
void add_store(CLI::App& app, Command& command);
void add_report(CLI::App& app, Command& command);
void add_convert(CLI::App& app, Command& command);
void add_bench(CLI::App& app, Command& command);
void add_quantise(CLI::App& app, Command& command);
void add_train(CLI::App& app, Command& command);
void add_completion(CLI::App& app, Command& command);

}  // namespace arrcoc::tools
