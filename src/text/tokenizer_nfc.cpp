#include "tokenizer_nfc.hpp"

#include <unicode/bytestream.h>
#include <unicode/edits.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>

#include <algorithm>

#include "arrcoc/core/error.hpp"
#include "utf8.hpp"

namespace arrcoc::io {

std::size_t OffsetMap::source_of(std::size_t at) const {
  const auto after =
      std::upper_bound(parts_.begin(), parts_.end(), at, [](std::size_t x, const Part& p) { return x < p.to; });
  if (after == parts_.begin()) return at;
  const Part& part = *(after - 1);
  return part.verbatim ? part.from + (at - part.to) : part.from;
}

namespace {
void check(UErrorCode code) {
  require_that(U_SUCCESS(code), Code::bad_text, "tokenizer",
               [&] { return "Unicode normalisation failed: " + std::string(u_errorName(code)); });
}
constexpr std::size_t long_run = 32;  // combining marks in a row; beyond, the library's insertion sort is left out
}  // namespace

struct Nfc::Tables {
  icu::UnicodeSet known;
  const icu::Normalizer2* decompose = nullptr;
  std::unique_ptr<icu::FilteredNormalizer2> compose;

  Tables() {
    UErrorCode code = U_ZERO_ERROR;
    known.applyPattern(icu::UnicodeString::fromUTF8("[:Age=9.0:]"), code);
    check(code);
    known.freeze();
    decompose = icu::Normalizer2::getNFDInstance(code);
    check(code);
    const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(code);
    check(code);
    compose = std::make_unique<icu::FilteredNormalizer2>(*nfc, known);
  }

  bool reorders(char32_t c) const {
    const auto cp = static_cast<UChar32>(c);
    return c >= 0x300 && u_getIntPropertyValue(cp, UCHAR_LEAD_CANONICAL_COMBINING_CLASS) != 0 && known.contains(cp);
  }

  /// The marks of text[begin, end) in canonical order, decomposed.
  std::string sort_marks(std::string_view text, std::size_t begin, std::size_t end) const {
    struct Mark {
      UChar32 c;
      int order;
    };
    std::vector<Mark> marks;
    icu::UnicodeString parts;
    for (std::size_t at = begin; at < end;) {
      const utf8::Step here = utf8::step(text, at);
      const auto c = static_cast<UChar32>(utf8::code_point(text, at, here.length));
      if (decompose->getDecomposition(c, parts)) {
        for (int i = 0; i < parts.length(); i = parts.moveIndex32(i, 1))
          marks.push_back({parts.char32At(i), u_getCombiningClass(parts.char32At(i))});
      } else {
        marks.push_back({c, u_getCombiningClass(c)});
      }
      at += here.length;
    }
    std::stable_sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) { return a.order < b.order; });
    std::string out;
    for (const Mark& mark : marks) utf8::append(out, static_cast<char32_t>(mark.c));
    return out;
  }

  /// Sorts every long run of marks; false if there is none.
  bool sort_long_runs(std::string_view text, std::string& out, OffsetMap& map) const {
    std::size_t copied = 0, run_begin = 0, run = 0;
    const auto flush = [&](std::size_t end) {
      if (run > long_run) {
        if (run_begin > copied) map.add(out.size(), copied, true);
        out.append(text, copied, run_begin - copied);
        map.add(out.size(), run_begin, false);
        out += sort_marks(text, run_begin, end);
        copied = end;
      }
      run = 0;
    };
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = utf8::step(text, at).length;
      if (length > 1 && reorders(utf8::code_point(text, at, length))) {
        if (run++ == 0) run_begin = at;
      } else if (run > 0) {
        flush(at);
      }
      at += length;
    }
    flush(text.size());
    if (copied == 0) return false;
    map.add(out.size(), copied, true);
    out.append(text, copied, std::string_view::npos);
    return true;
  }
};

Nfc::Nfc() : tables_(std::make_shared<Tables>()) {}

NormalText Nfc::operator()(std::string_view text) const {
  NormalText result;
  result.text = text;
  // Below U+0300 nothing composes or reorders; 0xCC is the first lead byte from there on.
  if (std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0xCC; }))
    return result;

  std::string sorted;
  const std::string_view source =
      tables_->sort_long_runs(text, sorted, result.sorted) ? std::string_view(sorted) : text;
  const icu::StringPiece piece(source.data(), static_cast<int32_t>(source.size()));
  UErrorCode code = U_ZERO_ERROR;
  if (sorted.empty() && tables_->compose->isNormalizedUTF8(piece, code)) return result;
  check(code);

  result.storage = std::make_unique<std::string>();
  icu::StringByteSink<std::string> sink(result.storage.get());
  icu::Edits edits;
  tables_->compose->normalizeUTF8(0, piece, sink, &edits, code);
  check(code);
  result.text = *result.storage;
  for (icu::Edits::Iterator it = edits.getFineIterator(); it.next(code);) {
    const auto to = static_cast<std::size_t>(it.destinationIndex()), from = static_cast<std::size_t>(it.sourceIndex());
    const auto to_length = static_cast<std::size_t>(it.newLength()),
               from_length = static_cast<std::size_t>(it.oldLength());
    if (!it.hasChange()) {
      result.composed.add(to, from, true);
      continue;
    }
    // A rewritten stretch begins with the base character even when only its marks moved: what is equal keeps its place.
    std::size_t equal = 0;
    while (equal < std::min(to_length, from_length) && (*result.storage)[to + equal] == source[from + equal]) ++equal;
    while (equal > 0 && ((equal < to_length && utf8::is_continuation((*result.storage)[to + equal])) ||
                         (equal < from_length && utf8::is_continuation(source[from + equal]))))
      --equal;
    if (equal > 0) result.composed.add(to, from, true);
    result.composed.add(to + equal, from + equal, false);
  }
  check(code);
  return result;
}

}  // namespace arrcoc::io
