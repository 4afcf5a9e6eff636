#pragma once
// Clips on disk: videos through the programs ffprobe and ffmpeg, animated GIF, WebP and PNG, frames as pictures.
// docs/video.md has what becomes of each.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "arrcoc/core/clip.hpp"
#include "arrcoc/io/image_file.hpp"

namespace arrcoc::io {

struct ClipOptions {
  /// A clock for frames that have none, one of the two: so many a second, or the time of each [frames of the file].
  double frames_per_second = 0;
  std::vector<double> seconds;
  Alpha alpha = Alpha::white;  // of pictures and animations
  Index max_pixels = 1 << 24;  // of a frame; above it the clip is refused from its header
  std::string ffmpeg = "ffmpeg", ffprobe = "ffprobe";
};

/// Numbers of the frames to look at, ascending, of a clip of `total` frames at `frames_per_second` on average.
using ChooseFrames = std::function<std::vector<Index>(Index total, double frames_per_second)>;

/// A video, an animation, or a folder of pictures in the order of their names (numbers in names as numbers). Nothing is
/// written to disk, one frame is held at a time, and what runs beside ends with the source or with the thread that
/// pulled its first frame. Error{bad_video} for what has no frames, is cut off or has no clock; Error{bad_image} for a
/// frame above the limit or that cannot be decoded; Error{bad_config} for a clock that cannot be;
/// Error{program_missing}; Error 401 and 402 for the file.
std::unique_ptr<FrameSource> open_clip(const std::filesystem::path& file, const ChooseFrames& choose,
                                       const ClipOptions& options = {});
/// Pictures of one size, a frame each. Errors likewise.
std::unique_ptr<FrameSource> open_frames(const std::vector<std::filesystem::path>& pictures, const ChooseFrames& choose,
                                         const ClipOptions& options = {});

}  // namespace arrcoc::io
