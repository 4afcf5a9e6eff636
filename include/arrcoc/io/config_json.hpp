#pragma once
// Flat settings <-> nested JSON. The path "allocator.budget" is {"allocator": {"budget": ...}}.
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/config.hpp"

namespace arrcoc::io {

/// The fields as one JSON object, nested by path, in the order given; numbers and booleans are written as such.
/// Error{bad_config} when two paths collide ("a" and "a.b"), repeat, or have an empty part.
std::string settings_to_json(const std::vector<ConfigField>& fields, int indent = 2);

/// The settings of a JSON text: path -> text. A result file is a valid config: if the object has an object "config",
/// that one is taken. Error{bad_config} for anything but objects, strings, numbers and booleans, for keys with a dot,
/// and for malformed JSON.
Settings settings_from_json(std::string_view json, std::string_view where);

}  // namespace arrcoc::io
