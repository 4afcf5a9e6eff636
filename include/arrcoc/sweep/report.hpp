#pragma once
// A run as one HTML page that needs no network and no other file: plots, tables, and the kept tokens of questions.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/io/dataset.hpp"
#include "arrcoc/sweep/ab_protocol.hpp"
#include "arrcoc/sweep/run_folder.hpp"
#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {

// --- a plot ---

struct PlotPoint {
  double x = 0, y = 0, low = 0, high = 0;  // low == high: no interval
  std::string name;                        // of the column
};
/// Colours, markers and dashes go by `look`; the three controls have neutral ones of their own.
struct PlotSeries {
  enum Look : int { whole = -3, oracle = -2, random = -1 };
  std::string name;
  int look = 0;
  std::vector<PlotPoint> points;  // by x
};
struct Plot {
  std::string id, title, x_label, y_label;  // id: a file name without its ending
  bool percent = false;                     // y in [0, 1] is written as 0 to 100 %
  std::vector<PlotSeries> series;
};
/// `narrow`: 400 units wide with the names below, instead of 760 with the names at the lines' ends. `alone`: a file
/// with a style of its own, else the page's.
std::string plot_svg(const Plot& plot, bool narrow, bool alone);

// --- the numbers ---

struct ReportColumn {
  SweepGroup group;
  std::string title;
  std::vector<std::pair<std::string, double>> stages;  // mean ms of each, in the order of a question's way
  std::optional<double> milliseconds;                  // median of their sums
};
struct ReportTables {
  std::string title;
  std::vector<std::pair<std::string, std::string>> head;  // of run.json: name, JSON text
  RunCommand command;
  std::vector<ReportColumn> columns;
  std::vector<Plot> plots;            // against tokens, token-layers, milliseconds; empty where nothing was scored
  std::vector<AbProtocol> protocols;  // B: each column; A: every token, on the same picture; without their questions
};
/// Of a run's rows and timings. A row's time is its own stages, and those of its pictures' line that it has not itself.
/// Error 401, 402, 409.
ReportTables report_tables(const std::filesystem::path& run, const std::vector<SweepRow>& rows);

/// Name and bytes of each file that goes beside the page: columns.csv, scorecard.csv, scorecard.json,
/// classes.csv, plots.csv, plots.json and an SVG of each plot.
std::vector<std::pair<std::string, std::string>> report_files(const ReportTables& tables);

// --- the page ---

/// What run.json says of the questions: the path as typed, and its form. Error 401, 402, 409.
struct RunData {
  std::string path, format;
};
RunData data_of_run(const std::filesystem::path& run);

struct ReportChoice {
  Index questions = 200;  // drawn with the seed; then those on which two columns disagree
  std::uint64_t seed = 0;
  Index most_bytes = 20 << 20;  // of pictures, kept tokens and maps
  Index picture_side = 384;     // px of the longer side
};
struct ReportFacts {
  Index questions = 0, drawn = 0, pictures = 0;  // of the run; with kept tokens in the page; different ones
  Index missing = 0;                             // pictures that were not found
  std::int64_t bytes = 0;                        // of the page
  ReportTables tables;                           // what it was made of
};
/// Writes the page part by part; of pictures and maps one question is in memory. `data`: where pictures and boxes are
/// looked up by the rows' ids; null: there are none. Error 401, 402, 409.
ReportFacts write_report(const std::filesystem::path& run, const io::Dataset* data, const ReportChoice& choice,
                         const std::function<void(std::string_view)>& out);

}  // namespace arrcoc
