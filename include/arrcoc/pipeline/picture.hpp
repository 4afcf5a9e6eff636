#pragma once
// From a decoded picture to the one that the driver takes, at the model's own size or smaller.
#include <algorithm>
#include <optional>

#include "arrcoc/pipeline/shelf.hpp"
#include "arrcoc/qwen3vl/patchify.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"

namespace arrcoc {

/// A picture [H, W, 3] resized to `size` px and cut into patches. Does not own: `native` must outlive it. O(H W).
inline Picture picture_of(ImageView native, const VisionConfig& v, const PreprocessConfig& how,
                          const qwen3vl::Size& size, qwen3vl::Resize kind = qwen3vl::Resize::torchvision) {
  const Image resized = qwen3vl::resize_bicubic(native, size.height, size.width, kind);
  return {native,
          qwen3vl::merged_grid(size.height, size.width, v),
          {qwen3vl::patchify(resized.view(), v, how), {1, size.height / v.patch_size, size.width / v.patch_size}},
          {}};
}

/// The same within the limits of `how`. Error{bad_image} for a picture that has no such size. Source: transformers'
/// Qwen2VLImageProcessor.
inline Picture picture_of(ImageView native, const VisionConfig& v, const PreprocessConfig& how,
                          qwen3vl::Resize kind = qwen3vl::Resize::torchvision) {
  const qwen3vl::Size size = qwen3vl::smart_resize(native.height, native.width, v.patch_size * v.spatial_merge_size,
                                                   how.min_pixels, how.max_pixels);
  return picture_of(native, v, how, size, kind);
}

/// The same; `size`: with at most so many of the tokens it would have at the model's own size. The rule is that of
/// transformers' processor with a smaller largest size. Error{bad_image}.
inline Picture picture_at(ImageView native, const ModelConfig& c, const std::optional<Budget>& size = std::nullopt) {
  const Index side = c.vision.patch_size * c.vision.spatial_merge_size;
  const auto resized = [&](Index most) {
    return qwen3vl::smart_resize(native.height, native.width, side, std::min(c.preprocess.min_pixels, most), most);
  };
  const qwen3vl::Size whole = resized(c.preprocess.max_pixels);
  const Index tokens = whole.height / side * (whole.width / side), limit = size ? size->resolve(tokens).kept : tokens;
  return picture_of(native, c.vision, c.preprocess, limit < tokens ? resized(limit * side * side) : whole);
}

}  // namespace arrcoc
