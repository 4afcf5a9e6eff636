#pragma once
// Letters of multiple choice, and yes or no, as toolkits read them out of a free answer.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/measure/vqa.hpp"

namespace arrcoc::measure {

/// Texts of the options A, B, ...; an empty one is not there.
using Options = std::vector<std::string>;

namespace detail {

struct Option {
  char letter;
  std::u32string text, lower;
};
inline std::vector<Option> options_of(const Options& options) {
  std::vector<Option> out;
  for (std::size_t i = 0; i < options.size() && i < 26; ++i)
    if (!options[i].empty()) {
      std::u32string text = unicode::decode(options[i]);
      std::u32string low = unicode::lower(text);
      out.push_back({static_cast<char>('A' + i), std::move(text), std::move(low)});
    }
  return out;
}

/// VLMEvalKit's can_infer: one letter that stands alone, among the last four words; else the one option whose text is
/// in an answer that is not too long. 'Z': the answer refuses.
inline char inferred_letter(std::u32string_view answer, const std::vector<Option>& options) {
  constexpr std::u32string_view refusals[] = {
      U"Sorry, I can't help with images of people yet.", U"I can't process this file.",
      U"I'm sorry, but without the image provided", U"Cannot determine the answer"};
  if (answer.find(U"Failed to obtain answer via API") == answer.npos) {
    for (const auto refusal : refusals)
      if (answer.find(refusal) != answer.npos) return 'Z';
    std::u32string plain(answer);
    for (char32_t& c : plain)
      if (std::u32string_view(U".()[],:;!*#{}").find(c) != std::u32string_view::npos) c = U' ';
    const auto words = unicode::words(plain);
    const auto place = [&](char letter) {
      return std::find_if(
                 words.begin(), words.end(),
                 [&](std::u32string_view w) { return w.size() == 1 && w[0] == static_cast<char32_t>(letter); }) -
             words.begin();
    };
    const auto n = static_cast<std::ptrdiff_t>(words.size());
    std::ptrdiff_t at = n;
    char letter = 0;
    int there = 0;
    for (const Option& o : options)
      if (place(o.letter) < n) {
        ++there;
        letter = o.letter;
        at = place(o.letter);
      }
    if (there == 1 && at > n - 5) return letter;
    if (there == 0 && place('Z') < n) return 'Z';
  }
  const std::u32string low = unicode::lower(answer);
  std::size_t length = 0;
  for (const Option& o : options) length += o.text.size();
  if (low.size() > 2 * length) return 0;
  char found = 0;
  for (const Option& o : options)
    if (low.find(o.lower) != low.npos) {
      if (found != 0) return 0;
      found = o.letter;
    }
  return found;
}

/// MMMU's parse: (A), then a letter before a space, (lmms: then A.), then an option's text in a long answer; of several
/// the last.
inline char parsed_letter(std::u32string_view answer, const std::vector<Option>& options, bool lmms) {
  for (const char32_t mark : {U',', U'.', U'!', U'?', U';', U':', U'\''}) {
    while (answer.starts_with(mark)) answer.remove_prefix(1);
    while (answer.ends_with(mark)) answer.remove_suffix(1);
  }
  const std::u32string text = U" " + std::u32string(answer) + U" ";
  std::vector<const Option*> found;
  const auto look = [&](std::u32string_view before, std::u32string_view after) {
    if (!found.empty()) return;
    for (const Option& o : options)
      if (text.find(std::u32string(before) + static_cast<char32_t>(o.letter) + std::u32string(after)) != text.npos)
        found.push_back(&o);
  };
  look(U"(", U")");
  const bool brackets = !found.empty();
  look(lmms ? U"" : U" ", U" ");
  if (lmms) look(U"", U".");
  bool by_text = false;
  const std::u32string low = unicode::lower(text);
  if (found.empty() && unicode::words(text).size() > 5)
    for (const Option& o : options)
      if (low.find(o.lower) != low.npos) {
        found.push_back(&o);
        by_text = true;
      }
  if (found.empty()) return 0;
  const Option* best = nullptr;
  std::ptrdiff_t last = -2;
  for (const Option* o : found) {
    const std::u32string letter(1, static_cast<char32_t>(o->letter));
    const std::size_t at = by_text    ? low.rfind(o->lower)
                           : brackets ? text.rfind(U"(" + letter + U")")
                                      : text.rfind(U" " + letter + U" ");
    const std::ptrdiff_t place = at == text.npos ? -1 : static_cast<std::ptrdiff_t>(at);
    if (place > last) {
      last = place;
      best = o;
    }
  }
  return best->letter;
}

}  // namespace detail

/// The letter an answer chooses; 0: none that the rules find (VLMEvalKit without a judge counts that as wrong; MMMU's
/// code draws a letter, we do not). Source: VLMEvalKit's matching_util, MMMU's eval_utils.
inline char chosen_letter(std::string_view prediction, const Options& options, Flavour flavour) {
  const auto known = detail::options_of(options);
  const std::u32string text = unicode::decode(prediction);
  const char letter = flavour == Flavour::vlmevalkit ? detail::inferred_letter(text, known)
                                                     : detail::parsed_letter(text, known, flavour == Flavour::lmms);
  return letter;
}

enum class YesNo : std::uint8_t { unknown, yes, no };
constexpr std::string_view name_of(YesNo y) { return y == YesNo::yes ? "yes" : y == YesNo::no ? "no" : "unknown"; }

/// vlmevalkit: one of the two words is in the answer and the other is not. official, lmms: the whole answer, else its
/// first four characters (lmms: full stops and white space around it gone before, y and n count). Source: MME's
/// evaluation code, Fu et al. 2023; VLMEvalKit's yorn.
inline YesNo yes_or_no(std::string_view prediction, Flavour flavour) {
  std::u32string t = unicode::lower(unicode::decode(prediction));
  if (flavour == Flavour::vlmevalkit) {
    const std::u32string plain = detail::without_punctuation(t, flavour);
    bool yes = false, no = false;
    for (const auto word : unicode::words(plain)) {
      yes = yes || word == U"yes";
      no = no || word == U"no";
    }
    return yes == no ? YesNo::unknown : yes ? YesNo::yes : YesNo::no;
  }
  if (flavour == Flavour::lmms) {
    t = unicode::replaced(unicode::strip(t), U".", U"");
    if (t == U"y") return YesNo::yes;
    if (t == U"n") return YesNo::no;
  }
  const std::u32string_view first = std::u32string_view(t).substr(0, 4);
  if (first.find(U"yes") != first.npos) return YesNo::yes;
  return first.find(U"no") != first.npos ? YesNo::no : YesNo::unknown;
}

/// Yes is what is looked for. Precision and recall are 0 where nothing is asked of them.
struct YesNoFigures {
  Index n = 0, true_yes = 0, false_yes = 0, missed_yes = 0, right = 0;
  double precision() const { return share(true_yes, true_yes + false_yes); }
  double recall() const { return share(true_yes, true_yes + missed_yes); }
  double f1() const {
    const double p = precision(), r = recall();
    return p + r > 0 ? 2 * p * r / (p + r) : 0;
  }
  double accuracy() const { return share(right, n); }
  /// Source: POPE (Li et al. 2023), VLMEvalKit's rating: whatever is not a yes is a no, except that it is not right.
  /// lmms counts no missed yes for an answer that is neither: `neither_counts` false.
  void add(YesNo wanted, YesNo got, bool neither_counts = true) {
    ++n;
    right += wanted == got;
    true_yes += wanted == YesNo::yes && got == YesNo::yes;
    false_yes += wanted != YesNo::yes && got == YesNo::yes;
    missed_yes += wanted == YesNo::yes && (neither_counts ? got != YesNo::yes : got == YesNo::no);
  }

 private:
  static double share(Index part, Index whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
  }
};

}  // namespace arrcoc::measure
