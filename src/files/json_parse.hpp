#pragma once
// The one door through which JSON comes in: linear in the text, with limits on depth and on the number of values.
#include <cstddef>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "arrcoc/core/error.hpp"

namespace arrcoc::io {

using Json = nlohmann::json;

/// Levels of objects and lists that a text may have.
inline constexpr std::size_t max_json_levels = 64;

/// A whole text as a value; the sentence that says why not (`out` is then undefined). Refused: what JSON does not
/// allow, duplicate keys, NUL bytes, a byte order mark, more than 64 levels, more than `max_values` values.
/// `member`, when given, takes each member of the outermost object as it is complete, instead of `out`, so that a text
/// of a million members needs the memory of one; it finds duplicates among them itself.
using JsonMember = std::function<void(std::string&& key, Json&& value)>;
std::string read_json(std::string_view text, std::size_t max_values, Json& out, const JsonMember& member = {});

/// The same; throws Error{code} with the sentence. `max_values` bounds the memory.
Json parse_json(std::string_view text, Code code, std::string_view where, std::size_t max_values = 50'000'000);

/// JSON whose members keep their order: what the program writes.
using Ordered = nlohmann::ordered_json;

/// In one line, or with `indent` spaces a level; what is not UTF-8 is replaced.
std::string json_text(const Ordered& value, int indent = -1);
std::string json_text(const Json& value);

/// What json_text() wrote, or a number of to_text(): no limits. std::exception for text that is not JSON.
Ordered own_json(std::string_view text);

/// Text from a file or a command line as part of a one-line message: control characters become '?', and it ends at a
/// character's border.
std::string printable(std::string_view text, std::size_t most = 200);

/// A value as people would write it in a message, cut to 60 characters; the work does not grow with the value.
std::string shown(const Json& value);

}  // namespace arrcoc::io
