#pragma once
// Conversations as chat programs write them: turns with text, pictures and clips among it.
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/io/chat_template.hpp"

namespace arrcoc::io {

/// A picture or clip that a conversation names, in the order of the turns and of their parts.
struct VisionEntry {
  ContentPart::Kind kind = ContentPart::Kind::image;  // image or video
  std::string name;                                   // as written: a path, or a file: or data: URL
  bool operator==(const VisionEntry&) const = default;
};

struct Conversation {
  std::vector<Message> messages;     // what render_chat takes
  std::vector<VisionEntry> entries;  // one for each part of them that is no text, in order
};

/// A JSON list of messages, or an object whose "messages" is one; {"role": "system"|"user"|"assistant", "content": a
/// text, or a list of parts}. A part with "image" or "image_url", or of that type, is a picture (a text, or an object
/// with "url"); with "video", or of that type, a clip; any other its "text". Pictures by the rule of qwen-vl-utils'
/// extract_vision_info, order and kind of parts by Qwen3-VL's chat template. Error{bad_text} naming the message and
/// part for anything else: another role, content or part, an entry without a name, one outside a user's turn.
Conversation read_conversation(std::string_view json, std::string_view where);

}  // namespace arrcoc::io
