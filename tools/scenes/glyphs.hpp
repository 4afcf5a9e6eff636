#pragma once
// Glyph masks by font, size and character. Cells have widths of our own table, so that layout never depends on a font
// file.
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "canvas.hpp"

namespace arrcoc::scenes {

inline constexpr std::array<const char*, 6> font_families{"DejaVu Sans",     "DejaVu Serif",     "DejaVu Sans Mono",
                                                          "Liberation Sans", "Liberation Serif", "Liberation Mono"};

/// Cell of a character at a font size in px (size = cap-to-descender height of the cell x 4/5).
struct Cell {
  Index height = 0, width = 0;
};
Cell cell_of(char c, Index size);

/// Draws glyphs once through Cairo and keeps them. Thread-safe. Without Cairo only masks loaded from a file are known.
class GlyphAtlas {
 public:
  /// The mask of a printable ASCII character, `cell_of(c, size)` large. Error{backend_missing} when it is neither
  /// loaded nor drawable.
  const Mask& glyph(Index font, bool bold, Index size, char c);
  /// Versions of the libraries that drew the masks, for the record.
  static std::string library_versions();
  void save(const std::filesystem::path& file) const;  // all masks known so far
  void load(const std::filesystem::path& file);

 private:
  using Key = std::tuple<Index, bool, Index, char>;
  std::map<Key, Mask> masks_;
  mutable std::mutex mutex_;
};

}  // namespace arrcoc::scenes
