#pragma once
// Byte-level BPE as Hugging Face `tokenizers` runs it for Qwen: added tokens split first (leftmost-longest), NFC, the
// pre-tokeniser regex from the file, byte map, heap merges (n log n), vocabulary lookup.
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc::io {

struct AddedToken {
  std::string text;
  TokenId id = -1;
  bool special = false;
};

/// A token and the byte of the text at which it begins (of the source text, also where NFC rewrote it).
struct TokenAt {
  TokenId id = -1;
  std::size_t begin = 0;
};

/// Bytes [begin, end) of a text.
struct TextRange {
  std::size_t begin = 0, end = 0;
};

class Tokenizer {
 public:
  /// tokenizer.json, or vocab.json + merges.txt (+ tokenizer_config.json's added_tokens_decoder) in a model folder.
  /// Error{bad_tokenizer}.
  static Tokenizer from_folder(const std::filesystem::path& folder);
  /// The text of a tokenizer.json.
  static Tokenizer from_json(std::string_view json, std::string_view where);

  /// `text` must be UTF-8 (Error{bad_text} otherwise). Added tokens in the text become single ids, unless parse_special
  /// is false.
  std::vector<TokenId> encode(std::string_view text, bool parse_special = true) const;
  /// As encode, with the place of each token. Inside the `plain` ranges (ascending, disjoint) added tokens stay
  /// ordinary text.
  std::vector<TokenAt> encode_at(std::string_view text, std::span<const TextRange> plain = {}) const;
  /// Invalid UTF-8 becomes U+FFFD exactly as Python's errors='replace' makes it. Unknown ids throw Error{bad_text}.
  std::string decode(const std::vector<TokenId>& ids, bool skip_special = false) const;
  /// The raw bytes of one id (special tokens: their text).
  std::string bytes_of(TokenId id) const;
  /// Id of an added token or vocabulary entry by its content; -1 if absent.
  TokenId id_of(std::string_view content) const;
  bool has(TokenId id) const;
  bool is_special(TokenId id) const;
  Index size() const;  // highest id + 1

  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

/// Turns ids into text as they come, never splitting a UTF-8 character. An id without a token (a padding row of the
/// embedding) gives nothing, as in Hugging Face's decoding.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true);
  std::string push(TokenId id);  // what can be shown now
  std::string finish();          // what was held back, invalid bytes replaced

 private:
  Tokenizer tokenizer_;
  bool skip_special_;
  std::string held_;
};

}  // namespace arrcoc::io
