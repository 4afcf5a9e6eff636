#pragma once
// Animated WebP, written frame by frame.
#include <memory>
#include <string>

#include "arrcoc/core/image.hpp"

namespace arrcoc::io {

/// Frames of one size, lossy; a frame that equals the one before prolongs it. Holds the encoded frames and a few of
/// the last ones.
class WebpAnimation {
 public:
  /// px of every frame, 1 to 16,383; quality: libwebp's 0 to 100. Error{bad_image}.
  WebpAnimation(Index height, Index width, float quality = 75);
  ~WebpAnimation();
  /// Shown from `milliseconds` on, which never go back. Error{shape_mismatch} for another size, Error{bad_image}.
  void add(ImageView frame, Index milliseconds);
  /// The bytes of the file; the last frame is shown until `milliseconds`, and then the first one again.
  std::string finish(Index milliseconds);

 private:
  struct Encoder;
  std::unique_ptr<Encoder> encoder_;
};

}  // namespace arrcoc::io
