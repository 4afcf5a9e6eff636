// Values of datasets: answers in whatever form, Python lists, boxes, base64, hashes.
#include <cmath>

#include "files/dataset_parts.hpp"
#include "text/utf8.hpp"

namespace arrcoc::io {

std::optional<std::vector<std::string>> python_list(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::vector<std::string> out;
  std::size_t at = 0;
  const auto skip = [&] {
    while (at < text.size() && space(text[at])) ++at;
  };
  for (skip(); at < text.size(); skip()) {
    std::string item;
    if (text[at] == '\'' || text[at] == '"') {
      const char quote = text[at++];
      for (;; ++at) {
        if (at >= text.size()) return std::nullopt;
        if (text[at] == quote) break;
        if (text[at] != '\\') {
          item += text[at];
          continue;
        }
        if (++at >= text.size()) return std::nullopt;
        const char c = text[at];
        const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (digits > 0) {
          if (at + digits >= text.size()) return std::nullopt;
          char32_t point = 0;
          for (std::size_t k = 1; k <= digits; ++k) {
            const char h = text[at + k];
            const int v = h >= '0' && h <= '9'   ? h - '0'
                          : h >= 'a' && h <= 'f' ? h - 'a' + 10
                          : h >= 'A' && h <= 'F' ? h - 'A' + 10
                                                 : -1;
            if (v < 0) return std::nullopt;
            point = point << 4 | static_cast<char32_t>(v);
          }
          if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return std::nullopt;
          utf8::append(item, point);
          at += digits;
          continue;
        }
        const std::string_view escaped = "ntr'\"\\", becomes = "\n\t\r'\"\\";
        if (const auto which = escaped.find(c); which != escaped.npos) item += becomes[which];
        else (item += '\\') += c;
      }
      ++at;
    } else {
      const std::size_t from = at;
      while (at < text.size() && text[at] != ',') ++at;
      item = std::string(text.substr(from, at - from));
      while (!item.empty() && space(item.back())) item.pop_back();
      if (item.empty() || item.find_first_not_of("0123456789+-.eE_") != item.npos) return std::nullopt;
    }
    out.push_back(std::move(item));
    skip();
    if (at < text.size() && text[at++] != ',') return std::nullopt;
  }
  return out;
}

std::string scalar_text(const Json& value, std::string_view key) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return value.dump();
  bad_item(std::string(key) + ": expected a string or a number, got " + shown(value));
}

std::vector<std::string> answer_texts(const Json& value, std::string_view key, bool python) {
  if (value.is_string() && python)
    if (auto list = python_list(value.get_ref<const std::string&>())) return *list;
  if (!value.is_array()) return {scalar_text(value, key)};
  std::vector<std::string> out;
  for (const Json& v : value)
    out.push_back(scalar_text(v.is_object() && v.contains("answer") ? v.at("answer") : v, key));
  return out;
}

std::vector<Box> box_list(const Json& value, std::string_view key) {
  if (!value.is_array()) bad_item(std::string(key) + ": expected a list, got " + shown(value));
  std::vector<Box> out;
  for (const Json& v : value) {
    const auto number = [&](std::size_t i) { return v[i].is_number() ? v[i].get<double>() : NAN; };
    if (!v.is_array() || v.size() != 4 || !std::isfinite(number(0) + number(1) + number(2) + number(3)))
      bad_item(std::string(key) + ": expected [row0, col0, row1, col1], got " + shown(v));
    out.push_back({number(0), number(1), number(2), number(3)});
  }
  return out;
}

void place_boxes(Sample& s, const std::vector<Box>& boxes, std::vector<Index> of) {
  const bool timed = s.clip && of.empty() && !boxes.empty();
  s.boxes.resize(s.clip ? 1 : s.images.size());
  if (timed && s.clip->box_seconds.size() != boxes.size())
    bad_item("boxes of a clip: expected the frame (box_images) or the time (box_seconds) of each of " +
             std::to_string(boxes.size()) + ", got " + std::to_string(s.clip->box_seconds.size()));
  if (s.clip && !of.empty() && !s.clip->box_seconds.empty() && s.clip->box_seconds.size() != boxes.size())
    bad_item("box_seconds: expected one for each of " + std::to_string(boxes.size()) + " boxes, got " +
             std::to_string(s.clip->box_seconds.size()));
  if (of.empty()) of.assign(boxes.size(), s.clip ? -1 : 0);
  if (of.size() != boxes.size())
    bad_item("box_images: expected one for each of " + std::to_string(boxes.size()) + " boxes, got " +
             std::to_string(of.size()));
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    if (s.clip) {
      s.boxes[0].push_back(boxes[i]);
      s.boxes[0].back().frame = of[i];
      continue;
    }
    if (of[i] >= static_cast<Index>(s.images.size()))
      bad_item("box_images: expected below " + std::to_string(s.images.size()) + ", got " + std::to_string(of[i]));
    s.boxes[static_cast<std::size_t>(of[i])].push_back(boxes[i]);
  }
}

std::optional<std::string> base64_bytes(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int have = 0;
  bool ended = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ' || c == '\t') continue;
    if (c == '=') {
      ended = true;
      continue;
    }
    const int v = c >= 'A' && c <= 'Z'   ? c - 'A'
                  : c >= 'a' && c <= 'z' ? c - 'a' + 26
                  : c >= '0' && c <= '9' ? c - '0' + 52
                  : c == '+' || c == '-' ? 62
                  : c == '/' || c == '_' ? 63
                                         : -1;
    if (v < 0 || ended) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(v);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 255);
    }
  }
  return out;
}

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

std::string hex16(std::uint64_t value) {
  std::string out(16, '0');
  for (std::size_t i = 0; i < 16; ++i) out[15 - i] = "0123456789abcdef"[value >> (4 * i) & 15];
  return out;
}

std::string texts_hash(const std::vector<std::string>& texts) {
  std::uint64_t h = fnv1a("");
  for (const std::string& t : texts) h = fnv1a(std::string_view("\0", 1), fnv1a(t, h));
  return hex16(h);
}

}  // namespace arrcoc::io
