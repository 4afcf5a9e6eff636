#pragma once
// What enters the language model: one row per surviving column, its position, and the DeepStack rows to add.
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/qwen3vl/positions.hpp"

namespace arrcoc::qwen3vl {

/// Added to rows `rows` after language-model layer `l` (the place of this entry in Injected::levels).
template <class B>
struct DeepStackRows {
  std::vector<Index> rows;      // ascending, into Injected::embeddings
  typename B::Tensor features;  // [rows.size(), H]
};

template <class B>
struct Injected {
  typename B::Tensor embeddings;         // [L, H]
  Positions positions;                   // [L] columns of the full table
  std::vector<DeepStackRows<B>> levels;  // level l goes to the output of layer l
  std::vector<Index> columns;            // [L] the full prompt's columns that survive
  // Several questions about one picture in one pass: rows [0, shared_prefix) are seen by all, each segment sees them
  // and itself.
  std::vector<Segment> segments;
  Index shared_prefix = 0;
};

}  // namespace arrcoc::qwen3vl
