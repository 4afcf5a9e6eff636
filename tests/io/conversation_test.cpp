// Conversations: which pictures and clips they name, in which order, and what is refused.
#include "arrcoc/io/conversation.hpp"

#include <doctest/doctest.h>

#include "registry/errors.hpp"

using namespace arrcoc;
using io::ContentPart, io::read_conversation;

TEST_CASE("turns, parts and what they name, in order") {
  const auto c = read_conversation(R"([
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "What is this?"}]},
    {"role": "assistant", "content": "A receipt."},
    {"role": "user", "content": [{"text": "And these: "}, {"type": "image_url", "image_url": {"url": "file:///b.png"}},
                                 {"image": "c.jpg", "type": "text"}, {"type": "video", "video": "d.mp4"},
                                 {"type": "image", "path": "e.png"}]}])",
                                   "test");
  REQUIRE(c.messages.size() == 4);
  CHECK(c.messages[0].role == "system");
  CHECK(c.messages[0].content[0].text == "Be brief.");
  using Kind = ContentPart::Kind;
  CHECK(c.entries == std::vector<io::VisionEntry>{{Kind::image, "a.png"},
                                                  {Kind::image, "file:///b.png"},
                                                  {Kind::image, "c.jpg"},
                                                  {Kind::video, "d.mp4"},
                                                  {Kind::image, "e.png"}});
  REQUIRE(c.messages[3].content.size() == 5);
  CHECK(c.messages[3].content[0].kind == Kind::text);
  CHECK(c.messages[3].content[2].kind == Kind::image);  // the key decides, not the type
  CHECK(c.messages[3].content[3].kind == Kind::video);
  CHECK(read_conversation(R"({"messages": [{"role": "user", "content": "Why?"}]})", "test").entries.empty());
  // What it renders to is the template's.
  CHECK(io::render_chat(
            read_conversation(R"([{"role": "user", "content": [{"image": "a"}, {"text": "Why?"}]}])", "test").messages,
            io::ChatTemplate::instruct) ==
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Why?<|im_end|>\n<|im_start|>assistant\n");
}

TEST_CASE("what is no conversation is refused, by message and part") {
  const auto refused = [](const char* text) {
    try {
      (void)read_conversation(text, "test");
      return std::string("nothing");
    } catch (const Error& e) {
      CHECK(e.code() == Code::bad_text);
      return std::string(e.what());
    }
  };
  const auto says = [&](const char* text, const char* what) {
    CAPTURE(text);
    CHECK(refused(text).find(what) != std::string::npos);
  };
  says("[", "test");
  says("[]", "messages: expected a list of messages");
  says("{}", "messages: expected a list of messages");
  says("[1]", "message 1: expected an object");
  says(R"([{"role": "tool", "content": "x"}])", "message 1: expected a role of system, user or assistant");
  says(R"([{"role": "user"}])", "a \"content\"");
  says(R"([{"role": "user", "content": 3}])", "a text or a list of parts");
  says(R"([{"role": "user", "content": ["x"]}])", "message 1, part 1: expected an object");
  says(R"([{"role": "user", "content": [{"type": "audio"}]}])", "expected a part with");
  says(R"([{"role": "user", "content": [{"type": "image"}]}])", "the name of a file or a URL");
  says(R"([{"role": "user", "content": [{"image": 3}]}])", "under \"image\"");
  says(R"([{"role": "user", "content": [{"text": "a"}]}, {"role": "assistant", "content": [{"image": "a.png"}]}])",
       "message 2, part 1: expected pictures and clips in a user's turn alone");
}
