// arrcoc VERB: one file per verb; this one reads the command line, and turns errors into one line and an exit status.
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <vector>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "arrcoc/build_info.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/config_json.hpp"
#include "command_line.hpp"
#include "help.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

constexpr std::uint64_t max_settings_bytes = 64 << 20;  // results of long answers too

int complain(const std::string& message, int status) {
  std::fprintf(stderr, "arrcoc: error: %s\n", one_line(message).c_str());
  return status;
}

/// Takes --a.b=value and --a.b value out of the arguments, and reads the file of --config.
std::vector<std::string> take_settings(int argc, char** argv, Command& command) {
  std::vector<std::string> rest;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const std::string name = arg.substr(0, arg.find('='));
    const bool config = name == "--config", setting = arg.size() > 3 && arg.starts_with("--") &&
                                                      name.find('.') != std::string::npos && !rest.empty();
    if (!config && !setting) {
      rest.push_back(arg);
      static const std::vector<std::string> takes_text{"-p", "--prompt", "--system", "-f",     "--file",
                                                       "-i", "--image",  "-m",       "--model"};
      if (std::find(takes_text.begin(), takes_text.end(), arg) != takes_text.end() && i + 1 < argc)
        rest.emplace_back(argv[++i]);  // whatever it looks like
      continue;
    }
    std::string value;
    if (const auto equals = arg.find('='); equals != std::string::npos) value = arg.substr(equals + 1);
    else if (i + 1 < argc) value = argv[++i];
    else fail(Code::bad_usage, "usage", name + ": expected a value, got none");
    if (setting) {
      const auto [it, fresh] = command.settings.emplace(name.substr(2), value);
      require_that(fresh, Code::bad_usage, "usage", [&] { return name + ": given twice"; });
    } else {
      command.config = io::settings_from_json(io::read_file(value, max_settings_bytes), value);
      rest.push_back("--config=" + value);
    }
  }
  return rest;
}

int run(int argc, char** argv) {
  Command command;
  command.line = "arrcoc";
  for (int i = 1; i < argc; ++i) command.line += " " + for_shell(argv[i]);
  std::vector<std::string> arguments = take_settings(argc, argv, command);
  CLI::App app("Query-aware visual token budgets on Qwen3-VL.", "arrcoc");
  app.set_version_flag("--version", "arrcoc " + std::string(build_info.version));
  app.require_subcommand(1);
  add_answer(app, command);
  add_allocate(app, command);
  add_tokenize(app, command);
  add_list(app, command);
  add_explain(app, command);
  add_clip(app, command);
  add_detect(app, command);
  add_demo_model(app, command);
  add_scenes(app, command);
  add_sweep(app, command);
  add_compare(app, command);
  add_merge(app, command);
  add_store(app, command);
  add_report(app, command);
  add_convert(app, command);
  add_bench(app, command);
  add_quantise(app, command);
  add_train(app, command);
  add_completion(app, command);
  add_examples(app);
  read_numbers_whole(app);
  check_verb(app, arguments);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // as CLI11 wants them
    app.parse(std::move(reversed));
  } catch (const CLI::Success& e) {  // --help, --version
    const int status = app.exit(e);
    check_stdout();
    return status;
  } catch (const CLI::ParseError& e) {
    return complain("[usage] " + std::string(e.what()) + "; see arrcoc --help (E105)", 2);
  }
  const int status = command.run();
  check_stdout();
  return status;
}

/// libtorch takes every tensor from malloc. glibc gives large ones back at once, and zeroing their pages again took 8 %
/// of a run.
void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

}  // namespace
}  // namespace arrcoc::tools

int main(int argc, char** argv) {
  using namespace arrcoc;
  using namespace arrcoc::tools;
  handle_signals();
  keep_freed_memory();
  try {
    return run(argc, argv);
  } catch (const Error& e) { return complain(e.what(), e.exit_status()); } catch (const std::bad_alloc&) {
    return complain(
        "[memory] an allocation failed: the picture, the prompt or the model is too large for this machine (E303)", 1);
  } catch (const std::exception& e) { return complain("[arrcoc] " + std::string(e.what()), 1); }
}
