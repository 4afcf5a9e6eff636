// arrcoc merge: one run out of its shards.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/sweep/run_folder.hpp"
#include "outputs.hpp"
#include "report.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

struct MergeFlags {
  std::vector<std::string> runs;
  std::string out;
  bool quiet = false, no_report = false;
};

int run_merge(const MergeFlags& f) {
  RunFiles files;
  for (const std::string& run : f.runs) files.reads("the run", run);
  files.makes("--out", f.out);
  const Writing writing;
  const std::vector<SweepGroup> groups = merge_runs({f.runs.begin(), f.runs.end()}, f.out);
  io::write_file("-", summary_table(groups));
  if (!f.no_report) {
    const std::optional<io::Dataset> data = questions_of(f.out, "", "", f.quiet);
    make_report(f.out, std::filesystem::path(f.out) / "report.html", data ? &*data : nullptr, {});
  }
  if (!f.quiet) std::fprintf(stderr, "%s: %zu runs in one\n", f.out.c_str(), f.runs.size());
  return 0;
}

}  // namespace

void add_merge(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("merge", "one run out of the shards of a sweep");
  auto f = std::make_shared<MergeFlags>();
  verb->add_option("RUN", f->runs, "the folders of the shards")->required();
  verb->add_option("--out", f->out, "the folder to make, as a single sweep would have")->required();
  verb->add_flag("--no-report", f->no_report, "no report.html at the end");
  verb->add_flag("-q,--quiet", f->quiet, "nothing on stderr but errors");
  verb->callback([f, &command] { command.run = [f] { return run_merge(*f); }; });
}

}  // namespace arrcoc::tools
