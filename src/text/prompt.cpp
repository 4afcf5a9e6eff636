// From messages to a Prompt: ids, vision spans, and the columns of the question.
#include <algorithm>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "chat_render.hpp"

namespace arrcoc::io {
namespace {

/// The pad's id by its content; config.json, where it names one, must agree.
TokenId pad_id(const Tokenizer& tokenizer, std::string_view pad, TokenId configured) {
  const TokenId id = tokenizer.id_of(pad);
  require_that(configured < 0 || id < 0 || id == configured, Code::bad_tokenizer, "prompt", [&] {
    return "the tokenizer and config.json disagree on " + std::string(pad) + "; expected " +
           std::to_string(configured) + ", got " + std::to_string(id);
  });
  return id;
}

void check_grids(const RenderedChat& chat, const std::vector<Grid>& grids) {
  require_that(chat.pictures.size() == grids.size(), Code::bad_prompt, "prompt", [&] {
    return "placeholders and pictures do not agree; expected one image part for each of " +
           std::to_string(grids.size()) + " pictures, got " + std::to_string(chat.pictures.size());
  });
  for (std::size_t i = 0; i < grids.size(); ++i)
    require_that(grids[i].rows > 0 && grids[i].cols > 0 && grids[i].rows <= 65536 && grids[i].cols <= 65536,
                 Code::bad_prompt, "prompt", [&] {
                   return "picture " + std::to_string(i + 1) +
                          " has no sound grid; expected 1..65536 rows and columns, got " +
                          std::to_string(grids[i].rows) + " x " + std::to_string(grids[i].cols);
                 });
}

}  // namespace

Prompt build_prompt(const std::vector<Message>& messages, const std::vector<Grid>& grids, const Tokenizer& tokenizer,
                    const ModelConfig& config, ChatTemplate chat, bool allow_special) {
  const RenderedChat rendered = render_with_places(messages, chat, true);
  check_grids(rendered, grids);
  const TokenId image = pad_id(tokenizer, image_pad, config.image_token),
                video = pad_id(tokenizer, video_pad, config.video_token);
  if (!grids.empty()) {
    for (const std::string_view needed : {vision_start, image_pad, vision_end})
      require_that(tokenizer.id_of(needed) >= 0, Code::bad_tokenizer, "prompt", [&] {
        return "the tokenizer has no " + std::string(needed) + "; expected it, the prompt holds pictures";
      });
  }

  const std::vector<TokenAt> tokens = tokenizer.encode_at(
      rendered.text, allow_special ? std::span<const TextRange>{} : std::span<const TextRange>(rendered.words));
  Prompt prompt;
  std::size_t picture = 0, word_begin = 0;
  auto question = rendered.question.begin();
  for (const TokenAt& token : tokens) {
    const bool is_picture = picture < rendered.pictures.size() && token.begin == rendered.pictures[picture];
    require_that(is_picture || (token.id != image && token.id != video) || token.id < 0, Code::bad_prompt, "prompt",
                 [&] {
                   return "the text itself holds " + std::string(token.id == image ? image_pad : video_pad) +
                          "; expected placeholders for the " + std::to_string(grids.size()) +
                          " pictures alone, got one more at byte " + std::to_string(token.begin);
                 });
    if (is_picture) {
      require_that(token.id == image, Code::bad_prompt, "prompt",
                   "a placeholder did not become one token; expected the id of <|image_pad|>");
      const Grid grid = grids[picture];
      prompt.spans.push_back({static_cast<Index>(prompt.ids.size()), grid, static_cast<Index>(picture)});
      prompt.ids.insert(prompt.ids.end(), static_cast<std::size_t>(grid.count()), image);
      ++picture;
      continue;
    }
    while (question != rendered.question.end() && question->end <= token.begin) ++question;
    if (question != rendered.question.end() && question->begin <= token.begin && !tokenizer.is_special(token.id)) {
      // A word begins at white space, in front of the token or at its start, which is of the word behind it.
      const auto space = [&](std::size_t byte) {
        return rendered.text[byte] == ' ' || (rendered.text[byte] >= '\t' && rendered.text[byte] <= '\r');
      };
      bool begins = prompt.words.empty();
      if (!begins && (space(token.begin) || space(token.begin - 1)))
        for (std::size_t byte = word_begin; byte < token.begin && !begins; ++byte) begins = !space(byte);
      if (begins) word_begin = token.begin;
      prompt.words.push_back(prompt.words.empty() ? 0 : prompt.words.back() + (begins ? 1 : 0));
      prompt.question.push_back(static_cast<Index>(prompt.ids.size()));
    }
    prompt.ids.push_back(token.id);
  }
  require_that(picture == grids.size(), Code::bad_prompt, "prompt", [&] {
    return "placeholders were lost in tokenising; expected " + std::to_string(grids.size()) + ", got " +
           std::to_string(picture);
  });
  return prompt;
}

}  // namespace arrcoc::io
