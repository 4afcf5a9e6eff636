#pragma once
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

/// Three drops: before a quarter, half and three quarters of the layers a half, a quarter and the budget (theirs: an
/// eighth) of the native tokens stay, those that the last row looks at most in that very layer, mean over heads.
/// Nothing of its own. Source: Xing et al. 2024, "PyramidDrop" (arXiv 2410.17247), section 3.2.
inline void register_pyramiddrop(HostStages& r) {
  r.add_preset({"pyramiddrop",
                "none/layer_attention:layer=0.25:rows=last/fixed:scale=none/top_k/layer:before=0.25@0.5%"
                "layer_attention:layer=0.5:rows=last/fixed:scale=none/top_k/layer:before=0.5@0.25%"
                "layer_attention:layer=0.75:rows=last/fixed:scale=none/top_k/layer:before=0.75",
                "half, a quarter, then the budget: what the last row looks at most in three layers",
                "Xing et al. 2024, arXiv 2410.17247"});
}

}  // namespace arrcoc
