// A sample as our JSONL line, and as the prompt that a toolkit would make of it.
#include <utility>

#include "arrcoc/io/dataset.hpp"
#include "arrcoc/measure/unicode.hpp"

namespace arrcoc::io {
namespace {

/// "A. cat\nB. dog\n"
std::string lettered(const std::vector<std::string>& options) {
  std::string out;
  for (std::size_t i = 0; i < options.size(); ++i)
    if (!options[i].empty()) out += std::string(1, static_cast<char>('A' + i)) + ". " + options[i] + "\n";
  return out;
}

/// str.capitalize: the first letter large, all others small.
std::string capitalised(const std::string& text) {
  namespace u = measure::unicode;
  std::u32string t = u::lower(u::decode(text));
  if (t.empty()) return text;
  for (const u::LowerRow& row : u::lower_rows)
    for (char32_t c = row.first; c <= row.last; c += row.step)
      if (u::lower_of(c) == t[0] && c < t[0] + 1) {
        t[0] = c;
        return u::encode(t);
      }
  return u::encode(t);
}

}  // namespace

std::string shaped_prompt(const Sample& s, PromptShape shape) {
  const bool choice = s.metric == "choice" || !s.options.empty();
  if (shape == PromptShape::none || (shape == PromptShape::automatic && !choice)) return s.question;
  if (choice && shape == PromptShape::lmms) {
    return (s.hint.empty() ? "" : s.hint + "\n") + s.question + "\n" + lettered(s.options) +
           "Answer with the option's letter from the given choices directly.";
  }
  if (choice) {
    const std::string block = (s.hint.empty() ? "" : "Hint: " + s.hint + "\n") + "Question: " + s.question +
                              "\nOptions:\n" + lettered(s.options);
    return block + (shape == PromptShape::qwen3vl ? "Answer with the option letter only."
                                                  : "Please select the correct answer from the options above. \n");
  }
  if (s.metric == "yesno") {
    if (shape == PromptShape::qwen3vl) return s.question + " Please answer yes or no.";
    return shape == PromptShape::lmms ? s.question + "\nAnswer the question using a single word or phrase."
                                      : s.question;
  }
  if (s.metric == "ocrbench" || s.metric == "box" || s.metric == "box_iou" || s.metric == "none") return s.question;
  if (shape == PromptShape::qwen3vl)
    return s.question + "\nPlease answer concisely with short words or phrases when possible.";
  if (shape == PromptShape::lmms && s.metric == "relaxed")
    return s.question + "\nAnswer the question with a single word.";
  const std::string question = shape == PromptShape::lmms && s.metric == "vqa" ? capitalised(s.question) : s.question;
  return question + "\nAnswer the question using a single word or phrase.";
}

std::string marked_question(const Sample& s) {
  std::string question = s.question;
  if (s.pictures_inside())
    for (std::size_t p = s.places.size(); p-- > 0;) question.insert(static_cast<std::size_t>(s.places[p]), "<image>");
  return question;
}

void shape_prompt(Sample& s, PromptShape shape) {
  std::string question = std::exchange(s.question, "\x01");  // in front of which a shape puts what it does
  const std::size_t front = shaped_prompt(s, shape).find('\x01');
  s.question = std::move(question);
  std::string prompt = shaped_prompt(s, shape);
  for (Index& place : s.places)
    if (place > 0 && front != std::string::npos) place += static_cast<Index>(front);
  s.question = std::move(prompt);
}

std::string sample_json(const Sample& s, const std::vector<std::string>& image_names) {
  Ordered j{{"id", s.id}};
  if (s.clip && image_names.size() == 1) j["video"] = image_names.front();
  else j["images"] = image_names;
  if (s.clip && !s.clip->seconds.empty()) j["times"] = s.clip->seconds;
  else if (s.clip && s.clip->frames_per_second > 0) j["fps"] = s.clip->frames_per_second;
  j["question"] = marked_question(s);
  j["answers"] = s.answers;
  if (!s.options.empty()) j["options"] = s.options;
  for (const auto& [key, value] : {std::pair{"hint", &s.hint},
                                   {"category", &s.category},
                                   {"scenario", &s.scenario},
                                   {"split", &s.split},
                                   {"metric", &s.metric}})
    if (!value->empty()) j[key] = *value;
  if (s.kind != "plain") j["kind"] = s.kind;
  if (s.difficulty != 0) j["difficulty"] = s.difficulty;
  Ordered boxes = Ordered::array(), of = Ordered::array();
  bool others = false;
  for (std::size_t p = 0; p < s.boxes.size(); ++p)
    for (const Box& b : s.boxes[p]) {
      boxes.push_back({b.row0, b.col0, b.row1, b.col1});
      of.push_back(s.clip ? b.frame : static_cast<Index>(p));
      others = others || (s.clip ? b.frame >= 0 : p > 0);
    }
  if (!boxes.empty()) j["boxes"] = boxes;
  if (others) j["box_images"] = of;
  if (s.clip && !s.clip->box_seconds.empty()) j["box_seconds"] = s.clip->box_seconds;
  if (s.clip && !s.clip->answer.empty()) j["when"] = s.clip->answer;
  return json_text(j) + "\n";
}

}  // namespace arrcoc::io
