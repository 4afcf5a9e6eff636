#pragma once
#include <string>

#include "arrcoc/sweep/run_folder.hpp"

namespace arrcoc {

/// The bytes of run.json.
std::string record_json(const RunRecord& record);

}  // namespace arrcoc
