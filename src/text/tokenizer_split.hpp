#pragma once
// The pre-tokeniser's regular expression (PCRE2, compiled once) and the pieces it cuts a text into.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace arrcoc::io {

/// Bytes [begin, end) of a text.
struct Piece {
  std::size_t begin = 0, end = 0;
};

/// Qwen2's expression, for folders that hold vocab.json and merges.txt but no tokenizer.json.
std::string_view qwen2_pattern();
/// GPT-2's, which a ByteLevel pre-tokeniser with use_regex means.
std::string_view gpt2_pattern();

class SplitRegex {
 public:
  /// Error{bad_tokenizer} with PCRE2's reason.
  SplitRegex(std::string_view pattern, std::string_view where);

  /// Appends matches and the stretches between them, in order (Split, behaviour Isolated). `text` is valid UTF-8.
  void split(std::string_view text, Piece part, std::vector<Piece>& out) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

/// The same expression with \s, \p{L} and \p{N} written out where PCRE2's tables differ from those of `tokenizers`
/// (Unicode 16).
std::string pin_unicode(std::string_view pattern, std::string_view where);

}  // namespace arrcoc::io
