// arrcoc compare: two sweeps, question by question.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/sweep/sweep.hpp"
#include "outputs.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

struct CompareFlags {
  std::string first, second;
  std::optional<std::string> json;
};

int run_compare(const CompareFlags& f) {
  RunFiles files;
  files.reads("the run", f.first);
  files.reads("the run", f.second);
  if (f.json) files.writes("--json", *f.json);
  const std::vector<ComparedGroup> groups = compare_runs(read_rows(f.first), read_rows(f.second));
  const Writing writing;
  const bool to_stdout = f.json && (f.json->empty() || *f.json == "-");
  if (f.json) io::write_file(to_stdout ? "-" : *f.json, compare_json(groups));
  if (!to_stdout) io::write_file("-", compare_table(groups));
  return 0;
}

}  // namespace

void add_compare(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("compare", "two sweeps, question by question: second - first");
  auto f = std::make_shared<CompareFlags>();
  verb->add_option("FIRST", f->first, "a sweep's folder, or a file in it")->required();
  verb->add_option("SECOND", f->second, "another one, over the same questions")->required();
  verb->add_option("--json", f->json, "as JSON into FILE; no value or -: stdout")->expected(0, 1);
  verb->callback([f, &command] { command.run = [f] { return run_compare(*f); }; });
}

}  // namespace arrcoc::tools
