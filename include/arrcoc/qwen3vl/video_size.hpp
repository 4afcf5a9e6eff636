#pragma once
// The size that every frame of a clip is brought to. Sources: smart_resize of transformers 5.23
// (video_processing_qwen3_vl.py), fetch_video and smart_resize of qwen-vl-utils 0.0.14.
#include <algorithm>
#include <cmath>
#include <string>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/model_config.hpp"
#include "arrcoc/core/types.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"
#include "arrcoc/qwen3vl/video_sampling.hpp"

namespace arrcoc::qwen3vl {

/// Limits of what is encoded, not of what is kept. The first three are transformers', as the released checkpoints set
/// them; the others are qwen-vl-utils'.
struct VideoLimits {
  Index min_pixels = 4096, max_pixels = 25'165'824;      // of all frames together
  Index frame_cap = 0;                                   // tokens; above 0: `cap_pixels_per_frame` with this many
  Index min_frame_tokens = 128, max_frame_tokens = 768;  // of a frame
  Index context = 128'000;                               // tokens of the model
  double context_share = .9;                             // of it, for one clip

  void validate() const {
    require_that(frame_cap >= 0 && frame_cap < 100'000'000, Code::bad_config, "video_limits",
                 [&] { return "--frame-cap: expected 0 to 99999999 tokens, got " + std::to_string(frame_cap); });
    require_that(min_pixels > 0 && min_pixels <= max_pixels, Code::bad_config, "video_limits", [&] {
      return "pixels of a clip: expected 0 < least <= most, got " + std::to_string(min_pixels) + " and " +
             std::to_string(max_pixels);
    });
    require_that(min_frame_tokens > 0 && min_frame_tokens <= max_frame_tokens && context > 0 && context_share > 0 &&
                     context_share <= 1,
                 Code::bad_config, "video_limits", [&] {
                   return "tokens of a frame: expected 0 < least <= most, got " + std::to_string(min_frame_tokens) +
                          " and " + std::to_string(max_frame_tokens) + "; of a context of 1 or more a share in (0, 1]";
                 });
  }
};

/// Those of a checkpoint's video processor; qwen-vl-utils' as they are.
inline VideoLimits limits_of(const VideoPreprocessConfig& c) {
  VideoLimits l;
  l.min_pixels = c.min_pixels;
  l.max_pixels = c.max_pixels;
  l.frame_cap = c.frame_cap;
  return l;
}

/// What the vision tower is given of a clip.
struct VideoShape {
  Size frame;         // px of every frame
  Index patches = 0;  // temporal patches: pairs of frames, the last frame of an odd count twice
  Grid grid;          // tokens of one temporal patch
  Index tokens() const { return patches * grid.count(); }
};

namespace detail {

/// Sides as multiples of `factor`, scaled down or up where `pixels` (frames x rows x columns) leaves [least, most].
struct Fit {
  double frames, height, width;
  Index factor;
  Index down(double side, double beta) const {
    return static_cast<Index>(std::floor(side / beta / static_cast<double>(factor))) * factor;
  }
  Index up(double side, double beta) const {
    return static_cast<Index>(std::ceil(side * beta / static_cast<double>(factor))) * factor;
  }
  Index nearest(double side) const {
    return static_cast<Index>(std::nearbyint(side / static_cast<double>(factor))) * factor;
  }
  Size within(Size size, double counted, double least, double most) const {
    const double pixels = counted * static_cast<double>(size.height) * static_cast<double>(size.width);
    if (pixels > most) {
      const double beta = std::sqrt(frames * height * width / most);
      return {down(height, beta), down(width, beta)};
    }
    if (pixels < least) {
      const double beta = std::sqrt(least / (frames * height * width));
      return {up(height, beta), up(width, beta)};
    }
    return size;
  }
};

inline Size clip_size(Index frames, Index height, Index width, const VideoLimits& l, Index factor, Index temporal) {
  const auto f = static_cast<double>(factor);
  auto h = static_cast<double>(height), w = static_cast<double>(width);
  if (height < factor || width < factor) {
    const double scale = std::max(f / h, f / w);
    h = std::trunc(h * scale);
    w = std::trunc(w * scale);
    require_that(std::max(h, w) <= 200 * std::min(h, w), Code::bad_image, "video_size", [&] {
      return "aspect ratio: expected at most 200, got " + std::to_string(height) + "x" + std::to_string(width) + " px";
    });
  }
  Index most = l.max_pixels;
  if (l.frame_cap > 0)
    most = frames * std::max(std::min(l.frame_cap * factor * factor, l.max_pixels / frames),
                             static_cast<Index>(static_cast<double>(l.min_pixels) * 1.05));
  const Fit fit{static_cast<double>(frames), h, w, factor};
  const double counted =
      std::nearbyint(static_cast<double>(frames) / static_cast<double>(temporal)) * static_cast<double>(temporal);
  const Size size = fit.within({fit.nearest(h), fit.nearest(w)}, counted, static_cast<double>(l.min_pixels),
                               static_cast<double>(most));
  return {std::max(factor, size.height), std::max(factor, size.width)};
}

inline Size frame_size(Index frames, Index height, Index width, const VideoLimits& l, Index factor, Index temporal) {
  const auto area = static_cast<double>(factor * factor), least = static_cast<double>(l.min_frame_tokens) * area;
  const double total = static_cast<double>(l.context) * area * l.context_share;
  const double most = std::max(std::min(static_cast<double>(l.max_frame_tokens) * area,
                                        total / static_cast<double>(frames) * static_cast<double>(temporal)),
                               std::trunc(least * 1.05));
  const Fit fit{1, static_cast<double>(height), static_cast<double>(width), factor};
  return fit.within({std::max(factor, fit.nearest(fit.height)), std::max(factor, fit.nearest(fit.width))}, 1, least,
                    most);
}

}  // namespace detail

/// The size and the tokens of a clip of `frames` sampled frames of height x width px; `factor` px are a token's side,
/// `temporal` frames a temporal patch. Error{bad_config}; Error{bad_image} for empty frames, sides more than 200 apart
/// and frames of which no row or column would remain; Error{bad_video} for fewer frames than a temporal patch has.
inline VideoShape video_shape(Index frames, Index height, Index width, const VideoLimits& limits,
                              VideoRoute route = VideoRoute::transformers, Index factor = 32, Index temporal = 2) {
  limits.validate();
  require_that(factor > 0 && temporal > 0, Code::bad_config, "video_size", "factors: expected 1 or more");
  require_that(height > 0 && width > 0 && std::max(height, width) / 200.0 <= std::min(height, width), Code::bad_image,
               "video_size", [&] {
                 return "expected frames whose sides are at most 200 apart, got " + std::to_string(height) + "x" +
                        std::to_string(width) + " px";
               });
  require_that(frames >= temporal, Code::bad_video, "video_size", [&] {
    return "frames: expected at least " + std::to_string(temporal) + ", got " + std::to_string(frames) +
           "; one frame alone is a picture";
  });
  const Size size = route == VideoRoute::transformers
                        ? detail::clip_size(frames, height, width, limits, factor, temporal)
                        : detail::frame_size(frames, height, width, limits, factor, temporal);
  require_that(size.height > 0 && size.width > 0, Code::bad_image, "video_size", [&] {
    return "frames of " + std::to_string(height) + "x" + std::to_string(width) +
           " px: nothing of their short side remains within the limits";
  });
  return {size, (frames + temporal - 1) / temporal, {size.height / factor, size.width / factor}};
}

}  // namespace arrcoc::qwen3vl
