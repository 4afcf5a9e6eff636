// The first page of a TIFF through libtiff: 1 to 16 bits, strips and tiles, the kinds that Pillow's table knows.
#ifdef ARRCOC_HAVE_TIFF
#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "image_codecs.hpp"

namespace arrcoc::io {
namespace {

constexpr tmsize_t max_allocation = tmsize_t{512} << 20;

struct Source {
  std::span<const std::byte> bytes;
  std::uint64_t at = 0;
  std::string problem;
};
Source& source_of(thandle_t handle) { return *static_cast<Source*>(handle); }

tmsize_t on_read(thandle_t handle, void* to, tmsize_t n) {
  Source& s = source_of(handle);
  if (s.at >= s.bytes.size() || n <= 0) return 0;
  const std::size_t got = std::min(static_cast<std::size_t>(n), s.bytes.size() - static_cast<std::size_t>(s.at));
  std::memcpy(to, s.bytes.data() + s.at, got);
  s.at += got;
  return static_cast<tmsize_t>(got);
}
tmsize_t on_write(thandle_t, void*, tmsize_t) { return -1; }
toff_t on_seek(thandle_t handle, toff_t to, int whence) {
  Source& s = source_of(handle);
  s.at = whence == SEEK_CUR ? s.at + to : whence == SEEK_END ? s.bytes.size() + to : to;
  return s.at;
}
int on_close(thandle_t) { return 0; }
toff_t on_size(thandle_t handle) { return source_of(handle).bytes.size(); }
int on_map(thandle_t handle, void** base, toff_t* size) {
  Source& s = source_of(handle);
  *base = const_cast<std::byte*>(s.bytes.data());  // libtiff never writes to a file opened with "r"
  *size = s.bytes.size();
  return 1;
}
void on_unmap(thandle_t, void*, toff_t) {}
int on_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto* s = static_cast<Source*>(user);
  char text[200];
  std::vsnprintf(text, sizeof text, format, arguments);
  if (s->problem.empty()) s->problem = text;
  return 1;
}
int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct Close {
  void operator()(TIFF* t) const { TIFFClose(t); }
  void operator()(TIFFOpenOptions* o) const { TIFFOpenOptionsFree(o); }
};

struct Tiff {
  Tiff(TIFF* h, const Encoded& f) : handle(h), file(f) {}
  TIFF* handle;
  const Encoded& file;
  std::uint32_t height = 0, width = 0;
  std::uint16_t bits = 1, samples = 1, photometric = 0, planar = PLANARCONFIG_CONTIG, compression = COMPRESSION_NONE,
                extra = 0;
  bool has_extra = false;
  std::vector<std::uint8_t> colours;  // of a palette

  bool wide() const { return bits == 16; }
};

void read_kind(Tiff& t) {
  std::uint16_t format = SAMPLEFORMAT_UINT, extras = 0, *kinds = nullptr;
  TIFFGetField(t.handle, TIFFTAG_IMAGELENGTH, &t.height);
  TIFFGetField(t.handle, TIFFTAG_IMAGEWIDTH, &t.width);
  TIFFGetFieldDefaulted(t.handle, TIFFTAG_BITSPERSAMPLE, &t.bits);
  TIFFGetFieldDefaulted(t.handle, TIFFTAG_SAMPLESPERPIXEL, &t.samples);
  TIFFGetFieldDefaulted(t.handle, TIFFTAG_SAMPLEFORMAT, &format);
  TIFFGetFieldDefaulted(t.handle, TIFFTAG_PLANARCONFIG, &t.planar);
  TIFFGetFieldDefaulted(t.handle, TIFFTAG_COMPRESSION, &t.compression);
  TIFFGetField(t.handle, TIFFTAG_PHOTOMETRIC, &t.photometric);
  if (TIFFGetField(t.handle, TIFFTAG_EXTRASAMPLES, &extras, &kinds) != 0 && extras > 0) {
    t.extra = kinds[0];
    t.has_extra = true;
    for (std::uint16_t i = 1; i < extras; ++i)
      if (kinds[i] != 0) t.file.refuse("TIFF: more than one extra sample with a meaning");
  }
  const auto unknown = [&] {
    t.file.refuse("TIFF: " + std::to_string(t.samples) + " samples of " + std::to_string(t.bits) +
                  " bits, photometric " + std::to_string(t.photometric) + ", are not read");
  };
  if (format != SAMPLEFORMAT_UINT || t.samples < 1 || t.samples > 6) unknown();
  const bool deep = t.bits == 8 || t.bits == 16, shallow = t.bits == 1 || t.bits == 2 || t.bits == 4;
  const int given = t.samples - (t.has_extra ? extras : 0);
  bool known = false;
  switch (t.photometric) {
    case PHOTOMETRIC_MINISWHITE: known = t.samples == 1 && (shallow || t.bits == 8); break;
    case PHOTOMETRIC_MINISBLACK:
      known = (t.samples == 1 && (shallow || deep)) ||
              (t.samples == 2 && t.bits == 8 && t.has_extra && t.extra != EXTRASAMPLE_ASSOCALPHA);
      break;
    case PHOTOMETRIC_RGB:
      known = deep && (given == 3 || (given == 4 && !t.has_extra)) &&
              !(t.wide() && t.has_extra && t.extra == EXTRASAMPLE_ASSOCALPHA);
      break;
    case PHOTOMETRIC_PALETTE: known = t.samples == 1 && (shallow || t.bits == 8); break;
    case PHOTOMETRIC_SEPARATED: known = deep && given == 4 && (!t.has_extra || t.extra == 0); break;
    case PHOTOMETRIC_YCBCR: known = t.bits == 8 && t.samples == 3 && t.compression == COMPRESSION_JPEG; break;
    default: break;
  }
  if (t.planar == PLANARCONFIG_SEPARATE && t.samples > 1)
    known = known && t.photometric == PHOTOMETRIC_RGB && t.bits == 8 && (t.samples == 3 || t.samples == 4);
  if (!known) unknown();
  if (t.photometric == PHOTOMETRIC_YCBCR) TIFFSetField(t.handle, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  if (t.photometric == PHOTOMETRIC_PALETTE) {
    std::uint16_t *r = nullptr, *g = nullptr, *b = nullptr;
    if (TIFFGetField(t.handle, TIFFTAG_COLORMAP, &r, &g, &b) == 0) t.file.refuse("TIFF: the palette is missing");
    for (std::size_t i = 0; i < std::size_t{1} << t.bits; ++i)
      for (const std::uint16_t* channel : {r, g, b}) t.colours.push_back(static_cast<std::uint8_t>(channel[i] >> 8));
  }
}

/// One row of samples, as libtiff leaves them, becomes RGB.
void to_rgb(const Tiff& t, const std::uint8_t* from, std::uint8_t* to, std::size_t width) {
  const std::size_t samples = t.samples;
  const auto sample = [&](std::size_t x, std::size_t k) -> unsigned {  // its high byte
    const std::size_t at = x * samples + k;
    if (!t.wide()) return from[at];
    std::uint16_t v;
    std::memcpy(&v, from + at * 2, 2);
    return v >> 8;
  };
  const auto grey = [&](std::size_t x, unsigned v) { std::fill_n(to + x * 3, 3, static_cast<std::uint8_t>(v)); };
  switch (t.photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE:
      for (std::size_t x = 0; x < width; ++x) {
        if (t.wide()) {  // Pillow cuts I;16 off at 255
          std::uint16_t v;
          std::memcpy(&v, from + x * 2, 2);
          grey(x, std::min<unsigned>(v, 255));
          continue;
        }
        const std::size_t each = 8u / t.bits;
        const unsigned most = (1u << t.bits) - 1,
                       v = samples > 1 ? from[x * samples] : from[x / each] >> (8 - t.bits * (x % each + 1)) & most;
        if (t.photometric == PHOTOMETRIC_PALETTE) {
          std::copy_n(t.colours.data() + v * std::size_t{3}, 3, to + x * 3);
        } else {
          const auto level = static_cast<std::uint8_t>(v * 255 / most);
          const std::uint8_t alpha = t.extra == EXTRASAMPLE_UNASSALPHA && samples > 1 ? from[x * samples + 1] : 255;
          const std::uint8_t shown =
              t.photometric == PHOTOMETRIC_MINISWHITE ? static_cast<std::uint8_t>(255 - level) : level;
          const std::uint8_t rgba[4] = {shown, shown, shown, alpha};
          flatten_rgba(rgba, to + x * 3, 1, t.file.alpha == Alpha::white ? Alpha::white : Alpha::drop);
        }
      }
      break;
    case PHOTOMETRIC_SEPARATED:
      for (std::size_t x = 0; x < width; ++x)
        for (std::size_t k = 0; k < 3; ++k) to[x * 3 + k] = from_cmyk(sample(x, k), sample(x, 3));
      break;
    default:
      for (std::size_t x = 0; x < width; ++x) {
        const bool alpha = samples > 3 && !(t.has_extra && t.extra == EXTRASAMPLE_UNSPECIFIED),
                   multiplied = alpha && t.has_extra && t.extra == EXTRASAMPLE_ASSOCALPHA;
        const unsigned a = alpha ? sample(x, 3) : 255;
        std::uint8_t rgba[4] = {0, 0, 0, static_cast<std::uint8_t>(a)};
        for (std::size_t k = 0; k < 3; ++k) {
          const unsigned v = sample(x, k);
          rgba[k] = static_cast<std::uint8_t>(!multiplied || a == 255 ? v : a == 0 ? 0 : std::min(v * 255 / a, 255u));
        }
        flatten_rgba(rgba, to + x * 3, 1, t.file.alpha);
      }
  }
}

bool read_strips(const Tiff& t, Image& image) {
  std::vector<std::uint8_t> row(static_cast<std::size_t>(TIFFScanlineSize64(t.handle)));
  if (row.size() < (std::size_t{t.width} * t.samples * t.bits + 7) / 8) return false;
  for (std::uint32_t y = 0; y < t.height; ++y) {
    if (TIFFReadScanline(t.handle, row.data(), y, 0) < 0) return false;
    to_rgb(t, row.data(), image.row(y), t.width);
  }
  return true;
}

bool read_tiles(const Tiff& t, Image& image) {
  std::uint32_t rows = 0, cols = 0;
  TIFFGetField(t.handle, TIFFTAG_TILELENGTH, &rows);
  TIFFGetField(t.handle, TIFFTAG_TILEWIDTH, &cols);
  const std::uint64_t size = TIFFTileSize64(t.handle), stride = TIFFTileRowSize64(t.handle);
  if (rows == 0 || cols == 0 || size == 0 || size > static_cast<std::uint64_t>(max_allocation) ||
      stride * rows > size || stride < (std::uint64_t{cols} * t.samples * t.bits + 7) / 8)
    return false;
  std::vector<std::uint8_t> tile(static_cast<std::size_t>(size));
  for (std::uint32_t y = 0; y < t.height; y += rows)
    for (std::uint32_t x = 0; x < t.width; x += cols) {
      if (TIFFReadTile(t.handle, tile.data(), x, y, 0, 0) < 0) return false;
      for (std::uint32_t r = 0; r < std::min(rows, t.height - y); ++r)
        to_rgb(t, tile.data() + r * stride, image.row(Index{y} + r) + Index{x} * 3, std::min(cols, t.width - x));
      if (t.width - x <= cols) break;
    }
  return true;
}

/// A plane for each channel: put side by side first, in a buffer that then becomes the picture.
bool read_planes(const Tiff& t, Image& image) {
  if (TIFFIsTiled(t.handle) != 0) t.file.refuse("TIFF: tiles of separate planes are not read");
  const std::size_t samples = t.samples, pixels = std::size_t{t.height} * t.width;
  image.rgb.resize(pixels * samples);
  std::vector<std::uint8_t> row(static_cast<std::size_t>(TIFFScanlineSize64(t.handle)));
  if (row.size() < t.width) return false;
  for (std::uint16_t k = 0; k < t.samples; ++k)
    for (std::uint32_t y = 0; y < t.height; ++y) {
      if (TIFFReadScanline(t.handle, row.data(), y, k) < 0) return false;
      std::uint8_t* to = image.rgb.data() + (std::size_t{y} * t.width) * samples + k;
      for (std::size_t x = 0; x < t.width; ++x) to[x * samples] = row[x];
    }
  if (samples == 4)
    for (std::size_t y = 0; y < t.height; ++y)
      to_rgb(t, image.rgb.data() + y * t.width * samples, image.rgb.data() + y * t.width * 3, t.width);
  image.rgb.resize(pixels * 3);
  return true;
}

}  // namespace

Decoded decode_tiff(const Encoded& file) {
  Source source{file.bytes, 0, {}};
  const std::unique_ptr<TIFFOpenOptions, Close> options(TIFFOpenOptionsAlloc());
  require_that(options != nullptr, Code::out_of_memory, file.where, "libtiff could not start");
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), max_allocation);
  const std::unique_ptr<TIFF, Close> tiff(TIFFClientOpenExt("picture", "r", &source, on_read, on_write, on_seek,
                                                            on_close, on_size, on_map, on_unmap, options.get()));
  const auto check = [&](bool ok) {
    if (!ok) file.refuse("TIFF: " + (source.problem.empty() ? "the data is malformed or truncated" : source.problem));
  };
  check(tiff != nullptr);
  Tiff t(tiff.get(), file);
  read_kind(t);
  check_size(t.height, t.width, file);
  Decoded d;
  std::uint16_t orientation = 1;
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_ORIENTATION, &orientation);
  d.orientation = orientation;
  d.turns_itself = true;
  d.image.height = t.height;
  d.image.width = t.width;
  if (t.planar == PLANARCONFIG_SEPARATE && t.samples > 1) {
    check(read_planes(t, d.image));
  } else {
    d.image = Image(t.height, t.width);
    check(TIFFIsTiled(tiff.get()) != 0 ? read_tiles(t, d.image) : read_strips(t, d.image));
  }
  return d;
}

}  // namespace arrcoc::io
#endif  // ARRCOC_HAVE_TIFF
