#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/sweep/run_folder.hpp"

namespace arrcoc {

std::string unit_digest(std::string_view rows);
std::string unit_line(const UnitDone& unit);

/// The units whose rows are there, and how many bytes of units.jsonl name them.
struct UnitLines {
  std::vector<UnitDone> done;
  std::int64_t bytes = 0;
};
/// Up to the first line that is cut, or whose rows did not reach the disk. Error{bad_text} for rows that were changed.
UnitLines read_units(const std::filesystem::path& run, const RunRecord& record);

/// summary.json and summary.csv from what rows.jsonl holds.
std::vector<SweepGroup> write_summary(const std::filesystem::path& run, const RunRecord& record);

}  // namespace arrcoc
