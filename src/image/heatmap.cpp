#include "arrcoc/io/heatmap.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"

namespace arrcoc::io {
namespace {

using Rgb = std::array<float, 3>;
constexpr Rgb outline{255, 92, 40}, halo{40, 12, 0}, ink{52, 55, 62}, paper{250, 250, 248};

/// Viridis at nine points (van der Walt and Smith, 2015), linear between them; t in [0, 1].
Rgb viridis(float t) {
  static constexpr std::array<Rgb, 9> points{{{68, 1, 84},
                                              {71, 44, 122},
                                              {59, 81, 139},
                                              {44, 113, 142},
                                              {33, 144, 141},
                                              {39, 173, 129},
                                              {92, 200, 99},
                                              {170, 220, 50},
                                              {253, 231, 37}}};
  const float x = std::clamp(t, 0.0f, 1.0f) * 8;
  const auto i = std::min<std::size_t>(7, static_cast<std::size_t>(x));
  Rgb c;
  for (std::size_t k = 0; k < 3; ++k)
    c[k] = points[i][k] + (points[i + 1][k] - points[i][k]) * (x - static_cast<float>(i));
  return c;
}

void put(std::uint8_t* p, const Rgb& c) {
  for (std::size_t k = 0; k < 3; ++k) p[k] = static_cast<std::uint8_t>(std::clamp(c[k] + 0.5f, 0.0f, 255.0f));
}

void fill(Image& image, Index row, Index col, Index height, Index width, const Rgb& c) {
  for (Index r = std::max<Index>(0, row); r < std::min(image.height, row + height); ++r)
    for (Index x = std::max<Index>(0, col); x < std::min(image.width, col + width); ++x) put(image.row(r) + x * 3, c);
}

/// The letters of the legend, 5 x 7 dots, a row in five bits.
struct Glyph {
  char name;
  std::array<std::uint8_t, 7> rows;
};
constexpr Glyph glyphs[] = {
    {'0', {14, 17, 19, 21, 25, 17, 14}}, {'1', {4, 12, 4, 4, 4, 4, 14}},      {'2', {14, 17, 1, 2, 4, 8, 31}},
    {'3', {31, 2, 4, 2, 1, 17, 14}},     {'4', {2, 6, 10, 18, 31, 2, 2}},     {'5', {31, 16, 30, 1, 1, 17, 14}},
    {'6', {6, 8, 16, 30, 17, 17, 14}},   {'7', {31, 1, 2, 4, 8, 8, 8}},       {'8', {14, 17, 17, 14, 17, 17, 14}},
    {'9', {14, 17, 17, 15, 1, 2, 12}},   {'a', {0, 0, 14, 1, 15, 17, 15}},    {'c', {0, 0, 14, 16, 16, 17, 14}},
    {'d', {1, 1, 13, 19, 17, 17, 15}},   {'e', {0, 0, 14, 17, 31, 16, 14}},   {'f', {6, 9, 8, 28, 8, 8, 8}},
    {'g', {0, 0, 15, 17, 15, 1, 14}},    {'h', {16, 16, 22, 25, 17, 17, 17}}, {'i', {4, 0, 12, 4, 4, 4, 14}},
    {'k', {16, 16, 18, 20, 24, 20, 18}}, {'l', {12, 4, 4, 4, 4, 4, 14}},      {'n', {0, 0, 22, 25, 17, 17, 17}},
    {'o', {0, 0, 14, 17, 17, 17, 14}},   {'p', {0, 0, 30, 17, 30, 16, 16}},   {'r', {0, 0, 22, 25, 16, 16, 16}},
    {'s', {0, 0, 15, 16, 14, 1, 30}},    {'.', {0, 0, 0, 0, 0, 12, 12}},      {':', {0, 12, 12, 0, 12, 12, 0}},
    {'t', {8, 8, 28, 8, 8, 9, 6}},       {'v', {0, 0, 17, 17, 17, 10, 4}},    {'w', {0, 0, 17, 17, 21, 21, 10}}};

Index text_width(const std::string& text, Index dot) { return static_cast<Index>(text.size()) * 6 * dot - dot; }

void write(Image& image, Index row, Index col, const std::string& text, Index dot) {
  for (const char c : text) {
    for (const Glyph& g : glyphs)
      if (g.name == c)
        for (Index y = 0; y < 7; ++y)
          for (Index x = 0; x < 5; ++x)
            if ((g.rows[static_cast<std::size_t>(y)] >> (4 - x) & 1) != 0)
              fill(image, row + y * dot, col + x * dot, dot, dot, ink);
    col += 6 * dot;
  }
}

/// "relevance low [scale] high    [] kept K of N    [] dropped", from the left, without what does not fit.
void legend(Image& image, Index top, Index strip, Index dot, std::size_t kept, Index count) {
  const Index row = top + (strip - 7 * dot) / 2, gap = 4 * dot, edge = 3 * dot;
  const std::string low = "relevance low", high = "high",
                    kept_text = "kept " + std::to_string(kept) + " of " + std::to_string(count), dropped = "dropped";
  const Index words = text_width(low, dot) + text_width(high, dot) + 4 * gap,
              counts = 7 * dot + gap + text_width(kept_text, dot) + 2 * gap,
              rest = 7 * dot + gap + text_width(dropped, dot) + 2 * gap;
  const bool with_words = image.width >= 2 * edge + words + 40 * dot,
             with_counts = with_words && image.width >= 2 * edge + words + counts + 40 * dot,
             with_dropped = with_counts && image.width >= 2 * edge + words + counts + rest + 40 * dot;
  Index col = edge;
  if (with_words) {
    write(image, row, col, low, dot);
    col += text_width(low, dot) + gap;
  }
  const Index bar =
      std::max<Index>(1, std::min(120 * dot, image.width - col - edge - (with_words ? text_width(high, dot) + gap : 0) -
                                                 (with_counts ? counts : 0) - (with_dropped ? rest : 0)));
  for (Index x = 0; x < bar; ++x)
    fill(image, row, col + x, 7 * dot, 1,
         viridis(static_cast<float>(x) / static_cast<float>(std::max<Index>(1, bar - 1))));
  col += bar + gap;
  if (with_words) {
    write(image, row, col, high, dot);
    col += text_width(high, dot) + 2 * gap;
  }
  if (with_counts) {
    fill(image, row, col, 7 * dot, 7 * dot, outline);
    fill(image, row + dot, col + dot, 5 * dot, 5 * dot, paper);
    write(image, row, col + 7 * dot + gap, kept_text, dot);
    col += counts;
  }
  if (with_dropped) {
    fill(image, row, col, 7 * dot, 7 * dot, {112, 112, 116});
    write(image, row, col + 7 * dot + gap, dropped, dot);
  }
}

/// The token that each pixel shows, [height * width]; -1: none.
std::vector<Index> owners(const TokenSet& tokens, Index height, Index width) {
  const Grid grid = tokens.grid;
  std::vector<Index> out(static_cast<std::size_t>(height * width), -1);
  if (tokens.raster()) {
    for (Index r = 0; r < height; ++r)
      for (Index c = 0; c < width; ++c)
        out[static_cast<std::size_t>(r * width + c)] = grid.at(r * grid.rows / height, c * grid.cols / width);
    return out;
  }
  for (Index t = 0; t < tokens.count(); ++t) {
    const Place p = tokens.at(t);
    const PixelRange rows = place_range(p.row, p.rows, grid.rows, height),
                     cols = place_range(p.col, p.cols, grid.cols, width);
    for (Index r = rows.begin; r < rows.end; ++r)
      for (Index c = cols.begin; c < cols.end; ++c) out[static_cast<std::size_t>(r * width + c)] = t;
  }
  return out;
}

/// Which pixels lie near the border between kept and dropped.
class Borders {
 public:
  Borders(const std::vector<Index>& owner, Index height, Index width, const std::vector<char>& alive)
      : height_(height), width_(width), alive_(owner.size()) {
    for (std::size_t i = 0; i < owner.size(); ++i)
      alive_[i] = owner[i] >= 0 && alive[static_cast<std::size_t>(owner[i])] != 0;
  }
  /// From a kept pixel to the nearest one that is not, in px along either axis, at most `reach`.
  Index distance(Index r, Index c, Index reach) const {
    for (Index d = 1; d < reach; ++d)
      for (Index side = -d; side <= d; ++side)
        if (!kept(r - d, c + side) || !kept(r + d, c + side) || !kept(r + side, c - d) || !kept(r + side, c + d))
          return d;
    return reach;
  }

 private:
  /// Outside the picture nothing is kept, so that the outline closes there.
  bool kept(Index r, Index c) const {
    return r >= 0 && c >= 0 && r < height_ && c < width_ && alive_[static_cast<std::size_t>(r * width_ + c)] != 0;
  }
  Index height_, width_;
  std::vector<char> alive_;
};

/// Dots of a letter are so many px on a picture of this width.
Index dot_of(Index width) { return width >= 720 ? 2 : 1; }

/// The picture with so many rows of paper below it.
Image with_strip(ImageView picture, Index strip) {
  Image out(picture.height + strip, picture.width);
  for (Index r = 0; r < picture.height; ++r) std::copy_n(picture.row(r), picture.width * 3, out.row(r));
  fill(out, picture.height, 0, strip, picture.width, paper);
  return out;
}

}  // namespace

std::vector<float> heat_levels(std::span<const float> v) {
  if (v.empty()) return {};
  std::vector<float> sorted(v.begin(), v.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t last = sorted.size() - 1, margin = last / 50;
  float low = sorted[margin], high = sorted[last - margin];
  if (low == high) low = sorted.front(), high = sorted.back();
  std::vector<float> out;
  for (const float x : v) out.push_back(low < high ? std::clamp((x - low) / (high - low), 0.0f, 1.0f) : 0.5f);
  return out;
}

Image paint_heat(ImageView picture, const TokenSet& tokens, std::span<const float> levels,
                 std::span<const Index> kept) {
  const Grid grid = tokens.grid;
  require_that(
      !picture.empty() && grid.rows > 0 && grid.cols > 0 && static_cast<Index>(levels.size()) == tokens.count(),
      Code::shape_mismatch, "heatmap", [&] {
        return "expected a picture and " + std::to_string(tokens.count()) + " relevance values, got " +
               std::to_string(levels.size());
      });
  require_that(std::all_of(levels.begin(), levels.end(), [](float v) { return std::isfinite(v); }), Code::bad_number,
               "heatmap", "relevance: expected finite numbers");
  std::vector<char> alive(levels.size(), 0);
  for (const Index k : kept) {
    require_that(k >= 0 && k < tokens.count(), Code::shape_mismatch, "heatmap", [&] {
      return "kept tokens: expected indices below " + std::to_string(tokens.count()) + ", got " + std::to_string(k);
    });
    alive[static_cast<std::size_t>(k)] = 1;
  }
  const Index height = picture.height, width = picture.width, cell = std::min(height / grid.rows, width / grid.cols),
              line = cell >= 24 ? 2 : 1,
              reach = line + 1 + (cell >= 24 ? 1 : 0);  // outline and halo lie inside the kept cells
  const std::vector<Index> owner = owners(tokens, height, width);
  const Borders borders(owner, height, width, alive);
  Image out(height, width);
  for (Index r = 0; r < height; ++r) {
    for (Index c = 0; c < width; ++c) {
      const auto at = static_cast<std::size_t>(r * width + c);
      const auto token = static_cast<std::size_t>(std::max<Index>(0, owner[at]));
      const bool lives = owner[at] >= 0 && alive[token] != 0,
                 parted = !tokens.raster() && ((c > 0 && owner[at - 1] != owner[at]) ||
                                               (r > 0 && owner[at - static_cast<std::size_t>(width)] != owner[at]));
      const std::uint8_t* p = picture.row(r) + c * 3;
      const Rgb heat = viridis(owner[at] < 0 ? 0 : levels[token]);
      const float luma = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
      Rgb color;
      if (!lives) {
        for (std::size_t k = 0; k < 3; ++k) color[k] = 44 + 0.30f * luma + 0.10f * heat[k];
      } else {
        // Paper takes more of the tint than ink does: letters stay dark.
        const float tint = 0.18f + 0.22f * luma / 255;
        for (std::size_t k = 0; k < 3; ++k) color[k] = p[k] + (heat[k] - p[k]) * tint;
        const Index d = borders.distance(r, c, reach + 1);
        if (d <= line) color = outline;
        else if (d <= reach)
          for (std::size_t k = 0; k < 3; ++k) color[k] = 0.6f * color[k] + 0.4f * halo[k];
        else if (parted)
          for (std::size_t k = 0; k < 3; ++k) color[k] = 0.55f * color[k] + 0.45f * heat[k];
      }
      put(out.row(r) + c * 3, color);
    }
  }
  return out;
}

Image with_heat_legend(ImageView picture, std::size_t kept, Index count) {
  const Index dot = dot_of(picture.width), strip = 19 * dot;
  Image out = with_strip(picture, strip);
  legend(out, picture.height, strip, dot, kept, count);
  return out;
}

Image captioned(ImageView picture, const std::string& text) {
  const Index dot = dot_of(picture.width);
  Image out = with_strip(picture, 11 * dot);
  write(out, picture.height + 2 * dot, 2 * dot, text, dot);
  return out;
}

Image render_heatmap(ImageView picture, const TokenSet& tokens, std::span<const float> relevance,
                     std::span<const Index> kept) {
  require_that(!picture.empty(), Code::shape_mismatch, "heatmap", "expected a picture, got none");
  // A NaN has no place in an order: it is refused below, from levels that hold it.
  const bool finite = std::all_of(relevance.begin(), relevance.end(), [](float v) { return std::isfinite(v); });
  const Index longest = std::max(picture.height, picture.width);
  const auto [height, width] = qwen3vl::scaled_to(picture.height, picture.width, std::clamp<Index>(longest, 512, 1600));
  const std::vector<float> levels =
      finite ? heat_levels(relevance) : std::vector<float>(relevance.begin(), relevance.end());
  const Image painted = paint_heat(qwen3vl::resize_bicubic(picture, height, width).view(), tokens, levels, kept);
  return with_heat_legend(painted.view(), kept.size(), tokens.count());
}

}  // namespace arrcoc::io
