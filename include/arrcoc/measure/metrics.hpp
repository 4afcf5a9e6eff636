#pragma once
// Metrics by name: what an answer scores, in [0, 1], and what was read out of it. docs/metrics.md has the rules.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/measure/answers.hpp"
#include "arrcoc/measure/boxes.hpp"
#include "arrcoc/measure/choice.hpp"
#include "arrcoc/measure/relaxed.hpp"
#include "arrcoc/measure/times.hpp"

namespace arrcoc::measure {

/// unscored: asked, and not scored; none: nothing is generated.
inline constexpr std::string_view metric_names[] = {"exact",   "relaxed_loose", "relaxed",  "anls",  "vqa",
                                                    "match",   "ocrbench",      "choice",   "yesno", "box",
                                                    "box_iou", "temporal_iou",  "unscored", "none"};
inline constexpr std::string_view flavour_names[] = {"official", "vlmevalkit", "lmms"};

constexpr bool is_metric(std::string_view name) {
  for (const std::string_view known : metric_names)
    if (known == name) return true;
  return false;
}
constexpr std::string_view name_of(Flavour f) { return flavour_names[static_cast<std::size_t>(f)]; }
constexpr std::optional<Flavour> flavour_of(std::string_view name) {
  for (std::size_t i = 0; i < std::size(flavour_names); ++i)
    if (flavour_names[i] == name) return static_cast<Flavour>(i);
  return std::nullopt;
}

/// What is right.
struct Expected {
  std::vector<std::string> answers;  // any of them; vqa: all of them; box: "[x0, y0, x1, y1]" in px of the picture
  Options options{};                 // choice
  std::string category{};            // ocrbench: HME100k or its long name are handwritten formulas
  double width = 0, height = 0;      // box: of the picture as decoded
};

struct Verdict {
  double score = 0;
  std::string extracted{};  // choice: the letter; yesno: yes, no, unknown; box: corners in px. Empty: nothing found
};

namespace detail {

inline std::u32string matched_text(std::string_view text, Flavour flavour) {
  std::u32string t = unicode::lower(unicode::strip(unicode::decode(text)));
  if (flavour == Flavour::lmms)
    std::erase_if(t, [](char32_t c) {
      return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
    });
  return t;
}

}  // namespace detail

/// Error{bad_config} for a metric that is not in the list, "unscored" and "none".
inline Verdict judge(std::string_view metric, std::string_view prediction, const Expected& e, Flavour flavour) {
  const auto any = [&](auto&& right) { return std::any_of(e.answers.begin(), e.answers.end(), right) ? 1.0 : 0.0; };
  if (metric == "exact") return {exact_match(prediction, e.answers) ? 1.0 : 0.0};
  if (metric == "relaxed_loose") return {relaxed_match(prediction, e.answers) ? 1.0 : 0.0};
  if (metric == "relaxed")
    return {any([&](const std::string& a) { return relaxed_accuracy(prediction, a, flavour == Flavour::vlmevalkit); })};
  if (metric == "anls") return {anls(prediction, e.answers, flavour)};
  if (metric == "vqa") return {vqa_accuracy(prediction, e.answers, flavour)};
  if (metric == "match") {
    const std::u32string got = detail::matched_text(prediction, flavour);
    return {any([&](const std::string& a) { return detail::matched_text(a, flavour) == got; })};
  }
  if (metric == "ocrbench") {
    const bool formula = e.category == "HME100k" || e.category == "Handwritten Mathematical Expression Recognition";
    return {ocrbench(prediction, e.answers, formula, flavour) ? 1.0 : 0.0};
  }
  if (metric == "choice") {
    const char letter = chosen_letter(prediction, e.options, flavour);
    const std::string found = letter == 0 ? std::string() : std::string(1, letter);
    return {any([&](const std::string& a) { return a == found; }), found};
  }
  if (metric == "yesno") {
    const YesNo got = yes_or_no(prediction, flavour);
    return {any([&](const std::string& a) { return got != YesNo::unknown && yes_or_no(a, Flavour::lmms) == got; }),
            std::string(name_of(got))};
  }
  if (metric == "box" || metric == "box_iou") {
    const auto found = first_box(prediction);
    if (!found) return {};
    const Corners mine = in_pixels(*found, e.width, e.height, flavour);
    double best = 0;
    for (const std::string& a : e.answers)
      if (const auto gold = first_box(a)) best = std::max(best, box_iou(mine, *gold));
    return {metric == "box_iou" ? best : best >= 0.5 ? 1.0 : 0.0, box_text(mine)};
  }
  if (metric == "temporal_iou") {
    const auto mine = stated_interval(prediction);
    double best = 0;
    for (const std::string& a : e.answers)
      if (const auto gold = stated_interval(a); mine && gold) best = std::max(best, temporal_iou(*mine, *gold));
    return {best};
  }
  fail(Code::bad_config, "metric", "no metric named '" + std::string(metric) + "'");
}

}  // namespace arrcoc::measure
