#pragma once
// Typed getters over JSON that people and other programs wrote; they collect every problem with its path.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"
#include "json_parse.hpp"

namespace arrcoc::io {

/// An integer beyond 2^53, which readers of doubles would round, as text; all else as it is.
Ordered exact(Ordered v);

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
