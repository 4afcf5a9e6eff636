#pragma once
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

/// Three drops: before a quarter, half and three quarters of the layers a half, a quarter and the budget (theirs: an
/// eighth) of the native tokens stay, those that the last row looks at most in that very layer, mean over heads.
/// Nothing of its own. The layers are those of the bundled model's five; of 28 they are 7, 14, 21:
/// `pyramiddrop:injector.before=7:scorers.layer_attention.layer=7:2.injector.before=14:...`.
/// Source: Xing et al. 2024, "PyramidDrop" (arXiv 2410.17247), section 3.2.
inline void register_pyramiddrop(HostStages& r) {
  r.add_preset({"pyramiddrop",
                "none/layer_attention:rows=last/fixed:scale=none/top_k/layer:before=1@0.5%"
                "layer_attention:layer=3:rows=last/fixed:scale=none/top_k/layer:before=3@0.25%"
                "layer_attention:layer=4:rows=last/fixed:scale=none/top_k/layer:before=4",
                "half, a quarter, then the budget: what the last row looks at most in three layers",
                "Xing et al. 2024, arXiv 2410.17247"});
}

}  // namespace arrcoc
