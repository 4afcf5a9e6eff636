// Several values of one setting: as they are typed, and as columns' names tell them again.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "arrcoc/core/split.hpp"
#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {
namespace {

/// One typed value, as it is written in names; numbers in their shortest form.
std::string value_of(std::string_view text, std::string_view type, const std::string& what, Code wrong) {
  std::string sentence, out(text);
  if (type == "int") {
    Index value = 0;
    const std::size_t first = text.starts_with('-') ? 1 : 0;
    sentence = detail::from_text(text, value);
    if (!sentence.empty() || (text.size() > first + 1 && text[first] == '0'))
      sentence = "expected a whole number in decimal, got '" + out + "'";
    out = std::to_string(value);
  } else if (type == "float") {
    double value = 0;
    sentence = detail::from_text(text, value);
    out = detail::to_text(value == 0 ? 0.0 : value);
  } else if (type == "bool") {
    bool value = false;
    sentence = detail::from_text(text, value);
  }
  require_that(sentence.empty(), wrong, "sweep", [&] { return what + ": " + sentence; });
  return out;
}

std::string count_text(double count) {
  return count < 1e15 ? std::to_string(static_cast<Index>(count)) : detail::to_text(count);
}

int decimals(std::string_view text) {
  const auto point = text.find('.');
  return point == text.npos ? 0 : static_cast<int>(text.size() - point - 1);
}

void add_range(std::string_view text, std::string_view type, const std::string& what, Code wrong,
               std::vector<std::string>& out) {
  const std::vector<std::string> parts = split(text, ':');
  const bool whole = type == "int";
  require_that(parts.size() == 3 || (parts.size() == 2 && whole), wrong, "sweep", [&] {
    return what + ": expected a range first:last:step" + (whole ? ", or first:last," : "") + " got '" +
           std::string(text) + "'";
  });
  double number[3] = {0, 0, 1};
  for (std::size_t i = 0; i < parts.size(); ++i) detail::from_text(value_of(parts[i], type, what, wrong), number[i]);
  const auto [first, last, step] = number;
  const double steps = (last - first) / step;
  require_that(std::isfinite(steps) && steps >= 0, wrong, "sweep", [&] {
    return what + ": expected a range whose step leads from the first to the last value, got '" + std::string(text) +
           "'";
  });
  const double count = std::floor(steps * (1 + 1e-12) + 1e-9) + 1;
  require_that(count <= static_cast<double>(most_columns), Code::bad_usage, "sweep", [&] {
    return what + ": expected at most " + std::to_string(most_columns) + " values, got " + count_text(count) + " in '" +
           std::string(text) + "'";
  });
  const bool exponent = text.find_first_of("eE") != text.npos;
  const int digits = std::min(15, std::max(decimals(parts[0]), decimals(parts.size() > 2 ? parts[2] : "")));
  for (double i = 0; i < count; ++i) {
    double value = first + i * step;
    char rounded[400];  // 0.1 + 2 * 0.1 is 0.3
    std::snprintf(rounded, sizeof rounded, "%.*f", digits, value);
    if (!exponent) detail::from_text(std::string_view(rounded), value);
    out.push_back(detail::to_text(value == 0 ? 0.0 : value));
    if (whole) out.back() = std::to_string(static_cast<Index>(value));
  }
}

}  // namespace

std::vector<std::string> axis_values(std::string_view text, std::string_view type, const std::string& what,
                                     Code wrong) {
  std::vector<std::string> out;
  if (type.ends_with("[]")) return {std::string(text)};
  for (const std::string& part : split(text, ',')) {
    if ((type == "int" || type == "float") && part.find(':') != part.npos) add_range(part, type, what, wrong, out);
    else out.push_back(value_of(part, type, what, wrong));
  }
  return out;
}

namespace {

/// A column and what its name sets.
struct Named {
  const SweepGroup* group = nullptr;
  std::string pipeline, leak;  // without "_blank" and "_other", which an oracle's leak rows have
  Settings settings;
};

/// One of each column: its mean over the seeds where there is one.
std::vector<Named> scored_columns(const std::vector<SweepGroup>& groups) {
  std::vector<Named> out;
  for (const SweepGroup& g : groups) {
    if (!g.all) continue;
    const bool same = !out.empty() && out.back().group->pipeline == g.pipeline &&
                      out.back().group->budget == g.budget && out.back().group->depth == g.depth;
    if (same) {
      out.back().group = &g;
      continue;
    }
    Named n{&g, g.pipeline, {}, {}};
    for (const std::string_view leak : {"_blank", "_other"}) {
      if (!g.pipeline.ends_with(leak)) continue;
      const std::string head = g.pipeline.substr(0, g.pipeline.size() - leak.size());
      if (std::any_of(groups.begin(), groups.end(), [&](const SweepGroup& o) { return o.pipeline == head; })) {
        n.pipeline = head;
        n.leak = leak;
      }
    }
    try {
      n.settings = named_settings(n.pipeline);
    } catch (const Error&) {}  // a name that this version does not read has no axis
    out.push_back(std::move(n));
  }
  return out;
}

/// What stands for a name without the setting, where every pipeline has it.
const char* usual_of(const std::string& path) {
  return path == "picture" ? "native" : path == "corrupt" ? "0" : nullptr;
}

void sort_numbers(std::vector<std::string>& values) {
  double ignored = 0;
  const auto number = [&](const std::string& v) { return detail::from_text(v, ignored).empty(); };
  if (!std::all_of(values.begin(), values.end(), number)) return;
  std::stable_sort(values.begin(), values.end(), [](const std::string& a, const std::string& b) {
    double x = 0, y = 0;
    detail::from_text(a, x);
    detail::from_text(b, y);
    return x < y;
  });
}

}  // namespace

std::vector<SweepAxis> axes_of(const std::vector<SweepGroup>& groups) {
  const std::vector<Named> columns = scored_columns(groups);
  std::vector<std::string> paths;
  const auto add = [](std::vector<std::string>& list, const std::string& text) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
  };
  for (const Named& n : columns)
    for (const auto& [path, value] : n.settings)
      if (usual_of(path) != nullptr || path.find('.') != path.npos) add(paths, path);
  add(paths, "budget");
  std::vector<SweepAxis> out;
  for (const std::string& path : paths) {
    struct Cell {
      std::string column, value;
      Share share;
    };
    std::vector<Cell> entries;
    for (const Named& n : columns) {
      const bool budget = path == "budget";
      const auto at = n.settings.find(path);
      if (budget ? n.group->budget == "all" : at == n.settings.end() && usual_of(path) == nullptr) continue;
      std::string column = n.pipeline;
      if (!budget && at != n.settings.end()) column = without_setting(column, path);
      column += n.leak + (budget || n.group->budget == "all" ? "" : "@" + n.group->budget) +
                (n.group->depth == "all" ? "" : " depth=" + n.group->depth);
      const std::string value = budget ? n.group->budget : at == n.settings.end() ? usual_of(path) : at->second;
      entries.push_back({column, value, *n.group->all});
    }
    std::map<std::string, Index> values_of;  // column -> how many
    for (const Cell& e : entries) ++values_of[e.column];
    SweepAxis axis;
    axis.path = path;
    std::vector<std::string> lines;
    for (const Cell& e : entries)
      if (values_of.at(e.column) > 1) add(axis.values, e.value), add(lines, e.column);
    sort_numbers(axis.values);
    for (const std::string& column : lines) {
      axis.lines.push_back({column, std::vector<std::optional<Share>>(axis.values.size())});
      for (const Cell& e : entries)
        if (e.column == column)
          axis.lines.back().shares[static_cast<std::size_t>(std::find(axis.values.begin(), axis.values.end(), e.value) -
                                                            axis.values.begin())] = e.share;
    }
    if (!axis.lines.empty()) out.push_back(std::move(axis));
  }
  return out;
}

}  // namespace arrcoc
