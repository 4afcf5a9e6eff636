#pragma once
// Small tools over nlohmann/json, for files that people and other programs wrote: one strict parse, and typed getters
// that collect every problem with its path.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::io {

using Json = nlohmann::json;

/// Text from a file as part of a one-line message: control characters become '?', and it ends at a character's border.
inline std::string printable(std::string_view text, std::size_t most = 200) {
  std::size_t end = std::min(most, text.size());
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  std::string out(text.substr(0, end));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out + (end < text.size() ? "..." : "");
}

/// Parses a whole text. Refuses what JSON does not allow, duplicate keys, NUL bytes and more than 64 levels:
/// Error{code}. `max_values` bounds the number of values, and with it the memory.
inline Json parse_json(std::string_view text, Code code, std::string_view where, std::size_t max_values = 50'000'000) {
  // nlohmann takes a NUL for the end of the text and skips a byte order mark.
  require_that(text.find('\0') == std::string_view::npos, code, where, "JSON: expected text, got a NUL byte");
  require_that(text.substr(0, 3) != "\xef\xbb\xbf", code, where, "JSON: expected text without a byte order mark");
  std::vector<std::set<std::string>> keys;
  std::size_t values = 0;
  const Json::parser_callback_t watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    require_that(depth <= 64, code, where, "JSON: expected at most 64 levels");
    require_that(++values <= max_values, code, where,
                 [&] { return "JSON: expected at most " + std::to_string(max_values) + " values"; });
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      require_that(keys.back().insert(key).second, code, where,
                   [&] { return "JSON: duplicate key '" + printable(key) + "'"; });
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch);
  } catch (const nlohmann::json::exception& e) {
    std::string why = e.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    if (const auto end = why.find("] "); end != std::string::npos) why.erase(0, end + 2);
    for (char& c : why)
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';  // it quotes the bytes it stumbled over
    fail(code, where, "JSON: " + printable(why, 300));
  }
}

/// A value as people would write it in a message, cut to 60 characters.
inline std::string shown(const Json& value) {
  return printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 60);
}

/// One object of a file. Getters record "path: expected ..., got ..." in `problems` and return a harmless value.
class JsonObject {
 public:
  JsonObject(const Json& value, std::string path, std::vector<std::string>& problems)
      : value_(value.is_object() ? value : empty()), path_(std::move(path)), problems_(problems) {
    if (!value.is_object()) problem("", "expected an object, got " + shown(value));
  }
  /// Present and not null.
  bool has(const char* key) const { return value_.contains(key) && !value_.at(key).is_null(); }
  /// Present, as null.
  bool is_null(const char* key) const { return value_.contains(key) && value_.at(key).is_null(); }
  const Json& at(const char* key) const { return has(key) ? value_.at(key) : null(); }
  /// The object under `key`; an empty one, without complaint, when it is absent.
  JsonObject child(const char* key) const { return {has(key) ? value_.at(key) : empty(), join(key), problems_}; }

  Index integer(const char* key, Index low, Index high) const {
    if (!has(key)) return missing(key), low;
    return integer_of(value_.at(key), join(key), low, high);
  }
  Index integer(const char* key, Index low, Index high, Index otherwise) const {
    return has(key) ? integer(key, low, high) : otherwise;
  }

  double number(const char* key, double low, double high) const {
    if (!has(key)) return missing(key), low;
    const Json& v = value_.at(key);
    if (v.is_number() && std::isfinite(v.get<double>()) && v.get<double>() >= low && v.get<double>() <= high)
      return v.get<double>();
    problem(key, "expected a number from " + shown(Json(low)) + " to " + shown(Json(high)) + ", got " + shown(v));
    return low;
  }
  double number(const char* key, double low, double high, double otherwise) const {
    return has(key) ? number(key, low, high) : otherwise;
  }

  bool boolean(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (value_.at(key).is_boolean()) return value_.at(key).get<bool>();
    problem(key, "expected true or false, got " + shown(value_.at(key)));
    return otherwise;
  }
  std::string text(const char* key, std::string otherwise = {}) const {
    if (!has(key)) return otherwise;
    if (value_.at(key).is_string()) return value_.at(key).get<std::string>();
    problem(key, "expected a string, got " + shown(value_.at(key)));
    return otherwise;
  }
  /// A list of `count` integers (any number of them when `count` is negative).
  std::vector<Index> integers(const char* key, Index low, Index high, Index count = -1) const {
    if (!has(key)) return missing(key), std::vector<Index>{};
    const Json& v = value_.at(key);
    if (!v.is_array() || v.size() > 4096 || (count >= 0 && static_cast<Index>(v.size()) != count)) {
      problem(key, "expected a list of " + (count >= 0 ? std::to_string(count) + " " : std::string()) +
                       "integers, got " + shown(v));
      return {};
    }
    std::vector<Index> out;
    for (std::size_t i = 0; i < v.size(); ++i)
      out.push_back(integer_of(v[i], join(key) + "[" + std::to_string(i) + "]", low, high));
    return out;
  }
  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> out;
    if (!has(key)) return missing(key), out;
    const Json& v = value_.at(key);
    if (!v.is_array() || !std::all_of(v.begin(), v.end(), [](const Json& x) { return x.is_string(); }))
      return problem(key, "expected a list of strings, got " + shown(v)), out;
    for (const Json& x : v) out.push_back(x.get<std::string>());
    return out;
  }
  void problem(std::string_view key, const std::string& sentence) const {
    problems_.push_back((key.empty() ? path_ : join(key)) + ": " + sentence);
  }
  std::string join(std::string_view key) const {
    return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  }
  std::vector<std::string>& problems() const { return problems_; }

 private:
  static const Json& empty() {
    static const Json object = Json::object();
    return object;
  }
  static const Json& null() {
    static const Json nothing;
    return nothing;
  }
  void missing(std::string_view key) const { problem(key, "expected, got none"); }
  Index integer_of(const Json& v, const std::string& path, Index low, Index high) const {
    const bool fits = v.is_number_integer() &&
                      !(v.is_number_unsigned() && v.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX));
    if (fits && v.get<Index>() >= low && v.get<Index>() <= high) return v.get<Index>();
    problems_.push_back(path + ": expected an integer from " + std::to_string(low) + " to " + std::to_string(high) +
                        ", got " + shown(v));
    return low;
  }
  const Json& value_;
  std::string path_;
  std::vector<std::string>& problems_;
};

}  // namespace arrcoc::io
