#include "canvas.hpp"

#include <algorithm>
#include <cmath>

namespace arrcoc::scenes {
namespace {
constexpr Index sub = 4;  // samples a pixel and axis

/// sin and cos of a milliradian angle as 16.16 integers, by their series in integers (|angle| < 1 rad).
std::pair<Index, Index> turn(Index milliradians) {
  const Index x = milliradians * 65536 / 1000, x2 = (x * x) >> 16, x3 = (x2 * x) >> 16, x4 = (x2 * x2) >> 16,
              x5 = (x4 * x) >> 16;
  return {x - x3 / 6 + x5 / 120, 65536 - x2 / 2 + x4 / 24};
}
}  // namespace

Canvas::Canvas(Index height, Index width, Color background) : image_(height, width) {
  fill_rect(0, 0, height, width, background);
}

void Canvas::blend(Index row, Index col, Color c, Index coverage, Index full) {
  std::uint8_t* p = image_.row(row) + col * 3;
  for (std::size_t k = 0; k < 3; ++k)
    p[k] = static_cast<std::uint8_t>((p[k] * (full - coverage) + c[k] * coverage + full / 2) / full);
}

void Canvas::fill_rect(Index row0, Index col0, Index row1, Index col1, Color c) {
  row0 = std::max<Index>(row0, 0), col0 = std::max<Index>(col0, 0);
  row1 = std::min(row1, height()), col1 = std::min(col1, width());
  for (Index r = row0; r < row1; ++r)
    for (std::uint8_t *p = image_.row(r) + col0 * 3, *end = image_.row(r) + col1 * 3; p < end; p += 3)
      std::copy(c.begin(), c.end(), p);
}

void Canvas::frame(Index row0, Index col0, Index row1, Index col1, Index t, Color c) {
  fill_rect(row0, col0, row0 + t, col1, c);
  fill_rect(row1 - t, col0, row1, col1, c);
  fill_rect(row0, col0, row1, col0 + t, c);
  fill_rect(row0, col1 - t, row1, col1, c);
}

template <class Inside>
void Canvas::fill(Index row0, Index col0, Index row1, Index col1, Color c, Inside&& inside) {
  row0 = std::max<Index>(row0, 0), col0 = std::max<Index>(col0, 0);
  row1 = std::min(row1, height()), col1 = std::min(col1, width());
  for (Index r = row0; r < row1; ++r)
    for (Index q = col0; q < col1; ++q) {
      Index hits = 0;
      for (Index i = 0; i < sub * sub; ++i)
        hits += inside(r * 2 * sub + 2 * (i / sub) + 1, q * 2 * sub + 2 * (i % sub) + 1);  // in 1/(2 sub) px
      if (hits > 0) blend(r, q, c, hits, sub * sub);
    }
}

void Canvas::fill_ellipse(Point m, Index rr, Index rc, Color c) {
  const Index s = 2 * sub;
  fill(m.row - rr - 1, m.col - rc - 1, m.row + rr + 1, m.col + rc + 1, c, [&](Index y, Index x) {
    const Index dy = (y - m.row * s) * rc, dx = (x - m.col * s) * rr, limit = rr * rc * s;
    return dy * dy + dx * dx <= limit * limit;
  });
}

void Canvas::fill_polygon(std::span<const Point> corners, Color c) {
  std::vector<Point> fine(corners.begin(), corners.end());
  for (Point& p : fine) p = {p.row * eighths, p.col * eighths};
  fill_fine_polygon(fine, c);
}

void Canvas::fill_fine_polygon(std::span<const Point> corners, Color c) {
  static_assert(eighths == 2 * sub);
  const auto floor = [](Index v) { return v >= 0 ? v / eighths : -((eighths - 1 - v) / eighths); };
  const auto inside = [&](Index y, Index x) {
    bool in = false;
    for (std::size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
      const Index yi = corners[i].row, xi = corners[i].col, yj = corners[j].row, xj = corners[j].col;
      if ((yi > y) == (yj > y)) continue;
      const Index side = (xj - xi) * (y - yi) - (x - xi) * (yj - yi);  // sign tells which side of the edge
      if ((yj > yi) ? side > 0 : side < 0) in = !in;
    }
    return in;
  };
  Index r0 = height(), r1 = 0;
  for (const Point& p : corners) r0 = std::min(r0, floor(p.row)), r1 = std::max(r1, floor(p.row) + 1);
  for (Index r = std::max<Index>(r0, 0); r < std::min(r1, height());
       ++r) {  // only the columns that the edges span in this row
    const Index top = r * eighths, bottom = top + eighths;
    Index c0 = width(), c1 = 0;
    for (std::size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
      const Point &a = corners[i].row < corners[j].row ? corners[i] : corners[j],
                  &b = corners[i].row < corners[j].row ? corners[j] : corners[i];
      if (b.row < top || a.row > bottom) continue;
      for (const Index y : {std::clamp(a.row, top, bottom), std::clamp(b.row, top, bottom)}) {
        const Index x =
            a.row == b.row ? a.col : a.col + (b.col - a.col) * (std::clamp(y, a.row, b.row) - a.row) / (b.row - a.row);
        c0 = std::min(c0, floor(x) - 1), c1 = std::max(c1, floor(x) + 2);
        if (a.row == b.row) c0 = std::min(c0, floor(b.col) - 1), c1 = std::max(c1, floor(b.col) + 2);
      }
    }
    fill(r, c0, r + 1, c1, c, inside);
  }
}

void Canvas::line(Point a, Point b, Index thickness, Color c) {
  const Index dr = b.row - a.row, dc = b.col - a.col;
  const auto length = static_cast<Index>(std::max<double>(1.0, std::sqrt(static_cast<double>(dr * dr + dc * dc))));
  const Index nr = dc * thickness / (2 * length), nc = -dr * thickness / (2 * length);
  const Index mr = nr == 0 && nc == 0 ? 1 : 0;  // never thinner than a pixel
  const Point corners[] = {
      {a.row + nr + mr, a.col + nc}, {b.row + nr + mr, b.col + nc}, {b.row - nr, b.col - nc}, {a.row - nr, a.col - nc}};
  fill_polygon(corners, c);
}

void Canvas::stamp(const Mask& mask, Index row, Index col, Color c) {
  for (Index r = std::max<Index>(0, -row); r < mask.height && row + r < height(); ++r)
    for (Index q = std::max<Index>(0, -col); q < mask.width && col + q < width(); ++q)
      if (const Index a = mask.alpha[static_cast<std::size_t>(r * mask.width + q)]; a > 0)
        blend(row + r, col + q, c, a, 255);
}

void Canvas::add_noise(Index amplitude, Rng& rng) {
  if (amplitude <= 0) return;
  const auto span = static_cast<std::uint64_t>(2 * amplitude + 1);
  std::uint64_t bits = 0;
  int left = 0;
  for (std::size_t i = 0; i + 2 < image_.rgb.size(); i += 3) {
    if (left == 0) {
      bits = rng.next();
      left = 4;
    }
    const auto d = static_cast<Index>(((bits & 0xffff) * span) >> 16) - amplitude;
    bits >>= 16, --left;
    for (std::size_t k = 0; k < 3; ++k)
      image_.rgb[i + k] = static_cast<std::uint8_t>(std::clamp<Index>(image_.rgb[i + k] + d, 0, 255));
  }
}

void Canvas::blur(Index radius) {
  if (radius <= 0) return;
  const auto pass = [radius](const std::uint8_t* in, std::uint8_t* out, Index n, Index step) {
    for (Index i = 0; i < n; ++i) {
      Index sum = 0, count = 0;
      for (Index j = std::max<Index>(0, i - radius); j <= std::min(n - 1, i + radius); ++j, ++count)
        sum += in[j * step];
      out[i * step] = static_cast<std::uint8_t>((sum + count / 2) / count);
    }
  };
  std::vector<std::uint8_t> half(image_.rgb.size());
  for (Index r = 0; r < height(); ++r)
    for (Index k = 0; k < 3; ++k) pass(image_.row(r) + k, half.data() + r * width() * 3 + k, width(), 3);
  for (Index i = 0; i < width() * 3; ++i) pass(half.data() + i, image_.rgb.data() + i, height(), width() * 3);
}

void Canvas::shade(Index depth, Rng& rng) {
  if (depth <= 0) return;
  const auto phase = static_cast<Index>(rng.below(256)), period = 96 + static_cast<Index>(rng.below(160));
  for (Index r = 0; r < height(); ++r) {
    const Index t = ((r + phase) % (2 * period)) - period,
                wave = depth * (period - 2 * (t < 0 ? -t : t)) / period;  // a triangle wave in [-depth, depth]
    for (Index i = 0; i < width() * 3; ++i) {
      std::uint8_t& p = image_.row(r)[i];
      p = static_cast<std::uint8_t>(std::clamp<Index>(p + wave, 0, 255));
    }
  }
}

Image Rotation::apply(const Image& image, Color background) const {
  if (milliradians == 0) return image;
  Image out(image.height, image.width);
  const auto [sin, cos] = turn(milliradians);
  const Index mr = image.height << 15, mc = image.width << 15;  // the centre, 16.16
  const auto at = [&](Index r, Index c, Index k) -> Index {
    if (r < 0 || c < 0 || r >= image.height || c >= image.width) return background[static_cast<std::size_t>(k)];
    return image.rgb[static_cast<std::size_t>((r * image.width + c) * 3 + k)];
  };
  for (Index r = 0; r < out.height; ++r)
    for (Index c = 0; c < out.width; ++c) {
      const Index dr = (r << 16) + 32768 - mr, dc = (c << 16) + 32768 - mc;
      const Index sr = ((dr * cos - dc * sin) >> 16) + mr - 32768, sc = ((dr * sin + dc * cos) >> 16) + mc - 32768;
      const Index r0 = sr >> 16, c0 = sc >> 16, fr = (sr >> 8) & 255, fc = (sc >> 8) & 255;
      for (Index k = 0; k < 3; ++k) {
        const Index top = at(r0, c0, k) * (256 - fc) + at(r0, c0 + 1, k) * fc,
                    bottom = at(r0 + 1, c0, k) * (256 - fc) + at(r0 + 1, c0 + 1, k) * fc;
        out.rgb[static_cast<std::size_t>((r * out.width + c) * 3 + k)] =
            static_cast<std::uint8_t>((top * (256 - fr) + bottom * fr + 32768) >> 16);
      }
    }
  return out;
}

Box Rotation::moved(const Box& b) const {
  if (milliradians == 0) return b;
  const auto [sin_fixed, cos_fixed] = turn(milliradians);
  const double sin = static_cast<double>(sin_fixed) / 65536, cos = static_cast<double>(cos_fixed) / 65536;
  const double mr = static_cast<double>(height) / 2, mc = static_cast<double>(width) / 2;
  Box out{1e18, 1e18, -1e18, -1e18};
  for (const double r : {b.row0, b.row1})
    for (const double c : {b.col0, b.col1}) {
      const double row = (r - mr) * cos + (c - mc) * sin + mr, col = -(r - mr) * sin + (c - mc) * cos + mc;
      out = {std::min(out.row0, row), std::min(out.col0, col), std::max(out.row1, row), std::max(out.col1, col)};
    }
  const auto h = static_cast<double>(height), w = static_cast<double>(width);
  return {std::clamp(out.row0, 0.0, h), std::clamp(out.col0, 0.0, w), std::clamp(out.row1, 0.0, h),
          std::clamp(out.col1, 0.0, w)};
}

}  // namespace arrcoc::scenes
