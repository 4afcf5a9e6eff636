// Where added tokens begin and end, by the rules of Hugging Face tokenizers (added_vocabulary.rs): \\w and \\s of
// Unicode.
#include "added_tokens.hpp"

#include <unicode/uchar.h>

#include "utf8.hpp"

namespace arrcoc::io {
namespace {

bool is_space(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

bool is_word(char32_t c) {
  const auto cp = static_cast<UChar32>(c);
  constexpr std::uint32_t kinds = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return u_hasBinaryProperty(cp, UCHAR_ALPHABETIC) != 0 || (U_GET_GC_MASK(cp) & kinds) != 0 ||
         u_hasBinaryProperty(cp, UCHAR_JOIN_CONTROL) != 0;
}

/// The character that begins at `at`, and its bytes.
std::pair<char32_t, std::size_t> character(std::string_view text, std::size_t at) {
  const std::size_t length = utf8::step(text, at).length;
  return {utf8::code_point(text, at, length), length};
}
std::pair<char32_t, std::size_t> character_before(std::string_view text, std::size_t at) {
  std::size_t first = at - 1;
  while (first > 0 && utf8::is_continuation(text[first])) --first;
  return character(text, first);
}

}  // namespace

bool added_token_extent(std::string_view text, const AddedTokenFinder::Found& found, std::size_t at, std::size_t done,
                        std::size_t& begin, std::size_t& end) {
  begin = at;
  end = at + found.length;
  if (found.rules.single_word && ((begin > 0 && is_word(character_before(text, begin).first)) ||
                                  (end < text.size() && is_word(character(text, end).first))))
    return false;
  if (found.rules.lstrip)
    while (begin > done) {
      const auto [c, length] = character_before(text, begin);
      if (!is_space(c)) break;
      begin -= length;
    }
  if (found.rules.rstrip)
    while (end < text.size()) {
      const auto [c, length] = character(text, end);
      if (!is_space(c)) break;
      end += length;
    }
  return true;
}

}  // namespace arrcoc::io
