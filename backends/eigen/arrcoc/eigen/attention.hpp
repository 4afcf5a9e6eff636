#pragma once
// Attention in blocks with a running softmax (Milakov and Gimelshein 2018; the blocking of Dao et al. 2022): no [Lq,
// Lk] matrix exists. Keys and values are packed once; each task is one head and a block of queries that see the same
// key ranges.
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "arrcoc/eigen/attention_plan.hpp"
#include "arrcoc/eigen/tensor.hpp"
#include "arrcoc/eigen/tiles.hpp"

namespace arrcoc::eigen {

inline constexpr Index key_block = 256;
inline constexpr Index score_stride = key_block + 16;

/// exp((x - m) * factor), without `halves` exp(x - m), over the first n of `width` values in place (width a multiple of
/// lanes), zero after them; returns their sum. With `halves` the results, not their sum, are rounded to bf16 and lie
/// next to each other at the start of the row.
template <bool halves>
EIGEN_ALWAYS_INLINE float exp_row(float* x, Index n, Index width, float m, float factor) {
  const P top = set(m), scale = set(factor * 1.44269504f);
  const auto put = [&](Index j, P e) __attribute__((always_inline)) {
    if constexpr (halves) store_bf16(reinterpret_cast<std::uint16_t*>(x) + j, e);
    else store(x + j, e);
  };
  const auto value = [&](P v) __attribute__((always_inline)) {
    if constexpr (halves) return exp2_short(ei::pmul(ei::psub(v, top), scale));
    else return exp(ei::psub(v, top));
  };
  P sum = set(0.0f);
  Index j = 0;
  for (; j + lanes <= n; j += lanes) {
    const P e = value(load(x + j));
    put(j, e);
    sum = ei::padd(sum, e);
  }
  if (j < n) {
    alignas(64) float last[lanes] = {};
    store_part(last, value(load_part(x + j, n - j)), n - j);
    const P e = ei::pload<P>(last);
    put(j, e);
    sum = ei::padd(sum, e);
    j += lanes;
  }
  for (; j < width; j += lanes) put(j, set(0.0f));
  return eigen::sum(sum);
}

/// Op: Floats, or Pairs or TilePairs for products in bf16 (q, k, v and the weights are rounded; sums and the softmax
/// stay float32), which need an even d and a scale above 0. In tiles, operands are zeros up to whole tiles of the sums'
/// direction, and whole tiles of queries are computed, of which the last may hold anything. Threads: run(n, grain, f).
template <class Op, class Threads>
class BlockedAttention {
 public:
  BlockedAttention(Threads& threads, MemoryPool& pool, const AttentionPlan& plan, const Tensor& q, const Tensor& k,
                   const Tensor& v)
      : threads_(threads), pool_(pool), p_(plan), q_(q) {
    pack(k, v);
    if constexpr (pairs)  // their scores are scaled with it
      for (const float x : plan.bias) scaled_bias_.push_back(x / plan.scale);
  }

  /// Fills out [Lq, heads * dv]. Keeps each row's maximum and sum if `for_received`.
  void run(Tensor& out, bool for_received) {
    if (for_received) {
      top_.resize(static_cast<std::size_t>(p_.heads * p_.queries));
      share_.resize(top_.size());
    }
    const auto blocks = static_cast<Index>(p_.blocks.size());
    threads_.run(p_.heads * blocks, 1, [&](Index begin, Index end) {
      for (Index t = begin; t < end; ++t)
        query_task(t / blocks, p_.blocks[static_cast<std::size_t>(t % blocks)], out, for_received);
    });
  }

  /// After run: received [Lk], summed over heads and queries in a fixed order, in double.
  void received(float* sums) {
    std::vector<KeyRange> chunks;
    std::vector<Index> owner;
    for (std::size_t r = 0; r < p_.ranges.size(); ++r)
      for (Index j = p_.ranges[r].begin; j < p_.ranges[r].end; j += chunk_keys) {
        chunks.push_back({j, std::min(p_.ranges[r].end, j + chunk_keys), p_.ranges[r].packed + j - p_.ranges[r].begin});
        owner.push_back(static_cast<Index>(r));
      }
    threads_.run(static_cast<Index>(chunks.size()), 1, [&](Index begin, Index end) {
      for (Index c = begin; c < end; ++c)
        received_task(chunks[static_cast<std::size_t>(c)], owner[static_cast<std::size_t>(c)], sums);
    });
  }

 private:
  static constexpr Index chunk_keys = 128;
  static constexpr bool pairs = of_pairs<Op>, tiled = in_tiles<Op>;
  using Tiles = tiles_of<Op>;
  static constexpr Index per_float = pairs ? 2 : 1;  // values in one element of a packed operand
  Index depth() const { return tiled ? whole_tiles(p_.d / per_float, tile_pairs) : p_.d / per_float; }
  Index rounded_stride() const { return depth() + lanes; }  // of rows in bf16, in floats
  /// Of the values: rows of the panels.
  Index value_rows() const { return pairs ? p_.packed_keys / 2 : p_.keys; }
  Index value_row(const KeyRange& r) const { return pairs ? r.packed / 2 : r.begin; }
  Index wide_row() const { return std::max(p_.d, depth()) + lanes; }
  Index value_width() const { return (p_.dv + lanes - 1) / lanes * lanes; }
  Index sum_stride() const { return tiled ? whole_tiles(p_.dv, tile_width) : value_width(); }
  const float* packed_keys(Index head, Index packed) const {
    return keys_.get() + (head / p_.group * p_.packed_keys + packed) * depth();
  }

  /// Keys as panels [d][tile_cols]; values as panels [keys][packets], each range from a panel of its own.
  void pack(const Tensor& k, const Tensor& v) {
    const Index kv = p_.heads / p_.group;
    keys_ = pool_.take(kv * p_.packed_keys * depth());
    values_ = pool_.take(kv * value_rows() * value_width() + lanes);
    struct Piece {
      Index head, begin, end, packed, values;
    };
    std::vector<Piece> pieces;
    for (Index h = 0; h < kv; ++h)
      for (const KeyRange& r : p_.ranges)
        for (Index j = r.begin; j < r.end; j += 512)
          pieces.push_back(
              {h, j, std::min(r.end, j + 512), r.packed + j - r.begin, value_row(r) + (j - r.begin) / per_float});
    threads_.run(static_cast<Index>(pieces.size()), 1, [&](Index begin, Index end) {
      const auto scratch = pool_.take(pairs ? lanes * rounded_stride() : 1);
      for (Index t = begin; t < end; ++t) {
        const Piece& s = pieces[static_cast<std::size_t>(t)];
        for (Index j = s.begin; j < s.end; j += tile_cols) {
          float* panel = keys_.get() + (s.head * p_.packed_keys + s.packed + j - s.begin) * depth();
          for (Index half = 0; half < 2; ++half) {
            const Index first = j + half * lanes;
            const auto rows = static_cast<int>(std::clamp<Index>(s.end - first, 0, lanes));
            const float* from = k.row(std::min(first, s.end - 1)) + s.head * p_.d;
            Index stride = k.stride();
            if constexpr (pairs) {
              stride = rounded_stride();
              for (int i = 0; i < rows; ++i) round_deep(from + i * k.stride(), scratch.get() + i * stride);
              from = scratch.get();
            }
            transpose_rows<ReadStored<DType::f32>>(from, stride, rows, depth(), panel + half * lanes, tile_cols, true);
          }
        }
        float* base = values_.get() + s.head * value_rows() * value_width();
        for (Index c = 0; c < p_.dv;) {
          const int q = panel_packets(c, p_.dv);
          const Index columns = std::min<Index>(q * lanes, p_.dv - c);
          float* panel = base + c * value_rows() + s.values * q * lanes;
          const float* from = v.data() + s.head * p_.dv + c;
          if constexpr (pairs) pack_value_pairs(from, v.stride(), s.begin, s.end, columns, q, panel);
          else PackInputs<DType::f32>{from, v.stride()}(s.begin, s.end - s.begin, 0, columns, panel);
          c += q * lanes;
        }
      }
    });
  }

  /// A row of keys or queries in bf16, depth() pairs of it.
  void round_deep(const float* from, float* to) const {
    if constexpr (tiled) std::fill_n(to, depth(), 0.0f);
    round_row(from, p_.d, reinterpret_cast<std::uint16_t*>(to));
  }

  /// Rows [begin, end) two by two; a last one without a partner gets zeros.
  static void pack_value_pairs(const float* v, Index stride, Index begin, Index end, Index columns, int packets,
                               float* out) {
    const Index last = tiled ? begin + whole_tiles(end - begin, 2 * tile_pairs) : end;
    for (Index j = begin; j < last; j += 2)
      for (int h = 0; h < packets; ++h, out += lanes) {
        const Index n = std::clamp<Index>(columns - h * lanes, 0, lanes);
        const auto row = [&](Index i) {
          return i >= end     ? set(0.0f)
                 : n == lanes ? load(v + i * stride + h * lanes)
                              : load_part(v + i * stride + h * lanes, n);
        };
        store(out, pair(row(j), row(j + 1)));
      }
  }

  /// As floats they are scaled here; in bf16 their scores are, so that nothing is rounded twice.
  void pack_queries(Index head, const QueryRun& b, float* scratch, float* packed) const {
    const P s = set(p_.scale);
    const Index stride = pairs ? rounded_stride() : p_.d;
    for (Index i = b.begin; i < b.end; ++i) {
      const float* from = q_.row(i) + head * p_.d;
      float* to = (tiled ? packed : scratch) + (i - b.begin) * stride;  // tiles are read where the rows lie
      if constexpr (pairs) round_deep(from, to);
      else map(from, to, p_.d, [&](P x) { return ei::pmul(x, s); });
    }
    if constexpr (!tiled) pack_rows(scratch, stride, b.end - b.begin, depth(), packed);
  }
  float factor() const { return pairs ? p_.scale : 1.0f; }
  /// Of the keys from `key` on, for scores that factor() has still to multiply; null: none.
  const float* bias(Index key) const {
    return p_.bias.empty() ? nullptr : (pairs ? scaled_bias_.data() : p_.bias.data()) + key;
  }
  static void add_bias(float* row, const float* bias, Index n) {
    map(row, bias, row, n, [](P x, P y) { return ei::padd(x, y); });
  }

  static TileRows rows_in_place(const float* data, Index row, Index stride) {
    return {data + row * stride, tile_height * stride, tile_pairs, stride};
  }

  /// scores[i, j] = q_i k_j for `width` packed keys (a multiple of tile_cols).
  void scores([[maybe_unused]] Tiles& tiles, const float* queries, Index rows, const float* keys, Index width,
              float* out) const {
    if constexpr (tiled) {
      for (Index i = 0; i < rows; i += 2 * tile_height)
        for (Index j = 0; j < width; j += tile_cols)
          multiply_panel(tiles, rows - i > tile_height ? 2 : 1, tile_cols, rows_in_place(queries, i, rounded_stride()),
                         keys + j * depth(), depth() / tile_pairs, nullptr, false, out + i * score_stride + j,
                         score_stride);
    } else {
      for (Index i = 0; i < rows;) {
        const int r = group_rows(rows - i);
        for (Index j = 0; j < width; j += tile_cols)
          with_rows(r, [&]<int R>() {
            tile<R, 2, 1, R, Op>(queries + i * depth(), keys + j * depth(), depth(), nullptr, false,
                                 out + i * score_stride + j, score_stride);
          });
        i += r;
      }
    }
  }

  /// sums[i, 0..packets * lanes) += weights_i * a panel of values, over `steps` of its rows.
  void add_values([[maybe_unused]] Tiles& tiles, const float* weights, Index rows, const float* panel, int packets,
                  Index steps, float* sums) const {
    if constexpr (tiled) {
      for (Index i = 0; i < rows; i += 2 * tile_height)
        multiply_panel(tiles, rows - i > tile_height ? 2 : 1, packets * lanes, rows_in_place(weights, i, score_stride),
                       panel, whole_tiles(steps, tile_pairs) / tile_pairs, nullptr, true, sums + i * sum_stride(),
                       sum_stride());
    } else {
      for (Index i = 0; i < rows;) {
        const int r = group_rows(rows - i);
        float* to = sums + i * sum_stride();
        const float* from = weights + i * score_stride;
        with_rows(r, [&]<int R>() {
          if (packets == 2) tile<R, 2, score_stride, 1, Op>(from, panel, steps, nullptr, true, to, sum_stride());
          else tile<R, 1, score_stride, 1, Op>(from, panel, steps, nullptr, true, to, sum_stride());
        });
        i += r;
      }
    }
  }

  void query_task(Index head, const QueryRun& b, Tensor& out, bool keep) {
    const Index rows = b.end - b.begin, width = value_width(), stride = sum_stride();
    const auto scratch = pool_.take(most_queries * wide_row()), queries = pool_.take(most_queries * wide_row());
    const auto weights = pool_.take(most_queries * score_stride), sums = pool_.take(most_queries * stride);
    Tiles tiles;
    pack_queries(head, b, scratch.get(), queries.get());
    float top[most_queries], total[most_queries], shrink[most_queries];
    Index count[most_queries];  // keys of the block that a row sees
    std::fill_n(top, rows, -std::numeric_limits<float>::infinity());
    std::fill_n(total, rows, 0.0f);
    std::fill_n(sums.get(), rows * stride, 0.0f);
    const float* values = values_.get() + head / p_.group * value_rows() * width;

    for (const Index which : {b.first, b.second}) {
      if (which < 0) continue;
      const KeyRange& range = p_.ranges[static_cast<std::size_t>(which)];
      const Index longest = p_.visible(range, b.end - 1);
      for (Index j = 0; j < longest; j += key_block) {
        const Index seen = std::min(key_block, longest - j), wide = (seen + tile_cols - 1) / tile_cols * tile_cols;
        scores(tiles, queries.get(), rows, packed_keys(head, range.packed + j), wide, weights.get());
        const float* added = bias(range.begin + j);
        // Row by row each of these would wait for the one before.
        for (Index i = 0; i < rows; ++i) {
          Index& n = count[i] = std::clamp<Index>(p_.visible(range, b.begin + i) - j, 0, seen);
          if (added != nullptr) add_bias(weights.get() + i * score_stride, added, n);
          const float m = n == 0 ? top[i] : std::max(top[i], max_of(weights.get() + i * score_stride, n));
          if (added != nullptr && m == -std::numeric_limits<float>::infinity()) n = 0;  // all of them hidden
          shrink[i] = n == 0 ? 0.0f : (top[i] - m) * factor();
          top[i] = m;
        }
        map(shrink, shrink, rows, [](P x) { return exp(x); });
        for (Index i = 0; i < rows; ++i) {
          float* row = weights.get() + i * score_stride;
          const Index n = count[i];
          if (n == 0) {
            std::fill_n(row, wide, 0.0f);
            continue;
          }
          total[i] = total[i] * shrink[i] + exp_row<pairs>(row, n, wide, top[i], factor());
          if (shrink[i] != 1.0f)
            map(sums.get() + i * stride, sums.get() + i * stride, width,
                [&](P x) { return ei::pmul(x, set(shrink[i])); });
        }
        const Index steps = (seen + per_float - 1) / per_float;
        for (Index c = 0; c < p_.dv;) {
          const int q = panel_packets(c, p_.dv);
          const float* panel = values + c * value_rows() + (value_row(range) + j / per_float) * q * lanes;
          add_values(tiles, weights.get(), rows, panel, q, steps, sums.get() + c);
          c += q * lanes;
        }
      }
    }
    for (Index i = 0; i < rows; ++i) {
      const float inverse = total[i] > 0.0f ? 1.0f / total[i] : (total[i] == 0.0f ? 0.0f : total[i]);
      const P s = set(inverse);
      map(sums.get() + i * stride, out.fill(b.begin + i) + head * p_.dv, p_.dv, [&](P x) { return ei::pmul(x, s); });
      if (keep) {
        const auto at = static_cast<std::size_t>(head * p_.queries + b.begin + i);
        top_[at] = top[i];
        share_[at] = inverse;
      }
    }
  }

  void received_task(const KeyRange& chunk, Index owner, float* sums) {
    const auto scratch = pool_.take(most_queries * wide_row()), queries = pool_.take(most_queries * wide_row());
    const auto weights = pool_.take(most_queries * score_stride);
    Tiles tiles;
    const Index seen = chunk.end - chunk.begin, wide = (seen + tile_cols - 1) / tile_cols * tile_cols;
    const float* added = bias(chunk.begin);
    double total[chunk_keys] = {};
    for (Index head = 0; head < p_.heads; ++head)
      for (const QueryRun& b : p_.blocks) {
        if (b.first != owner && b.second != owner) continue;
        if (p_.visible(chunk, b.end - 1) == 0) continue;
        pack_queries(head, b, scratch.get(), queries.get());
        scores(tiles, queries.get(), b.end - b.begin, packed_keys(head, chunk.packed), wide, weights.get());
        alignas(64) float part[chunk_keys] = {};
        for (Index i = b.begin; i < b.end; ++i) {
          const Index n = p_.visible(chunk, i);
          if (n == 0) continue;
          float* row = weights.get() + (i - b.begin) * score_stride;
          const auto at = static_cast<std::size_t>(head * p_.queries + i);
          if (added != nullptr) add_bias(row, added, n);
          if constexpr (pairs)
            map(row, row, n, [&](P x) { return ei::pmul(ei::psub(x, set(top_[at])), set(factor())); });
          exp_row<false>(row, n, wide, pairs ? 0.0f : top_[at], 1.0f);
          const P s = set(share_[at]);
          for (Index j = 0; j < wide; j += lanes) store(part + j, fma(load(row + j), s, load(part + j)));
        }
        for (Index j = 0; j < seen; ++j) total[j] += static_cast<double>(part[j]);
      }
    for (Index j = 0; j < seen; ++j) sums[chunk.begin + j] = static_cast<float>(total[j]);
  }

  Threads& threads_;
  MemoryPool& pool_;
  const AttentionPlan& p_;
  const Tensor& q_;
  std::shared_ptr<float> keys_, values_;
  std::vector<float> scaled_bias_;
  std::vector<float> top_, share_;  // [heads, Lq]
};

}  // namespace arrcoc::eigen
