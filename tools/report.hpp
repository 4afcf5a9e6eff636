#pragma once
// A run's page, written by the verbs `report` and `sweep`.
#include <filesystem>

#include "arrcoc/sweep/report.hpp"

namespace arrcoc::tools {

/// The page appears whole or not at all.
ReportFacts make_report(const std::filesystem::path& run, const std::filesystem::path& out, const io::Dataset* data,
                        const ReportChoice& choice);

}  // namespace arrcoc::tools
