#pragma once
// From a resized picture to the rows the vision tower reads.
#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "arrcoc/core/image.hpp"
#include "arrcoc/core/model_config.hpp"
#include "arrcoc/qwen3vl/vision_positions.hpp"

namespace arrcoc::qwen3vl {

/// Tokens of a picture of height x width px, which must be multiples of the token size.
inline Grid merged_grid(Index height, Index width, const VisionConfig& v) {
  const Index side = v.patch_size * v.spatial_merge_size;
  require_that(height % side == 0 && width % side == 0 && height > 0 && width > 0, Code::bad_image, "patchify", [&] {
    return "sides: expected multiples of " + std::to_string(side) + " px, got " + std::to_string(height) + "x" +
           std::to_string(width);
  });
  return {height / side, width / side};
}

/// One temporal patch, [P, channel * temporal * row * col] in merge-block order, of resized frames of one size: frame t
/// fills slot t, the last one what is left. Values are (x - 255 mean) / (255 std) in float32, as the torchvision
/// processor computes them.
inline std::vector<float> patchify(std::span<const ImageView> frames, const VisionConfig& v,
                                   const PreprocessConfig& c) {
  const Index slots = v.temporal_patch_size, given = static_cast<Index>(frames.size());
  require_that(given > 0 && given <= slots, Code::shape_mismatch, "patchify", [&] {
    return "frames of a temporal patch: expected 1 to " + std::to_string(slots) + ", got " + std::to_string(given);
  });
  const ImageView in = frames.front();
  for (const ImageView& f : frames)
    require_that(f.height == in.height && f.width == in.width, Code::shape_mismatch, "patchify",
                 "expected frames of one size");
  const Grid grid = merged_grid(in.height, in.width, v);
  const Index p = v.patch_size;
  require_that(v.in_channels == 3, Code::bad_model_config, "patchify",
               [&] { return "channels: expected 3, got " + std::to_string(v.in_channels); });
  float table[3][256];
  for (std::size_t k = 0; k < 3; ++k) {
    const float mean = static_cast<float>(c.mean[k]) * 255.0f, deviation = static_cast<float>(c.std_dev[k]) * 255.0f;
    for (int x = 0; x < 256; ++x) table[k][x] = (static_cast<float>(x) - mean) / deviation;
  }
  std::vector<float> out(
      static_cast<std::size_t>(grid.count() * v.spatial_merge_size * v.spatial_merge_size * v.patch_values()));
  float* to = out.data();
  for_each_patch({1, in.height / p, in.width / p}, v.spatial_merge_size, [&](Index row, Index col) {
    for (std::size_t k = 0; k < 3; ++k) {
      for (const ImageView& frame : frames)
        for (Index y = 0; y < p; ++y) {
          const std::uint8_t* from = frame.row(row * p + y) + col * p * 3 + k;
          for (Index x = 0; x < p; ++x) *to++ = table[k][from[x * 3]];
        }
      const float* last = to - p * p;
      for (Index t = given; t < slots; ++t) to = std::copy_n(last, p * p, to);
    }
  });
  return out;
}

/// A still picture fills every temporal slot.
inline std::vector<float> patchify(ImageView in, const VisionConfig& v, const PreprocessConfig& c) {
  return patchify(std::span<const ImageView>(&in, 1), v, c);
}

}  // namespace arrcoc::qwen3vl
