#pragma once
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

/// The tokens of the lowest mean cosine to all others. Nothing of its own: scorer `novelty`, allocator `top_k`.
/// Source: a control of pruning studies, kept by a serving fork of 2026 (no paper is known to us); on raw features it
/// is Cen-Prune's distinctiveness.
inline void register_mean_cosine(HostStages& r) {
  r.add_preset({"mean_cosine", "none/novelty/fixed:scale=none/top_k/gather",
                "the tokens least like all others in the mean", "a control of pruning studies"});
}

}  // namespace arrcoc
