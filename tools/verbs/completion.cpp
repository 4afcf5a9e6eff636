#include <memory>

#include "arrcoc/engine/engine.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "help.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {

void add_completion(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("completion", "a script that completes verbs, flags and names in a shell");
  auto shell = std::make_shared<std::string>();
  verb->add_option("SHELL", *shell, "bash or zsh")->required();
  verb->callback([shell, &app, &command] {
    command.run = [shell, &app] {
      std::vector<std::string> names;
      for (const Preset& p : presets()) names.emplace_back(p.name);
      for (const Entry& e : list_strategies()) names.push_back(e.name);
      io::write_file("-", completion(app, *shell, names));
      return 0;
    };
  });
}

}  // namespace arrcoc::tools
