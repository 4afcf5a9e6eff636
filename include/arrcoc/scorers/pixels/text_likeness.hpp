#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/morphology.hpp"

namespace arrcoc {

struct TextLikenessConfig {
  Index radius = 4;   ///< of the structuring square, native px: strokes up to twice as wide are seen; 1..32
  Index scales = 1;   ///< as many radii, each twice the one before; 1..3
  float grain = 3;    ///< a stroke stands out by so many times what the quieter cells have; >= 0
  float floor = 10;   ///< ... and by so many levels; >= 0
  float line = 0.5f;  ///< what a token receives of its neighbours' mean in the line; >= 0
  float knee = 60;    ///< stroke contrast, levels, that earns an eighth; > 0
  float enough = 16;  ///< stroke starts for each 1,024 px that earn a half; > 0
  std::string validate() const {
    if (radius < 1 || radius > 32) return "radius: expected 1..32, got " + std::to_string(radius);
    if (scales < 1 || scales > 3) return "scales: expected 1..3, got " + std::to_string(scales);
    for (const auto& [name, v] : {std::pair{"grain", grain}, {"floor", floor}, {"line", line}})
      if (!(v >= 0.f && v < 1e6f))
        return std::string(name) + ": expected a number in [0, 1e6), got " + std::to_string(v);
    for (const auto& [name, v] : {std::pair{"knee", knee}, {"enough", enough}})
      if (!(v > 0.f && v < 1e6f))
        return std::string(name) + ": expected a number in (0, 1e6), got " + std::to_string(v);
    return {};
  }
  bool operator==(const TextLikenessConfig&) const = default;
};

/// How much a token's cell looks like print: [H, W, 3] -> [N] in [0, 1 + line]. O(H W scales log radius), several
/// planes of H W bytes. Luma, smoothed by [1 2 1] both ways; for ink darker and lighter than its ground alike
///   hat   = closing by a square of 2 radius + 1 px, minus the picture: thin things, while the steps of paper edges are
///   0 ink   = hat above half the largest hat within 16 px, above `floor`, and above `grain` times the lower quartile
///   of
///           the cells' mean hats, without what is no letter: 8-connected parts longer than three cells that fill less
///           than 3/20 of their box or are 20 times as long as wide (rules, frames, curves)
///   s     = starts of runs of ink, for each 1,024 px, the least of the four directions: few along a straight stroke
///   c     = mean hat of the ink
///   print = s / (s + enough) (c / (c + knee))^3, the larger of the two polarities and of the scales
///   score = print + line (left + right) / 2, so that lines come whole
/// Source: ours; top-hat and black-hat: Serra 1982; letters as small connected parts: Fletcher, Kasturi 1988.
struct TextLikenessScorer {
  static constexpr std::string_view name = "text_likeness";
  static constexpr Needs may_need{Phase::pixels, Need::rgb};
  static constexpr bool row_wise = false;
  static constexpr bool common_scale = true;
  using Config = TextLikenessConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const ImageView& image = *e.rgb;
    require_that(!image.empty(), Code::missing_evidence, name, "expected a picture, got none");
    std::vector<double> print(static_cast<std::size_t>(e.count()));
    morphology::Bytes dark = morphology::smooth_luma(image);
    for (int polarity = 0; polarity < 2; ++polarity) {
      for (Index s = 0; s < config.scales; ++s) add_print(dark, e.tokens, config.radius << s, print);
      for (auto& v : dark.values) v = static_cast<std::uint8_t>(255 - v);
    }
    const std::vector<Index> cells = covering(e.tokens);
    const Grid g = e.tokens.grid;
    std::vector<float> out;
    for (Index t = 0; t < e.count(); ++t) {
      const Place p = e.tokens.at(t);
      const auto row = static_cast<Index>(p.centre_row()), col = static_cast<Index>(p.centre_col());
      double beside = 0;
      for (const Index c : {col - 1, col + 1})
        if (c >= 0 && c < g.cols)
          if (const Index other = cells[std::size_t(p.frame * g.count() + g.at(row, c))]; other >= 0)
            beside += print[std::size_t(other)];
      out.push_back(static_cast<float>(print[std::size_t(t)] + double(config.line) * beside / 2));
    }
    return out;
  }

 private:
  void add_print(const morphology::Bytes& dark, const TokenSet& tokens, Index radius,
                 std::vector<double>& print) const {
    const Grid g = tokens.grid;
    const morphology::Bytes hat = morphology::black_hat(dark, radius);
    const auto for_each_pixel = [&](Index t, auto&& f) {
      const Place p = tokens.at(t);
      const PixelRange rows = place_range(p.row, p.rows, g.rows, hat.height),
                       cols = place_range(p.col, p.cols, g.cols, hat.width);
      for (Index y = rows.begin; y < rows.end; ++y)
        for (Index x = cols.begin; x < cols.end; ++x) f(y, x);
      return static_cast<double>(rows.count() * cols.count());
    };
    std::vector<double> means;
    for (Index t = 0; t < tokens.count(); ++t) {
      std::int64_t sum = 0;
      const double n = for_each_pixel(t, [&](Index y, Index x) { sum += hat.row(y)[x]; });
      means.push_back(static_cast<double>(sum) / n);
    }
    std::sort(means.begin(), means.end());
    const double least = std::max<double>(config.floor, double(config.grain) * means[(means.size() - 1) / 4]);
    morphology::Bytes ink = morphology::dilated(hat, 16);
    for (std::size_t i = 0; i < ink.values.size(); ++i)
      ink.values[i] = 2 * hat.values[i] > ink.values[i] && hat.values[i] >= least;
    morphology::erase_long(ink, 3 * hat.height / g.rows);
    for (Index t = 0; t < tokens.count(); ++t) {
      std::array<std::int64_t, 4> starts{};
      std::int64_t count = 0, sum = 0;
      const double n = for_each_pixel(t, [&](Index y, Index x) {
        if (!ink.row(y)[x]) return;
        ++count, sum += hat.row(y)[x];
        starts[0] += !morphology::at(ink, y, x - 1), starts[1] += !morphology::at(ink, y - 1, x);
        starts[2] += !morphology::at(ink, y - 1, x - 1), starts[3] += !morphology::at(ink, y - 1, x + 1);
      });
      if (count == 0) continue;
      const double s = static_cast<double>(*std::min_element(starts.begin(), starts.end())) / n * 1024,
                   c = static_cast<double>(sum) / static_cast<double>(count), part = c / (c + double(config.knee));
      print[std::size_t(t)] = std::max(print[std::size_t(t)], s / (s + double(config.enough)) * part * part * part);
    }
  }
};
static_assert(check_scorer<TextLikenessScorer>());

}  // namespace arrcoc
