#pragma once
// Which queries see which keys, and where the keys lie once they are packed.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/eigen/tensor.hpp"
#include "arrcoc/eigen/tiles.hpp"

namespace arrcoc::eigen {

inline constexpr Index query_block = 4 * tile_rows, tile_query_block = 4 * tile_height,
                       most_queries = std::max(query_block, tile_query_block);
/// Queries that are attended to together.
constexpr Index queries_at_once(Arithmetic a) { return a == Arithmetic::tiles ? tile_query_block : query_block; }

/// Keys [begin, end), packed from a panel of their own, so that a segment's bits do not depend on what stands before
/// it.
struct KeyRange {
  Index begin = 0, end = 0;
  Index packed = 0;  // where its keys start in the packed order, a multiple of tile_cols
};

/// Queries [begin, end) that see key ranges `first` and (unless -1) `second`.
struct QueryRun {
  Index begin = 0, end = 0, first = 0, second = -1;
};

struct AttentionPlan {
  Index heads = 0, group = 1, d = 0, dv = 0, queries = 0, keys = 0, packed_keys = 0, offset = 0;
  bool causal = false;
  float scale = 1;
  std::span<const float> bias;  // [keys] added to their scaled scores, or empty
  std::vector<KeyRange> ranges;
  std::vector<QueryRun> blocks;

  /// How many keys of a range the query in row i sees: the first n.
  Index visible(const KeyRange& r, Index i) const {
    const Index end = causal ? std::min(r.end, i + offset + 1) : r.end;
    return std::max<Index>(0, end - r.begin);
  }
};

/// Which queries see which keys. Segments are in key rows; query row i stands at key row i + causal_offset. Rows of the
/// shared prefix see the prefix alone. `together` queries, at most `most_queries`, make a block.
inline AttentionPlan plan_attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& s,
                                    Index together = query_block) {
  const auto check = [](bool ok, auto sentence) {
    require_that(ok, Code::shape_mismatch, "eigen.attention", sentence);
  };
  check(s.heads > 0 && s.kv_heads > 0 && s.heads % s.kv_heads == 0, [&] {
    return "expected heads to be a multiple of kv_heads, got " + std::to_string(s.heads) + " and " +
           std::to_string(s.kv_heads);
  });
  check(q.cols() % s.heads == 0 && k.cols() == q.cols() / s.heads * s.kv_heads && v.cols() % s.kv_heads == 0 &&
            k.rows() == v.rows(),
        [&] {
          return "expected q [Lq, heads * d], k [Lk, kv_heads * d], v [Lk, kv_heads * dv], got q " + shape_of(q) +
                 ", k " + shape_of(k) + ", v " + shape_of(v);
        });
  check(s.causal_offset >= 0 && s.shared_prefix >= 0 && s.shared_prefix <= k.rows(),
        "expected offset >= 0 and a prefix inside the keys");
  check(s.key_bias.empty() || static_cast<Index>(s.key_bias.size()) == k.rows(), [&] {
    return "key_bias: expected a value for each of " + std::to_string(k.rows()) + " keys, got " +
           std::to_string(s.key_bias.size());
  });

  AttentionPlan p;
  p.heads = s.heads;
  p.group = s.heads / s.kv_heads;
  p.d = q.cols() / s.heads;
  p.dv = v.cols() / s.kv_heads;
  p.queries = q.rows();
  p.keys = k.rows();
  p.offset = s.causal_offset;
  p.causal = s.causal;
  p.scale = s.scale;
  p.bias = s.key_bias;
  const auto add_range = [&](Index begin, Index end) {
    p.ranges.push_back({begin, end, p.packed_keys});
    p.packed_keys += (end - begin + tile_cols - 1) / tile_cols * tile_cols;
  };
  const auto add_run = [&](Index begin, Index end, Index first, Index second) {
    begin = std::max<Index>(begin, 0);
    for (Index i = begin; i < end; i += together) p.blocks.push_back({i, std::min(end, i + together), first, second});
  };
  if (s.segments.empty() && s.shared_prefix == 0) {
    add_range(0, p.keys);
    add_run(0, p.queries, 0, -1);
    return p;
  }
  check(p.queries + p.offset <= p.keys, [&] {
    return "segments: expected a key for every query, got " + std::to_string(p.queries) + " queries at " +
           std::to_string(p.offset) + " and " + std::to_string(p.keys) + " keys";
  });
  Index at = s.shared_prefix;
  const Index prefix = at > 0 ? 0 : -1;
  if (at > 0) {
    add_range(0, at);
    add_run(-p.offset, std::min(at - p.offset, p.queries), 0, -1);
  }
  const std::vector<Segment> rest{{at, p.keys}};
  for (const Segment& g : s.segments.empty() ? rest : s.segments) {
    check(g.begin == at && g.end >= g.begin && g.end <= p.keys, [&] {
      return "segments: expected one to start at row " + std::to_string(at) + " and end by " + std::to_string(p.keys) +
             ", got [" + std::to_string(g.begin) + ", " + std::to_string(g.end) + ")";
    });
    const auto own = static_cast<Index>(p.ranges.size());
    add_range(g.begin, g.end);
    if (prefix < 0) add_run(g.begin - p.offset, std::min(g.end - p.offset, p.queries), own, -1);
    else add_run(g.begin - p.offset, std::min(g.end - p.offset, p.queries), prefix, own);
    at = g.end;
  }
  check(at == p.keys, [&] {
    return "segments: expected them to end at row " + std::to_string(p.keys) + ", got " + std::to_string(at);
  });
  return p;
}

}  // namespace arrcoc::eigen
