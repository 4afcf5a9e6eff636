#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/neighbours.hpp"

namespace arrcoc {

struct EntropyConfig {
  std::string of = "intensity";  ///< what is counted: intensity, or gradient (Sobel strength)
  Index bins = 16;               ///< of the histogram; 2..256
  Index scales = 2;              ///< 1: the token's own pixels; s: also those of all tokens up to s - 1 away; 1..4
  std::string validate() const {
    if (of != "intensity" && of != "gradient") return "of: expected intensity or gradient, got '" + of + "'";
    if (bins < 2 || bins > 256) return "bins: expected 2..256, got " + std::to_string(bins);
    return scales >= 1 && scales <= 4 ? "" : "scales: expected 1..4, got " + std::to_string(scales);
  }
  bool operator==(const EntropyConfig&) const = default;
};

/// Shannon entropy of the histogram of a token's native pixels, over ln bins, mean over scales: [H, W, 3] -> [N] in
/// [0, 1]. O(H W + N bins scales^3). Luma, or Sobel strength (|gx| + |gy|) / 8, in equal bins over 0..255; at scale s
/// the pixels of all living tokens at most s away count. Blank cells of any grey score 0. Noise scores highest: entropy
/// is not information, which is why `information` asks for flat ground and contrast besides. Source: Shannon 1948,
/// section 6; over scales as in Kadir, Brady 2001.
struct EntropyScorer {
  static constexpr std::string_view name = "entropy";
  static constexpr Needs may_need{Phase::pixels, Need::rgb};
  static constexpr bool row_wise = false;
  using Config = EntropyConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const ImageView& image = *e.rgb;
    require_that(!image.empty(), Code::missing_evidence, name, "expected a picture, got none");
    const Grid g = e.tokens.grid;
    const auto bins = static_cast<std::size_t>(config.bins);
    std::vector<std::int64_t> counts(static_cast<std::size_t>(e.count()) * bins);
    for (Index t = 0; t < e.count(); ++t) count(image, e.tokens.at(t), g, row_of(counts, t));
    const std::vector<Index> cells = covering(e.tokens);
    std::vector<float> out;
    std::vector<std::int64_t> wide(bins);
    for (Index t = 0; t < e.count(); ++t) {
      double sum = entropy(row_of(counts, t));
      const Place p = e.tokens.at(t);
      for (Index s = 1; s < config.scales; ++s) {
        wide.assign(bins, 0);
        const Window w = window_around(g, static_cast<Index>(p.centre_row()), static_cast<Index>(p.centre_col()), s);
        for_each_living(cells, g, p.frame, w, [&](Index other) {
          const auto from = row_of(counts, other);
          for (std::size_t b = 0; b < bins; ++b) wide[b] += from[b];
        });
        sum += entropy(wide);
      }
      out.push_back(static_cast<float>(sum / static_cast<double>(config.scales)));
    }
    return out;
  }

 private:
  std::span<std::int64_t> row_of(std::vector<std::int64_t>& counts, Index t) const {
    const auto bins = static_cast<std::size_t>(config.bins);
    return {counts.data() + static_cast<std::size_t>(t) * bins, bins};
  }
  void count(const ImageView& image, const Place& p, Grid g, std::span<std::int64_t> into) const {
    const auto luma = [&](Index y, Index x) {
      const std::uint8_t* c =
          image.row(std::clamp<Index>(y, 0, image.height - 1)) + 3 * std::clamp<Index>(x, 0, image.width - 1);
      return luma_of(c[0], c[1], c[2]);
    };
    const PixelRange rows = place_range(p.row, p.rows, g.rows, image.height),
                     cols = place_range(p.col, p.cols, g.cols, image.width);
    const int bins = static_cast<int>(config.bins);
    const bool gradient = config.of == "gradient";
    for (Index y = rows.begin; y < rows.end; ++y) {
      const std::uint8_t* c = image.row(y) + 3 * cols.begin;
      for (Index x = cols.begin; x < cols.end; ++x, c += 3) {
        int level = gradient ? 0 : luma_of(c[0], c[1], c[2]);
        if (gradient) {
          const int gx = luma(y - 1, x + 1) + 2 * luma(y, x + 1) + luma(y + 1, x + 1) - luma(y - 1, x - 1) -
                         2 * luma(y, x - 1) - luma(y + 1, x - 1);
          const int gy = luma(y + 1, x - 1) + 2 * luma(y + 1, x) + luma(y + 1, x + 1) - luma(y - 1, x - 1) -
                         2 * luma(y - 1, x) - luma(y - 1, x + 1);
          level = (std::abs(gx) + std::abs(gy)) >> 3;
        }
        ++into[static_cast<std::size_t>(level * bins / 256)];
      }
    }
  }
  double entropy(std::span<const std::int64_t> counts) const {
    double all = 0, sum = 0;
    for (const std::int64_t c : counts) all += static_cast<double>(c);
    for (const std::int64_t c : counts)
      if (c > 0) sum -= static_cast<double>(c) / all * std::log(static_cast<double>(c) / all);
    return std::max(0.0, sum / std::log(static_cast<double>(counts.size())));
  }
};
static_assert(check_scorer<EntropyScorer>());

}  // namespace arrcoc
