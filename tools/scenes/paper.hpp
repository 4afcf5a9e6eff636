#pragma once
// Paper, ink and type: what every scenario with text starts from.
#include "builder.hpp"

namespace arrcoc::scenes {

inline constexpr std::string_view digits = "0123456789";
inline constexpr std::string_view printable =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;-+=$%/()#&*?!";

struct Paper {
  Color ground, ink;
};
inline Paper paper(Builder& b, int polarity) {
  const auto light = static_cast<std::uint8_t>(b.between(225, 255)), dark = static_cast<std::uint8_t>(b.between(0, 60));
  const bool inverted = polarity < 0 ? b.chance(15) : polarity == 1;
  const Color l{light, light, static_cast<std::uint8_t>(light - b.between(0, 20))}, d{dark, dark, dark};
  return inverted ? Paper{d, l} : Paper{l, d};
}

/// The font of the scene: what the parameters ask for, or the seed's choice.
inline Style style_of(Builder& b, Color ink) {
  const auto families = static_cast<Index>(font_families.size());
  require_that(b.params.font < families, Code::bad_config, "scenes", [&] {
    return "font: expected below " + std::to_string(families) + ", got " + std::to_string(b.params.font);
  });
  const Index font = b.params.font >= 0 ? b.params.font : b.between(0, families - 1),
              size = b.params.glyph > 0 ? b.params.glyph : b.between(13, 16);
  return {font, std::clamp<Index>(size * b.params.font_scale / 100, 6, 400), false, ink};
}

/// How many text lines fit, and how many are wanted.
inline Index line_count(const Builder& b, Index size, Index fixed, Index low, Index high, Rng& rng) {
  const Index room = std::max<Index>(1, (b.params.height - 2 * size) / (size * 3 / 2) - fixed);
  const Index wanted = b.params.lines > 0
                           ? b.params.lines
                           : low + static_cast<Index>(rng.below(static_cast<std::uint64_t>(high - low + 1)));
  return std::clamp<Index>(wanted, 1, room);
}

// One draw a statement wherever strings are put together: the order within an expression is the compiler's.
inline std::string money(Builder& b) {
  const std::string cents = b.word(digits, 2);
  return std::to_string(b.between(1, 99)) + "." + cents;
}

}  // namespace arrcoc::scenes
