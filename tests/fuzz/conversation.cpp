// A conversation with pictures, as messages that render.
#include "arrcoc/io/conversation.hpp"

#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  fuzz::refuse_or_take([&] {
    const io::Conversation c = io::read_conversation(text, "fuzz");
    std::size_t parts = 0;
    for (const auto& m : c.messages)
      for (const auto& p : m.content) parts += p.kind != io::ContentPart::Kind::text;
    fuzz::must(parts == c.entries.size(), "a part that is no text and names nothing");
    for (const auto& e : c.entries) fuzz::must(!e.name.empty(), "an entry without a name");
    (void)io::render_chat(c.messages, io::ChatTemplate::instruct);
  });
  return 0;
}
