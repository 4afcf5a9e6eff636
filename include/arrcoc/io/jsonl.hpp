#pragma once
// One JSON value a line, as the verb `tokenize` reads and writes it.
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc::io {

/// The text of a line that holds one JSON string. Error{bad_text} naming `where` and the line (counted from 1) when it
/// holds anything else, bytes that are not UTF-8, or an escaped surrogate without its partner.
std::string parse_string_line(std::string_view line, Index line_number, std::string_view where);

/// The ids of a line that holds a JSON list of whole numbers. Error{bad_text} likewise.
std::vector<TokenId> parse_ids_line(std::string_view line, Index line_number, std::string_view where);

/// `[1, 2, 3]`, without the line end.
std::string ids_line(const std::vector<TokenId>& ids);

/// A text as a JSON string, without the line end; non-ASCII stays as it is. `text` must be UTF-8 (Error{bad_text}).
std::string string_line(std::string_view text);

}  // namespace arrcoc::io
