#pragma once
// Whose resize a picture goes through (qwen3vl/resize.hpp).
#include <cstdint>

namespace arrcoc::qwen3vl {

/// torchvision: int16 weights, width first. pillow: 22-bit weights, width first (Pillow <= 12). pillow13: Pillow 13's
/// pass order. qwen_vl_utils: as pillow13, and bicubic whatever a processor says (its fetch_image resizes before one).
enum class Resize : std::uint8_t { torchvision, pillow, pillow13, qwen_vl_utils };

}  // namespace arrcoc::qwen3vl
