#pragma once
// The byte-level alphabet: each of the 256 bytes stands for one printable character (facts: GPT-2's table; bytes
// 33-126, 161-172 and 174-255 are themselves, the other 68 follow from U+0100 in increasing order).
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "utf8.hpp"

namespace arrcoc::io {

class ByteAlphabet {
 public:
  static constexpr char32_t end = 0x144;  // one past the highest character used: 256 + 68

  constexpr ByteAlphabet() {
    byte_of_.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool itself = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
      const char32_t c = itself ? static_cast<char32_t>(byte) : next++;
      char_of_[static_cast<std::size_t>(byte)] = c;
      byte_of_[c] = static_cast<short>(byte);
    }
  }
  constexpr char32_t character(unsigned char byte) const { return char_of_[byte]; }

  /// A vocabulary entry as the bytes it stands for; nullopt if it holds a character outside the alphabet.
  std::optional<std::string> bytes(std::string_view content) const {
    std::string out;
    for (std::size_t at = 0; at < content.size();) {
      const utf8::Step here = utf8::step(content, at);
      if (!here.valid) return std::nullopt;
      const char32_t c = utf8::code_point(content, at, here.length);
      if (c >= end || byte_of_[c] < 0) return std::nullopt;
      out += static_cast<char>(byte_of_[c]);
      at += here.length;
    }
    return out;
  }
  std::string content(std::string_view bytes) const {
    std::string out;
    for (const char c : bytes) utf8::append(out, character(static_cast<unsigned char>(c)));
    return out;
  }

 private:
  std::array<char32_t, 256> char_of_{};
  std::array<short, end> byte_of_{};
};

inline constexpr ByteAlphabet byte_alphabet{};

}  // namespace arrcoc::io
