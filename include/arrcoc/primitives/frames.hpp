#pragma once
// The frames of a clip: whose tokens they are, what their mean is, who stands where in another one.
#include <cmath>
#include <span>
#include <vector>

#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc::frames {

/// The living tokens of each frame, ascending: [frames]; a frame may have none.
inline std::vector<std::vector<Index>> of(const TokenSet& tokens) {
  std::vector<std::vector<Index>> out(static_cast<std::size_t>(tokens.frames));
  for (Index t = 0; t < tokens.count(); ++t) out[static_cast<std::size_t>(tokens.at(t).frame)].push_back(t);
  return out;
}

/// The same, each frame's tokens by relevance, equal ones by the smaller index.
inline std::vector<std::vector<Index>> ranked(const TokenSet& tokens, std::span<const float> relevance) {
  std::vector<std::vector<Index>> out(static_cast<std::size_t>(tokens.frames));
  for (const Index t : selection::best(relevance, tokens.count()))
    out[static_cast<std::size_t>(tokens.at(t).frame)].push_back(t);
  return out;
}

/// k of one frame's tokens on an even lattice, 1 <= k <= their count.
inline std::vector<Index> lattice(const TokenSet& tokens, const std::vector<Index>& frame, Index k) {
  TokenSet alone(tokens.grid);
  for (const Index t : frame) {
    alone.places.push_back(tokens.at(t));
    alone.places.back().frame = 0;
  }
  std::vector<Index> out = selection::lattice(alone, k);
  for (Index& i : out) i = frame[static_cast<std::size_t>(i)];
  return out;
}

/// The mean row of these tokens; zeros where there are none.
inline std::vector<double> mean(const FeatureRows& x, const std::vector<Index>& tokens) {
  std::vector<double> out(x.width);
  for (const Index t : tokens)
    for (std::size_t d = 0; d < x.width; ++d) out[d] += x.row(static_cast<std::size_t>(t))[d];
  for (double& v : out) v /= tokens.empty() ? 1 : static_cast<double>(tokens.size());
  return out;
}

/// The same at length 1; zeros stay.
inline std::vector<double> unit_mean(const FeatureRows& x, const std::vector<Index>& tokens) {
  std::vector<double> out = mean(x, tokens);
  const double norm = std::sqrt(dot_of(out, out));
  for (double& v : out) v /= norm > 0 ? norm : 1;
  return out;
}

/// Who stands where a token stands, in another frame. `tokens` must outlive it.
class SamePlace {
 public:
  explicit SamePlace(const TokenSet& tokens) : tokens_(tokens), cells_(covering(tokens)) {}
  /// The token of `frame` that covers the cell in the middle of this token's place, or the one so many rows and columns
  /// away; -1: none, no such cell, or no such frame.
  Index in(Index frame, Index token, Index rows = 0, Index cols = 0) const {
    if (frame < 0 || frame >= tokens_.frames) return -1;
    const Place p = tokens_.at(token);
    const Index row = static_cast<Index>(p.row + p.rows / 2) + rows,
                col = static_cast<Index>(p.col + p.cols / 2) + cols;
    if (row < 0 || row >= tokens_.grid.rows || col < 0 || col >= tokens_.grid.cols) return -1;
    return cells_[static_cast<std::size_t>(frame * tokens_.grid.count() + tokens_.grid.at(row, col))];
  }

 private:
  const TokenSet& tokens_;
  std::vector<Index> cells_;
};

}  // namespace arrcoc::frames
