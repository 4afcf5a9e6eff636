// Animated GIF through giflib, frames put together as Pillow does it.
#ifdef ARRCOC_HAVE_GIF
#include <array>

#include "clip_parts.hpp"
#include "image/gif_reading.hpp"
#include "image/image_codecs.hpp"

namespace arrcoc::io {
namespace {

using Colour = std::array<std::uint8_t, 4>;

class GifAnimation final : public InOrder {
 public:
  GifAnimation(std::string bytes, ClipInfo info, Alpha alpha)
      : InOrder(std::move(info)),
        bytes_(std::move(bytes)),
        source_{std::as_bytes(std::span(bytes_))},
        gif_(open_gif_bytes(source_)),
        alpha_(alpha),
        canvas_(static_cast<std::size_t>(info_.height * info_.width * 4)) {}

 protected:
  Image frame(Index number) override {
    draw(number);
    Image out(info_.height, info_.width);
    flatten_rgba(canvas_.data(), out.rgb.data(), static_cast<std::size_t>(info_.height * info_.width), alpha_);
    return out;
  }
  void pass(Index number) override { draw(number); }

 private:
  struct Area {
    Index top = 0, left = 0, height = 0, width = 0;
  };
  std::uint8_t* at(Index row, Index col) { return canvas_.data() + (row * info_.width + col) * 4; }
  void fill(const Area& a, const Colour& c) {
    for (Index r = 0; r < a.height; ++r)
      for (Index x = 0; x < a.width; ++x) std::copy(c.begin(), c.end(), at(a.top + r, a.left + x));
  }
  void check(bool ok, Index number) {
    require_that(ok, Code::bad_video, info_.name,
                 [&] { return "the clip ends early: frame " + std::to_string(number) + " cannot be decoded"; });
  }

  /// What is to become of the last frame's area.
  void dispose() {
    if (disposal_ == 2) fill(area_, ground_);
    else if (disposal_ == 3)
      for (Index r = 0; r < area_.height && !before_.empty(); ++r)
        std::copy_n(before_.data() + r * area_.width * 4, area_.width * 4, at(area_.top + r, area_.left));
  }

  /// What is remembered of the canvas, and how the area will be cleared, before this frame is drawn.
  void remember(bool first, const GifControl& control, const std::vector<std::uint8_t>& colours) {
    if (control.disposal != 0) disposal_ = control.disposal;
    const bool through = control.transparent.has_value();
    const auto index = static_cast<std::size_t>(through                      ? *control.transparent
                                                : gif_->SColorMap != nullptr ? gif_->SBackGroundColor
                                                                             : 0);
    const std::uint8_t* c = colours.data() + index * 3;
    ground_ = {c[0], c[1], c[2], static_cast<std::uint8_t>(through && sees_through_ ? 0 : 255)};
    before_.clear();
    if (disposal_ != 3) return;
    if (!first)
      for (Index r = 0; r < area_.height; ++r)
        before_.insert(before_.end(), at(area_.top + r, area_.left), at(area_.top + r, area_.left) + area_.width * 4);
    else if (through)  // before the first frame there was nothing
      for (Index i = 0; i < area_.height * area_.width; ++i)
        before_.insert(before_.end(), ground_.begin(), ground_.end());
  }

  void draw(Index number) {
    const bool first = number == 0;
    check(gif_ != nullptr, number);
    GifControl control;
    check(next_gif_frame(gif_.get(), control) == GifStep::frame, number);
    dispose();
    const GifImageDesc& frame = gif_->Image;
    const std::vector<std::uint8_t> colours = gif_colours(frame.ColorMap != nullptr ? frame.ColorMap : gif_->SColorMap);
    if (first) {
      sees_through_ = control.transparent.has_value();
      const std::uint8_t* c = colours.data() + control.transparent.value_or(0) * std::size_t{3};
      fill({0, 0, info_.height, info_.width}, {c[0], c[1], c[2], static_cast<std::uint8_t>(sees_through_ ? 0 : 255)});
    }
    area_ = {frame.Top, frame.Left, frame.Height, frame.Width};
    check(area_.top + area_.height <= info_.height && area_.left + area_.width <= info_.width, number);
    remember(first, control, colours);
    check(read_gif_rows(gif_.get(), indices_,
                        [&](Index y) {
                          std::uint8_t* to = at(area_.top + y, area_.left);
                          for (std::size_t x = 0; x < indices_.size(); ++x, to += 4) {
                            if (control.transparent == indices_[x]) continue;
                            std::copy_n(colours.data() + indices_[x] * std::size_t{3}, 3, to);
                            to[3] = 255;
                          }
                        }),
          number);
  }

  std::string bytes_;
  GifBytes source_;
  Gif gif_;
  Alpha alpha_;
  std::vector<std::uint8_t> canvas_, before_, indices_;  // RGBA, RGBA, a row of the palette's
  Area area_;
  Colour ground_{};
  int disposal_ = 0;
  bool sees_through_ = false;  // the first frame had a transparent colour, so that the canvas may be empty
};

}  // namespace

std::unique_ptr<FrameSource> open_gif(std::string bytes, const std::string& file, const ChooseFrames& choose,
                                      const ClipOptions& o) {
  Listing l{file, 0, 0, 0, {}, 0};
  std::vector<double> delays;
  {
    GifBytes source{std::as_bytes(std::span(bytes))};
    const Gif gif = open_gif_bytes(source);
    require_that(gif != nullptr, Code::bad_video, file, "GIF: the header is malformed or truncated");
    l.height = gif->SHeight;
    l.width = gif->SWidth;
    for (;;) {
      GifControl control;
      const GifStep step = next_gif_frame(gif.get(), control);
      if (step == GifStep::end) break;
      int size = 0;
      GifByteType* block = nullptr;
      bool whole = step == GifStep::frame && DGifGetCode(gif.get(), &size, &block) != GIF_ERROR;
      while (whole && block != nullptr) whole = DGifGetCodeNext(gif.get(), &block) != GIF_ERROR;
      require_that(whole, Code::bad_video, file,
                   [&] { return "the file is cut off behind " + std::to_string(delays.size()) + " frames"; });
      l.height = std::max<Index>(l.height, Index{gif->Image.Top} + gif->Image.Height);
      l.width = std::max<Index>(l.width, Index{gif->Image.Left} + gif->Image.Width);
      delays.push_back(static_cast<double>(control.hundredths) / 100);
    }
  }
  l.total = static_cast<Index>(delays.size());
  clock_of_delays(l, delays);
  ClipInfo info = chosen_frames(std::move(l), choose, o);
  return std::make_unique<GifAnimation>(std::move(bytes), std::move(info), o.alpha);
}

}  // namespace arrcoc::io
#endif  // ARRCOC_HAVE_GIF
