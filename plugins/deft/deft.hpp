#pragma once
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

/// Deferred reselection: behind the tower K + ceil(0.2 (N - K)) tokens stay, those that receive most attention in its
/// last block; before the middle layer K of these, those that all text behind the picture looks at most in that layer,
/// mean over heads and rows. Nothing of its own. Its tokens cost half of the layers at the wide count.
/// Source: DeFT, 2026 (code under kmc3661/DeFT). Differs: attention received for that of a class token.
inline void register_deft(HostStages& r) {
  r.add_preset({"deft",
                "none/tower_attention:block=-1/fixed:scale=none/top_k/gather@+0.2%"
                "layer_attention:layer=0.5:rows=text/fixed:scale=none/top_k/layer:before=0.5",
                "a wide set from the tower, chosen from again at half of the layers", "DeFT 2026, kmc3661/DeFT"});
}

}  // namespace arrcoc
