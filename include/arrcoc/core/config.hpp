#pragma once
// Settings are flat aggregates; this header walks their fields. A field's path ("allocator.budget") is its flag and its
// JSON key.
//
//   for_each_field(cfg, f)                    f(name, field&) for each field, in declaration order (core/fields.hpp)
//   flatten(cfg, "allocator")                 -> every field as {path, type, value text}; values read back to the same
//                                             bits
//   apply(cfg, "allocator", settings, out)    sets the fields named in `settings`, and appends what is wrong to `out`
//   check_prefixes(settings, known, out)      appends a problem for each path that belongs to no stage
//   throw_problems(out, where)                one Error for all of them
//
// Field types: bool, integers, float, double, std::string. A config may have `validate() const`, which returns a
// sentence (empty: fine) or throws Error; it runs after apply when every text could be read.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/fields.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// One setting as text. type: "bool", "int", "float" or "string".
struct ConfigField {
  std::string path, type, value;
  bool operator==(const ConfigField&) const = default;
};

struct ConfigProblem {
  std::string path, sentence;
  bool unknown = false;  // no such field
};

using Settings = std::map<std::string, std::string, std::less<>>;

namespace detail {
template <class T>
consteval std::string_view field_type() {
  if constexpr (std::is_same_v<T, bool>) return "bool";
  else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, char>) return "int";
  else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) return "float";
  else {
    static_assert(std::is_same_v<T, std::string>, "config: fields are bool, integers, float, double or std::string");
    return "string";
  }
}

template <class T>
std::string to_text(const T& v) {
  if constexpr (std::is_same_v<T, std::string>) return v;
  else if constexpr (std::is_same_v<T, bool>) return v ? "true" : "false";
  else {
    char buffer[64];  // shortest text that reads back to the same bits
    return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, v).ptr);
  }
}

/// Empty when `text` was read into `field`; otherwise what was expected. Nothing is written then.
template <class T>
std::string from_text(std::string_view text, T& field) {
  const auto got = [&] { return ", got '" + std::string(text) + "'"; };
  if constexpr (std::is_same_v<T, std::string>) {
    field = std::string(text);
  } else if constexpr (std::is_same_v<T, bool>) {
    if (text == "true" || text == "1") field = true;
    else if (text == "false" || text == "0") field = false;
    else return "expected true or false" + got();
  } else {
    T value{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = failure == std::errc{} && end == text.data() + text.size();
    if constexpr (std::is_integral_v<T>) {
      if (failure == std::errc::result_out_of_range)
        return "expected an integer from " + to_text(std::numeric_limits<T>::min()) + " to " +
               to_text(std::numeric_limits<T>::max()) + got();
      if (!whole) return "expected an integer" + got();
    } else if (!whole || !std::isfinite(value)) {
      return "expected a finite number" + got();
    }
    field = value;
  }
  return {};
}

/// Levenshtein distance, for "did you mean".
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

inline std::string join_path(std::string_view prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : std::string(prefix) + "." + std::string(name);
}
}  // namespace detail

/// Up to three of `known` that look like `name`, best first: ", nearest: a, b"; empty when none is near. The first
/// `common` characters, a prefix that all share, do not count.
inline std::string nearest_names(std::string_view name, const std::vector<std::string>& known, std::size_t common = 0) {
  const std::string_view tail = name.substr(std::min(common, name.size()));
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const auto& k : known) {
    const std::size_t d = detail::edit_distance(tail, std::string_view(k).substr(std::min(common, k.size())));
    if (d <= std::max<std::size_t>(2, tail.size() / 2)) ranked.emplace_back(d, k);
  }
  std::sort(ranked.begin(), ranked.end());
  std::string text;
  for (std::size_t i = 0; i < ranked.size() && i < 3; ++i) text += (i ? ", " : ", nearest: ") + ranked[i].second;
  return text;
}

template <class Config>
std::vector<ConfigField> flatten(const Config& config, std::string_view prefix = {}) {
  std::vector<ConfigField> out;
  for_each_field(config, [&](std::string_view name, const auto& field) {
    using T = std::remove_cvref_t<decltype(field)>;
    out.push_back({detail::join_path(prefix, name), std::string(detail::field_type<T>()), detail::to_text(field)});
  });
  return out;
}

/// Sets the fields that `settings` names under `prefix`; other prefixes are left alone. `config` changes only where a
/// text could be read.
template <class Config>
void apply(Config& config, std::string_view prefix, const Settings& settings, std::vector<ConfigProblem>& problems) {
  const std::size_t before = problems.size();
  std::vector<std::string> known;
  for_each_field(config, [&](std::string_view name, auto& field) {
    known.push_back(detail::join_path(prefix, name));
    const auto it = settings.find(known.back());
    if (it == settings.end()) return;
    if (std::string wrong = detail::from_text(it->second, field); !wrong.empty())
      problems.push_back({known.back(), std::move(wrong)});
  });
  const std::string start = prefix.empty() ? std::string() : std::string(prefix) + ".";
  for (const auto& [path, text] : settings) {
    if (path.compare(0, start.size(), start) != 0 || std::find(known.begin(), known.end(), path) != known.end())
      continue;
    problems.push_back({path, "no such setting" + nearest_names(path, known, start.size()), true});
  }
  if constexpr (requires { config.validate(); }) {
    if (problems.size() != before) return;
    const auto add = [&](std::string sentence) {
      if (!sentence.empty()) problems.push_back({std::string(prefix), std::move(sentence)});
    };
    if constexpr (requires { std::string(config.validate()); }) {
      add(std::string(config.validate()));
    } else {
      try {
        config.validate();
      } catch (const Error& e) { add(e.what()); }
    }
  }
}

/// A problem for each path that is under none of `prefixes`.
inline void check_prefixes(const Settings& settings, const std::vector<std::string>& prefixes,
                           std::vector<ConfigProblem>& problems) {
  for (const auto& [path, text] : settings) {
    const bool found = std::any_of(prefixes.begin(), prefixes.end(), [&p = path](const std::string& prefix) {
      return p.size() > prefix.size() && p[prefix.size()] == '.' && p.compare(0, prefix.size(), prefix) == 0;
    });
    if (!found)
      problems.push_back({path, "no such setting" + nearest_names(path.substr(0, path.find('.')), prefixes), true});
  }
}

/// Error{unknown_setting} when every problem is an unknown name, Error{bad_config} otherwise; nothing when there is
/// none.
inline void throw_problems(const std::vector<ConfigProblem>& problems, std::string_view where = "config") {
  if (problems.empty()) return;
  bool unknown = true;
  std::string text = problems.size() == 1 ? "" : std::to_string(problems.size()) + " problems: ";
  for (std::size_t i = 0; i < problems.size(); ++i) {
    unknown = unknown && problems[i].unknown;
    text += (i ? "; " : "") + (problems[i].path.empty() ? "" : problems[i].path + ": ") + problems[i].sentence;
  }
  fail(unknown ? Code::unknown_setting : Code::bad_config, where, text);
}

}  // namespace arrcoc
