#pragma once
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

/// Max-min diversity of the merged embeddings: begins with the token whose nearest other is farthest, then always the
/// one least like any that is kept (1 - cosine). Nothing of its own: allocator `farthest_point`.
/// Source: Alvar et al. 2025, "DivPrune" (arXiv 2503.02175).
inline void register_divprune(HostStages& r) {
  r.add_preset({"divprune", "none/none/flat/farthest_point/gather", "the tokens least like each other, by max-min",
                "Alvar et al. 2025, arXiv 2503.02175"});
}

}  // namespace arrcoc
