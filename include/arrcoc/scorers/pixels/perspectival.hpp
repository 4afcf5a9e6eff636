#pragma once
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/neighbours.hpp"

namespace arrcoc {

struct PerspectivalConfig {
  float colour = 1.f;  ///< weights of the four conspicuity maps, >= 0, not all 0
  float intensity = 1.f;
  float orientation = 1.f;
  float global = 0.5f;  ///< of the distance from what the picture mostly is
  float floor = 0.02f;  ///< a map whose largest value is below this is not stretched to 1; (0, 1]
  std::string validate() const {
    for (const float w : {colour, intensity, orientation, global})
      if (!(w >= 0.f && w < 1e6f)) return "weights: expected numbers in [0, 1e6), got " + std::to_string(w);
    if (!(colour + intensity + orientation + global > 0.f)) return "weights: expected one above 0, got none";
    if (!(floor > 0.f && floor <= 1.f)) return "floor: expected a number in (0, 1], got " + std::to_string(floor);
    return {};
  }
  bool operator==(const PerspectivalConfig&) const = default;
};

/// Perspectival knowing: what stands out? [N, C] -> [N] in [0, 1]. O(N).
///   each map m (colour, intensity, orientation contrast, distance to the picture's clusters) is scaled to this
///   picture, x = (m - min) / max(max - min, floor), and weighted by N(x) = (1 - mean of its local maxima other than
///   the greatest)^2, so that a map with one peak counts more than one with many; score = sum w N x / sum w N.
/// Source: Itti, Koch, Niebur 1998, section II.B: the map normalisation N(.) and the sum of conspicuity maps. Differs:
/// a fourth map of global contrast; N weighs and never silences (at least 0.1), since text has many peaks.
struct PerspectivalScorer {
  static constexpr std::string_view name = "perspectival";
  static constexpr Needs may_need{Phase::pixels, Need::textures};
  static constexpr bool row_wise = false;
  using Config = PerspectivalConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const std::array<float, 4> gains{config.colour, config.intensity, config.orientation, config.global};
    const Textures& t = *e.textures;
    require_that(t.count() == e.count(), Code::shape_mismatch, name, "textures: expected one row for each token");
    const std::array<Index, 4> columns{t.channel("colour_contrast"), t.channel("intensity_contrast"),
                                       t.channel("orientation_contrast"), t.channel("cluster_distance")};
    const auto n = static_cast<std::size_t>(e.count());
    const std::vector<Index> cells = covering(e.tokens);
    std::vector<double> sum(n);
    double weights = 0;
    for (std::size_t m = 0; m < columns.size(); ++m) {
      if (gains[m] == 0.f) continue;
      std::vector<float> x(n);
      for (std::size_t i = 0; i < n; ++i) x[i] = t.at(static_cast<Index>(i), columns[m]);
      stretch(x);
      const double w = gains[m] * singularity(x, e.tokens.grid, cells);
      weights += w;
      for (std::size_t i = 0; i < n; ++i) sum[i] += w * x[i];
    }
    std::vector<float> out(n);
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(sum[i] / weights);
    return out;
  }

 private:
  void stretch(std::vector<float>& x) const {
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    const float least = *low, range = std::max(*high - *low, config.floor);
    for (float& v : x) v = (v - least) / range;
  }
  /// N(x) in [0.1, 1]: local maxima are the greatest of 3x3 cells and lie above 0.
  static double singularity(const std::vector<float>& x, Grid grid, const std::vector<Index>& cells) {
    double sum = 0, greatest = 0;
    Index count = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (cells[i] < 0) continue;
      const Index in_frame = static_cast<Index>(i) % grid.count(), first = static_cast<Index>(i) - in_frame;
      const float v = x[static_cast<std::size_t>(cells[i])];
      const Window w = window_around(grid, in_frame / grid.cols, in_frame % grid.cols, 1);
      bool peak = v > 0.f;
      for (Index a = w.row0; peak && a < w.row1; ++a)
        for (Index b = w.col0; peak && b < w.col1; ++b) {
          const Index other = cells[static_cast<std::size_t>(first + grid.at(a, b))];
          peak = other < 0 || x[static_cast<std::size_t>(other)] <= v;
        }
      if (!peak) continue;
      sum += v;
      greatest = std::max<double>(greatest, v);
      ++count;
    }
    const double others = count > 1 ? (sum - greatest) / static_cast<double>(count - 1) : 0.0;
    return std::max(0.1, (1 - others) * (1 - others));
  }
};
static_assert(check_scorer<PerspectivalScorer>());

}  // namespace arrcoc
