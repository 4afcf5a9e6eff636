#pragma once
// Times that an answer states, and how well they meet the true ones.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace arrcoc::measure {

/// Seconds, from <= to.
struct TimeSpan {
  double from = 0, to = 0;
};

namespace detail {

struct StatedTime {
  double seconds = 0;
  bool sure = false;  // it has colons or a unit
  std::size_t begin = 0, end = 0;
};
constexpr bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// "3:27", "00:03:27", "3.7": the time that starts at a digit, and where it ends; none where fields have no two digits
/// below 60, or where digits, commas or colons go on.
inline std::optional<StatedTime> clock_at(std::string_view t, std::size_t begin) {
  std::size_t at = begin, fields = 0;
  double seconds = 0;
  for (;; ++at) {
    const std::size_t from = at;
    while (at < t.size() && is_ascii_digit(t[at])) ++at;
    double value = 0;
    std::from_chars(t.data() + from, t.data() + at, value);
    if (++fields > 3 || at == from || (fields > 1 && (at - from != 2 || value >= 60))) return std::nullopt;
    seconds = seconds * 60 + value;
    if (at + 1 >= t.size() || t[at] != ':' || !is_ascii_digit(t[at + 1])) break;
  }
  if (at + 1 < t.size() && t[at] == '.' && is_ascii_digit(t[at + 1])) {
    double fraction = 0;
    const std::size_t from = at++;
    while (at < t.size() && is_ascii_digit(t[at])) ++at;
    std::from_chars(t.data() + from, t.data() + at, fraction);
    seconds += fraction;
  }
  if (at + 1 < t.size() && (t[at] == ',' || t[at] == '.' || t[at] == ':') && is_ascii_digit(t[at + 1]))
    return std::nullopt;
  return StatedTime{seconds, fields > 1, begin, at};
}

inline std::vector<StatedTime> stated_times(std::string_view t) {
  std::vector<StatedTime> out;
  for (std::size_t i = 0; i < t.size();) {
    if (!is_ascii_digit(t[i])) {
      ++i;
      continue;
    }
    const char before = i > 0 ? t[i - 1] : ' ';
    const bool glued = is_ascii_letter(before) || before == '.' || before == '_' || before == ':' || before == ',';
    auto time = glued ? std::nullopt : clock_at(t, i);
    if (!time) {  // what it is glued to is none either
      while (i < t.size() && (is_ascii_digit(t[i]) || t[i] == ':' || t[i] == '.' || t[i] == ',')) ++i;
      continue;
    }
    i = time->end;
    std::size_t word = i;
    while (word < t.size() && t[word] == ' ') ++word;
    std::string unit;
    for (; word < t.size() && is_ascii_letter(t[word]); ++word)
      unit += static_cast<char>(t[word] >= 'a' ? t[word] : t[word] - 'A' + 'a');
    const auto is_one_of = [&](std::initializer_list<std::string_view> list) {
      return std::find(list.begin(), list.end(), unit) != list.end();
    };
    const bool minutes = is_one_of({"m", "min", "mins", "minute", "minutes"});
    if (minutes || is_one_of({"s", "sec", "secs", "second", "seconds"})) {
      if (minutes) time->seconds *= 60;
      time->sure = true;
      time->end = i = word;
    } else if (i < t.size() && is_ascii_letter(t[i])) {  // "2nd", "4x"
      continue;
    }
    out.push_back(*time);
  }
  return out;
}

/// "2 to 4.5", "2 - 4.5", "between 2 and 4.5".
inline bool are_linked(std::string_view text, const StatedTime& a, const StatedTime& b) {
  std::string_view gap = text.substr(a.end, b.begin - a.end);
  const auto is_edge = [](char c) { return c == ' ' || c == '<' || c == '>'; };
  while (!gap.empty() && is_edge(gap.front())) gap.remove_prefix(1);
  while (!gap.empty() && is_edge(gap.back())) gap.remove_suffix(1);
  for (const std::string_view link : {"to", "and", "until", "-", ",", "\xe2\x80\x93", "\xe2\x80\x94"})
    if (gap == link) return true;
  return false;
}

/// Those with colons or a unit where there are any, else all.
inline std::vector<StatedTime> times_meant(std::string_view text) {
  std::vector<StatedTime> all = stated_times(text);
  for (std::size_t i = all.size(); i-- > 1;)
    if (all[i].sure && are_linked(text, all[i - 1], all[i])) all[i - 1].sure = true;
  const auto is_sure = [](const StatedTime& t) { return t.sure; };
  if (std::any_of(all.begin(), all.end(), is_sure))
    std::erase_if(all, [&](const StatedTime& t) { return !is_sure(t); });
  return all;
}

}  // namespace detail

/// The first time that a text states, in seconds: "3:27", "00:03:27", "3.7 s", "2 min", "<3.7 seconds>", "3.7"; one
/// with colons or a unit before bare numbers. None where there is none: words, "1,000", "3:7", "t3".
inline std::optional<double> stated_seconds(std::string_view text) {
  const auto times = detail::times_meant(text);
  return times.empty() ? std::nullopt : std::optional(times[0].seconds);
}

/// Whether a text has a time with colons or a unit; a bare number may count things.
inline bool says_time(std::string_view text) {
  const auto times = detail::times_meant(text);
  return !times.empty() && times[0].sure;
}

/// |stated - truth| in seconds; none where the answer states no time.
inline std::optional<double> seconds_off(std::string_view answer, double truth) {
  const auto stated = stated_seconds(answer);
  return stated ? std::optional(std::abs(*stated - truth)) : std::nullopt;
}

/// The first two times that a text states: "from 2 to 4.5 seconds", "0:02-0:04.5"; a single one is a point. None where
/// there is none, or where the end stands before the beginning.
inline std::optional<TimeSpan> stated_interval(std::string_view text) {
  const auto times = detail::times_meant(text);
  if (times.empty()) return std::nullopt;
  const TimeSpan out{times[0].seconds, times[times.size() > 1 ? 1 : 0].seconds};
  return out.from <= out.to ? std::optional(out) : std::nullopt;
}

/// Length of what two intervals share over the length of both together; of two points 1 where they are the same, else
/// 0. Source: ActivityNet Captions, Krishna et al. 2017; TALL, Gao et al. 2017 (temporal IoU).
inline double temporal_iou(const TimeSpan& a, const TimeSpan& b) {
  const double shared = std::max(0.0, std::min(a.to, b.to) - std::max(a.from, b.from)),
               together = a.to - a.from + b.to - b.from - shared;
  if (together > 0) return shared / together;
  return a.from == b.from ? 1 : 0;
}

}  // namespace arrcoc::measure
