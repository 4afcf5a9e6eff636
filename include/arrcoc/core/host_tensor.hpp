#pragma once
// A typed block of host memory with a shape and a shared owner: how arrays cross every border in the library.
#include <bit>
#include <cstring>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

enum class DType : std::uint8_t { f32, f16, bf16, i32, i64, u8 };

constexpr Index size_of(DType t) {
  switch (t) {
    case DType::f32:
    case DType::i32: return 4;
    case DType::f16:
    case DType::bf16: return 2;
    case DType::i64: return 8;
    case DType::u8: return 1;
  }
  return 0;
}

constexpr std::string_view name_of(DType t) {
  switch (t) {
    case DType::f32: return "F32";
    case DType::f16: return "F16";
    case DType::bf16: return "BF16";
    case DType::i32: return "I32";
    case DType::i64: return "I64";
    case DType::u8: return "U8";
  }
  return "?";
}

constexpr float bf16_to_f32(std::uint16_t h) { return std::bit_cast<float>(std::uint32_t{h} << 16); }

/// Round to nearest even; NaN stays NaN.
constexpr std::uint16_t f32_to_bf16(float f) {
  const auto u = std::bit_cast<std::uint32_t>(f);
  if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((u >> 16) | 0x40u);
  return static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

constexpr float f16_to_f32(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t{h & 0x8000u} << 16;
  std::uint32_t exponent = (h >> 10) & 0x1fu, mantissa = h & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent == 0) {
    if (mantissa == 0) return std::bit_cast<float>(sign);
    exponent = 113;
    while ((mantissa & 0x400u) == 0) {
      mantissa <<= 1;
      --exponent;
    }
    return std::bit_cast<float>(sign | (exponent << 23) | ((mantissa & 0x3ffu) << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

inline std::string shape_text(std::span<const Index> shape) {
  std::string s = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) s += (i ? ", " : "") + std::to_string(shape[i]);
  return s + "]";
}

/// Row-major. `owner` keeps the memory alive (a vector, a mapped file); an empty HostTensor has no data.
struct HostTensor {
  DType dtype = DType::f32;
  std::vector<Index> shape;
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner;

  bool empty() const { return data == nullptr; }
  Index count() const { return std::accumulate(shape.begin(), shape.end(), Index{1}, std::multiplies<>()); }
  Index bytes() const { return count() * size_of(dtype); }
  Index dim(std::size_t i) const { return i < shape.size() ? shape[i] : 1; }

  /// The values in place; throws unless the dtype is f32 and the memory is aligned.
  std::span<const float> floats() const {
    require_that(dtype == DType::f32 && reinterpret_cast<std::uintptr_t>(data) % alignof(float) == 0,
                 Code::shape_mismatch, "host_tensor",
                 [&] { return "expected aligned F32 values, got " + std::string(name_of(dtype)); });
    return {reinterpret_cast<const float*>(data), static_cast<std::size_t>(count())};
  }
};

/// A HostTensor that owns `values`.
template <class T>
HostTensor host_tensor(std::vector<T> values, std::vector<Index> shape) {
  HostTensor t;
  if constexpr (std::is_same_v<T, float>) t.dtype = DType::f32;
  else if constexpr (std::is_same_v<T, std::int32_t>) t.dtype = DType::i32;
  else if constexpr (std::is_same_v<T, std::int64_t>) t.dtype = DType::i64;
  else if constexpr (std::is_same_v<T, std::uint16_t>) t.dtype = DType::bf16;
  else {
    static_assert(std::is_same_v<T, std::uint8_t>, "host_tensor: float, int32, int64, uint8, or uint16 for bf16");
    t.dtype = DType::u8;
  }
  auto held = std::make_shared<const std::vector<T>>(std::move(values));
  t.shape = std::move(shape);
  t.data = reinterpret_cast<const std::byte*>(held->data());
  require_that(t.count() == static_cast<Index>(held->size()), Code::shape_mismatch, "host_tensor", [&] {
    return "shape " + shape_text(t.shape) + " does not hold " + std::to_string(held->size()) + " values";
  });
  t.owner = std::move(held);
  return t;
}

/// Element i as float, from any floating dtype and any alignment.
inline float float_at(const HostTensor& t, Index i) {
  const std::byte* p = t.data + i * size_of(t.dtype);
  if (t.dtype == DType::f32) {
    float f;
    std::memcpy(&f, p, 4);
    return f;
  }
  std::uint16_t h = 0;
  std::memcpy(&h, p, 2);
  if (t.dtype == DType::bf16) return bf16_to_f32(h);
  require_that(t.dtype == DType::f16, Code::bad_weight, "host_tensor",
               [&] { return "no float values in " + std::string(name_of(t.dtype)); });
  return f16_to_f32(h);
}

/// All values as float32 (a copy).
inline std::vector<float> to_floats(const HostTensor& t) {
  std::vector<float> out(static_cast<std::size_t>(t.count()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = float_at(t, static_cast<Index>(i));
  return out;
}

}  // namespace arrcoc
