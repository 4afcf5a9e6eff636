#pragma once
// What a question asks for, by its words: a kind with a confidence, and where the tensions should stand for it.
#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/balancers/tension_parts.hpp"
#include "arrcoc/core/split.hpp"

namespace arrcoc {

/// specific: one thing that is named; detail: small print, numbers, formulas; count: every instance; unusual: what
/// differs; describe: the whole; vague: nothing can be told from the words.
enum class QuestionKind { specific, detail, count, unusual, describe, vague };
constexpr std::string_view name_of(QuestionKind k) {
  constexpr std::string_view names[] = {"specific", "detail", "count", "unusual", "describe", "vague"};
  return names[static_cast<std::size_t>(k)];
}

struct QuestionReading {
  QuestionKind kind = QuestionKind::vague;
  float confidence = 0;   // share of the kind's cue words among all cue words found; 0: none
  bool mixed = false;     // another kind has as many cues
  TensionPoles tensions;  // of balancer `tension`
  std::string words;      // the cue words that decided, quoted; empty: none
  std::string why;        // one sentence: which words, and what they did to the tensions
};

namespace detail {
struct Cues {
  QuestionKind kind;
  std::string_view words;  // of one or more words, parted by |
  TensionPoles tensions;
  std::string_view did;
};
// Poles after ARR-COC dialogue 37 (compress, exploit, focus): formula .15 .60 .85, describe .80 .35 .25, anomalies
// .50 .15 .40, the red car exploit .75 focus .85, list explore .20 focus .30. particularize = 1 - compress, explore = 1
// - exploit, diversify = 1 - focus.
inline constexpr Cues cues[] = {
    {QuestionKind::detail,
     "formula|equation|total|amount|price|cost|number|date|digit|signature|phone|address|dosage|small print|spell|"
     "exact|exactly|page|percent|serial|code|time",
     {.particularize = 0.85f, .explore = 0.40f, .diversify = 0.15f, .deep = 0.8f},
     "particularizes, focuses and goes deep: one small place has the answer"},
    {QuestionKind::unusual,
     "unusual|odd|strange|different|anomaly|anomalies|wrong|missing|stands out|error|defect|unexpected",
     {.particularize = 0.50f, .explore = 0.85f, .diversify = 0.60f, .deep = 0.5f},
     "explores: what is sought is not what the question names"},
    {QuestionKind::count,
     "how many|count|list|all|every|each|compare|both",
     {.particularize = 0.60f, .explore = 0.80f, .diversify = 0.70f, .deep = 0.4f},
     "diversifies: every instance needs a token"},
    {QuestionKind::describe,
     "describe|summarise|summarize|summary|overview|caption|scene|tell me about|what is this|what kind",
     {.particularize = 0.20f, .explore = 0.65f, .diversify = 0.75f, .deep = 0.3f},
     "compresses and diversifies: the whole matters, nothing of it much"},
    {QuestionKind::specific,
     "find|where|which|who|read|say|says|written|colour|color|is there|red|left|right",
     {.particularize = 0.70f, .explore = 0.25f, .diversify = 0.15f, .deep = 0.5f},
     "particularizes, exploits and focuses: one thing is named"},
};

/// Behind "how many": what is counted, up to three words and not beyond one of these. They say nothing of what is
/// asked: "How many dates are there?" is no question about a date.
inline constexpr std::string_view ends_counted =
    "is|are|was|were|be|do|does|did|have|has|had|can|could|will|would|on|in|of|at|to|with|there|you|appear|appears|the";

/// `text` of lower-case words with a space around each, without what is counted; whether anything is.
inline bool leave_out_counted(std::string& text) {
  constexpr std::string_view asks = " how many ";
  bool counts = false;
  for (std::size_t at = text.find(asks); at != std::string::npos; at = text.find(asks, at + 1)) {
    counts = true;
    const std::size_t from = at + asks.size();
    for (int words = 0; words < 3 && from < text.size(); ++words) {
      const std::size_t end = text.find(' ', from);
      const std::vector<std::string> ends = split(ends_counted, '|');
      if (std::find(ends.begin(), ends.end(), text.substr(from, end - from)) != ends.end()) break;
      text.erase(from, end + 1 - from);
    }
  }
  return counts;
}
}  // namespace detail

/// Deterministic: counts cue words (whole words, lower case) outside of what "how many" counts; the kind with most
/// wins; on a tie count after "how many", else an earlier one of detail, unusual, count, describe, specific. The
/// settings lie between `usual` and the kind's by the confidence, so that a mixed question moves less. O(characters *
/// cues). Source: ARR-COC notes 003 (find, describe, unusual) and dialogue 37's settings, read by their order.
inline QuestionReading read_question(std::string_view question, const TensionPoles& usual = {}) {
  std::string text = " ";
  for (const char c : question)
    text += std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::tolower(static_cast<unsigned char>(c)))
                                                        : ' ';
  text += " ";
  const bool counts = detail::leave_out_counted(text);
  const detail::Cues* best = nullptr;
  int most = 0, all = 0;
  QuestionReading out;
  for (const detail::Cues& c : detail::cues) {
    int found = 0;
    std::string words;
    for (const std::string& word : split(c.words, '|'))
      if (text.find(" " + word + " ") != std::string::npos || text.find(" " + word + "s ") != std::string::npos)
        ++found, words += (words.empty() ? "'" : ", '") + word + "'";
    all += found;
    const bool tie = found == most && found > 0;
    if (found > most || (tie && counts && c.kind == QuestionKind::count))
      best = &c, out.words = words, most = found, out.mixed = tie;
    else if (tie) out.mixed = true;
  }
  out.tensions = usual;
  if (best == nullptr) {
    out.why = "no word says what is asked: the usual settings";
    return out;
  }
  out.kind = best->kind;
  out.confidence = static_cast<float>(most) / static_cast<float>(all);
  TensionPoles& set = out.tensions;
  const TensionPoles& far = best->tensions;
  const auto between = [&](float a, float b) { return a + out.confidence * (b - a); };
  set.particularize = between(usual.particularize, far.particularize);
  set.explore = between(usual.explore, far.explore);
  set.diversify = between(usual.diversify, far.diversify);
  set.deep = between(usual.deep, far.deep);
  out.why = out.words + ": " + std::string(name_of(best->kind)) + "; it " + std::string(best->did) +
            (out.mixed ? " (another kind has as many words)" : "");
  return out;
}

}  // namespace arrcoc
