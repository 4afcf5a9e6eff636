#pragma once
// Figures of an allocation that need no model: where the answer is, where the ink is, and what is left of both.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "arrcoc/core/allocation.hpp"
#include "arrcoc/core/image.hpp"
#include "arrcoc/primitives/cells.hpp"
#include "arrcoc/primitives/neighbours.hpp"

namespace arrcoc::measure {

/// How much is written in each token's cell, [N]: the sum over its pixels of how far luma lies from the cell's median,
/// beyond 12 of 255 levels (noise and paper count nothing; of a filled shape the edges count). Luma = (299 R + 587 G +
/// 114 B) / 1000, rounded down. A pixel belongs to the cell its centre lies in. O(H W).
inline std::vector<double> ink_map(ImageView picture, Grid grid) {
  std::vector<double> out(static_cast<std::size_t>(grid.count()));
  const auto edge = [](Index i, Index n, Index size) {
    return (2 * i * size + n) / (2 * n);
  };  // first pixel with centre at or beyond i * size / n
  for (Index r = 0; r < grid.rows; ++r)
    for (Index c = 0; c < grid.cols; ++c) {
      std::array<Index, 256> levels{};
      Index count = 0;
      for (Index y = edge(r, grid.rows, picture.height); y < edge(r + 1, grid.rows, picture.height); ++y) {
        const std::uint8_t* p = picture.row(y);
        for (Index x = edge(c, grid.cols, picture.width); x < edge(c + 1, grid.cols, picture.width); ++x, ++count)
          ++levels[static_cast<std::size_t>((299 * p[3 * x] + 587 * p[3 * x + 1] + 114 * p[3 * x + 2]) / 1000)];
      }
      Index median = 0, below = levels[0];
      while (2 * below < count) below += levels[static_cast<std::size_t>(++median)];
      Index ink = 0;
      for (Index v = 0; v < 256; ++v)
        ink += levels[static_cast<std::size_t>(v)] * std::max<Index>(0, std::abs(v - median) - 12);
      out[static_cast<std::size_t>(grid.at(r, c))] = static_cast<double>(ink);
    }
  return out;
}

/// Every figure of one allocation; those without a meaning (no boxes, no ink, nothing to tell apart) are absent.
struct TokenFigures {
  std::optional<double> recall;        // share of the tokens under the answer boxes that were kept
  std::optional<double> box_coverage;  // share of the boxes' area that kept tokens cover
  std::optional<double> miss;          // 1 when a token under a box was dropped
  std::optional<double> mass_in_box;   // share of relevance that lies on the boxes
  std::optional<double> auc;           // chance that a token under a box ranks above another (ties half)
  std::optional<double> iou20;         // the most relevant 20 % against the tokens under the boxes
  std::optional<double>
      legibility;  // px: the boxes' heights as the model sees them, times the share of each that is kept, mean
  std::optional<double> ink_kept;      // share of the ink in kept tokens
  std::optional<double> frame_recall;  // of a clip: share of the cells under a frame's boxes that its pair keeps, mean
  std::optional<double> worst_frame;   // the least of these
  std::optional<double>
      largest_hole;  // largest connected group of dropped tokens with ink, as a share of the tokens with ink
};

/// Each figure by its name, in the order that rows have them.
inline constexpr std::pair<const char*, std::optional<double> TokenFigures::*> figure_fields[] = {
    {"recall", &TokenFigures::recall},
    {"box_coverage", &TokenFigures::box_coverage},
    {"miss", &TokenFigures::miss},
    {"mass_in_box", &TokenFigures::mass_in_box},
    {"auc", &TokenFigures::auc},
    {"iou20", &TokenFigures::iou20},
    {"legibility", &TokenFigures::legibility},
    {"ink_kept", &TokenFigures::ink_kept},
    {"largest_hole", &TokenFigures::largest_hole},
    {"frame_recall", &TokenFigures::frame_recall},
    {"worst_frame", &TokenFigures::worst_frame}};

/// relevance [N]; a map that is equal everywhere tells nothing, and then what was kept counts 1 and what was dropped 0.
/// `ink` [N] of ink_map, or empty, as for clips. `scale`: pixels of the model's picture per native pixel, downwards.
/// Boxes of a clip lie in its temporal patches. All but frame_recall and worst_frame.
inline TokenFigures token_figures(const Allocation& a, std::span<const float> relevance, std::span<const Box> boxes,
                                  std::span<const double> ink, Index height, Index width, double scale) {
  TokenFigures f;
  const Grid grid = a.grid();
  const Index frames = a.tokens.frames;
  const std::vector<Index> living =
      covering(a.tokens);  // the figures are of cells of the full grid, whatever places cover them
  const std::size_t n = living.size();
  std::vector<char> kept(n), chosen(static_cast<std::size_t>(a.tokens.count()));
  for (const Index t : a.kept) chosen[static_cast<std::size_t>(t)] = 1;
  for (std::size_t c = 0; c < n; ++c) kept[c] = living[c] >= 0 && chosen[static_cast<std::size_t>(living[c])];

  if (!ink.empty()) {
    const double all = std::accumulate(ink.begin(), ink.end(), 0.0),
                 least = 0.01 * *std::max_element(ink.begin(), ink.end());
    if (all > 0) {
      double left = 0;
      Index inky = 0, largest = 0;
      std::vector<char> hole(n);
      for (std::size_t t = 0; t < n; ++t) {
        if (kept[t]) left += ink[t];
        if (ink[t] < least) continue;
        ++inky;
        hole[t] = !kept[t];
      }
      for (std::size_t t = 0; t < n; ++t) {
        Index size = 0;
        std::vector<Index> open;
        const auto visit = [&](Index token) {
          if (!hole[static_cast<std::size_t>(token)]) return;
          hole[static_cast<std::size_t>(token)] = 0;
          open.push_back(token);
        };
        visit(static_cast<Index>(t));
        for (; !open.empty(); ++size) {
          const Index token = open.back();
          open.pop_back();
          for_each_beside(grid, token, visit);
        }
        largest = std::max(largest, size);
      }
      f.ink_kept = left / all;
      f.largest_hole = static_cast<double>(largest) / static_cast<double>(inky);
    }
  }
  if (boxes.empty()) return f;

  const std::vector<double> share = cells::covered_shares(grid, height, width, boxes, frames);
  const double area = std::accumulate(share.begin(), share.end(), 0.0);
  const auto targets = static_cast<Index>(std::count_if(share.begin(), share.end(), [](double s) { return s > 0; }));
  if (targets == 0) return f;
  std::vector<double> map;
  if (!relevance.empty()) {
    const double least = *std::min_element(relevance.begin(), relevance.end());
    for (const Index t : living)
      map.push_back(t < 0 ? least : static_cast<double>(relevance[static_cast<std::size_t>(t)]));
  }
  const auto flat = [&] {
    return map.empty() || std::all_of(map.begin(), map.end(), [&](double v) { return v == map[0]; });
  };
  if (flat()) map.assign(kept.begin(), kept.end());
  const double lowest = std::min(0.0, *std::min_element(map.begin(), map.end()));
  double found = 0, covered = 0, mass = 0, on_boxes = 0;
  for (std::size_t t = 0; t < n; ++t) {
    if (share[t] > 0 && kept[t]) found += 1;
    if (kept[t]) covered += share[t];
    mass += map[t] - lowest;
    on_boxes += (map[t] - lowest) * share[t];
  }
  f.recall = found / static_cast<double>(targets);
  f.box_coverage = covered / area;
  f.miss = found < static_cast<double>(targets) ? 1 : 0;
  if (mass > 0) f.mass_in_box = on_boxes / mass;

  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return map[i] > map[j]; });  // equal ones by the smaller index
  if (targets < static_cast<Index>(n)) {
    double wins = 0, others_above = 0;
    for (std::size_t i = 0; i < n;) {  // blocks of equal relevance, best first
      double in = 0, out = 0;
      std::size_t j = i;
      for (; j < n && map[order[j]] == map[order[i]]; ++j) (share[order[j]] > 0 ? in : out) += 1;
      wins += in * (static_cast<double>(static_cast<Index>(n) - targets) - others_above - out) + in * out / 2;
      others_above += out;
      i = j;
    }
    f.auc = wins / (static_cast<double>(targets) * static_cast<double>(static_cast<Index>(n) - targets));
  }
  if (!flat()) {
    const auto top = std::max<std::size_t>(1, static_cast<std::size_t>(std::floor(0.2 * static_cast<double>(n) + 0.5)));
    double both = 0;
    for (std::size_t i = 0; i < top; ++i) both += share[order[i]] > 0 ? 1 : 0;
    f.iou20 = both / (static_cast<double>(top) + static_cast<double>(targets) - both);
  }

  double heights = 0;
  for (const Box& b : boxes) {
    const std::vector<double> own = cells::covered_shares(grid, height, width, std::span(&b, 1), frames);
    double whole = 0, left = 0;
    for (std::size_t t = 0; t < n; ++t) {
      whole += own[t];
      if (kept[t]) left += own[t] / static_cast<double>(a.tokens.at(living[t]).rows);
    }
    if (whole > 0) heights += (b.row1 - b.row0) * scale * left / whole;
  }
  f.legibility = heights / static_cast<double>(boxes.size());
  return f;
}

/// Of each frame that was looked at and has boxes: the share of the cells under them that were kept in its temporal
/// patch, [frames with boxes]. `boxes`: by the frame's number in the file; `indices`: numbers of the frames that were
/// looked at, ascending, `slots` of them a patch.
inline std::vector<double> recall_by_frame(const Allocation& a, std::span<const Box> boxes,
                                           std::span<const Index> indices, Index slots, Index height, Index width) {
  const Grid grid = a.grid();
  const std::vector<Index> living = covering(a.tokens);
  std::vector<double> out;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    std::vector<Box> own;
    for (const Box& b : boxes)
      if (b.frame == indices[i]) own.push_back(b);
    const std::vector<double> share = cells::covered_shares(grid, height, width, own);
    Index under = 0, kept = 0;
    for (Index t = 0; t < grid.count(); ++t) {
      if (share[static_cast<std::size_t>(t)] <= 0) continue;
      const Index token = living[static_cast<std::size_t>(static_cast<Index>(i) / slots * grid.count() + t)];
      ++under;
      kept += token >= 0 && std::binary_search(a.kept.begin(), a.kept.end(), token) ? 1 : 0;
    }
    if (under > 0) out.push_back(static_cast<double>(kept) / static_cast<double>(under));
  }
  return out;
}

/// 1 - |a and b| / |a or b|: how differently two questions look at one picture. Both ascending.
inline double distance(std::span<const Index> a, std::span<const Index> b) {
  std::vector<Index> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  const auto all = static_cast<double>(a.size() + b.size() - both.size());
  return all > 0 ? 1 - static_cast<double>(both.size()) / all : 0;
}

}  // namespace arrcoc::measure
