#pragma once
#include <string>

namespace arrcoc::tools {

/// The figures of the early notes beside what the allocators give: old, true, why; one claim a line.
std::string seed_claims();

}  // namespace arrcoc::tools
