#include "glyphs.hpp"

#include <algorithm>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/atomic_file.hpp"

#ifdef ARRCOC_HAVE_CAIRO
#include <cairo.h>
#include <fontconfig/fontconfig.h>
#endif

namespace arrcoc::scenes {

Cell cell_of(char c, Index size) {
  // Widths in 1/32 of the size, near those of common sans faces.
  const Index w = std::string_view("iIl.,:;'!|").find(c) != std::string_view::npos    ? 10
                  : std::string_view("fjrt()[]-/ ").find(c) != std::string_view::npos ? 13
                  : std::string_view("mwMW@%").find(c) != std::string_view::npos      ? 28
                  : (c >= 'A' && c <= 'Z')                                            ? 22
                                                                                      : 19;
  return {size * 5 / 4, std::max<Index>(2, (size * w + 16) / 32)};
}

namespace {
#ifdef ARRCOC_HAVE_CAIRO
Mask draw_glyph(Index font, bool bold, Index size, char c) {
  const Cell cell = cell_of(c, size);
  Mask mask{cell.height, cell.width, std::vector<std::uint8_t>(static_cast<std::size_t>(cell.height * cell.width))};
  cairo_surface_t* surface =
      cairo_image_surface_create(CAIRO_FORMAT_A8, static_cast<int>(cell.width), static_cast<int>(cell.height));
  cairo_t* cr = cairo_create(surface);
  cairo_select_font_face(cr, font_families[static_cast<std::size_t>(font)], CAIRO_FONT_SLANT_NORMAL,
                         bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cr, static_cast<double>(size));
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(cr, options);
  const char text[2] = {c, 0};
  cairo_text_extents_t e;
  cairo_text_extents(cr, text, &e);
  const double room = static_cast<double>(cell.width), advance = std::max(e.x_advance, 1e-3);
  const double stretch = std::clamp(room / advance, 0.6, 1.25);
  cairo_translate(cr, (room - advance * stretch) / 2, static_cast<double>(size) * 0.95);
  cairo_scale(cr, stretch, 1);
  cairo_move_to(cr, 0, 0);
  cairo_show_text(cr, text);
  cairo_surface_flush(surface);
  const unsigned char* data = cairo_image_surface_get_data(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  for (Index r = 0; r < cell.height; ++r)
    std::copy_n(data + r * stride, cell.width, mask.alpha.begin() + r * cell.width);
  cairo_font_options_destroy(options);
  cairo_destroy(cr);
  cairo_surface_destroy(surface);
  return mask;
}
#endif

void put(std::string& out, std::uint32_t v) {
  for (int i = 0; i < 4; ++i) out += static_cast<char>(v >> (8 * i) & 255);
}
}  // namespace

std::string GlyphAtlas::library_versions() {
#ifdef ARRCOC_HAVE_CAIRO
  const int f = FcGetVersion();
  return std::string("cairo ") + cairo_version_string() + ", fontconfig " + std::to_string(f / 10000) + "." +
         std::to_string(f / 100 % 100) + "." + std::to_string(f % 100);
#else
  return "none";
#endif
}

const Mask& GlyphAtlas::glyph(Index font, bool bold, Index size, char c) {
  const std::lock_guard lock(mutex_);
  const Key key{font, bold, size, c};
  const auto it = masks_.find(key);
  if (it != masks_.end()) return it->second;
#ifdef ARRCOC_HAVE_CAIRO
  return masks_.emplace(key, draw_glyph(font, bold, size, c)).first->second;
#else
  fail(Code::backend_missing, "scenes.glyphs",
       "built without cairo, and the atlas holds no such glyph; expected libcairo2-dev at build time or an atlas file");
#endif
}

// magic "ARRGLYPH", u32 count, then per glyph u32 font, bold, size, char, height, width and the bytes; little-endian
void GlyphAtlas::save(const std::filesystem::path& file) const {
  const std::lock_guard lock(mutex_);
  std::string out = "ARRGLYPH";
  put(out, static_cast<std::uint32_t>(masks_.size()));
  for (const auto& [key, m] : masks_) {
    const auto& [font, bold, size, c] = key;
    for (const Index v : {font, Index{bold}, size, Index{c}, m.height, m.width})
      put(out, static_cast<std::uint32_t>(v));
    out.append(m.alpha.begin(), m.alpha.end());
  }
  io::write_file(file, out);
}

void GlyphAtlas::load(const std::filesystem::path& file) {
  const std::string in = io::read_file(file);
  std::size_t at = 8;
  const auto bad = [&] { fail(Code::bad_array, "scenes.glyphs", "not a glyph atlas: " + file.string()); };
  const auto get = [&]() -> Index {
    if (at + 4 > in.size()) bad();
    std::uint32_t v = 0;
    for (std::size_t i = 0; i < 4; ++i)
      v |= static_cast<std::uint32_t>(static_cast<unsigned char>(in[at + i])) << (8 * i);
    at += 4;
    return v;
  };
  if (!in.starts_with("ARRGLYPH")) bad();
  const std::lock_guard lock(mutex_);
  for (Index n = get(); n > 0; --n) {
    const Index font = get(), bold = get(), size = get(), c = get(), h = get(), w = get();
    if (h > 4096 || w > 4096 || at + static_cast<std::size_t>(h * w) > in.size()) bad();
    const auto first = in.begin() + static_cast<std::ptrdiff_t>(at);
    masks_[{font, bold != 0, size, static_cast<char>(c)}] = {h, w, {first, first + h * w}};
    at += static_cast<std::size_t>(h * w);
  }
}

}  // namespace arrcoc::scenes
