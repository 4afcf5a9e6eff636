#pragma once
#include <cmath>

#include "arrcoc/texture/sketch.hpp"

namespace arrcoc {

/// [H, W, 3] -> [N, 13] as the first sketch has it (on a 32 x 32 grid: through 512 x 512): red green blue, row col from
/// 0 to 1, signed sobel_x sobel_y and magnitude with zeros beyond the rim, the magnitude again three times as saliency,
/// variance and mean of the cell's three colours as clusters. O(256 N). Source: ARR-COC notes, 003 act VI.
struct Seed13Texture {
  static constexpr std::string_view name = "seed13";
  static constexpr std::string_view reproduces_fault =
      "copies: three channels are the Sobel magnitude again; box and native: two taps in place of the cell's mean, the "
      "other pixels are not looked at; a frame of edges that is not there";
  using Config = SketchTextureConfig;
  Config config{};

  Textures generate(ImageView image, const TokenSet& tokens) const {
    using texture::Sketch;
    const Grid g = tokens.grid;
    Sketch::check(image, g, name);
    const Sketch s(image, g, false, 1);
    std::vector<std::vector<double>> c;
    const auto of = [&](const texture::FloatPlane& p) {
      return s.cells(0, 16, [&](Index y, Index x) { return p.row(y)[x]; });
    };
    for (const auto& colour : s.rgb) c.push_back(of(colour));
    c.resize(5);
    for (Index r = 0; r < g.rows; ++r)
      for (Index k = 0; k < g.cols; ++k) {
        c[3].push_back(Sketch::even(r, g.rows));
        c[4].push_back(Sketch::even(k, g.cols));
      }
    c.push_back(of(s.gx));
    c.push_back(of(s.gy));
    c.push_back(s.cells(0, 16, [&](Index y, Index x) {
      return std::sqrt(s.gx.row(y)[x] * s.gx.row(y)[x] + s.gy.row(y)[x] * s.gy.row(y)[x]);
    }));
    for (int k = 0; k < 3; ++k) c.push_back(c[7]);
    c.resize(13);
    for (std::size_t i = 0; i < c[0].size(); ++i) {
      const double mean = (c[0][i] + c[1][i] + c[2][i]) / 3;
      double squares = 0;
      for (std::size_t k = 0; k < 3; ++k) squares += (c[k][i] - mean) * (c[k][i] - mean);
      c[11].push_back(squares / 2);
      c[12].push_back(mean);
    }
    return Sketch::on_places({"red", "green", "blue", "row", "col", "sobel_x", "sobel_y", "sobel_magnitude",
                              "saliency_1", "saliency_2", "saliency_3", "colour_variance", "colour_mean"},
                             c, tokens);
  }
};
static_assert(check_texture<Seed13Texture>());

}  // namespace arrcoc
