#include "arrcoc/io/conversation.hpp"

#include <algorithm>
#include <array>

#include "json_parse.hpp"

namespace arrcoc::io {
namespace {

constexpr std::size_t max_values = 5'000'000;

struct At {
  std::string_view where;
  std::string path;
  [[noreturn]] void refuse(const std::string& expected, const Json& got) const {
    fail(Code::bad_text, where, path + ": expected " + expected + ", got " + shown(got));
  }
};

bool has(const Json& part, const char* key) { return part.contains(key) && !part.at(key).is_null(); }
bool is_type(const Json& part, std::string_view type) {
  return part.contains("type") && part.at("type").is_string() && part.at("type").get_ref<const std::string&>() == type;
}

/// A name under any of these keys: a text, or an object with one under "url".
std::string name_of_entry(const Json& part, std::initializer_list<const char*> keys, const At& at) {
  for (const char* key : keys) {
    if (!has(part, key)) continue;
    const Json& v = part.at(key);
    const Json& name = v.is_object() && v.contains("url") ? v.at("url") : v;
    if (!name.is_string() || name.get_ref<const std::string&>().empty())
      at.refuse("the name of a file or a URL under \"" + std::string(key) + "\"", v);
    return name.get<std::string>();
  }
  at.refuse("the name of a file or a URL", part);
}

void read_part(const Json& part, const At& at, Message& message, std::vector<VisionEntry>& entries) {
  if (!part.is_object()) at.refuse("an object", part);
  using Kind = ContentPart::Kind;
  const bool image =
                 has(part, "image") || has(part, "image_url") || is_type(part, "image") || is_type(part, "image_url"),
             video = !image && (has(part, "video") || is_type(part, "video") || is_type(part, "video_url"));
  if (image || video) {
    if (message.role != "user") at.refuse("pictures and clips in a user's turn alone", part);
    const Kind kind = image ? Kind::image : Kind::video;
    entries.push_back({kind, image ? name_of_entry(part, {"image", "image_url", "url", "path"}, at)
                                   : name_of_entry(part, {"video", "video_url", "url", "path"}, at)});
    message.content.push_back({kind, {}});
    return;
  }
  if (!part.contains("text") || !part.at("text").is_string())
    at.refuse("a part with \"text\", \"image\", \"image_url\" or \"video\"", part);
  message.content.push_back({Kind::text, part.at("text").get<std::string>()});
}

}  // namespace

Conversation read_conversation(std::string_view json, std::string_view where) {
  const Json all = parse_json(json, Code::bad_text, where, max_values);
  const Json& list = all.is_object() && all.contains("messages") ? all.at("messages") : all;
  if (!list.is_array() || list.empty()) At{where, "messages"}.refuse("a list of messages", list);
  Conversation out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const At at{where, "message " + std::to_string(i + 1)};
    const Json& m = list[i];
    if (!m.is_object()) at.refuse("an object with \"role\" and \"content\"", m);
    constexpr std::array<std::string_view, 3> roles{"system", "user", "assistant"};
    const bool known = m.contains("role") && m.at("role").is_string() &&
                       std::find(roles.begin(), roles.end(), m.at("role").get_ref<const std::string&>()) != roles.end();
    if (!known) at.refuse("a role of system, user or assistant", m.contains("role") ? m.at("role") : m);
    Message message{m.at("role").get<std::string>(), {}};
    if (!m.contains("content")) at.refuse("a \"content\"", m);
    const Json& content = m.at("content");
    if (content.is_string()) message.content.push_back({ContentPart::Kind::text, content.get<std::string>()});
    else if (content.is_array())
      for (std::size_t p = 0; p < content.size(); ++p)
        read_part(content[p], {where, at.path + ", part " + std::to_string(p + 1)}, message, out.entries);
    else at.refuse("a text or a list of parts as content", content);
    out.messages.push_back(std::move(message));
  }
  return out;
}

}  // namespace arrcoc::io
