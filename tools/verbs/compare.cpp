// arrcoc compare: two sweeps, or two columns of one, question by question.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/sweep/ab_protocol.hpp"
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
  bool protocol = false;
  Index per_class = 50;
  std::uint64_t seed = 0;
  std::string csv;
};

std::vector<SweepRow> named_column(const std::vector<SweepRow>& rows, const std::string& name) {
  return rows_of_column(rows, name, "compare", "--columns");
}

/// One column of a run, under a label that pairs it with another one's.
std::vector<SweepRow> column(const std::vector<SweepRow>& rows, const std::string& name, const std::string& label) {
  std::vector<SweepRow> out = named_column(rows, name);
  for (SweepRow& r : out) r.key = r.id + " " + label;
  return out;
}

std::vector<ComparedGroup> compared(const CompareFlags& f) {
  if (f.columns.empty()) return compare_runs(read_rows(f.first), read_rows(f.second));
  const std::vector<SweepRow> rows = read_rows(f.first);
  const std::string label = f.columns[1] + " - " + f.columns[0];
  return compare_runs(column(rows, f.columns[0], label), column(rows, f.columns[1], label));
}

AbProtocol protocol(const CompareFlags& f) {
  const bool two = !f.second.empty();
  require_that(f.columns.size() == 2 || (two && f.columns.size() == 1), Code::bad_usage, "compare",
               "--protocol: expected one run and --columns A,B, or two and --columns A or A,B: A of the first, B of "
               "the second");
  const std::vector<SweepRow> first = read_rows(f.first), second = two ? read_rows(f.second) : first;
  AbProtocol out =
      ab_protocol(named_column(first, f.columns.front()), named_column(second, f.columns.back()), f.per_class, f.seed);
  if (two) out.a += " of " + f.first, out.b += " of " + f.second;
  return out;
}

int run_protocol(const CompareFlags& f, RunFiles& files) {
  if (!f.csv.empty()) files.writes("--csv", f.csv);
  const AbProtocol done = protocol(f);
  const Writing writing;
  const bool to_stdout = f.json && (f.json->empty() || *f.json == "-");
  if (f.json) io::write_file(to_stdout ? "-" : *f.json, ab_json(done));
  if (!f.csv.empty()) io::write_file(f.csv, ab_csv(done));
  if (!to_stdout) io::write_file("-", ab_table(done));
  return 0;
}

int run_compare(const CompareFlags& f) {
  require_that(f.protocol || (f.columns.empty() ? !f.second.empty() : f.columns.size() == 2 && f.second.empty()),
               Code::bad_usage, "compare", "expected two runs, or one and --columns A,B");
  RunFiles files;
  files.reads("the run", f.first);
  files.reads("the run", f.second);
  if (f.json) files.writes("--json", *f.json);
  if (f.protocol) return run_protocol(f, files);
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
  CLI::Option* protocol = verb->add_flag(
      "--protocol", f->protocol, "as many questions of each class: specific, vague, detail, counting; of two columns");
  verb->add_option("--per-class", f->per_class, "questions of each class")->capture_default_str()->needs(protocol);
  verb->add_option("-s,--seed", f->seed, "by which they are drawn")->capture_default_str()->needs(protocol);
  verb->add_option("--csv", f->csv, "the questions drawn, with answers and scores, into FILE")->needs(protocol);
  verb->callback([f, &command] { command.run = [f] { return run_compare(*f); }; });
}

}  // namespace arrcoc::tools
