// arrcoc report: a run as one HTML page.
#include "report.hpp"

#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "arrcoc/io/atomic_file.hpp"
#include "outputs.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

#ifdef ARRCOC_HAVE_SCENES
#include "train/event_file.hpp"
#endif

namespace arrcoc::tools {
namespace {

namespace fs = std::filesystem;

struct ReportFlags {
  std::string run, out, files, data, pictures;
  ReportChoice choice;
  Index megabytes = 20;
  bool quiet = false;
};

#ifdef ARRCOC_HAVE_SCENES
/// A TensorBoard run for each line: its points as scalars, by what is kept of a picture or spent.
void write_events(const fs::path& folder, const std::vector<Plot>& plots) {
  std::error_code e;
  fs::remove_all(folder, e);
  std::map<std::string, std::unique_ptr<train::EventFile>> files;
  for (const Plot& plot : plots)
    for (const PlotSeries& s : plot.series) {
      std::string name = s.name;
      for (char& c : name)
        if (std::string_view("/\\:*?\"<>|%").find(c) != std::string_view::npos) c = '_';
      std::unique_ptr<train::EventFile>& file = files[name];
      if (!file) {
        fs::create_directories(folder / name, e);
        file = std::make_unique<train::EventFile>(folder / name, "arrcoc", 0, 0);
      }
      for (const PlotPoint& p : s.points)
        for (const auto& [what, y] : {std::pair{"", p.y}, std::pair{"/low", p.low}, std::pair{"/high", p.high}})
          file->scalar(plot.id + what, std::lround(p.x), static_cast<float>(y), 0);
    }
  for (const auto& [name, file] : files) file->flush();
}
#endif

int run_report(ReportFlags f) {
  require_that(f.megabytes >= 0 && f.megabytes <= 1000, Code::bad_usage, "report",
               [&] { return "--most-mb: expected 0 to 1000, got " + std::to_string(f.megabytes); });
  f.choice.most_bytes = f.megabytes << 20;
  if (f.out.empty()) {
    f.out = (fs::path(f.run) / "report.html").string();
    if (f.files.empty()) f.files = (fs::path(f.run) / "report").string();
  }
  read_rows(f.run);  // what is wrong with the run is said first
  RunFiles files;
  files.reads("the data", f.data);
  files.writes("--out", f.out);
  const std::optional<io::Dataset> data = questions_of(f.run, f.data, f.pictures, f.quiet);
  const Writing writing;
  const ReportFacts facts = make_report(f.run, f.out, data ? &*data : nullptr, f.choice);
  if (!f.files.empty()) {
    std::error_code e;
    fs::create_directories(f.files, e);
    require_that(!e, Code::bad_output, "report", [&] { return "cannot make " + f.files + ": " + e.message(); });
    for (const auto& [name, bytes] : report_files(facts.tables)) io::write_file(fs::path(f.files) / name, bytes);
#ifdef ARRCOC_HAVE_SCENES
    write_events(fs::path(f.files) / "tensorboard", facts.tables.plots);
#endif
  }
  if (!f.quiet)
    std::fprintf(stderr, "%s: %lld questions, %lld of them with kept tokens, %lld pictures, %.1f MB\n", f.out.c_str(),
                 static_cast<long long>(facts.questions), static_cast<long long>(facts.drawn),
                 static_cast<long long>(facts.pictures), static_cast<double>(facts.bytes) / 1e6);
  if (!f.quiet && facts.missing > 0)
    std::fprintf(stderr, "%lld pictures were not found or cannot be decoded\n", static_cast<long long>(facts.missing));
  return 0;
}

}  // namespace

void add_report(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("report", "a sweep's run as one HTML page that needs nothing else");
  auto f = std::make_shared<ReportFlags>();
  verb->add_option("RUN", f->run, "a sweep's folder")->required();
  verb->add_option("--out", f->out, "the page (default: RUN/report.html)");
  verb->add_option("--files", f->files,
                   "a folder for an SVG of each plot, its numbers as CSV, JSON and TensorBoard events, and the columns "
                   "as CSV (default: "
                   "RUN/report, where --out is not given)");
  verb->add_option("--data", f->data, "where the questions lie now (default: where the run read them)");
  verb->add_option("--pictures", f->pictures, "the folder of their pictures");
  verb->add_option("--questions", f->choice.questions,
                   "drawn at random and shown with their pictures and kept tokens; then those on which columns "
                   "disagree, as far as they fit (default 200)");
  verb->add_option("-s,--seed", f->choice.seed, "of the draw");
  verb->add_option("--most-mb", f->megabytes, "of pictures and kept tokens, MiB (default 20)");
  verb->add_option("--picture-side", f->choice.picture_side, "px of a picture's longer side (default 384)");
  verb->add_flag("-q,--quiet", f->quiet, "nothing on stderr but errors");
  verb->callback([f, &command] { command.run = [f] { return run_report(*f); }; });
}

}  // namespace arrcoc::tools
