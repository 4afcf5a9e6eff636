#pragma once
// ANLS (DocVQA, InfoVQA), VQA accuracy (VQAv2, TextVQA, VizWiz), OCRBench's substring rule. docs/metrics.md says where
// the flavours differ.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/measure/unicode.hpp"

namespace arrcoc::measure {

/// Whose rules, where toolkits differ.
enum class Flavour : std::uint8_t { official, vlmevalkit, lmms };

/// Edit distance: insertions, deletions, substitutions.
inline Index levenshtein(std::u32string_view a, std::u32string_view b) {
  std::vector<Index> row(a.size() + 1);
  for (std::size_t i = 0; i <= a.size(); ++i) row[i] = static_cast<Index>(i);
  for (std::size_t j = 0; j < b.size(); ++j) {
    Index diagonal = row[0];
    row[0] = static_cast<Index>(j) + 1;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const Index next = a[i] == b[j] ? diagonal : 1 + std::min({diagonal, row[i], row[i + 1]});
      diagonal = row[i + 1];
      row[i + 1] = next;
    }
  }
  return row.back();
}

/// 1 - the least normalised edit distance to an answer, 0 where that is below a half. The distance is over cleaned
/// texts (lower case, words joined by one space); it is divided by the longer of the raw texts in upper case, of the
/// cleaned ones in VLMEvalKit. Source: Mathew et al. 2021 (DocVQA), section 5, with the challenge script's boundary.
inline double anls(std::string_view prediction, const std::vector<std::string>& answers, Flavour flavour) {
  const std::u32string got = unicode::decode(prediction);
  const std::u32string low = unicode::lower(got), mine = unicode::joined(unicode::words(low));
  double best = 0;
  bool any = false;
  for (const std::string& answer : answers) {
    const std::u32string gold = unicode::decode(answer), gold_low = unicode::lower(gold),
                         theirs = unicode::joined(unicode::words(gold_low));
    const Index length = flavour == Flavour::vlmevalkit
                             ? static_cast<Index>(std::max(mine.size(), theirs.size()))
                             : std::max(unicode::upper_length(gold), unicode::upper_length(got));
    const double distance =
        length == 0 ? 0 : static_cast<double>(levenshtein(theirs, mine)) / static_cast<double>(length);
    best = any ? std::max(best, 1 - distance) : 1 - distance;
    any = true;
  }
  return best < 0.5 ? 0 : best;
}

namespace detail {

/// Contractions in their right form; each is also found with one of its apostrophes left out.
inline constexpr std::u32string_view contractions[] = {
    U"ain't",     U"aren't",       U"can't",      U"could've",     U"couldn't",      U"couldn't've",    U"didn't",
    U"doesn't",   U"don't",        U"hadn't",     U"hadn't've",    U"hasn't",        U"haven't",        U"he'd",
    U"he'd've",   U"he's",         U"how'd",      U"how'll",       U"how's",         U"isn't",          U"it'd",
    U"it'd've",   U"it'll",        U"ma'am",      U"mightn't",     U"mightn't've",   U"might've",       U"mustn't",
    U"must've",   U"needn't",      U"not've",     U"o'clock",      U"oughtn't",      U"'ow's'at",       U"shan't",
    U"she'd've",  U"should've",    U"shouldn't",  U"shouldn't've", U"somebody'd've", U"somebody'll",    U"somebody's",
    U"someone'd", U"someone'd've", U"someone'll", U"someone's",    U"something'd",   U"something'd've", U"something'll",
    U"that's",    U"there'd",      U"there'd've", U"there're",     U"there's",       U"they'd",         U"they'd've",
    U"they'll",   U"they're",      U"they've",    U"'twas",        U"wasn't",        U"we'd've",        U"we've",
    U"weren't",   U"what'll",      U"what're",    U"what's",       U"what've",       U"when's",         U"where'd",
    U"where's",   U"where've",     U"who'd",      U"who'd've",     U"who'll",        U"who's",          U"who've",
    U"why'll",    U"why're",       U"why's",      U"won't",        U"would've",      U"wouldn't",       U"wouldn't've",
    U"y'all",     U"y'all'll",     U"y'all'd've", U"you'd",        U"you'd've",      U"you'll",         U"you're",
    U"you've"};

inline std::u32string contraction_of(std::u32string_view word) {
  if (word == U"somebody'd") return U"somebodyd";  // so the table has it
  for (const std::u32string_view right : contractions)
    if (right.size() == word.size() + 1)
      for (std::size_t at = right.find(U'\''); at != right.npos; at = right.find(U'\'', at + 1))
        if (right.substr(0, at) == word.substr(0, at) && right.substr(at + 1) == word.substr(at))
          return std::u32string(right);
  return std::u32string(word);
}

inline std::u32string without_punctuation(std::u32string_view text, Flavour flavour) {
  constexpr std::u32string_view marks = U";/[]\"{}()=+\\_-><@`,?!";
  const auto digit = [&](std::size_t i) { return i < text.size() && unicode::digit_value(text[i]) >= 0; };
  bool comma_in_number = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    std::size_t after = i;
    while (after < text.size() && text[after] == U',' && (after == i || flavour == Flavour::lmms)) ++after;
    comma_in_number = comma_in_number || (after > i && digit(i - 1) && digit(after));
  }
  std::u32string out(text);
  for (const char32_t mark : marks) {
    const bool beside_space =
        text.find(std::u32string{mark, U' '}) != text.npos || text.find(std::u32string{U' ', mark}) != text.npos;
    out = unicode::replaced(out, std::u32string(1, mark), beside_space || comma_in_number ? U"" : U" ");
  }
  std::u32string kept;
  int removed = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto number = [&](std::size_t k) { return k < out.size() && unicode::digit_value(out[k]) >= 0; };
    const bool vlmevalkit = flavour == Flavour::vlmevalkit;
    // The published expression looks for "<=" and a digit where it means to look behind, and takes a flag for a count.
    const bool goes = out[i] == U'.' && !number(i + 1) && (vlmevalkit ? i == 0 || !number(i - 1) : removed < 32);
    if (goes) ++removed;
    else kept += out[i];
  }
  return kept;
}

inline std::u32string without_articles(std::u32string_view text) {
  constexpr std::array<std::u32string_view, 11> numbers{U"zero", U"one",   U"two",   U"three", U"four", U"five",
                                                        U"six",  U"seven", U"eight", U"nine",  U"ten"};
  const std::u32string low = unicode::lower(text);
  std::u32string out;
  for (const std::u32string_view word : unicode::words(low)) {
    if (word == U"a" || word == U"an" || word == U"the") continue;
    const auto at = std::find(numbers.begin(), numbers.end(), word == U"none" ? U"zero" : word);
    if (!out.empty()) out += U' ';
    if (at != numbers.end()) out += at == numbers.end() - 1 ? U"10" : std::u32string(1, U'0' + (at - numbers.begin()));
    else out += contraction_of(word);
  }
  return out;
}

inline std::u32string one_line(std::u32string_view text) {
  std::u32string out(text);
  for (char32_t& c : out)
    if (c == U'\n' || c == U'\t') c = U' ';
  return std::u32string(unicode::strip(out));
}

}  // namespace detail

/// What VQA accuracy compares: punctuation, articles and number words gone, contractions put right.
inline std::u32string vqa_normalised(std::u32string_view text, Flavour flavour) {
  std::u32string t(text);
  if (flavour == Flavour::lmms) {
    t = unicode::replaced(unicode::replaced(unicode::lower(t), U",", U""), U"?", U"");
    t = unicode::replaced(t, U"'s", U" 's");
  }
  return detail::without_articles(detail::without_punctuation(detail::one_line(t), flavour));
}

/// Mean over the answers of min(1, how many others equal the prediction / 3): of ten 0, 0.3, 0.6, 0.9, 1 for 0, 1, 2,
/// 3, 4 that do; of a single one always 0. official: nothing is normalised where all answers are the same. Source:
/// Antol et al. 2015, and the evaluation code of VQA v2.
inline double vqa_accuracy(std::string_view prediction, const std::vector<std::string>& answers, Flavour flavour) {
  const bool raw = flavour == Flavour::official &&
                   std::all_of(answers.begin(), answers.end(), [&](const auto& a) { return a == answers.front(); });
  const auto prepared = [&](std::string_view text, bool is_prediction) {
    const std::u32string t = unicode::decode(text);
    if (raw) return is_prediction ? detail::one_line(t) : t;
    return vqa_normalised(t, flavour);
  };
  const std::u32string got = prepared(prediction, true);
  Index matches = 0;
  for (const std::string& answer : answers) matches += prepared(answer, false) == got;
  double sum = 0;
  const auto n = static_cast<Index>(answers.size());
  for (Index i = 0; i < n; ++i)  // those that match leave one match fewer among the others
    sum += std::min(1.0, static_cast<double>(matches - (i < matches ? 1 : 0)) / 3);
  return n == 0 ? 0 : sum / static_cast<double>(n);
}

/// An answer is part of the prediction: in lower case, line ends as spaces (lmms: full-width ASCII as plain); of
/// handwritten formulas in their own case and without any space. Source: Liu et al. 2023 (OCRBench), its evaluation
/// code; lmms-eval 0.7 (older ones lower the prediction of formulas too, and not the answer).
inline bool ocrbench(std::string_view prediction, const std::vector<std::string>& answers, bool formula,
                     Flavour flavour) {
  const auto prepared = [&](std::string_view text) {
    std::u32string t = unicode::decode(text);
    if (!formula && flavour == Flavour::lmms)
      for (char32_t& c : t) c = c == 0x3000 ? U' ' : c >= 0xff01 && c <= 0xff5e ? c - 0xfee0 : c;
    if (!formula) t = unicode::lower(t);
    t = unicode::replaced(unicode::strip(t), U"\n", U" ");
    return formula ? unicode::replaced(t, U" ", U"") : t;
  };
  const std::u32string got = prepared(prediction);
  return std::any_of(answers.begin(), answers.end(),
                     [&](const std::string& a) { return got.find(prepared(a)) != got.npos; });
}

}  // namespace arrcoc::measure
