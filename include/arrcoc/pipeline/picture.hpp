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
  const Image resized = qwen3vl::resize(native, size.height, size.width, kind, how.resampling);
  return {native,
          qwen3vl::merged_grid(size.height, size.width, v),
          {qwen3vl::patchify(resized.view(), v, how), {1, size.height / v.patch_size, size.width / v.patch_size}},
          {}};
}

/// The sides of a picture within the limits of `how`; `size`: with at most so many of the tokens it has within them, by
/// the same rule with a smaller largest size. Error{bad_image} for a picture that has no such size. Source:
/// transformers' Qwen2VLImageProcessor.
inline qwen3vl::Size size_at(ImageView native, const VisionConfig& v, const PreprocessConfig& how,
                             const std::optional<Budget>& size = std::nullopt) {
  const Index side = v.patch_size * v.spatial_merge_size;
  const auto within = [&](Index most) {
    return qwen3vl::smart_resize(native.height, native.width, side, std::min(how.min_pixels, most), most);
  };
  const qwen3vl::Size whole = within(how.max_pixels);
  if (!size) return whole;
  const Index tokens = whole.height / side * (whole.width / side), limit = size->resolve(tokens).kept;
  return limit < tokens ? within(std::min(how.max_pixels, limit * side * side)) : whole;
}

/// The picture at that size.
inline Picture picture_of(ImageView native, const VisionConfig& v, const PreprocessConfig& how,
                          qwen3vl::Resize kind = qwen3vl::Resize::torchvision) {
  return picture_of(native, v, how, size_at(native, v, how), kind);
}
inline Picture picture_at(ImageView native, const ModelConfig& c, const std::optional<Budget>& size = std::nullopt) {
  return picture_of(native, c.vision, c.preprocess, size_at(native, c.vision, c.preprocess, size));
}

}  // namespace arrcoc
