#pragma once
// A rendered conversation with the places of what is not template.
#include <string>
#include <vector>

#include "arrcoc/io/chat_template.hpp"

namespace arrcoc::io {

struct RenderedChat {
  std::string text;
  std::vector<TextRange> words;       // everything that came from messages, ascending
  std::vector<TextRange> question;    // the last user message's text parts
  std::vector<std::size_t> pictures;  // byte of each <|image_pad|> that stands for a picture
};

inline constexpr std::string_view image_pad = "<|image_pad|>", video_pad = "<|video_pad|>",
                                  vision_start = "<|vision_start|>", vision_end = "<|vision_end|>";

/// Roles of messages that are rendered as they stand, without turns: rendered_prompt() makes them.
inline constexpr std::string_view rendered_role = "rendered", rendered_question_role = "rendered question";

RenderedChat render_with_places(const std::vector<Message>& messages, ChatTemplate chat, bool add_generation_prompt);

}  // namespace arrcoc::io
