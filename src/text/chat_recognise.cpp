// Which known rendering a model folder's chat template is. The rule is in docs/formats.md, section "Chat template".
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "files/json_util.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

struct TemplateText {
  std::string text, where;
};

/// The "chat_template" of a JSON file: a string, or a list of named ones of which "default" counts.
std::optional<TemplateText> template_in(const fs::path& file) {
  const std::string where = file.string();
  const Json config = parse_json(read_file(file), Code::bad_template, where);
  require_that(config.is_object(), Code::bad_template, where,
               [&] { return "expected a JSON object, got " + shown(config); });
  const Json found = config.value("chat_template", Json());
  if (found.is_null()) return std::nullopt;
  if (found.is_string()) return TemplateText{found, where};
  require_that(found.is_array(), Code::bad_template, where,
               [&] { return "chat_template must be a string; got " + shown(found); });
  for (const Json& named : found)
    if (named.is_object() && named.value("name", Json()) == "default" && named.value("template", Json()).is_string())
      return TemplateText{named["template"], where};
  fail(Code::bad_template, where, "chat_template is a list without a template named 'default'");
}

/// In the order in which transformers' processor looks; the tokenizer's own comes last.
std::optional<TemplateText> find_template(const fs::path& folder) {
  for (const char* name :
       {"processor_config.json", "chat_template.json", "chat_template.jinja", "tokenizer_config.json"}) {
    const fs::path file = folder / name;
    if (!fs::exists(file)) continue;
    if (file.extension() == ".jinja") return TemplateText{read_file(file), file.string()};
    if (auto found = template_in(file)) return found;
  }
  return std::nullopt;
}

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// What the template says after its last test for the generation prompt.
std::string_view generation_part(std::string_view text) {
  const std::size_t at = text.rfind("add_generation_prompt");
  return at == std::string_view::npos ? std::string_view{} : text.substr(at);
}

// ---- what a template can print

/// Every text of Qwen3-VL's templates (system block with tools, turns, calls, answers, thoughts).
constexpr std::string_view printed_texts =
    "<|im_start|>system\n # Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are "
    "provided with function signatures within "
    "<tools></tools> XML tags:\n<tools>\n</tools>\n\nFor each function call, return a json object with function name "
    "and arguments within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": "
    "<args-json-object>}\n</tool_call><|im_end|>\n"
    " <|im_start|>user\n<tool_response>\n \n</tool_response> <|im_start|>assistant\n<think>\n \n</think>\n\n"
    " <tool_call>\n{\"name\": \" {\"name\": \" \", \"arguments\": }\n</tool_call> Picture Video : "
    "<|vision_start|><|image_pad|><|vision_end|>"
    " <|vision_start|><|video_pad|><|vision_end|> system user assistant tool";

std::string_view stripped(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  return first == std::string_view::npos ? std::string_view{}
                                         : text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}
/// Qwen2-VL's and Qwen2.5-VL's system prompt where the conversation has none.
constexpr std::string_view qwen2_system = "You are a helpful assistant.";

/// Each stretch between marks and line ends is part of a known text, or `also`.
bool is_known_text(std::string_view text, std::string_view also) {
  while (!text.empty()) {
    const bool mark = text.starts_with("<|");
    const std::size_t end = mark ? text.find("|>") : std::min(text.find("<|", 1), text.find('\n', 1));
    const std::size_t length = end == std::string_view::npos ? text.size() : mark ? end + 2 : end;
    if (const std::string_view part = stripped(text.substr(0, length)); !holds(printed_texts, part) && part != also)
      return false;
    text.remove_prefix(length);
  }
  return true;
}

/// A string literal of a tag; `at`: the opening quote -> past the closing one.
std::string literal(std::string_view tag, std::size_t& at) {
  std::string value;
  const char quote = tag[at++];
  for (; at < tag.size() && tag[at] != quote; ++at) {
    if (tag[at] == '\\' && at + 1 < tag.size()) {
      ++at;
      value += tag[at] == 'n' ? '\n' : tag[at] == 't' ? '\t' : tag[at];
    } else {
      value += tag[at];
    }
  }
  ++at;
  return value;
}

/// Text outside of tags, and the tag behind it.
struct Fragment {
  std::string_view raw;
  char kind = 0;         // '{', '%', '#'; 0: the text ends here
  std::string_view tag;  // between the marks
};
Fragment next_piece(std::string_view source, std::size_t& at) {
  std::size_t open = source.find('{', at);
  while (open != std::string_view::npos && (open + 1 == source.size() || !holds("{%#", source.substr(open + 1, 1))))
    open = source.find('{', open + 1);
  Fragment piece{source.substr(at, std::min(open, source.size()) - at), 0, {}};
  at = source.size();
  if (open == std::string_view::npos) return piece;
  piece.kind = source[open + 1];
  const std::string_view closing = piece.kind == '{' ? "}}" : piece.kind == '%' ? "%}" : "#}";
  std::size_t close = open + 2;  // a closing mark inside a string does not count
  while (close < source.size() && source.substr(close, 2) != closing) {
    if (piece.kind != '#' && (source[close] == '\'' || source[close] == '"')) literal(source, close);
    else ++close;
  }
  piece.tag = source.substr(open + 2, std::min(close, source.size()) - (open + 2));
  at = std::min(close + 2, source.size());
  return piece;
}

/// The first text the template could print that Qwen's do not; empty if there is none. Texts are what stands outside of
/// tags, and the string literals of {{ }} and of {% set %}, but for subscripts and the arguments of raise_exception.
std::string foreign_text(std::string_view source, std::string_view also) {
  std::size_t at = 0;
  while (at < source.size()) {
    const Fragment piece = next_piece(source, at);
    if (!is_known_text(piece.raw, also)) return std::string(stripped(piece.raw));
    const std::string_view tag = piece.tag;
    const std::string_view body = stripped(tag.starts_with('-') || tag.starts_with('+') ? tag.substr(1) : tag);
    if (piece.kind == '#' || piece.kind == 0 || (piece.kind == '%' && !body.starts_with("set ")) ||
        body.starts_with("raise_exception("))
      continue;
    for (std::size_t i = 0; i < body.size();) {
      if (body[i] != '\'' && body[i] != '"') {
        ++i;
        continue;
      }
      const bool subscript = i > 0 && body[i - 1] == '[';
      const std::string value = literal(body, i);
      if (!subscript && !is_known_text(value, also)) return std::string(stripped(value));
    }
  }
  return {};
}

/// <|...|> marks other than the six of Qwen3-VL.
std::string foreign_mark(std::string_view text) {
  constexpr std::array known{std::string_view("<|im_start|>"),     std::string_view("<|im_end|>"),
                             std::string_view("<|vision_start|>"), std::string_view("<|vision_end|>"),
                             std::string_view("<|image_pad|>"),    std::string_view("<|video_pad|>")};
  for (std::size_t at = text.find("<|"); at != std::string_view::npos; at = text.find("<|", at + 2)) {
    const std::size_t end = text.find("|>", at);
    const std::string_view mark = text.substr(at, end == std::string_view::npos ? 40 : end + 2 - at);
    if (std::find(known.begin(), known.end(), mark) == known.end()) return std::string(mark);
  }
  return {};
}

/// What a template says: without its byte order mark, comments, and the white space that is not printed (before a tag
/// that strips it, at the end, and between the words of a tag, which one blank stands for).
std::string bare(std::string_view source) {
  std::string out, raw;
  for (std::size_t at = 0; at < source.size();) {
    const Fragment piece = next_piece(source, at);
    raw += piece.raw;
    std::erase(raw, '\r');
    if (piece.kind == '#') continue;
    if (!stripped(raw).empty() || (piece.kind != 0 && !piece.tag.starts_with('-'))) out += raw;
    raw.clear();
    if (piece.kind == 0) break;
    (out += '{') += piece.kind;
    std::string_view tag = piece.tag;
    if (tag.starts_with('-')) out += '-', tag.remove_prefix(1);
    tag = stripped(tag);
    for (std::size_t i = 0; i < tag.size();) {
      const std::size_t from = i;
      if (tag[i] == '\'' || tag[i] == '"') {
        literal(tag, i);
        out += tag.substr(from, i - from);
      } else if (holds(" \t\r\n", tag.substr(i, 1))) {
        i = std::min(tag.find_first_not_of(" \t\r\n", i), tag.size());
        out += ' ';
      } else {
        out += tag[i++];
      }
    }
    out += piece.kind == '{' ? "}}" : "%}";
  }
  out.erase(out.find_last_not_of(" \t\n") + 1);
  return out;
}

/// The rendering, or why it is none that we know.
std::optional<ChatTemplate> recognise(std::string_view text, std::string& why) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::string plain = bare(text);
  for (const ChatTemplate ours : {ChatTemplate::instruct, ChatTemplate::thinking, ChatTemplate::qwen2})
    if (plain == bare(builtin_chat_template(ours))) return ours;

  const bool qwen2 = holds(text, qwen2_system) && !holds(text, "tool");
  for (const std::string_view mark : {"<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|image_pad|>",
                                      "<|vision_end|>", "add_generation_prompt", "loop.first", "!= 'system'"})
    if (qwen2 && !holds(text, mark)) why = "it lacks '" + std::string(mark) + "'";
  if (!why.empty()) return std::nullopt;
  for (const std::string_view mark :
       {"<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|image_pad|>", "<|video_pad|>", "<|vision_end|>",
        "add_generation_prompt", "add_vision_id", "Picture ", "Video ", "# Tools", "<tools>", "</tools>", "<tool_call>",
        "</tool_call>", "<tool_response>", "</tool_response>", "tojson"}) {
    if (qwen2 || holds(text, mark)) continue;
    why = "it lacks '" + std::string(mark) + "'";
    return std::nullopt;
  }
  for (const std::string_view sign : {"enable_thinking", "strftime_now"}) {
    if (!holds(text, sign)) continue;
    why = "it holds '" + std::string(sign) + "'";
    return std::nullopt;
  }
  for (std::size_t at = text.find('|'); at != std::string_view::npos; at = text.find('|', at + 1))
    if (stripped(text.substr(at + 1, 12)).starts_with("trim")) {
      why = "it trims contents";
      return std::nullopt;
    }
  if (const std::string mark = foreign_mark(text); !mark.empty()) {
    why = "it holds '" + printable(mark, 60) + "'";
    return std::nullopt;
  }
  if (const std::string foreign = foreign_text(text, qwen2 ? qwen2_system : std::string_view{}); !foreign.empty()) {
    why = "it prints '" + printable(foreign, 60) + "'";
    return std::nullopt;
  }
  const bool opens_thought = holds(generation_part(text), "<think>");
  if (qwen2 && !holds(text, "think")) return ChatTemplate::qwen2;
  if (!opens_thought && !holds(text, "think>") && !holds(text, "reasoning_content")) return ChatTemplate::instruct;
  if (opens_thought && holds(text, "</think>") && holds(text, "reasoning_content")) return ChatTemplate::thinking;
  why = "it handles thoughts neither as Instruct nor as Thinking does";
  return std::nullopt;
}

}  // namespace

ChatTemplate recognise_chat_template(const fs::path& folder, const std::string& choice) {
  require_that(choice == "auto" || choice == "builtin", Code::bad_config, "chat template",
               [&] { return "unknown choice; expected auto or builtin, got '" + choice + "'"; });
  const std::optional<TemplateText> found = find_template(folder);
  if (!found) return ChatTemplate::instruct;
  if (choice == "builtin")  // what arrcoc renders for Qwen3-VL
    return holds(generation_part(found->text), "<think>") ? ChatTemplate::thinking : ChatTemplate::instruct;
  std::string why;
  const std::optional<ChatTemplate> known = recognise(found->text, why);
  require_that(known.has_value(), Code::bad_template, found->where, [&] {
    return "the chat template is not one we know: " + why +
           "; expected Qwen3-VL's Instruct or Thinking, or Qwen2-VL's (--chat-template builtin takes ours instead)";
  });
  return *known;
}

}  // namespace arrcoc::io
