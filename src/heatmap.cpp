#include "arrcoc/io/heatmap.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "arrcoc/core/error.hpp"

namespace arrcoc::io {
namespace {

using Rgb = std::array<double, 3>;

/// Viridis at nine points (van der Walt and Smith 2015), linear between them; t in [0, 1].
Rgb viridis(double t) {
  static constexpr std::array<Rgb, 9> points{{{68, 1, 84}, {72, 40, 120}, {62, 74, 137}, {49, 104, 142}, {38, 130, 142}, {31, 158, 137}, {53, 183, 121}, {110, 206, 88}, {253, 231, 37}}};
  const double x = std::clamp(t, 0.0, 1.0) * 8;
  const auto i = std::min<std::size_t>(7, static_cast<std::size_t>(x));
  const double f = x - static_cast<double>(i);
  return {points[i][0] * (1 - f) + points[i + 1][0] * f, points[i][1] * (1 - f) + points[i + 1][1] * f, points[i][2] * (1 - f) + points[i + 1][2] * f};
}

/// Share of values below, ties alike, in [0, 1].
std::vector<double> rank_scaled(std::span<const float> v) {
  std::vector<std::size_t> order(v.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return v[a] < v[b]; });
  std::vector<double> out(v.size(), 0.5);
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    while (j < order.size() && v[order[j]] == v[order[i]]) ++j;
    for (std::size_t k = i; k < j; ++k) out[order[k]] = order.size() > 1 ? static_cast<double>(i + j - 1) / 2 / static_cast<double>(order.size() - 1) : 1.0;
    i = j;
  }
  return out;
}

void put(Image& image, Index row, Index col, const Rgb& c) {
  for (std::size_t k = 0; k < 3; ++k) image.row(row)[col * 3 + static_cast<Index>(k)] = static_cast<std::uint8_t>(std::clamp(c[k] + 0.5, 0.0, 255.0));
}

/// Mean of the source pixels under one target pixel.
Rgb box_mean(ImageView in, Index row, Index col, Index height, Index width) {
  const Index r0 = row * in.height / height, c0 = col * in.width / width;
  const Index r1 = std::max(r0 + 1, (row + 1) * in.height / height), c1 = std::max(c0 + 1, (col + 1) * in.width / width);
  Rgb sum{};
  for (Index r = r0; r < r1; ++r)
    for (Index c = c0; c < c1; ++c)
      for (std::size_t k = 0; k < 3; ++k) sum[k] += in.row(r)[c * 3 + static_cast<Index>(k)];
  for (double& s : sum) s /= static_cast<double>((r1 - r0) * (c1 - c0));
  return sum;
}

}  // namespace

Image render_heatmap(ImageView picture, Grid grid, std::span<const float> relevance, std::span<const Index> kept) {
  require_that(!picture.empty() && grid.count() > 0 && static_cast<Index>(relevance.size()) == grid.count(), Code::shape_mismatch, "heatmap",
               "expected a picture and one relevance value for each token");
  const Index longest = std::max(picture.height, picture.width);
  const double scale = longest > 1600 ? 1600.0 / static_cast<double>(longest) : longest < 512 ? 512.0 / static_cast<double>(longest) : 1.0;
  const Index height = std::max<Index>(grid.rows, std::lround(static_cast<double>(picture.height) * scale)),
              width = std::max<Index>(grid.cols, std::lround(static_cast<double>(picture.width) * scale));
  const Index bar = std::max<Index>(12, height / 60), gap = bar / 2;
  const std::vector<double> level = rank_scaled(relevance);
  std::vector<char> alive(static_cast<std::size_t>(grid.count()), 0);
  for (const Index k : kept)
    if (k >= 0 && k < grid.count()) alive[static_cast<std::size_t>(k)] = 1;
  Image out(height + gap + bar, width);
  std::fill(out.rgb.begin(), out.rgb.end(), std::uint8_t{255});
  for (Index r = 0; r < height; ++r) {
    const Index cell_row = r * grid.rows / height;
    for (Index c = 0; c < width; ++c) {
      const Index cell_col = c * grid.cols / width, cell = grid.at(cell_row, cell_col);
      const bool live = alive[static_cast<std::size_t>(cell)] != 0;
      Rgb p = box_mean(picture, r, c, height, width);
      const double luma = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
      const Rgb heat = viridis(level[static_cast<std::size_t>(cell)]);
      const auto differs = [&](Index dr, Index dc) {  // an edge between kept and dropped
        const Index rr = std::clamp<Index>(r + dr, 0, height - 1) * grid.rows / height, cc = std::clamp<Index>(c + dc, 0, width - 1) * grid.cols / width;
        return alive[static_cast<std::size_t>(grid.at(rr, cc))] != (live ? 1 : 0);
      };
      const bool edge = live && (differs(-2, 0) || differs(2, 0) || differs(0, -2) || differs(0, 2));
      for (std::size_t k = 0; k < 3; ++k) {
        if (live) p[k] = p[k] * (0.62 + 0.38 * heat[k] / 255.0);
        else p[k] = (0.5 * luma + 0.5 * 150) * 0.55 + heat[k] * 0.30;
        if (edge) p[k] = std::array<double, 3>{230, 60, 30}[k];
      }
      put(out, r, c, p);
    }
  }
  for (Index r = height + gap; r < out.height; ++r)
    for (Index c = 0; c < width; ++c) put(out, r, c, viridis(static_cast<double>(c) / static_cast<double>(std::max<Index>(1, width - 1))));
  return out;
}

}  // namespace arrcoc::io
