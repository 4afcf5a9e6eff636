#pragma once
// Is an answer right? Every metric gives 0 or 1.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace arrcoc::measure {

/// What exact match compares: A-Z in lower case, runs of white space as one space, none at the ends, one full stop at
/// the end dropped.
inline std::string normalise_answer(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (space && (out.empty() || out.back() == ' ')) continue;
    out += space ? ' ' : (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  }
  const auto trim = [&] {
    if (!out.empty() && out.back() == ' ') out.pop_back();
  };
  trim();
  if (out.size() > 1 && out.back() == '.') out.pop_back();
  trim();
  return out;
}

inline bool exact_match(std::string_view prediction, const std::vector<std::string>& answers) {
  const std::string got = normalise_answer(prediction);
  return std::any_of(answers.begin(), answers.end(), [&](const std::string& a) { return normalise_answer(a) == got; });
}

/// "12", "-0.5", "12%" (a hundredth of it) -> the number; nothing for anything else, NaN and infinities.
inline std::optional<double> number_of(std::string_view text) {
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return percent ? value / 100 : value;
}

/// Numbers within 5 % of the true one (which is not 0); exact match otherwise. Source: ChartQA's relaxed accuracy,
/// Masry et al. 2022, section 5.1.
inline bool relaxed_match(std::string_view prediction, const std::vector<std::string>& answers) {
  const std::string got = normalise_answer(prediction);
  const auto mine = number_of(got);
  return std::any_of(answers.begin(), answers.end(), [&](const std::string& a) {
    const std::string wanted = normalise_answer(a);
    const auto theirs = number_of(wanted);
    if (mine && theirs && *theirs != 0) return std::abs(*mine - *theirs) / std::abs(*theirs) <= 0.05;
    return got == wanted;
  });
}

}  // namespace arrcoc::measure
