// A picture named by a path, a file: URL or a data: URL.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/image_file.hpp"

namespace arrcoc::io {
namespace {

/// Schemes are written in any case.
bool starts(std::string_view text, std::string_view scheme) {
  return text.size() >= scheme.size() && std::equal(scheme.begin(), scheme.end(), text.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

std::string percent_decoded(std::string_view text, const std::string& where) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1, low = high >= 0 ? digit(text[i + 2]) : -1;
    require_that(low >= 0, Code::bad_usage, where,
                 [&] { return "place " + std::to_string(i) + ": expected two hexadecimal digits behind %"; });
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// RFC 4648, with or without padding; white space is skipped.
std::string base64_decoded(std::string_view text, const std::string& where) {
  static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static constexpr auto values = [] {
    std::array<signed char, 256> v{};
    v.fill(-1);
    for (std::size_t i = 0; i < digits.size(); ++i)
      v[static_cast<unsigned char>(digits[i])] = static_cast<signed char>(i);
    return v;
  }();
  std::string out;
  out.reserve(text.size() / 4 * 3);
  unsigned held = 0, bits = 0, padding = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    require_that(values[c] >= 0 && padding == 0, Code::bad_image, where, [&] {
      return "expected base64, got another character at place " + std::to_string(i) + " of the data";
    });
    held = (held << 6 | static_cast<unsigned>(values[c])) & 0xffff;
    bits += 6;
    if (bits >= 8) out += static_cast<char>(held >> (bits -= 8) & 0xff);
  }
  require_that(bits < 6 && padding <= 2, Code::bad_image, where, "expected base64, got data that are cut off");
  return out;
}

}  // namespace

bool is_data_url(std::string_view name) { return starts(name, "data:"); }

std::string picture_label(std::string_view name) {
  if (!is_data_url(name)) return std::string(name);
  const std::string_view head = name.substr(0, std::min(name.find(','), std::size_t{60}));
  return std::string(head) + ",... (" + std::to_string(name.size()) + " characters)";
}

std::filesystem::path picture_path(std::string_view name) {
  const std::string where(name.substr(0, 200));
  for (const char* scheme : {"http://", "https://", "ftp://", "s3://"})
    require_that(!starts(name, scheme), Code::file_missing, where,
                 "nothing is downloaded: expected a file, a file:// URL or a data: URL");
  if (!starts(name, "file:")) return name;
  name.remove_prefix(5);
  if (name.starts_with("//")) {
    name.remove_prefix(2);
    const std::string_view host = name.substr(0, name.find('/'));
    require_that(host.empty() || host == "localhost", Code::file_missing, where,
                 "expected a file of this machine: file:///path");
    name.remove_prefix(host.size());
  }
  const std::string path = percent_decoded(name.substr(0, name.find_first_of("?#")), where);
  require_that(path.starts_with('/') && path.find('\0') == std::string::npos, Code::bad_usage, where,
               "expected file:///path");
  return path;
}

Image read_picture(std::string_view name, const DecodeOptions& o) {
  if (!is_data_url(name)) return read_image(picture_path(name), o);
  const std::string where = picture_label(name);
  const std::size_t comma = name.find(',');
  require_that(comma != std::string_view::npos, Code::bad_image, where, "expected data:[TYPE][;base64],DATA");
  const std::string data = percent_decoded(name.substr(comma + 1), where);
  const std::string_view head = name.substr(0, comma);
  const std::string bytes = head.ends_with(";base64") ? base64_decoded(data, where) : data;
  return decode_image(std::as_bytes(std::span(bytes)), o, where);
}

}  // namespace arrcoc::io
