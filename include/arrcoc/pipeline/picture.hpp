#pragma once
// From a decoded picture to the one that the driver takes.
#include "arrcoc/pipeline/shelf.hpp"
#include "arrcoc/qwen3vl/patchify.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"

namespace arrcoc {

/// A picture [H, W, 3] resized within the limits of `how` and cut into patches. Does not own: `native` must outlive it.
/// O(H W). Error{bad_image} for a picture that has no such size. Source: transformers' Qwen2VLImageProcessor.
inline Picture picture_of(ImageView native, const VisionConfig& v, const PreprocessConfig& how,
                          qwen3vl::Resize kind = qwen3vl::Resize::torchvision) {
  const qwen3vl::Size size = qwen3vl::smart_resize(native.height, native.width, v.patch_size * v.spatial_merge_size,
                                                   how.min_pixels, how.max_pixels);
  const Image resized = qwen3vl::resize_bicubic(native, size.height, size.width, kind);
  return {native,
          qwen3vl::merged_grid(size.height, size.width, v),
          {qwen3vl::patchify(resized.view(), v, how), {1, size.height / v.patch_size, size.width / v.patch_size}},
          {}};
}

}  // namespace arrcoc
