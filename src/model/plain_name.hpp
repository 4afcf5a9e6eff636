#pragma once
#include <algorithm>
#include <cctype>
#include <string_view>

namespace arrcoc::io {

/// One part of "org/name", a snapshot's name, a shard: a plain file name.
inline bool plain_name(std::string_view s) {
  return !s.empty() && s.size() < 256 && s.front() != '.' && std::all_of(s.begin(), s.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace arrcoc::io
