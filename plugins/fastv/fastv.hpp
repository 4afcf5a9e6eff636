#pragma once
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

/// What the last row of the prompt pays in layer K - 1, mean over heads; the most paid to stay from layer K on. K 2.
/// Nothing of its own: scorer `layer_attention`, injector `layer`. Later DeepStack levels reach those that stay.
/// Source: Chen et al. 2024, "An image is worth 1/2 tokens after layer 2" (arXiv 2403.06764), section 4.1. Differs:
/// rows leave the sequence and the cache, where the release masks them.
inline void register_fastv(HostStages& r) {
  r.add_preset({"fastv", "none/layer_attention:rows=last/fixed:scale=none/top_k/layer",
                "the tokens that the last row looks at most before layer 2", "Chen et al. 2024, arXiv 2403.06764"});
}

}  // namespace arrcoc
