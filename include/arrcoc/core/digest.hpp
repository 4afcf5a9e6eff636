#pragma once
// A 128-bit digest of plain data, for keys of things that are made once. Not for secrets.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace arrcoc {

/// Two FNV-1a streams of 64 bits with different offsets; the first is the usual one.
class Digest {
 public:
  Digest& bytes(std::span<const std::byte> data) {
    for (const std::byte b : data) {
      a_ = (a_ ^ static_cast<std::uint64_t>(b)) * prime;
      b_ = (b_ ^ (static_cast<std::uint64_t>(b) + 0x5bu)) * prime;
    }
    return *this;
  }
  template <class T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T> Digest& value(const T& v) {
    return bytes(std::as_bytes(std::span(&v, 1)));
  }
  /// Length first, so that ("a", "bc") and ("ab", "c") differ.
  template <class T>
  requires std::is_arithmetic_v<T> Digest& list(std::span<const T> v) {
    return value(v.size()).bytes(std::as_bytes(v));
  }
  Digest& text(std::string_view s) { return list(std::span<const char>(s.data(), s.size())); }

  std::uint64_t first() const { return a_; }
  /// 32 hexadecimal digits.
  std::string hex() const { return hex_of(a_) + hex_of(b_); }
  static std::string hex_of(std::uint64_t v) {
    std::string out(16, '0');
    for (std::size_t i = 16; i-- > 0; v >>= 4) out[i] = "0123456789abcdef"[v & 15];
    return out;
  }

 private:
  static constexpr std::uint64_t prime = 0x100000001b3;
  std::uint64_t a_ = 0xcbf29ce484222325, b_ = 0x6c62272e07bb0142;
};

}  // namespace arrcoc
