#pragma once
// Boxes that an answer names: where they stand in a text, their scale, and how well they meet the true one.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "arrcoc/measure/vqa.hpp"

namespace arrcoc::measure {

/// x0, y0, x1, y1.
using Corners = std::array<double, 4>;

/// The first "[a, b, c, d]" of a text; white space only after commas and beside the brackets, as the published
/// expression has it.
inline std::optional<Corners> first_box(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 28 && c <= 31); };
  for (std::size_t open = text.find('['); open != text.npos; open = text.find('[', open + 1)) {
    Corners out{};
    std::size_t at = open + 1;
    const auto skip = [&] {
      while (at < text.size() && is_space(text[at])) ++at;
    };
    bool fits = true;
    for (std::size_t k = 0; fits && k < 4; ++k) {
      skip();
      const std::size_t from = at;
      if (at < text.size() && text[at] == '-') ++at;
      const std::size_t whole = at;
      while (at < text.size() && is_digit(text[at])) ++at;
      fits = at > whole;
      if (at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1])) {
        ++at;
        while (at < text.size() && is_digit(text[at])) ++at;
      }
      if (fits) std::from_chars(text.data() + from, text.data() + at, out[k]);
      if (k == 3) skip();
      fits = fits && at < text.size() && text[at] == (k == 3 ? ']' : ',');
      ++at;
    }
    if (fits) return out;
  }
  return std::nullopt;
}

/// Corners in pixels of a picture of width x height. vlmevalkit and official: none above 1.5 are shares of the sides,
/// none above 1000 thousandths (Qwen3-VL's own), others pixels; then inside the picture and in order. lmms: shares,
/// taken as they are.
inline Corners in_pixels(Corners b, double width, double height, Flavour flavour) {
  double most = 0;
  for (const double v : b) most = std::max(most, std::abs(v));
  const double unit = flavour == Flavour::lmms || most <= 1.5 ? 1 : 1000;
  if (flavour == Flavour::lmms || most <= 1000)
    for (std::size_t k = 0; k < 4; ++k) b[k] = b[k] / unit * (k % 2 == 0 ? width : height);
  if (flavour == Flavour::lmms) return b;
  for (std::size_t k = 0; k < 4; ++k) b[k] = std::clamp(b[k], 0.0, k % 2 == 0 ? width : height);
  for (std::size_t k = 0; k < 2; ++k)
    if (b[k] > b[k + 2]) std::swap(b[k], b[k + 2]);
  return b;
}

/// Intersection over union; 0 where there is no union.
inline double box_iou(const Corners& a, const Corners& b) {
  const double inside = std::max(0.0, std::min(a[2], b[2]) - std::max(a[0], b[0])) *
                        std::max(0.0, std::min(a[3], b[3]) - std::max(a[1], b[1]));
  const double together = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside;
  return together > 0 ? inside / together : 0;
}

/// The middle of `box` lies in `gold`, its edges included.
inline bool centre_inside(const Corners& box, const Corners& gold) {
  const double x = (box[0] + box[2]) / 2, y = (box[1] + box[3]) / 2;
  return gold[0] <= x && x <= gold[2] && gold[1] <= y && y <= gold[3];
}

/// "[1, 2.5, 3, 4]".
inline std::string box_text(const Corners& b) {
  std::string out;
  for (const double v : b) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.6g", v);
    out += (out.empty() ? "[" : ", ") + std::string(digits);
  }
  return out + "]";
}

}  // namespace arrcoc::measure
