#pragma once
// A run's page, written by the verbs `report`, `sweep` and `merge`.
#include <filesystem>
#include <optional>
#include <string>

#include "arrcoc/sweep/report.hpp"

namespace arrcoc::tools {

/// The page appears whole or not at all.
ReportFacts make_report(const std::filesystem::path& run, const std::filesystem::path& out, const io::Dataset* data,
                        const ReportChoice& choice);

/// The run's questions, whose pictures and boxes are shown: at `data`, or where the run read them. None, and a line on
/// stderr, where they no longer lie there.
std::optional<io::Dataset> questions_of(const std::string& run, const std::string& data, const std::string& pictures,
                                        bool quiet);

}  // namespace arrcoc::tools
