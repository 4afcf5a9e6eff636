// Windows bitmaps, read as Pillow reads them: 1 to 32 bits, palettes, RLE, the bit fields that are in use.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "image_codecs.hpp"

namespace arrcoc::io {
namespace {

struct Bmp {
  explicit Bmp(const Encoded& f) : file(f) {}
  const Encoded& file;
  std::size_t header_size = 0, pixels_at = 0, row_bytes = 0;
  Index height = 0, width = 0;
  bool top_down = false;
  unsigned bits = 0, compression = 0;
  /// Byte of red, green, blue and (or -1) alpha within a pixel of 24 or 32 bits.
  std::array<int, 4> place{2, 1, 0, -1};
  bool five_six_five = false;
  std::vector<std::uint8_t> colours;  // 256 x RGB

  std::size_t get(std::size_t at, std::size_t bytes) const {
    if (at + bytes > file.bytes.size()) file.refuse("BMP: the file is truncated");
    std::size_t v = 0;
    for (std::size_t i = 0; i < bytes; ++i) v |= std::size_t{file.data()[at + i]} << (8 * i);
    return v;
  }
};

/// -> where the colours begin
std::size_t read_header(Bmp& b) {
  b.header_size = b.get(14, 4);
  std::size_t after = 14 + b.header_size;
  constexpr std::size_t known[] = {12, 40, 52, 56, 64, 108, 124};
  if (std::find(std::begin(known), std::end(known), b.header_size) == std::end(known))
    b.file.refuse("BMP: unknown header of " + std::to_string(b.header_size) + " bytes");
  b.get(after - 1, 1);
  const bool old = b.header_size == 12;
  b.width = static_cast<Index>(b.get(18, old ? 2 : 4));
  std::size_t height = b.get(old ? 20 : 22, old ? 2 : 4);
  b.top_down = !old && height >> 24 == 0xff;
  b.height = static_cast<Index>(b.top_down ? (std::size_t{1} << 32) - height : height);
  b.bits = static_cast<unsigned>(b.get(old ? 24 : 28, 2));
  b.compression = old ? 0 : static_cast<unsigned>(b.get(30, 4));
  check_size(b.height, b.width, b.file);
  constexpr unsigned depths[] = {1, 4, 8, 16, 24, 32};
  if (std::find(std::begin(depths), std::end(depths), b.bits) == std::end(depths))
    b.file.refuse("BMP: expected 1, 4, 8, 16, 24 or 32 bits, got " + std::to_string(b.bits));
  if (b.compression > 3) b.file.refuse("BMP: unknown compression " + std::to_string(b.compression));
  if (b.compression == 3) {
    std::array<std::size_t, 4> masks{};
    const bool inside = b.header_size >= 52;
    for (std::size_t i = 0; i < (inside && b.header_size >= 56 ? 4u : 3u); ++i)
      masks[i] = b.get((inside ? 54 : after) + i * 4, 4);
    if (!inside) after += 12;
    struct Layout {
      unsigned bits;
      std::array<std::size_t, 4> masks;
      std::array<int, 4> place;
    };
    constexpr Layout layouts[] = {{32, {0xff0000, 0xff00, 0xff, 0}, {2, 1, 0, -1}},
                                  {32, {0xff000000, 0xff0000, 0xff00, 0}, {3, 2, 1, -1}},
                                  {32, {0xff000000, 0xff00, 0xff, 0}, {3, 1, 0, -1}},
                                  {32, {0xff000000, 0xff0000, 0xff00, 0xff}, {3, 2, 1, 0}},
                                  {32, {0xff, 0xff00, 0xff0000, 0xff000000}, {0, 1, 2, 3}},
                                  {32, {0xff0000, 0xff00, 0xff, 0xff000000}, {2, 1, 0, 3}},
                                  {32, {0xff000000, 0xff00, 0xff, 0xff0000}, {3, 1, 0, 2}},
                                  {32, {0, 0, 0, 0}, {2, 1, 0, 3}},
                                  {24, {0xff0000, 0xff00, 0xff, 0}, {2, 1, 0, -1}},
                                  {16, {0xf800, 0x7e0, 0x1f, 0}, {}},
                                  {16, {0x7c00, 0x3e0, 0x1f, 0}, {}}};
    const auto* found = std::find_if(std::begin(layouts), std::end(layouts), [&](const Layout& l) {
      return l.bits == b.bits && std::equal(l.masks.begin(), l.masks.begin() + (b.bits == 32 ? 4 : 3), masks.begin());
    });
    if (found == std::end(layouts)) b.file.refuse("BMP: unknown bit fields");
    b.place = found->place;
    b.five_six_five = b.bits == 16 && masks[0] == 0xf800;
  }
  return after;
}

void read_colours(Bmp& b, std::size_t at, std::size_t count) {
  const std::size_t step = b.header_size == 12 ? 3 : 4;
  if (count == 0 || count > 65536) b.file.refuse("BMP: expected 1 to 65536 colours, got " + std::to_string(count));
  b.colours.assign(256 * 3, 0);
  const std::size_t there = b.file.bytes.size() - std::min(at, b.file.bytes.size());
  // What looks like black, white and greys in order is grey whatever the palette lacks: Pillow's rule.
  bool grey = true;
  for (std::size_t i = 0; i < count && grey; ++i) {
    const std::size_t value = count == 2 ? i * 255 : i;
    for (std::size_t k = 0; k < 3; ++k)
      grey = grey && i * step + k < there && b.file.data()[at + i * step + k] == (value & 255);
  }
  if (grey) {
    for (std::size_t i = 3; i < b.colours.size(); ++i)
      b.colours[i] = static_cast<std::uint8_t>(count <= 2 ? 255 : i / 3);
    return;
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(count, 256) && (i + 1) * step <= there; ++i)
    for (std::size_t k = 0; k < 3; ++k) b.colours[i * 3 + k] = b.file.data()[at + i * step + 2 - k];
}

std::uint8_t widened(unsigned value, unsigned bits) {
  const unsigned most = (1u << bits) - 1;
  return static_cast<std::uint8_t>(value * 255 / most);
}

void raw_row(const Bmp& b, const std::uint8_t* from, std::uint8_t* to) {
  const auto width = static_cast<std::size_t>(b.width);
  if (b.bits <= 8) {
    const std::size_t each = 8 / b.bits;
    for (std::size_t x = 0; x < width; ++x) {
      const unsigned index = from[x / each] >> (8 - b.bits * (x % each + 1)) & ((1u << b.bits) - 1);
      std::copy_n(b.colours.data() + index * 3, 3, to + x * 3);
    }
  } else if (b.bits == 16) {
    for (std::size_t x = 0; x < width; ++x) {
      const unsigned v = from[x * 2] | unsigned{from[x * 2 + 1]} << 8, green = b.five_six_five ? 6 : 5;
      to[x * 3] = widened(v >> (5 + green) & 31, 5);
      to[x * 3 + 1] = widened(v >> 5 & ((1u << green) - 1), green);
      to[x * 3 + 2] = widened(v & 31, 5);
    }
  } else {
    const std::size_t bytes = b.bits / 8;
    for (std::size_t x = 0; x < width; ++x) {
      const std::uint8_t* p = from + x * bytes;
      const std::uint8_t rgba[4] = {p[b.place[0]], p[b.place[1]], p[b.place[2]],
                                    b.place[3] < 0 ? std::uint8_t{255} : p[b.place[3]]};
      flatten_rgba(rgba, to + x * 3, 1, b.file.alpha);
    }
  }
}

/// Pillow's decoder of RLE4 and RLE8, a byte a pixel, the first row of the file first; false when pixels are missing.
bool unpack(const Bmp& b, std::vector<std::uint8_t>& out) {
  const std::uint8_t* bytes = b.file.data();
  const auto width = static_cast<std::size_t>(b.width);
  const std::size_t wanted = out.size(), size = b.file.bytes.size();
  std::size_t done = 0, x = 0, at = std::min(b.pixels_at, size);
  const bool four = b.compression == 2;
  const auto put = [&](unsigned v) {
    if (done < wanted) out[done] = static_cast<std::uint8_t>(v);
    ++done;
  };
  while (done < wanted && at + 2 <= size) {
    std::size_t n = bytes[at];
    const unsigned value = bytes[at + 1];
    at += 2;
    if (n > 0) {
      n = x + n > width ? width - std::min(x, width) : n;
      for (std::size_t i = 0; i < n; ++i) put(!four ? value : i % 2 == 0 ? value >> 4 : value & 15);
      x += n;
    } else if (value == 0) {
      while (done % width != 0) put(0);
      x = 0;
    } else if (value == 1) {
      break;
    } else if (value == 2) {
      if (at + 2 > size) break;
      const std::size_t skip = std::min(wanted - done, bytes[at] + bytes[at + 1] * width);
      at += 2;
      for (std::size_t i = 0; i < skip; ++i) put(0);
      x = done % width;
    } else {
      n = std::min<std::size_t>(wanted - done, value);
      const std::size_t length = four ? (n + 1) / 2 : n, got = std::min(length, size - at);
      for (std::size_t i = 0; i < got; ++i) {
        if (!four) {
          put(bytes[at + i]);
          continue;
        }
        put(bytes[at + i] >> 4);
        if (i * 2 + 1 < n) put(bytes[at + i] & 15);
      }
      at += got;
      if (got < length || done >= wanted) break;
      x += value;
      at += at % 2;
    }
  }
  return done >= wanted;
}

}  // namespace

Decoded decode_bmp(const Encoded& file) {
  Bmp b(file);
  std::size_t at = read_header(b);
  std::size_t count = b.header_size == 12 ? 0 : b.get(46, 4);
  if (count == 0) count = std::size_t{1} << std::min(b.bits, 31u);
  b.pixels_at = b.get(10, 4);
  if (b.bits <= 8) {
    const std::size_t step = b.header_size == 12 ? 3 : 4;
    if (b.pixels_at == 14 + b.header_size) b.pixels_at += step * count;
    read_colours(b, at, count);
    at += step * count;
  }
  if (b.pixels_at == 0) b.pixels_at = std::min(at, file.bytes.size());
  const auto height = static_cast<std::size_t>(b.height), width = static_cast<std::size_t>(b.width);
  const bool packed = b.compression == 1 || b.compression == 2;
  b.row_bytes = (width * b.bits + 31) / 32 * 4;
  Decoded d;
  const auto row = [&](std::size_t y) { return d.image.row(static_cast<Index>(b.top_down ? y : height - 1 - y)); };
  if (packed) {
    if (b.bits > 8) file.refuse("BMP: run lengths without a palette");
    // A byte for each pixel first: a run may end in the next row.
    std::vector<std::uint8_t> indices(height * width);
    if (!unpack(b, indices)) file.refuse("BMP: the file is truncated");
    d.image = Image(b.height, b.width);
    for (std::size_t y = 0; y < height; ++y)
      for (std::size_t x = 0; x < width; ++x)
        std::copy_n(b.colours.data() + indices[y * width + x] * std::size_t{3}, 3, row(y) + x * 3);
    return d;
  }
  // The last row may lack its padding.
  if (b.pixels_at > file.bytes.size() ||
      file.bytes.size() - b.pixels_at < b.row_bytes * (height - 1) + (width * b.bits + 7) / 8)
    file.refuse("BMP: the file is truncated");
  d.image = Image(b.height, b.width);
  for (std::size_t y = 0; y < height; ++y) raw_row(b, file.data() + b.pixels_at + y * b.row_bytes, row(y));
  return d;
}

}  // namespace arrcoc::io
