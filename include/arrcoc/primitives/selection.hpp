#pragma once
// What allocators share: the exact selection with its tie rule, the even 2-D lattice, and how an Allocation is put
// together.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/allocation.hpp"
#include "arrcoc/core/evidence.hpp"
#include "arrcoc/primitives/apportion.hpp"

namespace arrcoc::selection {

/// Larger key = chosen earlier: value descending (NaN lowest, -0 equal to 0), then the smaller index.
inline std::uint64_t key_of(float value, Index token) {
  std::uint32_t order = 0;
  if (value == value) {
    const auto bits = std::bit_cast<std::uint32_t>(value == 0.f ? 0.f : value);
    order = (bits & 0x80000000u) ? ~bits : (bits | 0x80000000u);
  }
  return (std::uint64_t{order} << 32) | (0xffffffffu - static_cast<std::uint32_t>(token));
}

/// The k tokens of greatest value, best first. O(N + k log k).
inline std::vector<Index> best(std::span<const float> values, Index k) {
  std::vector<std::uint64_t> keys(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) keys[i] = key_of(values[i], static_cast<Index>(i));
  const auto cut = keys.begin() + k;
  if (cut != keys.end()) std::nth_element(keys.begin(), cut, keys.end(), std::greater<>());
  std::sort(keys.begin(), cut, std::greater<>());
  std::vector<Index> out(static_cast<std::size_t>(k));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<Index>(0xffffffffu - static_cast<std::uint32_t>(keys[i]));
  return out;
}

/// k tokens spread evenly over rows and columns, ascending; exactly k, distinct. About sqrt(k rows / cols) grid rows
/// are used, each with k / that many tokens (one more in some), every one in the middle of its share. k = N gives every
/// token. Needs 1 <= k <= N.
inline std::vector<Index> lattice(Grid grid, Index k) {
  auto lines = static_cast<Index>(std::floor(
      std::sqrt(static_cast<double>(k) * static_cast<double>(grid.rows) / static_cast<double>(grid.cols)) + 0.5));
  lines = std::clamp<Index>(lines, (k + grid.cols - 1) / grid.cols, std::min(grid.rows, k));
  std::vector<Index> out;
  out.reserve(static_cast<std::size_t>(k));
  for (Index i = 0; i < lines; ++i) {
    const Index row = (2 * i + 1) * grid.rows / (2 * lines);
    const Index places = (i + 1) * k / lines - i * k / lines;
    for (Index j = 0; j < places; ++j) out.push_back(grid.at(row, (2 * j + 1) * grid.cols / (2 * places)));
  }
  return out;
}

/// k living tokens spread evenly, ascending; exactly k, distinct: over a raster the lattice above, elsewhere the token
/// nearest to each of its points that is free. A clip's frames share k evenly. O(k) on a raster, O(k N) elsewhere.
/// Needs 1 <= k <= N.
inline std::vector<Index> lattice(const TokenSet& tokens, Index k) {
  if (tokens.raster() && tokens.frames == 1) return lattice(tokens.grid, k);
  std::vector<std::vector<Index>> of_frame(static_cast<std::size_t>(tokens.frames));
  for (Index t = 0; t < tokens.count(); ++t) of_frame[static_cast<std::size_t>(tokens.at(t).frame)].push_back(t);
  std::vector<Index> counts, out;
  for (const auto& f : of_frame) counts.push_back(static_cast<Index>(f.size()));
  const std::vector<double> sizes(counts.begin(), counts.end());
  const std::vector<Index> share = apportion(k, sizes, counts, 0);
  for (std::size_t f = 0; f < of_frame.size(); ++f) {
    std::vector<Index> free = of_frame[f];
    const Index points = std::min(share[f], tokens.grid.count());
    for (const Index p : points > 0 ? lattice(tokens.grid, points) : std::vector<Index>{}) {
      const auto row = static_cast<float>(p / tokens.grid.cols), col = static_cast<float>(p % tokens.grid.cols);
      const auto distance = [&](Index t) {
        const Place at = tokens.at(t);
        return (at.centre_row() - row) * (at.centre_row() - row) + (at.centre_col() - col) * (at.centre_col() - col);
      };
      const auto nearest =
          std::min_element(free.begin(), free.end(), [&](Index a, Index b) { return distance(a) < distance(b); });
      out.push_back(*nearest);
      free.erase(nearest);
    }
    for (Index i = points; i < share[f]; ++i) {  // places finer than the grid: more tokens than lattice points
      out.push_back(free.front());
      free.erase(free.begin());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// One token with its reason.
struct Choice {
  Index token = 0;
  Provenance why;
};

/// Sorts the choices into the order of the living; every kept token at full depth.
inline Allocation finish(TokenSet tokens, std::vector<Choice> choices, bool clamped) {
  std::sort(choices.begin(), choices.end(), [](const Choice& a, const Choice& b) { return a.token < b.token; });
  Allocation out;
  out.tokens = std::move(tokens);
  out.clamped = clamped;
  out.depth.assign(choices.size(), all_levels);
  out.kept.reserve(choices.size());
  out.why.reserve(choices.size());
  for (const Choice& c : choices) {
    out.kept.push_back(c.token);
    out.why.push_back(c.why);
  }
  return out;
}

/// The same; clamped when the budget asks for more tokens than there are.
inline Allocation finish(TokenSet tokens, std::vector<Choice> choices, const Budget& budget) {
  const bool clamped = budget.resolve(tokens.count()).clamped;
  return finish(std::move(tokens), std::move(choices), clamped);
}

/// Tokens in the order given, all for one cause; value(token) is the number the choice was made by.
template <class Value>
Allocation finish(TokenSet tokens, const std::vector<Index>& order, Cause cause, bool clamped, Value&& value) {
  std::vector<Choice> choices(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    choices[i] = {order[i], {cause, static_cast<Index>(i), value(order[i])}};
  return finish(std::move(tokens), std::move(choices), clamped);
}

inline void check_relevance(std::span<const float> relevance, const TokenSet& tokens, std::string_view where) {
  require_that(tokens.grid.rows > 0 && tokens.grid.cols > 0 && tokens.count() <= Index{0xffffffff},
               Code::shape_mismatch, where, [&] {
                 return "expected a grid of at least 1 x 1, got " + std::to_string(tokens.grid.rows) + " x " +
                        std::to_string(tokens.grid.cols);
               });
  require_that(static_cast<Index>(relevance.size()) == tokens.count(), Code::shape_mismatch, where, [&] {
    return "relevance: expected " + std::to_string(tokens.count()) + " values, got " + std::to_string(relevance.size());
  });
}

/// The K tokens of greatest relevance at full depth: what `top_k` is, and what allocators that decide on depth start
/// from.
inline Allocation most_relevant(std::span<const float> relevance, const TokenSet& tokens, const Budget& budget,
                                std::string_view where) {
  check_relevance(relevance, tokens, where);
  const auto [k, clamped] = budget.resolve(tokens.count());
  return finish(tokens, best(relevance, k), Cause::score, clamped,
                [&](Index t) { return relevance[static_cast<std::size_t>(t)]; });
}

}  // namespace arrcoc::selection
