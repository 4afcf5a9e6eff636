#pragma once
// What each channel of a texture is, in one line.
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/registry/entry.hpp"

namespace arrcoc::tools {

/// "  red                  mean red / 255" for each channel that the texture has with its own settings; for `named`,
/// which has any, for all that it can be asked for, and the sets. A plug-in's channels by name alone.
std::string channel_lines(const Entry& texture, const std::vector<std::string>& plugins);

}  // namespace arrcoc::tools
