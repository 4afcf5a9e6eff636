#pragma once
#include <array>

#include "arrcoc/texture/channels/picture.hpp"

namespace arrcoc::texture {

/// black_hat top_hat: mean of (closing - luma) / 255 and (luma - opening) / 255 with a flat 9 x 9 square: dark and
/// light strokes up to 8 pixels wide, whatever ground they stand on. Beyond the rim nothing counts. O(32 H W). Source:
/// Serra 1982; Meyer 1979 (top hat).
struct HatsFamily {
  enum { black_hat, top_hat, count };
  static constexpr std::array<std::string_view, count> names{"black_hat", "top_hat"};
  static constexpr Index reach = 4;

  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    const auto& hats = of(p);
    if (!out[black_hat].empty()) out[black_hat] = means(hats.black, boxes, 1.0 / 255);
    if (!out[top_hat].empty()) out[top_hat] = means(hats.top, boxes, 1.0 / 255);
  }

  static const Picture::Hats& of(Picture& p) {
    if (p.hats) return *p.hats;
    Plane<std::uint8_t> luma(p.image.height, p.image.width);
    for (Index y = 0; y < luma.height; ++y) {
      const std::int16_t* l = p.luma_row(y);
      for (Index x = 0; x < luma.width; ++x) luma.row(y)[x] = static_cast<std::uint8_t>(l[x]);
    }
    const auto most = [](std::uint8_t a, std::uint8_t b) { return a > b ? a : b; };
    const auto least = [](std::uint8_t a, std::uint8_t b) { return a < b ? a : b; };
    p.hats.emplace(Picture::Hats{filter(filter(luma, most, 0), least, 255), filter(filter(luma, least, 255), most, 0)});
    for (std::size_t i = 0; i < luma.values.size(); ++i) {
      p.hats->black.values[i] = static_cast<std::uint8_t>(p.hats->black.values[i] - luma.values[i]);
      p.hats->top.values[i] = static_cast<std::uint8_t>(luma.values[i] - p.hats->top.values[i]);
    }
    return *p.hats;
  }

 private:
  /// The largest or smallest of the 9 x 9 around each pixel; `neutral` beyond the rim.
  template <class Pick>
  static Plane<std::uint8_t> filter(const Plane<std::uint8_t>& in, Pick pick, std::uint8_t neutral) {
    Plane<std::uint8_t> across(in.height + 2 * reach, in.width, neutral), out(in.height, in.width);
    const Index width = in.width;  // a byte that is written might alias it
    std::vector<std::uint8_t> line(static_cast<std::size_t>(in.width + 2 * reach), neutral);
    for (Index y = 0; y < in.height; ++y) {
      std::copy(in.row(y), in.row(y) + in.width, line.begin() + reach);
      std::uint8_t* __restrict to = across.row(y + reach);
      for (Index d = 0; d <= 2 * reach; ++d) {
        const std::uint8_t* __restrict from = line.data() + d;
        for (Index x = 0; x < width; ++x) to[x] = pick(to[x], from[x]);
      }
    }
    for (Index y = 0; y < in.height; ++y) {
      std::uint8_t* __restrict to = out.row(y);
      std::fill(to, to + in.width, neutral);
      for (Index d = 0; d <= 2 * reach; ++d) {
        const std::uint8_t* __restrict from = across.row(y + d);
        for (Index x = 0; x < width; ++x) to[x] = pick(to[x], from[x]);
      }
    }
    return out;
  }
};

}  // namespace arrcoc::texture
