#pragma once
// UTF-8 by the Unicode standard's table 3-7: checking, and replacement of ill-formed bytes by maximal subparts, which
// is what Python's errors='replace' does.
#include <cstddef>
#include <string>
#include <string_view>

namespace arrcoc::io::utf8 {

struct Step {
  std::size_t length = 0;  // bytes of one character, or of one maximal ill-formed subpart
  bool valid = false;
  bool cut_off = false;  // ill-formed only because the text ends here
};

inline bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// What stands at `at` (which must lie inside the text).
inline Step step(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  if (lead < 0x80) return {1, true, false};
  if (lead < 0xC2 || lead > 0xF4) return {1, false, false};
  const std::size_t needed = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;   // overlong forms
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;  // surrogates, above U+10FFFF
  for (std::size_t i = 1; i < needed; ++i) {
    if (at + i == text.size()) return {i, false, true};
    const unsigned next = byte(at + i);
    if (i == 1 ? (next < low || next > high) : (next & 0xC0) != 0x80) return {i, false, false};
  }
  return {needed, true, false};
}

/// Byte of the first ill-formed sequence; npos if there is none.
inline std::size_t first_invalid(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const Step here = step(text, at);
    if (!here.valid) return at;
    at += here.length;
  }
  return std::string_view::npos;
}

/// The text with each maximal ill-formed subpart replaced by U+FFFD.
inline std::string replace_invalid(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Step here = step(bytes, at);
    if (here.valid) out.append(bytes, at, here.length);
    else out += "\xEF\xBF\xBD";
    at += here.length;
  }
  return out;
}

/// Length of the part whose meaning no later byte can change: all but an unfinished character at the end.
inline std::size_t settled_length(std::string_view bytes) {
  const std::size_t n = bytes.size();
  for (std::size_t back = 1; back <= 3 && back <= n; ++back) {
    if (is_continuation(bytes[n - back])) continue;
    const Step last = step(bytes, n - back);
    return last.cut_off && last.length == back ? n - back : n;
  }
  return n;
}

inline void append(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

/// The code point of a valid step.
inline char32_t code_point(std::string_view text, std::size_t at, std::size_t length) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
  switch (length) {
    case 1: return byte(0);
    case 2: return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3: return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    default: return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  }
}

}  // namespace arrcoc::io::utf8
