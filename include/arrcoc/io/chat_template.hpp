#pragma once
// The fixed Qwen3-VL chat renderings (Instruct and Thinking), and the way from messages to a Prompt.
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/model_config.hpp"
#include "arrcoc/core/prompt.hpp"
#include "arrcoc/io/tokenizer.hpp"

namespace arrcoc::io {

/// Qwen3-VL Instruct and Thinking; Qwen2-VL and Qwen2.5-VL, which have a system prompt of their own.
enum class ChatTemplate : std::uint8_t { instruct, thinking, qwen2 };

struct ContentPart {
  enum class Kind : std::uint8_t { text, image, video } kind = Kind::text;
  std::string text;  // text parts
};
struct Message {
  std::string role;  // "system", "user", "assistant"
  std::vector<ContentPart> content;
};

/// One question about some pictures, which stand before its text unless `places` says before which byte of it each
/// does, ascending: the conversation that the program asks. Error{bad_prompt} for places outside the text.
std::vector<Message> question_about(std::size_t pictures, const std::string& question, const std::string& system = {},
                                    const std::vector<Index>& places = {});

/// A prompt that somebody rendered, as messages that render to its bytes: one <|vision_start|><|image_pad|>
/// <|vision_end|> for each picture. Its question is the text around the last picture up to other special tokens, less
/// the line behind an <|im_start|>; without a picture the longest such stretch.
std::vector<Message> rendered_prompt(std::string_view text, const Tokenizer& tokenizer);
/// The same prompt without the question's words.
std::string without_question(std::string_view rendered, const Tokenizer& tokenizer);

/// What stands for a part of a conversation that is no text.
struct PromptSource {
  Grid grid;                      // tokens, of one frame
  std::vector<double> seconds{};  // of a clip: the time of each temporal patch; of a picture none
  ClipTimestamps timestamps = ClipTimestamps::seconds;
};

/// Finds the folder's template (processor_config.json, chat_template.json, chat_template.jinja, tokenizer_config.json)
/// and tells which known one it is. "auto": an unknown one throws Error{bad_template}, no template at all means
/// Instruct; "builtin": ours, Thinking if the folder's template opens a <think> block. Any other choice:
/// Error{bad_config}. The rule: docs/formats.md, section "Chat template".
ChatTemplate recognise_chat_template(const std::filesystem::path& folder, const std::string& choice);

/// Our own Jinja text of a rendering, as written beside models we save; system, user and assistant turns, pictures, no
/// tools.
std::string_view builtin_chat_template(ChatTemplate chat);

/// The prompt text with one <|image_pad|> per picture and one <|video_pad|> per clip. Error{bad_prompt} for an empty
/// conversation, an unknown role, or a picture outside a user's message.
std::string render_chat(const std::vector<Message>& messages, ChatTemplate chat, bool add_generation_prompt = true);

/// Expands each placeholder to grids[i].count() pads, tokenises, and marks spans and the columns of the last user
/// message's own words. Special-token strings typed by the user stay plain text unless `allow_special`.
/// Error{bad_prompt} when placeholders and grids do not agree in number, or the user's own text adds a picture or video
/// pad.
Prompt build_prompt(const std::vector<Message>& messages, const std::vector<Grid>& grids, const Tokenizer& tokenizer,
                    const ModelConfig& config, ChatTemplate chat, bool allow_special = true);

/// The same of pictures and clips, `sources` in the order of their parts: a clip's temporal patches become its time and
/// as many pads as the grid has tokens, a span each (in a block the pads alone). The text is tokenised as a whole,
/// times among it. Error{bad_prompt} also for a clip without times, or a picture with some.
Prompt build_prompt_with_clips(const std::vector<Message>& messages, const std::vector<PromptSource>& sources,
                               const Tokenizer& tokenizer, const ModelConfig& config, ChatTemplate chat,
                               ClipLayout layout = ClipLayout::nested, bool allow_special = true);

/// `<0.3 seconds>`: one decimal, rounded from the exact value of the double, ties to even; `<00:00:00>`: cut off to
/// whole seconds, hours with as many digits as they need.
std::string clip_time_text(double seconds, ClipTimestamps form = ClipTimestamps::seconds);

}  // namespace arrcoc::io
