#pragma once
// What the vision tower gives, and what is shared by every allocation of a prompt. Contracts name these without the
// model itself.
#include <vector>

#include "arrcoc/core/request.hpp"
#include "arrcoc/qwen3vl/positions.hpp"
#include "arrcoc/qwen3vl/tower_hook.hpp"

namespace arrcoc::qwen3vl {

template <class B>
class Model;  // qwen3vl/model.hpp

template <class B>
struct VisionOut {
  typename B::Tensor tokens;                   // [N, H]
  std::vector<typename B::Tensor> deepstack;   // per tap [N, H]
  std::vector<std::vector<Answered>> answers;  // of each picture, in the order of the requests
  Index count = 0;                             // N
  TowerKeep kept{};                            // of each picture, tokens as encoded that a hook left; empty: all
};

/// What is computed once per prompt and shared by every allocation of it.
template <class B>
struct Encoded {
  VisionOut<B> vision;                        // all pictures, in prompt order
  typename B::Tensor embeddings;              // [L, H] of the full prompt's ids
  Positions positions;                        // [L] of the full prompt
  std::vector<std::vector<Index>> encoded{};  // of each picture, the raster tokens with a row in `vision`, ascending;
                                              // empty: all
};

}  // namespace arrcoc::qwen3vl
