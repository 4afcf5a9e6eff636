#pragma once
// A rendered conversation with the places of what is not template.
#include <span>
#include <string>
#include <vector>

#include "arrcoc/io/chat_template.hpp"

namespace arrcoc::io {

struct RenderedChat {
  std::string text;
  std::vector<TextRange> words;     // everything that came from messages, ascending
  std::vector<TextRange> question;  // the last user message's text parts
  struct Pad {
    std::size_t at = 0;      // byte of an <|image_pad|> or <|video_pad|>
    std::size_t source = 0;  // which part that is no text, from 0
    Index frame = 0;         // of a clip: its temporal patch
    bool video = false;
  };
  std::vector<Pad> pads;      // ascending
  std::vector<bool> sources;  // of each part that is no text: whether it is a clip
};

inline constexpr std::string_view image_pad = "<|image_pad|>", video_pad = "<|video_pad|>",
                                  vision_start = "<|vision_start|>", vision_end = "<|vision_end|>";

/// Roles of messages that are rendered as they stand, without turns: rendered_prompt() makes them.
inline constexpr std::string_view rendered_role = "rendered", rendered_question_role = "rendered question";

/// `sources`: of each part that is no text, for the times of clips; a clip without stays one pad, as the template has
/// it.
RenderedChat render_with_places(const std::vector<Message>& messages, ChatTemplate chat, bool add_generation_prompt,
                                std::span<const PromptSource> sources = {}, ClipLayout layout = ClipLayout::nested);

}  // namespace arrcoc::io
