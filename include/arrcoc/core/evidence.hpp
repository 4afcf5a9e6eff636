#pragma once
// What a strategy may look at, and how it says what it needs.
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"
#include "arrcoc/core/image.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// Box-integrated features of each token's cell. values is [N, C], one row per token, raster order.
struct Textures {
  Grid grid;
  std::vector<std::string> channels;  // [C] names
  std::vector<float> values;          // [N, C]

  Index channel_count() const { return static_cast<Index>(channels.size()); }
  /// Column of a named channel; throws Error{missing_evidence} if there is none.
  Index channel(std::string_view name) const {
    const auto it = std::find(channels.begin(), channels.end(), name);
    require_that(it != channels.end(), Code::missing_evidence, "textures",
                 [&] { return "no channel named '" + std::string(name) + "'"; });
    return it - channels.begin();
  }
  float at(Index token, Index channel) const {
    return values[static_cast<std::size_t>(token * channel_count() + channel)];
  }
};

namespace Need {
inline constexpr unsigned none = 0, rgb = 1, textures = 2, vision = 4, deepstack = 8, query = 16, similarity = 32,
                          received = 64, previous = 128, boxes = 256;
}

struct Needs {
  Phase phase = Phase::pixels;
  unsigned evidence = Need::none;  // Need bits
};

/// One image of one question. Only what the pipeline's stages asked for is filled in.
struct Evidence {
  Grid grid;                                     // rows x cols = N tokens
  ImageView rgb;                                 // native pixels
  const Textures* textures = nullptr;            // [N, C]
  HostTensor vision;                             // [N, D] merged vision embeddings, f32
  std::vector<HostTensor> deepstack;             // per level [N, D], f32
  HostTensor query;                              // [D] f32, the masked mean of the question's token embeddings
  HostTensor similarity;                         // [N, N] f32
  HostTensor received;                           // [N] f32 attention received
  std::vector<Box> boxes;                        // answer boxes in native pixels (dataset runs only: the oracle)
  const std::vector<float>* previous = nullptr;  // [N] relevance of an earlier pass or frame
};

}  // namespace arrcoc
