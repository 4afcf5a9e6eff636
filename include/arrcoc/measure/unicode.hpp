#pragma once
// Text as Python's str sees it, for metrics whose published code is Python: code points, lower case, white space,
// digits.
#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/types.hpp"
#include "arrcoc/measure/unicode_tables.hpp"

namespace arrcoc::measure::unicode {

/// Code points of UTF-8; each byte that belongs to none becomes U+FFFD.
inline std::u32string decode(std::string_view text) {
  std::u32string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(at);
    const std::size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    char32_t c = lead < 0x80 ? lead : lead & (0x7fu >> length);
    bool valid = lead < 0x80 || (lead >= 0xc2 && lead <= 0xf4 && at + length <= text.size());
    for (std::size_t i = 1; valid && i < length; ++i) {
      valid = (byte(at + i) & 0xc0) == 0x80;
      c = c << 6 | (byte(at + i) & 0x3f);
    }
    valid = valid && !(length == 3 && c < 0x800) && !(length == 4 && (c < 0x10000 || c > 0x10ffff)) &&
            !(c >= 0xd800 && c < 0xe000);
    out += valid ? c : U'\ufffd';
    at += valid ? length : 1;
  }
  return out;
}

inline std::string encode(std::u32string_view text) {
  std::string out;
  const auto put = [&](char32_t v) { out += static_cast<char>(v); };
  for (const char32_t c : text) {
    if (c < 0x80) {
      put(c);
      continue;
    }
    if (c < 0x800) {
      put(0xc0 | c >> 6);
    } else if (c < 0x10000) {
      put(0xe0 | c >> 12);
      put(0x80 | (c >> 6 & 0x3f));
    } else {
      put(0xf0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3f));
      put(0x80 | (c >> 6 & 0x3f));
    }
    put(0x80 | (c & 0x3f));
  }
  return out;
}

/// str.isspace.
constexpr bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/// 0 to 9 for a decimal digit of any script, -1 for all else: what \d matches.
inline int digit_value(char32_t c) {
  const auto* after = std::upper_bound(std::begin(decimal_zeros), std::end(decimal_zeros), c);
  return after == std::begin(decimal_zeros) || c - after[-1] > 9 ? -1 : static_cast<int>(c - after[-1]);
}

inline char32_t lower_of(char32_t c) {
  const auto* after = std::upper_bound(std::begin(lower_rows), std::end(lower_rows), c,
                                       [](char32_t v, const LowerRow& row) { return v < row.first; });
  if (after == std::begin(lower_rows)) return c;
  const LowerRow& row = after[-1];
  return c <= row.last && (c - row.first) % row.step == 0
             ? static_cast<char32_t>(static_cast<std::int64_t>(c) + row.delta)
             : c;
}

/// str.lower, with its dotted I and its sigma at the end of a word.
inline std::u32string lower(std::u32string_view text) {
  const auto letter = [](char32_t c) {
    const auto* after = std::upper_bound(std::begin(cased_rows), std::end(cased_rows), c,
                                         [](char32_t v, const Range& row) { return v < row.first; });
    return after != std::begin(cased_rows) && c <= after[-1].last;
  };
  const auto passed_over = [](char32_t c) {
    return c == '\'' || c == '.' || c == ':' || c == 0xad || c == 0xb7 || c == 0x2019 || (c >= 0x300 && c < 0x370);
  };
  std::u32string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == 0x130) {
      out += U"i\u0307";
    } else if (text[i] == 0x3a3) {
      std::size_t before = i, after = i + 1;
      while (before > 0 && passed_over(text[before - 1])) --before;
      while (after < text.size() && passed_over(text[after])) ++after;
      const bool last = before > 0 && letter(text[before - 1]) && (after == text.size() || !letter(text[after]));
      out += last ? U'\u03c2' : U'\u03c3';
    } else {
      out += lower_of(text[i]);
    }
  }
  return out;
}

/// len(str.upper()): longer than the text where it holds a sharp s, a ligature or the like.
inline Index upper_length(std::u32string_view text) {
  Index n = 0;
  for (const char32_t c : text) {
    const auto* after = std::upper_bound(std::begin(long_upper_rows), std::end(long_upper_rows), c,
                                         [](char32_t v, const LongUpperRow& row) { return v < row.first; });
    n += after != std::begin(long_upper_rows) && c <= after[-1].last ? after[-1].length : 1;
  }
  return n;
}

/// str.strip().
inline std::u32string_view strip(std::u32string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// str.split(): words between white space. They look into `text`.
inline std::vector<std::u32string_view> words(std::u32string_view text) {
  std::vector<std::u32string_view> out;
  for (std::size_t i = 0; i < text.size();) {
    while (i < text.size() && is_space(text[i])) ++i;
    const std::size_t from = i;
    while (i < text.size() && !is_space(text[i])) ++i;
    if (i > from) out.push_back(text.substr(from, i - from));
  }
  return out;
}

/// " ".join(words).
inline std::u32string joined(const std::vector<std::u32string_view>& parts) {
  std::u32string out;
  for (const auto part : parts) (out += out.empty() ? U"" : U" ") += part;
  return out;
}

/// str.replace; `from` is not empty.
inline std::u32string replaced(std::u32string_view text, std::u32string_view from, std::u32string_view to) {
  std::u32string out;
  std::size_t at = 0;
  for (std::size_t next; (next = text.find(from, at)) != text.npos; at = next + from.size())
    (out += text.substr(at, next - at)) += to;
  return out += text.substr(at);
}

}  // namespace arrcoc::measure::unicode
