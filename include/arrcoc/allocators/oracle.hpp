#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/allocators/selection.hpp"
#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct OracleConfig {
  bool operator==(const OracleConfig&) const = default;
};

/// Knows the answer boxes: tokens by how much of the boxes they cover (area of the union inside the token's cell, pixels, equal ones by
/// the smaller index), cut to the most covered when they exceed the budget; what is left over is filled by the 2-D lattice.
/// O(N + boxes' cells). An upper bound that leaks: only the answer may be left in view.
/// Throws Error{missing_evidence} without boxes or without the picture's size.
struct OracleAllocator {
  static constexpr std::string_view name = "oracle";
  static constexpr Needs needs{Phase::pixels, Need::rgb | Need::boxes};
  static constexpr Spend spend = Spend::exact;
  using Config = OracleConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    selection::check_relevance(relevance, e.grid, name);
    require_that(!e.boxes.empty(), Code::missing_evidence, name, "expected answer boxes, got none");
    require_that(e.rgb.height > 0 && e.rgb.width > 0, Code::missing_evidence, name, "expected the picture's size, got none");
    const auto [k, clamped] = budget.resolve(e.grid.count());
    const std::vector<float> covered = coverage(e);
    const auto hit = static_cast<Index>(std::count_if(covered.begin(), covered.end(), [](float x) { return x > 0.f; }));
    std::vector<selection::Choice> choices;
    for (const Index t : selection::best(covered, std::min(k, hit)))
      choices.push_back({t, {Cause::oracle, static_cast<Index>(choices.size()), covered[static_cast<std::size_t>(t)]}});
    for (const Index t : filling(e.grid, covered, k - static_cast<Index>(choices.size())))
      choices.push_back({t, {Cause::lattice, static_cast<Index>(choices.size()), 0.f}});
    return selection::finish(e.grid, std::move(choices), clamped);
  }

 private:
  static std::vector<float> coverage(const Evidence& e) {
    const Grid g = e.grid;
    const double tall = static_cast<double>(e.rgb.height) / static_cast<double>(g.rows), wide = static_cast<double>(e.rgb.width) / static_cast<double>(g.cols);
    std::vector<std::vector<Box>> parts(static_cast<std::size_t>(g.count()));
    for (const Box& b : e.boxes) {
      require_that(std::isfinite(b.row0) && std::isfinite(b.col0) && std::isfinite(b.row1) && std::isfinite(b.col1), Code::bad_number, name, "boxes: expected finite corners");
      const auto cell = [](double x, double size, Index n) { return static_cast<Index>(std::clamp(std::floor(x / size), 0.0, static_cast<double>(n - 1))); };
      for (Index r = cell(b.row0, tall, g.rows); r <= cell(b.row1, tall, g.rows); ++r)
        for (Index c = cell(b.col0, wide, g.cols); c <= cell(b.col1, wide, g.cols); ++c) {
          const Box part{std::max(b.row0, tall * double(r)), std::max(b.col0, wide * double(c)), std::min(b.row1, tall * double(r + 1)), std::min(b.col1, wide * double(c + 1))};
          if (part.row0 < part.row1 && part.col0 < part.col1) parts[static_cast<std::size_t>(g.at(r, c))].push_back(part);
        }
    }
    std::vector<float> out(parts.size());
    for (std::size_t t = 0; t < parts.size(); ++t) out[t] = static_cast<float>(union_area(parts[t]));
    return out;
  }

  static double union_area(const std::vector<Box>& boxes) {
    std::vector<double> cuts;
    for (const Box& b : boxes) cuts.insert(cuts.end(), {b.row0, b.row1});
    std::sort(cuts.begin(), cuts.end());
    double area = 0;
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {  // in each slab, the length of a union of intervals
      std::vector<std::pair<double, double>> spans;
      for (const Box& b : boxes)
        if (b.row0 <= cuts[i] && cuts[i + 1] <= b.row1) spans.emplace_back(b.col0, b.col1);
      std::sort(spans.begin(), spans.end());
      double reached = -1e300, length = 0;
      for (const auto& [from, to] : spans) {
        length += std::max(0.0, to - std::max(from, reached));
        reached = std::max(reached, to);
      }
      area += length * (cuts[i + 1] - cuts[i]);
    }
    return area;
  }

  /// `wanted` uncovered tokens: the smallest lattice that has so many, thinned evenly.
  static std::vector<Index> filling(Grid grid, const std::vector<float>& covered, Index wanted) {
    std::vector<Index> free;
    for (Index m = wanted; wanted > 0 && static_cast<Index>(free.size()) < wanted; m = std::min(grid.count(), m + wanted - static_cast<Index>(free.size()))) {
      free = selection::lattice(grid, m);
      std::erase_if(free, [&](Index t) { return covered[static_cast<std::size_t>(t)] > 0.f; });
    }
    std::vector<Index> out(static_cast<std::size_t>(wanted));
    for (Index i = 0; i < wanted; ++i) out[static_cast<std::size_t>(i)] = free[static_cast<std::size_t>((2 * i + 1) * static_cast<Index>(free.size()) / (2 * wanted))];
    return out;
  }
};
static_assert(check_allocator<OracleAllocator>());

}  // namespace arrcoc
