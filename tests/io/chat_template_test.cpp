#include "arrcoc/io/chat_template.hpp"

#include <doctest/doctest.h>

#include "arrcoc/core/error.hpp"
#include "io/temporary_folder.hpp"
#include "io/tokenizer_fixture.hpp"

using namespace arrcoc;
using namespace arrcoc::test;
using io::ChatTemplate, io::ContentPart, io::Message;

namespace {

ContentPart text(std::string words) { return {ContentPart::Kind::text, std::move(words)}; }
ContentPart picture() { return {ContentPart::Kind::image, {}}; }
Message user(std::vector<ContentPart> parts) { return {"user", std::move(parts)}; }
Message user(std::string words) { return {"user", {text(std::move(words))}}; }
Message assistant(std::string words) { return {"assistant", {text(std::move(words))}}; }
Message system_turn(std::string words) { return {"system", {text(std::move(words))}}; }

const std::string triple = "<|vision_start|><|image_pad|><|vision_end|>";

template <class F>
Code code_of(F&& f) {
  try {
    f();
  } catch (const Error& e) { return e.code(); }
  return Code{0};
}
void put(const std::filesystem::path& file, const std::string& words) {
  std::ofstream(file, std::ios::binary) << words;
}

std::string question_text(const Prompt& p, const io::Tokenizer& t) {
  std::vector<TokenId> ids;
  for (const Index c : p.question) ids.push_back(p.ids[static_cast<std::size_t>(c)]);
  return t.decode(ids);
}

}  // namespace

TEST_CASE("Instruct: the documented renderings") {
  const auto render = [](const std::vector<Message>& m, bool generate = true) {
    return io::render_chat(m, ChatTemplate::instruct, generate);
  };
  CHECK(render({user({picture(), text("Describe this image.")})}) ==
        "<|im_start|>user\n" + triple + "Describe this image.<|im_end|>\n<|im_start|>assistant\n");
  CHECK(render({user("a")}, false) == "<|im_start|>user\na<|im_end|>\n");
  CHECK(render({system_turn("S"), user("a"), assistant("b"), user({text("c"), picture(), text(" d"), picture()})}) ==
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_"
        "start|>user\nc" +
            triple + " d" + triple + "<|im_end|>\n<|im_start|>assistant\n");
  CHECK(render({user("a"), system_turn("late"), user("b")}, false) ==
        "<|im_start|>user\na<|im_end|>\n<|im_start|>user\nb<|im_end|>\n");
  CHECK(render({user("a"), assistant("<think>\nx\n</think>\n\nb")}, false) ==
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>\nx\n</think>\n\nb<|im_end|>\n");
  CHECK(render({user(std::vector<ContentPart>{})}, false) == "<|im_start|>user\n<|im_end|>\n");
}

TEST_CASE("Thinking: which thoughts stay") {
  const auto render = [](const std::vector<Message>& m, bool generate = false) {
    return io::render_chat(m, ChatTemplate::thinking, generate);
  };
  const std::string start = "<|im_start|>", end = "<|im_end|>\n", a = start + "user\na" + end;
  CHECK(render({user("a")}, true) == a + start + "assistant\n<think>\n");
  CHECK(render({user("a"), system_turn("late")}) == a + start + "system\nlate" + end);
  // the answer to the last question keeps its thought, or gets an empty one
  CHECK(render({user("a"), assistant("<think>\nx\n</think>\n\nb")}) ==
        a + start + "assistant\n<think>\nx\n</think>\n\nb" + end);
  CHECK(render({user("a"), assistant("b")}) == a + start + "assistant\n<think>\n\n</think>\n\nb" + end);
  // earlier ones lose it
  CHECK(render({user("a"), assistant("<think>\nx\n</think>\n\nb"), user("a")}) == a + start + "assistant\nb" + end + a);
  // not the last message: only a turn that has a thought shows one
  CHECK(render({user("a"), assistant("b"), assistant("c")}) ==
        a + start + "assistant\nb" + end + start + "assistant\n<think>\n\n</think>\n\nc" + end);
  CHECK(render({user("a"), assistant("x</think>b"), assistant("c")}) ==
        a + start + "assistant\n<think>\nx\n</think>\n\nb" + end + start + "assistant\n<think>\n\n</think>\n\nc" + end);
  // a tool's answer is no question
  const std::string tool = "<tool_response>\n7\n</tool_response>";
  CHECK(render({user("a"), assistant("x</think>b"), user(tool), assistant("c")}) ==
        a + start + "assistant\n<think>\nx\n</think>\n\nb" + end + start + "user\n" + tool + end + start +
            "assistant\n<think>\n\n</think>\n\nc" + end);
  // first </think> ends the thought, the last one begins the content, the last <think> before it begins the thought
  CHECK(render({user("a"), assistant("0<think>1<think>\n\n2\n\n</think>3</think>\n\n4")}) ==
        a + start + "assistant\n<think>\n2\n</think>\n\n4" + end);
}

TEST_CASE("Qwen2-VL has a system prompt of its own, and renders later ones") {
  const auto render = [](const std::vector<Message>& m) { return io::render_chat(m, ChatTemplate::qwen2, true); };
  const std::string start = "<|im_start|>", end = "<|im_end|>\n", gen = start + "assistant\n";
  CHECK(render({user("a")}) == start + "system\nYou are a helpful assistant." + end + start + "user\na" + end + gen);
  CHECK(render({system_turn("s"), user("a"), system_turn("t")}) ==
        start + "system\ns" + end + start + "user\na" + end + start + "system\nt" + end + gen);
}

TEST_CASE("conversations that cannot be rendered") {
  for (const ChatTemplate chat : {ChatTemplate::instruct, ChatTemplate::thinking, ChatTemplate::qwen2}) {
    CHECK(code_of([&] { io::render_chat({}, chat); }) == Code::bad_prompt);
    CHECK(code_of([&] { io::render_chat({{"tool", {text("x")}}}, chat); }) == Code::bad_prompt);
    CHECK(code_of([&] { io::render_chat({{"User", {text("x")}}}, chat); }) == Code::bad_prompt);
    CHECK(code_of([&] { io::render_chat({{"system", {picture()}}, user("x")}, chat); }) == Code::bad_prompt);
  }
}

TEST_CASE("templates are known by what they print, wherever they lie") {
  TemporaryFolder folder;
  const auto recognise = [&](const char* choice = "auto") { return io::recognise_chat_template(folder.path, choice); };
  const std::string instruct(io::builtin_chat_template(ChatTemplate::instruct)),
      thinking(io::builtin_chat_template(ChatTemplate::thinking));
  CHECK(recognise() == ChatTemplate::instruct);  // none at all
  put(folder.path / "tokenizer_config.json", Json{{"chat_template", thinking}}.dump());
  CHECK(recognise() == ChatTemplate::thinking);
  put(folder.path / "chat_template.jinja", instruct);
  CHECK(recognise() == ChatTemplate::instruct);
  put(folder.path / "chat_template.json", Json{{"chat_template", thinking}}.dump());
  CHECK(recognise() == ChatTemplate::thinking);
  put(folder.path / "processor_config.json", Json{{"chat_template", instruct}}.dump());
  CHECK(recognise() == ChatTemplate::instruct);
  put(folder.path / "processor_config.json", "{}");
  CHECK(recognise() == ChatTemplate::thinking);
  std::filesystem::remove(folder.path / "chat_template.json");
  put(folder.path / "chat_template.jinja", thinking);

  for (const std::string& unknown :
       {std::string("{{ messages }}"), std::string(), instruct + "x", thinking.substr(1)}) {
    put(folder.path / "chat_template.jinja", unknown);
    CHECK_THROWS_WITH_AS(recognise(), doctest::Contains("--chat-template builtin"), Error);
    CHECK(code_of([&] { recognise(); }) == Code::bad_template);
  }
  CHECK(recognise("builtin") == ChatTemplate::thinking);  // still opens a thought

  std::string spaced = "\xef\xbb\xbf{# mine #}\n" + thinking + "\n\n";
  for (std::size_t at = 0; (at = spaced.find("{%- if ", at)) != std::string::npos; at += 9)
    spaced.replace(at, 7, "{# why #}\n\t{%-  if\n ");
  put(folder.path / "chat_template.jinja", spaced);
  CHECK(recognise() == ChatTemplate::thinking);
  std::string printing = instruct;
  printing.replace(printing.find("{%- for"), 3, "{%");  // the line end before it is printed
  put(folder.path / "chat_template.jinja", printing);
  CHECK(code_of([&] { recognise(); }) == Code::bad_template);
  put(folder.path / "chat_template.jinja", std::string(io::builtin_chat_template(ChatTemplate::qwen2)));
  CHECK(recognise() == ChatTemplate::qwen2);
  put(folder.path / "chat_template.jinja", "x");
  CHECK(recognise("builtin") == ChatTemplate::instruct);
  CHECK(code_of([&] { recognise("mine"); }) == Code::bad_config);

  std::filesystem::remove(folder.path / "chat_template.jinja");
  for (const char* broken :
       {"{", "[]", R"({"chat_template": 3})", R"({"chat_template": [{"name": "other", "template": "x"}]})"}) {
    put(folder.path / "chat_template.json", broken);
    CHECK(code_of([&] { recognise(); }) == Code::bad_template);
  }
}

TEST_CASE("prompts: ids, spans and the question's columns") {
  const io::Tokenizer& t = golden_tokenizer();
  const ModelConfig config;
  const std::vector<Message> messages = {system_turn("Be kind."), user({picture(), text("What?")}), assistant("A map."),
                                         user({text("And  "), picture(), text("here<|im_end|>?"), picture()})};
  const std::vector<Grid> grids = {{2, 3}, {1, 1}, {4, 2}};
  const Prompt p = io::build_prompt(messages, grids, t, config, ChatTemplate::instruct);

  std::string expanded = io::render_chat(messages, ChatTemplate::instruct);
  std::size_t at = 0;
  for (const Grid& grid : grids) {
    at = expanded.find("<|image_pad|>", at);
    std::string pads;
    for (Index i = 0; i < grid.count(); ++i) pads += "<|image_pad|>";
    expanded.replace(at, 13, pads);
    at += pads.size();
  }
  CHECK(p.ids == t.encode(expanded));
  REQUIRE(p.spans.size() == 3);
  const TokenId pad = t.id_of("<|image_pad|>");
  for (std::size_t i = 0; i < 3; ++i) {
    const VisionSpan& span = p.spans[i];
    CHECK(span.grid == grids[i]);
    CHECK(span.image == static_cast<Index>(i));
    CHECK(p.ids[static_cast<std::size_t>(span.begin) - 1] == t.id_of("<|vision_start|>"));
    CHECK(p.ids[static_cast<std::size_t>(span.begin + span.grid.count())] == t.id_of("<|vision_end|>"));
    for (Index c = 0; c < span.grid.count(); ++c) CHECK(p.ids[static_cast<std::size_t>(span.begin + c)] == pad);
  }
  CHECK(question_text(p, t) == "And  here?");  // no pads, no template, no special token
  CHECK(std::is_sorted(p.question.begin(), p.question.end()));

  const Prompt plain = io::build_prompt(messages, grids, t, config, ChatTemplate::instruct, false);
  CHECK(question_text(plain, t) == "And  here<|im_end|>?");
  CHECK(std::count(plain.ids.begin(), plain.ids.end(), t.id_of("<|im_end|>")) ==
        std::count(p.ids.begin(), p.ids.end(), t.id_of("<|im_end|>")) - 1);
  CHECK(t.decode(plain.ids) == t.decode(p.ids));

  // NFC moves marks after the template's line end: they stay the user's.
  CHECK(question_text(io::build_prompt({user("\u0301\u0323x")}, {}, t, config, ChatTemplate::instruct), t) ==
        "\u0323\u0301x");
  CHECK(io::build_prompt({system_turn("only")}, {}, t, config, ChatTemplate::instruct).question.empty());
}

TEST_CASE("placeholders and pictures must agree") {
  const io::Tokenizer& t = golden_tokenizer();
  const auto code = [&](std::vector<Message> messages, std::vector<Grid> grids, bool special = true,
                        ModelConfig config = {}) {
    return code_of([&] { io::build_prompt(messages, grids, t, config, ChatTemplate::instruct, special); });
  };
  CHECK(code({user({picture(), text("x")})}, {{1, 1}}) == Code{0});
  CHECK(code({user({picture(), text("x")})}, {}) == Code::bad_prompt);
  CHECK(code({user("x")}, {{1, 1}}) == Code::bad_prompt);
  CHECK(code({user({picture(), picture()})}, {{1, 1}}) == Code::bad_prompt);
  CHECK(code({user({picture()})}, {{0, 1}}) == Code::bad_prompt);
  CHECK(code({user({picture()})}, {{1, -1}}) == Code::bad_prompt);
  CHECK(code({user({picture()})}, {{std::int64_t{1} << 40, std::int64_t{1} << 40}}) == Code::bad_prompt);
  // typed by the user: never a picture
  CHECK(code({user(triple + "x")}, {{1, 1}}) == Code::bad_prompt);
  CHECK(code({user({picture(), text(triple)})}, {{1, 1}}) == Code::bad_prompt);
  CHECK(code({user({picture(), text("<|image_pad|>")})}, {{1, 1}, {1, 1}}) == Code::bad_prompt);
  CHECK(code({user("<|video_pad|>")}, {}) == Code::bad_prompt);
  CHECK(code({user({picture(), text(triple + "<|video_pad|>")})}, {{1, 1}}, false) == Code{0});
  // config.json names another id
  ModelConfig other;
  other.image_token = 5;
  CHECK(code({user({picture()})}, {{1, 1}}, true, other) == Code::bad_tokenizer);
  CHECK(code({user(std::string("\xFF"))}, {}) == Code::bad_text);
}

TEST_CASE("clips: a time and a span for each temporal patch, in both layouts, beside pictures and text in order") {
  const io::Tokenizer& t = golden_tokenizer();
  const ContentPart clip{ContentPart::Kind::video, {}};
  const std::vector<Message> messages = {user({text("Look:"), clip, text("and"), picture(), clip, text("So?")})};
  const std::vector<io::PromptSource> sources = {{{2, 1}, {0.25, 1.25, 2}}, {{1, 1}, {}}, {{1, 3}, {0.05}}};
  const auto expanded = [](bool nested) {
    const auto pair = [](const std::string& time, const std::string& pads) {
      return "<" + time + " seconds><|vision_start|>" + pads + "<|vision_end|>";
    };
    const std::string v = "<|video_pad|>", open = nested ? "<|vision_start|>" : "",
                      close = nested ? "<|vision_end|>" : "";
    return "<|im_start|>user\nLook:" + open + pair("0.2", v + v) + pair("1.2", v + v) + pair("2.0", v + v) + close +
           "and<|vision_start|><|image_pad|><|vision_end|>" + open + pair("0.1", v + v + v) + close +
           "So?<|im_end|>\n<|im_start|>assistant\n";
  };
  for (const bool nested : {true, false}) {
    const Prompt p = io::build_prompt_with_clips(messages, sources, t, {}, ChatTemplate::instruct,
                                                 nested ? ClipLayout::nested : ClipLayout::flat);
    CHECK(p.ids == t.encode(expanded(nested)));
    REQUIRE(p.spans.size() == 5);
    const std::vector<std::pair<Index, Index>> from = {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {2, 0}};
    for (std::size_t i = 0; i < from.size(); ++i) {
      const VisionSpan& s = p.spans[i];
      CHECK(std::pair(s.image, s.frame) == from[i]);
      CHECK(s.grid == sources[static_cast<std::size_t>(s.image)].grid);
      const TokenId pad = t.id_of(s.image == 1 ? "<|image_pad|>" : "<|video_pad|>");
      for (Index c = s.begin; c < s.end(); ++c) CHECK(p.ids[static_cast<std::size_t>(c)] == pad);
      CHECK(p.ids[static_cast<std::size_t>(s.begin) - 1] == t.id_of("<|vision_start|>"));
      CHECK(p.ids[static_cast<std::size_t>(s.end())] == t.id_of("<|vision_end|>"));
    }
    if (nested) CHECK(question_text(p, t) == "Look:andSo?");  // flat: the first "<" may be one token with "Look:"
    CHECK(sources_of(p).size() == 3);
  }
  CHECK(io::render_chat(messages, ChatTemplate::instruct, false) ==
        "<|im_start|>user\nLook:<|vision_start|><|video_pad|><|vision_end|>and" + triple +
            "<|vision_start|><|video_pad|><|vision_end|>So?<|im_end|>\n");
  const auto code = [&](std::vector<io::PromptSource> some) {
    return code_of([&] { io::build_prompt_with_clips(messages, some, t, {}, ChatTemplate::instruct); });
  };
  CHECK(code(sources) == Code{0});
  CHECK(code({sources[0], sources[1]}) == Code::bad_prompt);
  CHECK(code({sources[0], sources[2], sources[2]}) == Code::bad_prompt);
  CHECK(code({sources[1], sources[1], sources[2]}) == Code::bad_prompt);
  CHECK(code({sources[0], sources[1], {{1, 3}, {-1}}}) == Code::bad_prompt);
  // Python's f"{t:.1f}"
  const std::vector<std::pair<double, std::string>> times = {{0.05, "0.1"}, {0.15, "0.1"},      {0.35, "0.3"},
                                                             {0.45, "0.5"}, {1.25, "1.2"},      {1.35, "1.4"},
                                                             {0.75, "0.8"}, {3599.96, "3600.0"}};
  for (const auto& [seconds, shown] : times) CHECK(io::clip_time_text(seconds) == "<" + shown + " seconds>");
  const std::vector<std::pair<double, std::string>> clocks = {{0, "00:00:00"},      {0.99, "00:00:00"},
                                                              {59.96, "00:00:59"},  {60, "00:01:00"},
                                                              {207.96, "00:03:27"}, {360000, "100:00:00"}};
  for (const auto& [seconds, shown] : clocks)
    CHECK(io::clip_time_text(seconds, ClipTimestamps::hms) == "<" + shown + ">");
}

TEST_CASE("Qwen's vocabulary: whole prompts") {
  const std::optional<io::Tokenizer> qwen = qwen_tokenizer();
  if (!qwen) {
    MESSAGE("skipped: no tokenizer/qwen.tiktoken in ../shared/data or ARRCOC_SHARED");
    return;
  }
  ModelConfig config;
  config.image_token = 151655;
  config.video_token = 151656;
  using Ids = std::vector<TokenId>;
  const auto prompt = [&](std::vector<ContentPart> parts, std::vector<Grid> grids) {
    return io::build_prompt({user(std::move(parts))}, grids, *qwen, config, ChatTemplate::instruct);
  };
  CHECK(prompt({text("hello")}, {}).ids == Ids{151644, 872, 198, 14990, 151645, 198, 151644, 77091, 198});
  const Prompt one = prompt({picture(), text("Describe this image.")}, {{2, 3}});
  CHECK(one.ids == Ids{151644, 872,   198, 151652, 151655, 151655, 151655, 151655, 151655, 151655,
                       151653, 74785, 419, 2168,   13,     151645, 198,    151644, 77091,  198});
  CHECK(one.spans == std::vector<VisionSpan>{{4, {2, 3}, 0}});
  CHECK(one.question == std::vector<Index>{11, 12, 13, 14});
  // "\n\n" is one token that begins in the template: the template's.
  CHECK(question_text(prompt({text("\nhello\n")}, {}), *qwen) == "hello\n");
  const Prompt two = prompt({picture(), picture(), text("Hi")}, {{2, 3}, {3, 1}});
  CHECK(two.ids == Ids{151644, 872,    198,    151652, 151655, 151655, 151655, 151655, 151655, 151655, 151653,
                       151652, 151655, 151655, 151655, 151653, 13048,  151645, 198,    151644, 77091,  198});
  CHECK(two.spans == std::vector<VisionSpan>{{4, {2, 3}, 0}, {12, {3, 1}, 1}});
  CHECK(two.question == std::vector<Index>{16});
  // A clip of two frames at 2 a second, as transformers 5.23 and 4.57.6 have it.
  const auto clip = [&](std::vector<ContentPart> parts, ClipLayout layout) {
    return io::build_prompt_with_clips({user(std::move(parts))}, {{{2, 2}, {0.25}}}, *qwen, config,
                                       ChatTemplate::instruct, layout);
  };
  const ContentPart video{ContentPart::Kind::video, {}};
  const Prompt flat = clip({video, text("Hi")}, ClipLayout::flat);
  CHECK(flat.ids == Ids{151644, 872,    198,    27,     15,    13,     17,  6486,   29,    151652, 151656,
                        151656, 151656, 151656, 151653, 13048, 151645, 198, 151644, 77091, 198});
  CHECK(flat.spans == std::vector<VisionSpan>{{10, {2, 2}, 0, 0}});
  const Prompt nested = clip({video, text("Hi")}, ClipLayout::nested);
  CHECK(nested.ids == Ids{151644, 872,    198,    151652, 27,     15,    13,     17,  6486,   29,    151652, 151656,
                          151656, 151656, 151656, 151653, 151653, 13048, 151645, 198, 151644, 77091, 198});
  const Prompt block = io::build_prompt_with_clips({user({video, text("Hi")})}, {{{2, 1}, {0.25, 1.25}}}, *qwen, config,
                                                   ChatTemplate::instruct, ClipLayout::block);
  CHECK(block.ids ==
        Ids{151644, 872, 198, 151652, 151656, 151656, 151656, 151656, 151653, 13048, 151645, 198, 151644, 77091, 198});
  CHECK(block.spans == std::vector<VisionSpan>{{4, {2, 1}, 0, 0}, {6, {2, 1}, 0, 1}});
  // The whole text is tokenised at once: the first "<" joins what stands before it.
  const Prompt joined = clip({text("Look: "), video}, ClipLayout::flat);
  CHECK(std::vector(joined.ids.begin() + 3, joined.ids.begin() + 7) == Ids{10380, 25, 366, 15});
}
