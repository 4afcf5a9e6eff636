#pragma once
// NaN and infinity in stored values, found at memory speed: a value is not finite when its exponent bits are all ones.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>

#include "arrcoc/core/host_tensor.hpp"

namespace arrcoc {

namespace detail {
/// First block of 1024 values with one whose exponent bits are all set; n when there is none. Any alignment.
template <class U>
Index first_suspect(const std::byte* data, Index n, U exponent) {
  constexpr Index block = 1024;
  U values[block];
  for (Index begin = 0; begin < n; begin += block) {
    const Index size = std::min(block, n - begin);
    if (size < block) std::fill(values, values + block, U{0});
    std::memcpy(values, data + begin * static_cast<Index>(sizeof(U)), static_cast<std::size_t>(size) * sizeof(U));
    U bad = 0;
    for (Index i = 0; i < block; ++i) bad = static_cast<U>(bad | static_cast<U>((values[i] & exponent) == exponent));
    if (bad != 0) return begin;
  }
  return n;
}
}  // namespace detail

/// Throws Error{bad_weight} naming the tensor and the place of the first NaN or infinity. Integer tensors pass.
inline void check_finite(std::string_view name, const HostTensor& t) {
  const Index n = t.empty() ? 0 : t.count();
  Index i = n;
  switch (t.dtype) {
    case DType::f32: i = detail::first_suspect<std::uint32_t>(t.data, n, 0x7f800000u); break;
    case DType::bf16: i = detail::first_suspect<std::uint16_t>(t.data, n, 0x7f80u); break;
    case DType::f16: i = detail::first_suspect<std::uint16_t>(t.data, n, 0x7c00u); break;
    default: return;
  }
  for (; i < n; ++i) {
    const float v = float_at(t, i);
    if (!std::isfinite(v))
      fail(Code::bad_weight, "weights",
           std::string(name) + ": expected finite values, got " +
               (std::isnan(v) ? "NaN"
                : v > 0       ? "inf"
                              : "-inf") +
               " at place " + std::to_string(i) + " of " + std::to_string(n));
  }
}

}  // namespace arrcoc
