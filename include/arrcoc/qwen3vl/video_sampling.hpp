#pragma once
// Which frames of a clip are looked at, and when. Sources: transformers 5.23 (Qwen3VLVideoProcessor.sample_frames,
// Qwen3VLProcessor._calculate_timestamps) and qwen-vl-utils 0.0.14 (smart_nframes, fetch_video).
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::qwen3vl {

/// Whose rules choose the frames of a clip and their size.
enum class VideoRoute : std::uint8_t { transformers, qwen_vl_utils };

struct VideoSampling {
  double fps = 2;    // frames wanted a second
  Index frames = 0;  // above 0: this many, whatever the time between them
  Index min_frames = 4, max_frames = 768;

  void validate() const {
    require_that(std::isfinite(fps) && fps > 0, Code::bad_config, "video_sampling",
                 [&] { return "frames a second: expected a number above 0, got " + std::to_string(fps); });
    require_that(frames >= 0 && min_frames >= 1 && max_frames >= min_frames, Code::bad_config, "video_sampling", [&] {
      return "frames: expected 1 <= least <= most, got " + std::to_string(min_frames) + " and " +
             std::to_string(max_frames) + (frames < 0 ? ", and " + std::to_string(frames) + " in all" : "");
    });
  }
};

namespace detail {

/// numpy.linspace(0, last, n), half to even.
inline std::vector<Index> spread_double(Index last, Index n) {
  std::vector<Index> out(static_cast<std::size_t>(n), 0);
  const double step = n > 1 ? static_cast<double>(last) / static_cast<double>(n - 1) : 0;
  for (Index i = 0; i < n; ++i)
    out[static_cast<std::size_t>(i)] = static_cast<Index>(std::nearbyint(static_cast<double>(i) * step));
  if (n > 1) out.back() = last;
  return out;
}

/// torch.linspace(0, last, n) in 32 bits, from both ends to the middle with fused products, half to even.
inline std::vector<Index> spread_float(Index last, Index n) {
  std::vector<Index> out(static_cast<std::size_t>(n), 0);
  const auto end = static_cast<float>(last);
  const float step = n > 1 ? end / static_cast<float>(n - 1) : 0;
  for (Index i = 0; i < n; ++i) {
    const float at = i < n / 2 ? step * static_cast<float>(i) : std::fma(-step, static_cast<float>(n - i - 1), end);
    out[static_cast<std::size_t>(i)] = static_cast<Index>(std::nearbyint(at));
  }
  return out;
}

/// Frames that `fps` asks for, cut to what an Index holds.
inline double wanted_frames(Index total, double frames_per_second, double fps) {
  return std::min(static_cast<double>(total) / frames_per_second * fps, 9e15);
}

}  // namespace detail

/// Numbers of the frames that are looked at, ascending, of a clip of `total` frames at `frames_per_second` on average.
/// qwen_vl_utils makes their count even. Error{bad_config} for settings that cannot be, and for more frames than there
/// are; Error{bad_video} for a clip without frames or rate, or with fewer frames than qwen_vl_utils can use (2).
inline std::vector<Index> sample_frames(Index total, double frames_per_second, const VideoSampling& s,
                                        VideoRoute route = VideoRoute::transformers) {
  s.validate();
  require_that(total > 0 && std::isfinite(frames_per_second) && frames_per_second > 0, Code::bad_video, "sample_frames",
               [&] {
                 return "expected frames and their rate, got " + std::to_string(total) + " frames at " +
                        std::to_string(frames_per_second) + " a second";
               });
  require_that(s.frames <= total, Code::bad_config, "sample_frames", [&] {
    return "frames: expected at most the clip's " + std::to_string(total) + ", got " + std::to_string(s.frames);
  });
  if (route == VideoRoute::transformers) {
    Index n = s.frames;
    if (n == 0) {
      n = static_cast<Index>(detail::wanted_frames(total, frames_per_second, s.fps));
      n = std::min({std::max(n, s.min_frames), s.max_frames, total});
    }
    return detail::spread_double(total - 1, n);
  }
  auto n = static_cast<Index>(std::nearbyint(static_cast<double>(s.frames) / 2)) * 2;
  if (s.frames == 0) {
    const auto least = static_cast<double>((s.min_frames + 1) / 2 * 2),
               most = static_cast<double>(std::min(s.max_frames, total) / 2 * 2);
    const double wanted = detail::wanted_frames(total, frames_per_second, s.fps);
    n = static_cast<Index>(std::floor(std::min(std::max(wanted, least), most) / 2)) * 2;
  }
  require_that(n >= 2 && n <= total, Code::bad_video, "sample_frames", [&] {
    return "frames: qwen-vl-utils expects an even number from 2 to the clip's " + std::to_string(total) + ", got " +
           std::to_string(n);
  });
  return detail::spread_float(total - 1, n);
}

/// [F] the times that the reference assumes: a frame's number by the average rate, whatever the container says.
inline std::vector<double> reference_seconds(std::span<const Index> indices, double frames_per_second) {
  std::vector<double> out;
  for (const Index i : indices) out.push_back(static_cast<double>(i) / frames_per_second);
  return out;
}

/// [ceil(F / temporal)] the time of each temporal patch: the mean of its first and its last frame. The last frame
/// stands again for those that a last patch lacks. Source: Qwen3VLProcessor._calculate_timestamps.
inline std::vector<double> patch_seconds(std::span<const double> seconds, Index temporal = 2) {
  require_that(temporal >= 1, Code::bad_config, "patch_seconds", "frames of a patch: expected 1 or more");
  std::vector<double> out;
  const auto n = seconds.size(), t = static_cast<std::size_t>(temporal);
  for (std::size_t i = 0; i < n; i += t) out.push_back((seconds[i] + seconds[std::min(i + t, n) - 1]) / 2);
  return out;
}

}  // namespace arrcoc::qwen3vl
