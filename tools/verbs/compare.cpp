// arrcoc compare: two sweeps, or two columns of one, question by question.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/sweep/predictions.hpp"
#include "outputs.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

struct CompareFlags {
  std::string first, second;
  std::vector<std::string> columns;
  std::optional<std::string> json;
};

/// One column of a run, under a label that pairs it with another one's.
std::vector<SweepRow> column(const std::vector<SweepRow>& rows, const std::string& name, const std::string& label) {
  std::vector<SweepRow> out = rows_of_column(rows, name);
  for (SweepRow& r : out) r.key = r.id + " " + label;
  return out;
}

std::vector<ComparedGroup> compared(const CompareFlags& f) {
  if (f.columns.empty()) return compare_runs(read_rows(f.first), read_rows(f.second));
  const std::vector<SweepRow> rows = read_rows(f.first);
  const std::string label = f.columns[1] + " - " + f.columns[0];
  return compare_runs(column(rows, f.columns[0], label), column(rows, f.columns[1], label));
}

int run_compare(const CompareFlags& f) {
  require_that(f.columns.empty() ? !f.second.empty() : f.columns.size() == 2 && f.second.empty(), Code::bad_usage,
               "compare", "expected two runs, or one and --columns A,B");
  RunFiles files;
  files.reads("the run", f.first);
  files.reads("the run", f.second);
  if (f.json) files.writes("--json", *f.json);
  const std::vector<ComparedGroup> groups = compared(f);
  const Writing writing;
  const bool to_stdout = f.json && (f.json->empty() || *f.json == "-");
  if (f.json) io::write_file(to_stdout ? "-" : *f.json, compare_json(groups));
  if (!to_stdout) io::write_file("-", compare_table(groups));
  return 0;
}

}  // namespace

void add_compare(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("compare", "two sweeps, or two columns of one, question by question: second - first");
  auto f = std::make_shared<CompareFlags>();
  verb->add_option("FIRST", f->first, "a sweep's folder, a file in it, or a file of rows by any name")->required();
  verb->add_option("SECOND", f->second, "another one, over the same questions");
  verb->add_option("--columns", f->columns, "A,B: two columns of the first run, as in its keys (default@64): B - A")
      ->delimiter(',');
  verb->add_option("--json", f->json, "as JSON into FILE; no value or -: stdout")->expected(0, 1);
  verb->callback([f, &command] { command.run = [f] { return run_compare(*f); }; });
}

}  // namespace arrcoc::tools
