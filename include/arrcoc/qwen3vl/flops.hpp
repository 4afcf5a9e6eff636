#pragma once
// Analytic work of the model's parts, counted from shapes. Multiply-adds count as two operations. Nothing here is
// measured.
#include "arrcoc/core/model_config.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

inline double patch_flops(const VisionConfig& v, Index patches) {
  return 2 * static_cast<double>(patches) * static_cast<double>(v.hidden_size) * static_cast<double>(v.patch_values());
}

/// One block of the tower over `patches` patches in segments of `segment` patches each.
inline double block_flops(const VisionConfig& v, Index patches, Index segment) {
  const auto p = static_cast<double>(patches), d = static_cast<double>(v.hidden_size),
             i = static_cast<double>(v.intermediate_size);
  return 2 * p * d * (3 * d + d + 2 * i) + 4 * p * static_cast<double>(segment) * d;
}

/// One full pass of the tower, without mergers.
inline double vision_flops(const VisionConfig& v, Index patches, Index segment) {
  return patch_flops(v, patches) + static_cast<double>(v.depth) * block_flops(v, patches, segment);
}

/// One merger, the main one or a level's.
inline double merger_flops(const VisionConfig& v, Index tokens) {
  const double m = static_cast<double>(v.hidden_size * v.spatial_merge_size * v.spatial_merge_size);
  return 2 * static_cast<double>(tokens) * m * (m + static_cast<double>(v.out_hidden_size));
}

/// The head, applied to one row.
inline double head_flops(const TextConfig& t) {
  return 2 * static_cast<double>(t.hidden_size) * static_cast<double>(t.vocab_size);
}

/// `rows` new rows after `cached` cached ones; the head is applied to one row.
inline double language_flops(const TextConfig& t, Index rows, Index cached) {
  const auto l = static_cast<double>(rows), h = static_cast<double>(t.hidden_size),
             a = static_cast<double>(t.heads * t.head_dim), k = static_cast<double>(t.kv_heads * t.head_dim);
  double mlp = 0;  // of all layers together; the router counts
  for (Index layer = 0; layer < t.layers; ++layer)
    mlp += t.sparse(layer) ? 3 * h * static_cast<double>(t.expert_intermediate_size * t.experts_per_token) +
                                 h * static_cast<double>(t.experts)
                           : 3 * h * static_cast<double>(t.intermediate_size);
  const double seen = l * static_cast<double>(cached) + l * (l + 1) / 2;  // query-key pairs under the causal mask
  return static_cast<double>(t.layers) * (2 * l * (h * a * 2 + h * k * 2) + 4 * seen * a) + 2 * l * mlp + head_flops(t);
}

/// One layer of it, without the head.
inline double layer_flops(const TextConfig& t, Index layer, Index rows, Index cached) {
  TextConfig one = t;
  one.layers = 1;
  one.vocab_size = 0;
  const auto h = static_cast<double>(t.hidden_size), l = static_cast<double>(rows);
  const double dense = language_flops(one, rows, cached);  // of its own layer 0, corrected for experts below
  const auto mlp = [&](bool sparse) {
    return sparse ? 3 * h * static_cast<double>(t.expert_intermediate_size * t.experts_per_token) +
                        h * static_cast<double>(t.experts)
                  : 3 * h * static_cast<double>(t.intermediate_size);
  };
  return dense + 2 * l * (mlp(t.sparse(layer)) - mlp(one.sparse(0)));
}

/// Values in the matrices that one pass reads: of the tower with its mergers, and of the language model with its head
/// (of a mixture, the experts of one token). Vectors and the embedding table's single rows are left out.
inline double vision_weights(const VisionConfig& v) {
  const auto d = static_cast<double>(v.hidden_size), i = static_cast<double>(v.intermediate_size),
             m = d * static_cast<double>(v.spatial_merge_size * v.spatial_merge_size);
  return d * static_cast<double>(v.patch_values()) + static_cast<double>(v.depth) * (4 * d * d + 2 * d * i) +
         static_cast<double>(1 + v.deepstack_taps.size()) * m * (m + static_cast<double>(v.out_hidden_size));
}
inline double language_weights(const TextConfig& t) {
  return (language_flops(t, 1, 0) - 4.0 * static_cast<double>(t.layers * t.heads * t.head_dim)) / 2;
}

inline double kv_bytes(const TextConfig& t, Index rows) {
  return static_cast<double>(t.layers * 2 * t.kv_heads * t.head_dim * rows) * 4;
}

}  // namespace arrcoc
