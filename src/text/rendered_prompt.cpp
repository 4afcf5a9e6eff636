// The conversation that the program asks, and prompts that somebody rendered.
#include <utility>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "chat_render.hpp"

namespace arrcoc::io {
namespace {

ContentPart words(std::string_view text) { return {ContentPart::Kind::text, std::string(text)}; }
ContentPart picture() { return {ContentPart::Kind::image, {}}; }

/// Bytes of the question in a rendered prompt.
TextRange question_of(std::string_view text, const Tokenizer& tokenizer) {
  const std::vector<TokenAt> tokens = tokenizer.encode_at(text);
  const TokenId pad = tokenizer.id_of(image_pad), start = tokenizer.id_of(vision_start),
                end = tokenizer.id_of(vision_end), turn = tokenizer.id_of("<|im_start|>");
  const auto inside = [&](std::size_t i) {
    const TokenId id = tokens[i].id;
    return id == pad || id == start || id == end || !tokenizer.is_special(id);
  };
  std::size_t first = 0, last = 0;  // tokens [first, last)
  bool pictured = false;
  for (std::size_t i = 0, from = 0; i <= tokens.size(); ++i) {
    if (i < tokens.size() && inside(i)) continue;
    bool here = false;
    for (std::size_t k = from; k < i; ++k) here = here || tokens[k].id == pad;
    if (here || (!pictured && i - from > last - first)) first = from, last = i;
    pictured = pictured || here;
    from = i + 1;
  }
  TextRange range{first < tokens.size() ? tokens[first].begin : text.size(),
                  last < tokens.size() ? tokens[last].begin : text.size()};
  if (first > 0 && tokens[first - 1].id == turn)
    if (const auto line = text.find('\n', range.begin); line < range.end) range.begin = line + 1;
  return range;
}

constexpr std::string_view placeholder = "<|vision_start|><|image_pad|><|vision_end|>";

/// Text and pictures of a part of a rendered prompt.
void add_part(std::string_view text, std::string_view role, std::vector<Message>& out) {
  if (text.empty()) return;
  Message m{std::string(role), {}};
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t at = std::min(text.find(placeholder, from), text.size());
    if (at > from) m.content.push_back(words(text.substr(from, at - from)));
    if (at < text.size()) m.content.push_back(picture());
    from = at + placeholder.size();
  }
  out.push_back(std::move(m));
}

}  // namespace

std::vector<Message> question_about(std::size_t pictures, const std::string& question, const std::string& system,
                                    const std::vector<Index>& places) {
  std::vector<Message> out;
  if (!system.empty()) out.push_back({"system", {words(system)}});
  Message user{"user", {}};
  std::size_t from = 0;
  require_that(places.empty() || places.size() == pictures, Code::bad_prompt, "prompt", [&] {
    return "places: expected one for each of " + std::to_string(pictures) + " pictures, got " +
           std::to_string(places.size());
  });
  for (std::size_t p = 0; p < pictures; ++p) {
    const std::size_t at = places.empty() ? 0 : static_cast<std::size_t>(places[p]);
    require_that(at >= from && at <= question.size(), Code::bad_prompt, "prompt", [&] {
      return "places: expected bytes of the question in ascending order, got " + std::to_string(at) + " behind " +
             std::to_string(from) + " of " + std::to_string(question.size());
    });
    if (at > from) user.content.push_back(words(std::string_view(question).substr(from, at - from)));
    user.content.push_back(picture());
    from = at;
  }
  user.content.push_back(words(std::string_view(question).substr(from)));
  out.push_back(std::move(user));
  return out;
}

std::vector<Message> rendered_prompt(std::string_view text, const Tokenizer& tokenizer) {
  const TextRange question = question_of(text, tokenizer);
  std::vector<Message> out;
  add_part(text.substr(0, question.begin), rendered_role, out);
  add_part(text.substr(question.begin, question.end - question.begin), rendered_question_role, out);
  add_part(text.substr(question.end), rendered_role, out);
  return out;
}

std::string without_question(std::string_view rendered, const Tokenizer& tokenizer) {
  std::string out;
  for (const Message& m : rendered_prompt(rendered, tokenizer))
    for (const ContentPart& part : m.content)
      if (part.kind == ContentPart::Kind::image) out += placeholder;
      else if (m.role != rendered_question_role) out += part.text;
  return out;
}

}  // namespace arrcoc::io
