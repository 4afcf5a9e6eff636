#pragma once
#include "arrcoc/sweep/run.hpp"

namespace arrcoc {

/// One row to be.
struct SweepRunner::Slot {
  const io::Sample* sample = nullptr;
  const SweepColumn* column = nullptr;
  Ask ask;
  std::uint64_t draw = 0;
};

}  // namespace arrcoc
