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

void check_sources(const RenderedChat& chat, const std::vector<PromptSource>& sources) {
  require_that(chat.sources.size() == sources.size(), Code::bad_prompt, "prompt", [&] {
    return "placeholders and pictures do not agree; expected one image part for each of " +
           std::to_string(sources.size()) + " pictures, got " + std::to_string(chat.sources.size());
  });
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const Grid grid = sources[i].grid;
    require_that(chat.sources[i] != sources[i].seconds.empty(), Code::bad_prompt, "prompt", [&] {
      return "part " + std::to_string(i + 1) +
             (chat.sources[i] ? " is a clip; expected the times of its frames, got a picture"
                              : " is a picture; expected one, got the times of a clip");
    });
    require_that(
        grid.rows > 0 && grid.cols > 0 && grid.rows <= 65536 && grid.cols <= 65536, Code::bad_prompt, "prompt", [&] {
          return "picture " + std::to_string(i + 1) + " has no sound grid; expected 1..65536 rows and columns, got " +
                 std::to_string(grid.rows) + " x " + std::to_string(grid.cols);
        });
  }
}

}  // namespace

Prompt build_prompt(const std::vector<Message>& messages, const std::vector<Grid>& grids, const Tokenizer& tokenizer,
                    const ModelConfig& config, ChatTemplate chat, bool allow_special) {
  std::vector<PromptSource> sources;
  for (const Grid& grid : grids) sources.push_back({grid});
  return build_prompt_with_clips(messages, sources, tokenizer, config, chat, ClipLayout::nested, allow_special);
}

Prompt build_prompt_with_clips(const std::vector<Message>& messages, const std::vector<PromptSource>& sources,
                               const Tokenizer& tokenizer, const ModelConfig& config, ChatTemplate chat,
                               ClipLayout layout, bool allow_special) {
  const RenderedChat rendered = render_with_places(messages, chat, true, sources, layout);
  check_sources(rendered, sources);
  const TokenId image = pad_id(tokenizer, image_pad, config.image_token),
                video = pad_id(tokenizer, video_pad, config.video_token);
  for (const RenderedChat::Pad& pad : rendered.pads)
    for (const std::string_view needed : {vision_start, pad.video ? video_pad : image_pad, vision_end})
      require_that(tokenizer.id_of(needed) >= 0, Code::bad_tokenizer, "prompt", [&] {
        return "the tokenizer has no " + std::string(needed) + "; expected it, the prompt holds " +
               (pad.video ? "clips" : "pictures");
      });

  const std::vector<TokenAt> tokens = tokenizer.encode_at(
      rendered.text, allow_special ? std::span<const TextRange>{} : std::span<const TextRange>(rendered.words));
  Prompt prompt;
  for (const TextRange& part : rendered.question)
    prompt.asked += (prompt.asked.empty() ? "" : " ") + rendered.text.substr(part.begin, part.end - part.begin);
  std::size_t next = 0, word_begin = 0;
  auto question = rendered.question.begin();
  for (const TokenAt& token : tokens) {
    const bool is_pad = next < rendered.pads.size() && token.begin == rendered.pads[next].at;
    require_that(is_pad || (token.id != image && token.id != video) || token.id < 0, Code::bad_prompt, "prompt", [&] {
      return "the text itself holds " + std::string(token.id == image ? image_pad : video_pad) +
             "; expected placeholders for the " + std::to_string(sources.size()) +
             " pictures alone, got one more at byte " + std::to_string(token.begin);
    });
    if (is_pad) {
      const RenderedChat::Pad& pad = rendered.pads[next++];
      const TokenId id = pad.video ? video : image;
      require_that(token.id == id, Code::bad_prompt, "prompt", [&] {
        return "a placeholder did not become one token; expected the id of " +
               std::string(pad.video ? video_pad : image_pad);
      });
      const Grid grid = sources[pad.source].grid;
      prompt.spans.push_back({static_cast<Index>(prompt.ids.size()), grid, static_cast<Index>(pad.source), pad.frame});
      prompt.ids.insert(prompt.ids.end(), static_cast<std::size_t>(grid.count()), id);
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
  require_that(next == rendered.pads.size(), Code::bad_prompt, "prompt", [&] {
    return "placeholders were lost in tokenising; expected " + std::to_string(rendered.pads.size()) + ", got " +
           std::to_string(next);
  });
  return prompt;
}

}  // namespace arrcoc::io
