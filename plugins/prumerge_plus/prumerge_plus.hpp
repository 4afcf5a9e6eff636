#pragma once
#include "prumerge/prumerge.hpp"

namespace arrcoc {

/// PruMerge, and a spatially uniform sample whose density follows the share of outliers.
/// Source: Shang et al. 2024, "LLaVA-PruMerge" (arXiv 2403.15388), section 3.4.
inline void register_prumerge_plus(HostStages& r) {
  r.add_preset({"prumerge_plus", "none/prumerge/fixed:scale=none/prumerge:uniform=true/merge",
                "as prumerge, with an even sample of the picture among the kept",
                "Shang et al. 2024, arXiv 2403.15388"});
}

}  // namespace arrcoc
