#include "arrcoc/io/chat_template.hpp"

#include <charconv>
#include <cmath>

#include "arrcoc/core/error.hpp"
#include "chat_render.hpp"

namespace arrcoc::io {
namespace {

constexpr std::string_view think_open = "<think>", think_close = "</think>";

std::string_view without_leading_newlines(std::string_view text) {
  const std::size_t first = text.find_first_not_of('\n');
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}
std::string_view without_trailing_newlines(std::string_view text) {
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

std::string joined_text(const Message& message) {
  std::string text;
  for (const ContentPart& part : message.content) {
    if (part.kind == ContentPart::Kind::text) text += part.text;
    else ((text += vision_start) += part.kind == ContentPart::Kind::image ? image_pad : video_pad) += vision_end;
  }
  return text;
}

/// Splits an assistant's text at its thought: the text before the first </think>, after the last <think>, and what
/// follows.
struct Thought {
  std::string_view reasoning, content;
};
Thought split_thought(std::string_view text) {
  const std::size_t close = text.find(think_close);
  if (close == std::string_view::npos) return {{}, text};
  std::string_view reasoning = without_trailing_newlines(text.substr(0, close));
  if (const std::size_t open = reasoning.rfind(think_open); open != std::string_view::npos)
    reasoning.remove_prefix(open + think_open.size());
  return {without_leading_newlines(reasoning),
          without_leading_newlines(text.substr(text.rfind(think_close) + think_close.size()))};
}

void check_messages(const std::vector<Message>& messages) {
  require_that(!messages.empty(), Code::bad_prompt, "chat", "the conversation is empty; expected at least one message");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    const auto name = [&] { return "message " + std::to_string(i + 1); };
    require_that(message.role == "system" || message.role == "user" || message.role == "assistant", Code::bad_prompt,
                 "chat", [&] {
                   return name() + " has an unknown role; expected system, user or assistant, got '" + message.role +
                          "'";
                 });
    for (const ContentPart& part : message.content)
      require_that(part.kind == ContentPart::Kind::text || message.role == "user", Code::bad_prompt, "chat", [&] {
        return name() + " holds a picture or clip; expected pictures in user messages alone, got role '" +
               message.role + "'";
      });
  }
}

class Renderer {
 public:
  Renderer(std::span<const PromptSource> sources, ClipLayout layout) : sources_(sources), layout_(layout) {}
  RenderedChat out;

  void say(std::string_view text) { out.text += text; }
  TextRange quote(std::string_view text) {
    const TextRange range{out.text.size(), out.text.size() + text.size()};
    out.text += text;
    if (range.begin != range.end) out.words.push_back(range);
    return range;
  }
  void turn(const Message& message, bool is_question) {
    open(message.role);
    content(message, is_question);
    close();
  }
  void content(const Message& message, bool is_question) {
    for (const ContentPart& part : message.content) {
      if (part.kind == ContentPart::Kind::image) {
        out.sources.push_back(false);
        marked_pad(0, false);
      } else if (part.kind == ContentPart::Kind::video) {
        out.sources.push_back(true);
        clip();
      } else if (const TextRange range = quote(part.text); is_question && range.begin != range.end) {
        out.question.push_back(range);
      }
    }
  }
  void assistant(const Message& message, bool keeps_thought, bool is_last) {
    const std::string text = joined_text(message);
    const Thought thought = split_thought(text);
    open(message.role);
    if (keeps_thought && (is_last || !thought.reasoning.empty())) {
      say("<think>\n");
      quote(without_trailing_newlines(thought.reasoning));
      say("\n</think>\n\n");
      quote(without_leading_newlines(thought.content));
    } else {
      quote(thought.content);
    }
    close();
  }

 private:
  void pad(Index frame, bool video) {
    out.pads.push_back({out.text.size(), out.sources.size() - 1, frame, video});
    say(video ? video_pad : image_pad);
  }
  void marked_pad(Index frame, bool video) {
    say(vision_start);
    pad(frame, video);
    say(vision_end);
  }
  void clip() {
    const std::size_t source = out.sources.size() - 1;
    const std::span<const double> seconds =
        source < sources_.size() ? std::span<const double>(sources_[source].seconds) : std::span<const double>{};
    const bool block = layout_ == ClipLayout::block, around = layout_ != ClipLayout::flat && !seconds.empty();
    if (seconds.empty()) marked_pad(0, true);
    if (around) say(vision_start);
    for (std::size_t frame = 0; frame < seconds.size(); ++frame) {
      if (!block) say(clip_time_text(seconds[frame], sources_[source].timestamps));
      block ? pad(static_cast<Index>(frame), true) : marked_pad(static_cast<Index>(frame), true);
    }
    if (around) say(vision_end);
  }
  std::span<const PromptSource> sources_;
  ClipLayout layout_;

  void open(std::string_view role) { ((out.text += "<|im_start|>") += role) += '\n'; }
  void close() { out.text += "<|im_end|>\n"; }
};

/// Index of the last user message that is not a tool's answer; the last message if there is none.
std::size_t last_query(const std::vector<Message>& messages) {
  for (std::size_t i = messages.size(); i-- > 0;) {
    if (messages[i].role != "user") continue;
    const std::string text = joined_text(messages[i]);
    if (!(text.starts_with("<tool_response>") && text.ends_with("</tool_response>"))) return i;
  }
  return messages.size() - 1;
}

}  // namespace

RenderedChat render_with_places(const std::vector<Message>& messages, ChatTemplate chat, bool add_generation_prompt,
                                std::span<const PromptSource> sources, ClipLayout layout) {
  const bool as_it_stands = !messages.empty() && messages[0].role.starts_with(rendered_role);
  if (!as_it_stands) check_messages(messages);
  const bool thinking = chat == ChatTemplate::thinking;
  std::size_t question = messages.size();
  for (std::size_t i = 0; i < messages.size(); ++i)
    if (messages[i].role == "user") question = i;

  Renderer renderer(sources, layout);
  const std::size_t query = last_query(messages);
  if (as_it_stands) {
    for (const Message& message : messages) renderer.content(message, message.role == rendered_question_role);
    return std::move(renderer.out);
  }
  const bool later_system = thinking || chat == ChatTemplate::qwen2;
  if (chat == ChatTemplate::qwen2 && messages[0].role != "system")
    renderer.say("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    if (message.role == "system" && i > 0 && !later_system) continue;  // Instruct ignores later system messages
    if (message.role == "assistant" && thinking) renderer.assistant(message, i > query, i + 1 == messages.size());
    else renderer.turn(message, i == question);
  }
  if (add_generation_prompt) renderer.say(thinking ? "<|im_start|>assistant\n<think>\n" : "<|im_start|>assistant\n");
  return std::move(renderer.out);
}

std::string clip_time_text(double seconds, ClipTimestamps form) {
  require_that(std::isfinite(seconds) && seconds >= 0 && seconds < 1e9, Code::bad_prompt, "prompt", [&] {
    return "the time of a clip's frame: expected seconds of at least 0, got " + std::to_string(seconds);
  });
  if (form == ClipTimestamps::hms) {
    const auto whole = static_cast<Index>(seconds);
    const auto two = [](Index v) { return (v < 10 ? "0" : "") + std::to_string(v); };
    return "<" + two(whole / 3600) + ":" + two(whole / 60 % 60) + ":" + two(whole % 60) + ">";
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, seconds, std::chars_format::fixed, 1).ptr;
  return "<" + std::string(digits, end) + " seconds>";
}

std::string render_chat(const std::vector<Message>& messages, ChatTemplate chat, bool add_generation_prompt) {
  return render_with_places(messages, chat, add_generation_prompt).text;
}

std::string_view builtin_chat_template(ChatTemplate chat) {
  static constexpr std::string_view instruct =
      R"jinja({#- Qwen3-VL Instruct rendering, written by arrcoc: system, user, assistant; pictures; no tools. #}
{%- if tools %}
    {{- raise_exception('this chat template renders no tools') }}
{%- endif %}
{%- macro content_of(message, pictures_allowed) %}
    {%- if message.content is string %}
        {{- message.content }}
    {%- else %}
        {%- for part in message.content %}
            {%- if part.type == 'image' %}
                {%- if not pictures_allowed %}
                    {{- raise_exception('a picture outside a user message') }}
                {%- endif %}
                {{- '<|vision_start|><|image_pad|><|vision_end|>' }}
            {%- elif part.type == 'text' %}
                {{- part.text }}
            {%- else %}
                {{- raise_exception('unknown content part') }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
{%- for message in messages %}
    {%- if message.role == 'system' %}
        {%- if loop.first %}
            {{- '<|im_start|>system\n' + content_of(message, false) + '<|im_end|>\n' }}
        {%- endif %}
    {%- elif message.role == 'user' %}
        {{- '<|im_start|>user\n' + content_of(message, true) + '<|im_end|>\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>assistant\n' + content_of(message, false) + '<|im_end|>\n' }}
    {%- else %}
        {{- raise_exception('unknown role') }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
)jinja";
  static constexpr std::string_view thinking =
      R"jinja({#- Qwen3-VL Thinking rendering, written by arrcoc: system, user, assistant; pictures; no tools. #}
{%- if tools %}
    {{- raise_exception('this chat template renders no tools') }}
{%- endif %}
{%- macro content_of(message, pictures_allowed) %}
    {%- if message.content is string %}
        {{- message.content }}
    {%- else %}
        {%- for part in message.content %}
            {%- if part.type == 'image' %}
                {%- if not pictures_allowed %}
                    {{- raise_exception('a picture outside a user message') }}
                {%- endif %}
                {{- '<|vision_start|><|image_pad|><|vision_end|>' }}
            {%- elif part.type == 'text' %}
                {{- part.text }}
            {%- else %}
                {{- raise_exception('unknown content part') }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
{%- set seen = namespace(query=-1) %}
{%- for message in messages %}
    {%- if message.role == 'user' %}
        {%- set words = content_of(message, true) %}
        {%- if not (words.startswith('<tool_response>') and words.endswith('</tool_response>')) %}
            {%- set seen.query = loop.index0 %}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if seen.query < 0 %}
    {%- set seen.query = messages | length - 1 %}
{%- endif %}
{%- for message in messages %}
    {%- if message.role in ['system', 'user'] %}
        {{- '<|im_start|>' + message.role + '\n' + content_of(message, message.role == 'user') + '<|im_end|>\n' }}
    {%- elif message.role == 'assistant' %}
        {%- set words = content_of(message, false) %}
        {%- set thought = '' %}
        {%- if message.reasoning_content is string %}
            {%- set thought = message.reasoning_content %}
        {%- elif '</think>' in words %}
            {%- set thought = words.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}
            {%- set words = words.split('</think>')[-1].lstrip('\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\n' }}
        {%- if loop.index0 > seen.query and (loop.last or thought) %}
            {{- '<think>\n' + thought.strip('\n') + '\n</think>\n\n' + words.lstrip('\n') }}
        {%- else %}
            {{- words }}
        {%- endif %}
        {{- '<|im_end|>\n' }}
    {%- else %}
        {{- raise_exception('unknown role') }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n<think>\n' }}
{%- endif %}
)jinja";
  static constexpr std::string_view qwen2 =
      R"jinja({#- Qwen2-VL rendering, written by arrcoc: any role; pictures; a system prompt where none is given. #}
{%- if messages[0].role != 'system' %}
    {{- '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\n' }}
    {%- if message.content is string %}
        {{- message.content }}
    {%- else %}
        {%- for part in message.content %}
            {{- '<|vision_start|><|image_pad|><|vision_end|>' if part.type == 'image' else part.text }}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
)jinja";
  return chat == ChatTemplate::thinking ? thinking : chat == ChatTemplate::qwen2 ? qwen2 : instruct;
}

}  // namespace arrcoc::io
