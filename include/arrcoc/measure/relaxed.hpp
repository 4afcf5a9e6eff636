#pragma once
// ChartQA's relaxed accuracy to the letter. Source: Masry et al. 2022, end of section 5.1; the code that pix2struct,
// Qwen-VL, VLMEvalKit and lmms-eval share.
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "arrcoc/measure/unicode.hpp"

namespace arrcoc::measure {

/// Python's float(text): white space around, digits of any script, one underscore between digits, inf, nan. None where
/// Python raises ValueError.
inline std::optional<double> python_float(std::u32string_view text) {
  text = unicode::strip(text);
  std::string plain;
  for (const char32_t c : text) {
    const int digit = unicode::digit_value(c);
    if (digit >= 0) plain += static_cast<char>('0' + digit);
    else if (c < 0x80) plain += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    else return std::nullopt;
  }
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string number;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (plain[i] != '_') {
      number += plain[i];
      continue;
    }
    if (i == 0 || i + 1 == plain.size() || !is_digit(plain[i - 1]) || !is_digit(plain[i + 1])) return std::nullopt;
  }
  double sign = 1;
  std::string_view rest = number;
  if (rest.starts_with('+') || rest.starts_with('-')) {
    sign = rest[0] == '-' ? -1 : 1;
    rest.remove_prefix(1);
  }
  if (rest == "inf" || rest == "infinity") return sign * std::numeric_limits<double>::infinity();
  if (rest == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (rest.empty() || !(is_digit(rest[0]) || rest[0] == '.')) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (end != rest.data() + rest.size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {  // too large or too small: Python gives inf or 0
    const std::size_t e = rest.find('e');
    const std::string_view digits = rest.substr(0, e);
    const std::size_t first = digits.find_first_of("123456789"), point = std::min(digits.find('.'), digits.size());
    double power = static_cast<double>(point) - static_cast<double>(first);
    if (e != rest.npos) {
      std::string_view exponent = rest.substr(e + 1);
      const bool negative = exponent.starts_with('-');
      exponent.remove_prefix(negative || exponent.starts_with('+') ? 1 : 0);
      double size = 0;
      for (const char c : exponent) size = 10 * size + (c - '0');
      power += negative ? -size : size;
    }
    return sign * (power > 0 ? std::numeric_limits<double>::infinity() : 0.0);
  }
  return sign * value;
}

/// The number of ChartQA's rule: a text that ends in % is a hundredth of what is left without all % at its end.
inline std::optional<double> chart_number(std::u32string_view text) {
  if (!text.ends_with(U'%')) return python_float(text);
  while (text.ends_with(U'%')) text.remove_suffix(1);
  auto value = python_float(text);
  if (value) *value /= 100;
  return value;
}

/// Both are numbers and the true one is not 0: within 5 % of it. Otherwise equal in lower case. `strip`: white space
/// around the prediction goes first, as in VLMEvalKit.
inline bool relaxed_accuracy(std::string_view prediction, std::string_view answer, bool strip) {
  const std::u32string whole = unicode::decode(prediction), gold = unicode::decode(answer);
  const std::u32string_view mine = strip ? unicode::strip(whole) : std::u32string_view(whole);
  const auto got = chart_number(mine), wanted = chart_number(gold);
  if (got && wanted && *wanted != 0) return std::abs(*got - *wanted) / std::abs(*wanted) <= 0.05;
  return unicode::lower(mine) == unicode::lower(gold);
}

}  // namespace arrcoc::measure
