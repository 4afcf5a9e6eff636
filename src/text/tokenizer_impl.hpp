#pragma once
// What a Tokenizer is made of.
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "added_tokens.hpp"
#include "arrcoc/io/tokenizer.hpp"
#include "tokenizer_bpe.hpp"
#include "tokenizer_nfc.hpp"
#include "tokenizer_split.hpp"
#include "vocabulary.hpp"

namespace arrcoc::io {

struct Tokenizer::Impl {
  std::optional<Nfc> nfc;
  std::vector<SplitRegex> splits;  // in order, each cutting the pieces of the one before
  Vocabulary vocabulary;           // contents in the byte-level alphabet, as the files spell them
  Bpe bpe;
  bool ignore_merges = false;  // a piece that is itself an entry is taken whole

  std::vector<AddedToken> added;
  std::unordered_map<TokenId, std::size_t> added_by_id;
  std::unordered_map<std::string, TokenId> added_by_content;
  AddedTokenFinder raw_finder;     // looked for in the text as it comes
  AddedTokenFinder normal_finder;  // "normalized": true, looked for after NFC

  const AddedToken* find_added(TokenId id) const {
    const auto found = added_by_id.find(id);
    return found == added_by_id.end() ? nullptr : &added[found->second];
  }

  // Building; each throws Error{bad_tokenizer}.
  /// Checks that the id is in 0..Vocabulary::max_id.
  static TokenId checked_id(std::int64_t id, std::string_view content, std::string_view where);
  void add_entry(std::string_view content, std::int64_t id, std::string_view where);
  /// The pair of contents; both and their concatenation must be entries.
  void add_merge(std::string_view left, std::string_view right, std::string_view where);
  void add_added(AddedToken token, AddedTokenRules rules, std::string_view where);
  /// After the last addition: looks up the 256 byte tokens and readies the finders.
  void finish(std::string_view where);

  // Encoding. `text` is checked UTF-8.
  void encode(std::string_view text, std::span<const TextRange> plain, std::vector<TokenAt>& out) const;

 private:
  void encode_stretch(std::string_view text, TextRange part, std::span<const TextRange> plain,
                      std::vector<TokenAt>& out) const;
  void encode_words(std::string_view text, Piece part, std::vector<TokenAt>& out) const;
};

/// A token's content as messages show it: quoted, shortened.
std::string in_quotes(std::string_view content);

}  // namespace arrcoc::io
