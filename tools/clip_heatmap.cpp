// Heatmaps of clips: a contact sheet of pairs, or an animation of frames.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>

#include "arrcoc/io/heatmap.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/webp_animation.hpp"
#include "arrcoc/primitives/frames.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"
#include "question.hpp"
#include "scenes/files/sheet.hpp"

namespace arrcoc::tools {
namespace {

constexpr Index least_side = 160, most_side = 320;  // px of the long side of a tile; small frames are scaled up
constexpr Index sheet_pixels = Index{1} << 24;      // of all tiles, above it they shrink
constexpr Index columns = 8;

/// Draws what became of the tokens over one frame after the other.
class ClipPainter {
 public:
  explicit ClipPainter(const Realized& r)
      : a_(r.allocation), pairs_(frames::of(a_.tokens)), levels_(io::heat_levels(drawn_relevance(r))) {}
  /// A frame of the clip with its pair's tokens and a line below it.
  Image paint(ImageView frame, const qwen3vl::Size& size, Index pair, double seconds) const {
    TokenSet tokens(a_.grid());
    std::vector<float> levels;
    std::vector<Index> kept;
    for (const Index t : pairs_[static_cast<std::size_t>(pair)]) {
      Place place = a_.tokens.at(t);
      if (std::binary_search(a_.kept.begin(), a_.kept.end(), t)) kept.push_back(static_cast<Index>(levels.size()));
      levels.push_back(levels_[static_cast<std::size_t>(t)]);
      place.frame = 0;
      if (!a_.tokens.raster()) tokens.places.push_back(place);
    }
    std::array<char, 64> line;
    std::snprintf(line.data(), line.size(), "%.1f s  %zu of %lld", seconds, kept.size(),
                  static_cast<long long>(a_.grid().count()));
    const Image small = qwen3vl::resize_bicubic(frame, size.height, size.width);
    if (levels.empty()) {  // none of its tokens was left to this decision
      tokens.places = {{0, 0, static_cast<float>(a_.grid().rows), static_cast<float>(a_.grid().cols)}};
      levels = {0};
    }
    return io::captioned(io::paint_heat(small.view(), tokens, levels, kept).view(), line.data());
  }
  std::size_t kept() const { return a_.kept.size(); }
  Index count() const { return a_.tokens.count(); }

 private:
  const Allocation& a_;
  std::vector<std::vector<Index>> pairs_;  // tokens of each
  std::vector<float> levels_;
};

std::string contact_sheet(FrameSource& frames, const ClipPainter& painter, const SeenSource& source, Index slots) {
  const auto pairs = static_cast<Index>(source.pairs.size()), count = static_cast<Index>(source.frames.size());
  const auto room = static_cast<Index>(std::sqrt(static_cast<double>(sheet_pixels / pairs)));
  const Index side = std::clamp(std::min(room, std::max(source.height, source.width)), least_side, most_side);
  const qwen3vl::Size size = qwen3vl::scaled_to(source.height, source.width, side);
  std::optional<scenes::Sheet> sheet;
  for (Index i = 0; i < count; ++i) {
    const Image frame = frames.next();
    if (i % slots != 0) continue;
    const Index pair = i / slots;
    const Image tile = painter.paint(frame.view(), size, pair, source.pairs[static_cast<std::size_t>(pair)]);
    const Index across = std::min(pairs, columns);
    if (!sheet) sheet.emplace((pairs + across - 1) / across, across, tile.height, tile.width);
    sheet->put(pair, tile.view());
  }
  return io::encode_png(io::with_heat_legend(sheet->take().view(), painter.kept(), painter.count()).view());
}

/// Every frame that was looked at, as long as until the next one; the last as long as the one before it.
std::string animation(FrameSource& frames, const ClipPainter& painter, const SeenSource& source, Index slots) {
  const Index side = std::clamp(std::max(source.height, source.width), least_side, most_side);
  const qwen3vl::Size size = qwen3vl::scaled_to(source.height, source.width, side);
  const auto at = [&](std::size_t i) { return std::lround(1000 * (source.frames[i] - source.frames[0])); };
  std::optional<io::WebpAnimation> out;
  const std::size_t count = source.frames.size();
  for (std::size_t i = 0; i < count; ++i) {
    const Image frame = frames.next();
    const Image tile = painter.paint(frame.view(), size, static_cast<Index>(i) / slots, source.frames[i]);
    if (!out) out.emplace(tile.height, tile.width);
    out->add(tile.view(), at(i));
  }
  return out->finish(count > 1 ? 2 * at(count - 1) - at(count - 2) : 1000);
}

}  // namespace

bool is_webp(const std::filesystem::path& file) {
  std::string ending = file.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return ending == ".webp";
}

std::string draw_clip(const InputClip& clip, const Realized& realized, const SeenSource& source, Index slots,
                      bool animated) {
  const std::unique_ptr<FrameSource> frames = clip.open();
  const ClipPainter painter(realized);
  return animated ? animation(*frames, painter, source, slots) : contact_sheet(*frames, painter, source, slots);
}

}  // namespace arrcoc::tools
