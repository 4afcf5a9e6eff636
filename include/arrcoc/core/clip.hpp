#pragma once
// A clip as the model sees it: sampled frames that know when they were shown. Plain data, and a source that is pulled.
#include <string>
#include <vector>

#include "arrcoc/core/image.hpp"

namespace arrcoc {

/// What is known of a clip's sampled frames before one is decoded.
struct ClipInfo {
  Index height = 0, width = 0;  // px of each frame as shown (rotation applied)
  std::vector<double> seconds;  // [F] time of each sampled frame from the start of the clip, ascending
  double frames_per_second =
      0;                       // of the file (average); with `indices` what the reference computes its timestamps from
  std::vector<Index> indices;  // [F] number of each sampled frame in the file
  std::string name;            // for messages
};

/// Pulls sampled frames in order; holds one frame at a time.
class FrameSource {
 public:
  FrameSource() = default;
  FrameSource(const FrameSource&) = delete;
  FrameSource& operator=(const FrameSource&) = delete;
  virtual ~FrameSource() = default;
  virtual const ClipInfo& info() const = 0;
  /// The next frame, [H, W, 3]; Error{bad_video} for a clip that ends early or a call behind the last frame.
  virtual Image next() = 0;
};

}  // namespace arrcoc
