#include "arrcoc/io/tokenizer.hpp"

#include <algorithm>

#include "arrcoc/core/error.hpp"
#include "byte_level.hpp"
#include "tokenizer_impl.hpp"
#include "utf8.hpp"

namespace arrcoc::io {

std::string in_quotes(std::string_view content) {
  constexpr std::size_t most = 40;
  std::string text(content.substr(0, utf8::settled_length(content.substr(0, most))));
  if (text.size() < content.size()) text += "...";
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return "\"" + utf8::replace_invalid(text) + "\"";
}

// ---- building

TokenId Tokenizer::Impl::checked_id(std::int64_t id, std::string_view content, std::string_view where) {
  require_that(id >= 0 && id <= Vocabulary::max_id, Code::bad_tokenizer, where, [&] {
    return "the id of token " + in_quotes(content) + " is out of range; expected 0.." +
           std::to_string(Vocabulary::max_id) + ", got " + std::to_string(id);
  });
  return static_cast<TokenId>(id);
}

void Tokenizer::Impl::add_entry(std::string_view content, std::int64_t id, std::string_view where) {
  const TokenId checked = checked_id(id, content, where);
  require_that(vocabulary.text_bytes() + content.size() < (std::size_t{1} << 31), Code::bad_tokenizer, where,
               "the vocabulary is over 2 GiB");
  switch (vocabulary.add(content, checked)) {
    case Vocabulary::Added::yes: return;
    case Vocabulary::Added::duplicate_content:
      fail(Code::bad_tokenizer, where, "token " + in_quotes(content) + " is in the vocabulary twice");
    case Vocabulary::Added::duplicate_id:
      fail(Code::bad_tokenizer, where,
           "id " + std::to_string(id) + " belongs to two tokens; expected one, got " +
               in_quotes(vocabulary.content(checked)) + " and " + in_quotes(content));
  }
}

void Tokenizer::Impl::add_merge(std::string_view left, std::string_view right, std::string_view where) {
  const std::string joined = std::string(left) + std::string(right);
  const TokenId a = vocabulary.find(left), b = vocabulary.find(right), ab = vocabulary.find(joined);
  const auto rank = static_cast<std::uint32_t>(bpe.merges.count());
  const auto line = [&] {
    return "merge " + std::to_string(rank) + " (" + in_quotes(left) + ", " + in_quotes(right) + ")";
  };
  require_that(a >= 0 && b >= 0 && ab >= 0, Code::bad_tokenizer, where, [&] {
    return line() + " names a token that is not in the vocabulary; expected an entry " +
           in_quotes(a < 0   ? left
                     : b < 0 ? right
                             : std::string_view(joined)) +
           ", got none";
  });
  require_that(bpe.merges.add(a, b, rank, ab), Code::bad_tokenizer, where, [&] { return line() + " is listed twice"; });
}

void Tokenizer::Impl::add_added(AddedToken token, AddedTokenRules rules, std::string_view where) {
  require_that(!token.text.empty(), Code::bad_tokenizer, where,
               [&] { return "added token " + std::to_string(token.id) + " is empty"; });
  const auto known = added_by_content.find(token.text);
  require_that(known == added_by_content.end(), Code::bad_tokenizer, where, [&] {
    return "added token " + in_quotes(token.text) + " is listed twice, with ids " + std::to_string(known->second) +
           " and " + std::to_string(token.id);
  });
  const AddedToken* other = find_added(token.id);
  const TokenId entry = vocabulary.find(token.text);
  require_that(other == nullptr && (!vocabulary.has(token.id) || entry == token.id), Code::bad_tokenizer, where, [&] {
    return "id " + std::to_string(token.id) + " belongs to two tokens; expected one, got " +
           in_quotes(other != nullptr ? std::string_view(other->text) : vocabulary.content(token.id)) + " and " +
           in_quotes(token.text);
  });
  require_that(entry < 0 || entry == token.id, Code::bad_tokenizer, where, [&] {
    return "added token " + in_quotes(token.text) + " has id " + std::to_string(token.id) +
           "; expected its vocabulary id " + std::to_string(entry);
  });
  added_by_id.emplace(token.id, added.size());
  added_by_content.emplace(token.text, token.id);
  if (!rules.normalized) raw_finder.add(token.text, token.id, rules);
  else normal_finder.add(nfc ? std::string((*nfc)(token.text).text) : token.text, token.id, rules);
  added.push_back(std::move(token));
}

void Tokenizer::Impl::finish(std::string_view where) {
  raw_finder.seal();
  normal_finder.seal();
  for (int byte = 0; byte < 256; ++byte) {
    const char raw = static_cast<char>(byte);
    const std::string content = byte_alphabet.content({&raw, 1});
    const TokenId id = vocabulary.find(content);
    require_that(id >= 0, Code::bad_tokenizer, where, [&] {
      return "the vocabulary has no token for byte " + std::to_string(byte) +
             "; expected all 256 of the byte-level alphabet, got none for " + in_quotes(content);
    });
    bpe.byte_ids[static_cast<std::size_t>(byte)] = id;
  }
}

// ---- encoding

void Tokenizer::Impl::encode_words(std::string_view text, Piece part, std::vector<TokenAt>& out) const {
  std::vector<Piece> pieces{part}, finer;
  for (const SplitRegex& split : splits) {
    finer.clear();
    for (const Piece& piece : pieces) split.split(text, piece, finer);
    pieces.swap(finer);
  }
  for (const Piece& piece : pieces) {
    const std::string_view bytes = text.substr(piece.begin, piece.end - piece.begin);
    if (bytes.empty()) continue;
    if (ignore_merges) {
      const TokenId whole = vocabulary.find(byte_alphabet.content(bytes));
      if (whole >= 0) {
        out.push_back({whole, piece.begin});
        continue;
      }
    }
    bpe.encode(bytes, piece.begin, out);
  }
}

void Tokenizer::Impl::encode_stretch(std::string_view text, TextRange part, std::span<const TextRange> plain,
                                     std::vector<TokenAt>& out) const {
  if (part.begin == part.end) return;
  const std::string_view source = text.substr(part.begin, part.end - part.begin);
  const NormalText normal = nfc ? (*nfc)(source) : NormalText{source, nullptr, {}, {}};
  const std::size_t first = out.size();

  const auto is_plain = [&](std::size_t begin, std::size_t end) {  // in bytes of the normal text
    const std::size_t from = part.begin + normal.source_of(begin), to = part.begin + normal.source_of(end);
    const auto range = std::lower_bound(plain.begin(), plain.end(), from,
                                        [](const TextRange& r, std::size_t x) { return r.end <= x; });
    return range != plain.end() && range->begin < to;
  };
  std::size_t done = 0;
  for (std::size_t at = 0; !normal_finder.empty() && at < normal.text.size();) {
    const AddedTokenFinder::Found found = normal_finder.at(normal.text, at);
    if (found.length == 0 || is_plain(at, at + found.length)) {
      ++at;
      continue;
    }
    std::size_t begin = 0, end = 0;
    if (added_token_extent(normal.text, found, at, done, begin, end)) {
      if (done < begin) encode_words(normal.text, {done, begin}, out);
      out.push_back({found.id, begin});
      done = end;
    }
    at += found.length;  // not end: white space that was taken may begin the next token
  }
  if (done < normal.text.size()) encode_words(normal.text, {done, normal.text.size()}, out);
  for (std::size_t i = first; i < out.size(); ++i) out[i].begin = part.begin + normal.source_of(out[i].begin);
}

void Tokenizer::Impl::encode(std::string_view text, std::span<const TextRange> plain, std::vector<TokenAt>& out) const {
  std::size_t done = 0, at = 0;
  auto range = plain.begin();
  while (at < text.size()) {
    while (range != plain.end() && range->end <= at) ++range;
    if (range != plain.end() && range->begin <= at) {
      at = range->end;
      continue;
    }
    const std::size_t limit = range == plain.end() ? text.size() : std::min(range->begin, text.size());
    const AddedTokenFinder::Found found =
        raw_finder.empty() ? AddedTokenFinder::Found{} : raw_finder.at(text.substr(0, limit), at);
    if (found.length == 0) {
      at = raw_finder.empty() ? text.size() : at + 1;
      continue;
    }
    std::size_t begin = 0, end = 0;
    if (added_token_extent(text, found, at, done, begin, end)) {
      if (done < begin) encode_stretch(text, {done, begin}, plain, out);
      out.push_back({found.id, begin});
      done = end;
    }
    at += found.length;
  }
  if (done < text.size()) encode_stretch(text, {done, text.size()}, plain, out);
}

std::vector<TokenAt> Tokenizer::encode_at(std::string_view text, std::span<const TextRange> plain) const {
  const std::size_t invalid = utf8::first_invalid(text);
  require_that(invalid == std::string_view::npos, Code::bad_text, "encode", [&] {
    return "the text is not UTF-8; expected a valid sequence at byte " + std::to_string(invalid) + ", got byte " +
           std::to_string(static_cast<unsigned char>(text[invalid]));
  });
  require_that(text.size() < (std::size_t{1} << 30), Code::bad_text, "encode", [&] {
    return "the text is too long; expected under 1 GiB, got " + std::to_string(text.size()) + " bytes";
  });
  std::vector<TokenAt> out;
  out.reserve(text.size() / 3 + 8);
  impl_->encode(text, plain, out);
  return out;
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool parse_special) const {
  const TextRange all{0, text.size()};
  const std::vector<TokenAt> tokens = encode_at(text, std::span(&all, parse_special ? 0 : 1));
  std::vector<TokenId> ids(tokens.size());
  std::transform(tokens.begin(), tokens.end(), ids.begin(), [](const TokenAt& t) { return t.id; });
  return ids;
}

// ---- decoding

bool Tokenizer::has(TokenId id) const { return impl_->find_added(id) != nullptr || impl_->vocabulary.has(id); }

std::string Tokenizer::bytes_of(TokenId id) const {
  if (const AddedToken* token = impl_->find_added(id)) return token->text;
  require_that(impl_->vocabulary.has(id), Code::bad_text, "decode", [&] {
    return "no token has id " + std::to_string(id) + "; expected an id of the vocabulary, 0.." +
           std::to_string(size() - 1);
  });
  const std::string_view content = impl_->vocabulary.content(id);
  return byte_alphabet.bytes(content).value_or(std::string(content));
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids, bool skip_special) const {
  std::string bytes;
  for (const TokenId id : ids)
    if (!skip_special || !is_special(id)) bytes += bytes_of(id);
  return utf8::replace_invalid(bytes);
}

TokenId Tokenizer::id_of(std::string_view content) const {
  const auto found = impl_->added_by_content.find(std::string(content));
  return found != impl_->added_by_content.end() ? found->second : impl_->vocabulary.find(content);
}

bool Tokenizer::is_special(TokenId id) const {
  const AddedToken* token = impl_->find_added(id);
  return token != nullptr && token->special;
}

Index Tokenizer::size() const {
  Index end = impl_->vocabulary.end_id();
  for (const AddedToken& token : impl_->added) end = std::max<Index>(end, Index{token.id} + 1);
  return end;
}

// ---- streaming

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special)
    : tokenizer_(tokenizer), skip_special_(skip_special) {}

std::string StreamDecoder::push(TokenId id) {
  if (tokenizer_.has(id) && !(skip_special_ && tokenizer_.is_special(id))) held_ += tokenizer_.bytes_of(id);
  const std::size_t ready = utf8::settled_length(held_);
  std::string out = utf8::replace_invalid(std::string_view(held_).substr(0, ready));
  held_.erase(0, ready);
  return out;
}

std::string StreamDecoder::finish() {
  std::string out = utf8::replace_invalid(held_);
  held_.clear();
  return out;
}

}  // namespace arrcoc::io
