#pragma once
// Cosine similarity of token features on the host plane: rows on demand, the same bytes in scalar and vector builds.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "arrcoc/core/evidence.hpp"

namespace arrcoc {

/// Lanes of a dot product: lane l sums, in float32 and ascending, the products at i = l, l + 16, l + 32 ...
using DotLanes = std::array<float, 16>;

/// The one order in which lanes are summed: l with l + 8, then l with l + 4, with l + 2, with l + 1.
constexpr float sum_of(DotLanes lanes) {
  for (std::size_t half = 8; half > 0; half /= 2)
    for (std::size_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  return lanes[0];
}

/// Cosines of the rows of features [N, D] f32, N, D >= 1. Each row is divided by its norm once (norm in double over the
/// columns ascending, the quotient rounded to float32), so at(i, j) is a dot product of DotLanes, cut off at -1 and 1:
/// at(i, j) == at(j, i) bit for bit. A row of zeros has cosine 0 with every row, itself included; at(i, i) is else 1 up
/// to rounding.
/// `centred` subtracts the mean token first (means in double over the rows ascending, the difference rounded to
/// float32): the raw features of one picture crowd around it.
///
/// A row costs O(N D). Rows once asked for are kept where N <= kept_up_to, 4 N bytes each. Not for two threads at once:
/// asking writes the kept rows.
class Similarity final : public SimilarityRows {
 public:
  static constexpr Index kept_up_to = 4096;

  /// Error{shape_mismatch} unless features is a matrix of aligned F32, Error{bad_number} unless all of it is finite.
  explicit Similarity(const HostTensor& features, bool centred = false) {
    require_that(features.shape.size() == 2 && features.dim(0) > 0 && features.dim(1) > 0, Code::shape_mismatch,
                 "similarity", [&] { return "features: expected [N, D], got " + shape_text(features.shape); });
    const std::span<const float> from = features.floats();
    count_ = features.dim(0);
    width_ = static_cast<std::size_t>(features.dim(1));
    stride_ = (width_ + lanes - 1) / lanes * lanes;
    const auto n = static_cast<std::size_t>(count_);
    unit_.resize(n * stride_);
    std::vector<double> mean(width_);
    if (centred) {
      for (std::size_t i = 0; i < from.size(); ++i) mean[i % width_] += static_cast<double>(from[i]);
      for (double& m : mean) m /= static_cast<double>(count_);
    }
    for (std::size_t t = 0; t < n; ++t) {
      float* to = unit_.data() + t * stride_;
      double squares = 0;
      for (std::size_t i = 0; i < width_; ++i) {
        to[i] = static_cast<float>(static_cast<double>(from[t * width_ + i]) - mean[i]);
        squares += static_cast<double>(to[i]) * static_cast<double>(to[i]);
      }
      require_that(std::isfinite(squares), Code::bad_number, "similarity",
                   [&] { return "features of token " + std::to_string(t) + ": expected finite values"; });
      const double norm = std::sqrt(squares);
      for (std::size_t i = 0; i < width_ && norm > 0; ++i)
        to[i] = static_cast<float>(static_cast<double>(to[i]) / norm);
    }
    if (count_ <= kept_up_to) kept_.resize(n);
  }

  Index count() const override { return count_; }

  /// Cosines of token i with every token, out [N].
  void row(Index i, std::span<float> out) const override {
    check(i);
    require_that(static_cast<Index>(out.size()) == count_, Code::shape_mismatch, "similarity", [&] {
      return "row: expected room for " + std::to_string(count_) + " values, got " + std::to_string(out.size());
    });
    if (kept_.empty()) return compute(i, out);
    std::vector<float>& kept = kept_[static_cast<std::size_t>(i)];
    if (kept.empty()) {
      compute(i, out);
      kept.assign(out.begin(), out.end());
    } else {
      std::copy(kept.begin(), kept.end(), out.begin());
    }
  }

  /// O(tokens among D), and little of it waits for memory: features are read once for `deep` tokens. Keeps nothing.
  void block(std::span<const Index> tokens, std::span<const Index> among, std::span<float> out) const override {
    for (const auto& some : {tokens, among})
      for (const Index t : some) check(t);
    require_that(out.size() == tokens.size() * among.size(), Code::shape_mismatch, "similarity",
                 [&] { return "block: expected room for every pair, got " + std::to_string(out.size()); });
    for (std::size_t first = 0; first < tokens.size(); first += deep)
      for (std::size_t j = 0; j < among.size(); j += wide)
        for (std::size_t i = first; i < std::min(first + deep, tokens.size()); i += high) {
          std::array<const float*, high> a;  // beyond the end: the last once more
          std::array<const float*, wide> b;
          for (std::size_t r = 0; r < high; ++r) a[r] = unit(tokens[std::min(i + r, tokens.size() - 1)]);
          for (std::size_t c = 0; c < wide; ++c) b[c] = unit(among[std::min(j + c, among.size() - 1)]);
          std::array<DotLanes, high * wide> sums;
          tile(a, b, sums);
          for (std::size_t r = 0; r < std::min(high, tokens.size() - i); ++r)
            for (std::size_t c = 0; c < std::min(wide, among.size() - j); ++c)
              out[(i + r) * among.size() + j + c] = cosine(sums[r * wide + c]);
        }
  }

  /// Those that are not kept yet come as a block.
  void rows(std::span<const Index> tokens, std::span<float> out) const override {
    std::vector<Index> fresh, all;
    for (const Index t : tokens) {
      check(t);
      if (kept_.empty() || kept_[static_cast<std::size_t>(t)].empty()) fresh.push_back(t);
    }
    for (Index t = 0; t < count_; ++t) all.push_back(t);
    if (kept_.empty()) return block(tokens, all, out);
    std::vector<float> values(fresh.size() * all.size());
    block(fresh, all, values);
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      const auto from = std::span(values).subspan(i * all.size(), all.size());
      kept_[static_cast<std::size_t>(fresh[i])].assign(from.begin(), from.end());
    }
    for (std::size_t i = 0; i < tokens.size(); ++i) row(tokens[i], out.subspan(i * all.size(), all.size()));
  }

  float at(Index i, Index j) const {
    check(i);
    check(j);
    if (!kept_.empty() && !kept_[static_cast<std::size_t>(i)].empty())
      return kept_[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)];
    DotLanes one[1];
    dot<1>(unit(i), unit(j), one);
    return cosine(one[0]);
  }

 private:
  static constexpr std::size_t lanes = std::tuple_size_v<DotLanes>, together = 4;
  static constexpr std::size_t high = 2, wide = 8, deep = 16;  // of a block: a tile, and tokens side by side

  void check(Index token) const {
    require_that(token >= 0 && token < count_, Code::shape_mismatch, "similarity", [&] {
      return "token: expected 0 to " + std::to_string(count_ - 1) + ", got " + std::to_string(token);
    });
  }
  static float cosine(const DotLanes& of) { return std::clamp(sum_of(of), -1.0f, 1.0f); }
  const float* unit(Index token) const { return unit_.data() + static_cast<std::size_t>(token) * stride_; }

  /// Several rows at a time keep the adders busy; no lane knows of another.
  void compute(Index i, std::span<float> out) const {
    constexpr auto step = static_cast<Index>(together);
    Index j = 0;
    for (; j + step <= count_; j += step) {
      DotLanes four[together];
      dot<together>(unit(i), unit(j), four);
      for (std::size_t r = 0; r < together; ++r) out[static_cast<std::size_t>(j) + r] = cosine(four[r]);
    }
    for (; j < count_; ++j) {
      DotLanes one[1];
      dot<1>(unit(i), unit(j), one);
      out[static_cast<std::size_t>(j)] = cosine(one[0]);
    }
  }

  /// Products of row a with `rows` rows from b on. Columns beyond D are +0, which no lane notices.
  template <std::size_t rows>
  void dot(const float* a, const float* b, DotLanes (&sums)[rows]) const {
    float s[rows][lanes] = {};
    for (std::size_t i = 0; i < stride_; i += lanes)
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t l = 0; l < lanes; ++l) s[r][l] += a[i + l] * b[r * stride_ + i + l];
    for (std::size_t r = 0; r < rows; ++r) std::copy_n(s[r], lanes, sums[r].begin());
  }

  /// Products of rows a with rows b, [high, wide]. Lanes as above, in vectors: compilers keep so many sums in registers
  /// only if they are told to.
  void tile(const std::array<const float*, high>& a, const std::array<const float*, wide>& b,
            std::array<DotLanes, high * wide>& sums) const {
    using Vector [[gnu::vector_size(lanes * sizeof(float))]] = float;
    Vector s[high][wide] = {}, x[high], y;
    for (std::size_t i = 0; i < stride_; i += lanes) {
      for (std::size_t r = 0; r < high; ++r) std::memcpy(&x[r], a[r] + i, sizeof(y));
      for (std::size_t c = 0; c < wide; ++c) {
        std::memcpy(&y, b[c] + i, sizeof(y));
        for (std::size_t r = 0; r < high; ++r) s[r][c] += x[r] * y;
      }
    }
    std::memcpy(sums.data(), s, sizeof(s));
  }

  Index count_ = 0;
  std::size_t width_ = 0, stride_ = 0;            // D, and D filled up to whole lanes
  std::vector<float> unit_;                       // [N, stride]
  mutable std::vector<std::vector<float>> kept_;  // [N] rows that were asked for; empty: none is kept
};

}  // namespace arrcoc
