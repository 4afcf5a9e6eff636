#pragma once
// The flags of a sweep's columns, and what they become.
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc::tools {

struct ColumnFlags {
  std::vector<std::string> pipelines, depths{"all"}, pictures{"native"};
  std::vector<std::string> budgets, keep_ratios, seeds{"0:2"}, corrupt{"0"};  // numbers and ranges
  bool query_controls = false;
};

/// A flag's numbers: one, or a range.
template <class T>
std::vector<T> numbers(const std::string& typed, std::string_view type, const std::string& flag) {
  std::vector<T> out;
  for (const std::string& value : axis_values(typed, type, flag, Code::bad_usage)) {
    const std::string wrong = detail::from_text(value, out.emplace_back());
    require_that(wrong.empty(), Code::bad_usage, "sweep", [&] { return flag + ": " + wrong; });
  }
  return out;
}

inline std::vector<Budget> budgets_of(const ColumnFlags& f) {
  require_that(f.budgets.empty() || f.keep_ratios.empty(), Code::bad_usage, "budget",
               "--budget and --keep-ratio exclude each other; NAME@BUDGET gives one pipeline its own");
  std::vector<Budget> out;
  for (const std::string& typed : f.budgets)
    for (const Index b : numbers<Index>(typed, "int", "--budget")) {
      require_that(b >= 1, Code::bad_budget, "budget",
                   [&] { return "expected at least 1 token, got " + std::to_string(b); });
      out.push_back({b, 0.25});
    }
  for (const std::string& typed : f.keep_ratios)
    for (const double r : numbers<double>(typed, "float", "--keep-ratio")) out.push_back({0, r});
  if (out.empty()) out.push_back({});
  return out;
}

/// The pipelines with their changed pictures, wrong choices and controls beside them.
inline std::vector<std::string> asked_pipelines(const ColumnFlags& f) {
  std::vector<std::string> out;
  for (const std::string& typed : f.pipelines) {
    if (typed.starts_with("stock")) {
      out.push_back(typed);
      continue;
    }
    const auto at = typed.rfind('@');
    const bool own = at != typed.npos && !typed.substr(at).starts_with("@+") && typed.find('%', at) == typed.npos;
    const std::string front = typed.substr(0, own ? at : typed.size()), back = typed.substr(front.size());
    std::vector<std::string> names;
    for (const std::string& picture : f.pictures) {
      const std::string seen = picture == "native" ? front : with_setting(front, "picture", picture);
      for (const std::string& share : f.corrupt)
        for (const double wrong : numbers<double>(share, "float", "--corrupt"))
          if (wrong == 0) names.push_back(seen);
          else if (!typed.starts_with("full")) names.push_back(with_setting(seen, "corrupt", detail::to_text(wrong)));
    }
    for (const std::string& name : names) {
      out.push_back(name + back);
      for (const char* control : {":query=blank", ":query=other"})
        if (f.query_controls) out.push_back(name + control + back);
    }
  }
  return out;
}

/// Everything but the settings.
inline SweepChoice choice_of(const ColumnFlags& f) {
  SweepChoice choice;
  choice.pipelines = asked_pipelines(f);
  choice.budgets = budgets_of(f);
  choice.depths = f.depths;
  choice.seeds.clear();
  for (const std::string& typed : f.seeds)
    for (const std::uint64_t seed : numbers<std::uint64_t>(typed, "int", "--seed")) choice.seeds.push_back(seed);
  return choice;
}

}  // namespace arrcoc::tools
