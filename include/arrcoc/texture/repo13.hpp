#pragma once
#include <cmath>

#include "arrcoc/texture/exact_math.hpp"
#include "arrcoc/texture/sketch.hpp"

namespace arrcoc {

/// [H, W, 3] -> [N, 13] as the published repository has it: red green blue, lab_l lab_a, sobel_x sobel_y and magnitude
/// each min-max over the picture, row col from 0 to 1, eccentricity, the magnitude again, lab_l again; every value the
/// mean of the four middle ones of the cell's 16 x 16 samples. O(256 N). Source: djwar42/arr-coc-0-1,
/// ARR_COC/texture.py. Its min-max went over the whole batch; here a batch is one picture.
struct Repo13Texture {
  static constexpr std::string_view name = "repo13";
  static constexpr std::string_view reproduces_fault =
      "copies: saliency is the Sobel magnitude, luminance is lab_l; native: four samples a cell, the other pixels are "
      "not looked at; box: as there";
  using Config = SketchTextureConfig;
  Config config{};

  Textures generate(ImageView image, const TokenSet& tokens) const {
    using texture::Sketch;
    const Grid g = tokens.grid;
    Sketch::check(image, g, name);
    const Sketch s(image, g, true, 1.0 / 8);
    std::vector<std::vector<double>> c;
    const auto middle = [&](auto&& f) { return s.cells(7, 9, f); };
    const auto lab = [&](Index y, Index x) {
      return texture::lab_of(texture::linear_light(s.rgb[0].row(y)[x]), texture::linear_light(s.rgb[1].row(y)[x]),
                             texture::linear_light(s.rgb[2].row(y)[x]));
    };
    for (const auto& colour : s.rgb) c.push_back(middle([&](Index y, Index x) { return colour.row(y)[x]; }));
    c.push_back(middle([&](Index y, Index x) { return lab(y, x).l / 100; }));
    c.push_back(middle([&](Index y, Index x) { return (lab(y, x).a + 128) / 255; }));
    c.push_back(middle([&](Index y, Index x) { return s.gx.row(y)[x]; }));
    c.push_back(middle([&](Index y, Index x) { return s.gy.row(y)[x]; }));
    c.push_back(middle([&](Index y, Index x) {
      return std::sqrt(s.gx.row(y)[x] * s.gx.row(y)[x] + s.gy.row(y)[x] * s.gy.row(y)[x] + 1e-8);
    }));
    for (std::size_t k = 5; k < 8; ++k) {
      const auto [low, high] = std::minmax_element(c[k].begin(), c[k].end());
      const double from = *low, range = *high - *low + 1e-8;
      for (double& v : c[k]) v = (v - from) / range;
    }
    c.resize(11);
    double furthest = 0;
    for (Index r = 0; r < g.rows; ++r)
      for (Index k = 0; k < g.cols; ++k) {
        const double y = Sketch::even(r, g.rows), x = Sketch::even(k, g.cols);
        c[8].push_back(y);
        c[9].push_back(x);
        c[10].push_back(std::sqrt((y - 0.5) * (y - 0.5) + (x - 0.5) * (x - 0.5)));
        furthest = std::max(furthest, c[10].back());
      }
    for (double& v : c[10]) v = furthest > 0 ? v / furthest : 0;
    c.push_back(c[7]);
    c.push_back(c[3]);
    return Sketch::on_places({"red", "green", "blue", "lab_l", "lab_a", "sobel_x", "sobel_y", "sobel_magnitude", "row",
                              "col", "eccentricity", "saliency", "luminance"},
                             c, tokens);
  }
};
static_assert(check_texture<Repo13Texture>());

}  // namespace arrcoc
