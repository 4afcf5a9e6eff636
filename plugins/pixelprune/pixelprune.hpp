#pragma once
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

/// Blocks of pixels that the blocks beside them predict never enter the tower. Nothing of its own: scorer `duplicates`
/// with rule `predicted`, allocator `threshold`. Lossless in pixels at tolerance 0. It keeps its own count, and the
/// budget is a cap: below it the first new blocks of the raster stay, so give it @1.0.
/// Source: "PixelPrune" 2026 (arXiv 2604.00886), after LOCO-I (Weinberger et al. 2000).
inline void register_pixelprune(HostStages& r) {
  r.add_preset({"pixelprune", "none/duplicates:rule=predicted/fixed:scale=none/threshold/early",
                "blocks of pixels that those beside them predict never enter the tower; its own count, give it @1.0",
                "PixelPrune 2026, arXiv 2604.00886"});
}

}  // namespace arrcoc
