// arrcoc merge: one run out of its shards.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/sweep/run_folder.hpp"
#include "command_line.hpp"
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

/// Words out of a line of for_shell's.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i)
    if (line[i] == '\'') quoted = !quoted;
    else if (line[i] == ' ' && !quoted) out.emplace_back();
    else if (line[i] == '\\' && !quoted && i + 1 < line.size()) out.back() += line[++i];
    else out.back() += line[i];
  return out;
}

/// A shard's command as that of one run into `out`: how pictures were shared out decides no row.
std::string single_command(const std::string& line, const std::string& out) {
  std::string single;
  bool value = false;
  for (const std::string& word : words_of(line)) {
    const std::string name = word.substr(0, word.find('='));
    const bool place = name == "--out", shares = name == "--shard" || name == "--store" || name == "--lease";
    if (value || shares || place) {
      if (place && !value) single += " --out " + for_shell(out);
      value = !value && name == word;
      continue;
    }
    single += (single.empty() ? "" : " ") + for_shell(word);
  }
  return single;
}

int run_merge(const MergeFlags& f) {
  RunFiles files;
  for (const std::string& run : f.runs) files.reads("the run", run);
  files.makes("--out", f.out);
  const Writing writing;
  std::string command;  // shards were asked the same
  for (std::size_t i = 0; i < f.runs.size() && command.empty(); ++i) command = command_of_run(f.runs[i]).line;
  if (!command.empty()) command = single_command(command, f.out);
  const std::vector<SweepGroup> groups = merge_runs({f.runs.begin(), f.runs.end()}, f.out, command);
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
