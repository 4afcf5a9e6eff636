#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer_split.hpp"

#include <pcre2.h>

#include <cstdint>

#include "arrcoc/core/error.hpp"

namespace arrcoc::io {

std::string_view qwen2_pattern() {
  return R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}
std::string_view gpt2_pattern() {
  return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
}

namespace {

// The White_Space property. PCRE2's \s also takes U+180E, which left it in Unicode 6.3.
constexpr std::string_view white_space =
    R"(\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

// Letters and numbers that came with Unicode 15, 15.1 and 16; Debian 12's PCRE2 10.42 knows Unicode 14.
constexpr std::string_view newer_letters =
    R"(\x{1C89}\x{1C8A}\x{A7CB}-\x{A7CD}\x{A7DA}-\x{A7DC}\x{105C0}-\x{105F3}\x{10D4A}-\x{10D65}\x{10D6F}-\x{10D85}\x{10EC2}-\x{10EC4})"
    R"(\x{1123F}\x{11240}\x{11380}-\x{11389}\x{1138B}\x{1138E}\x{11390}-\x{113B5}\x{113B7}\x{113D1}\x{113D3}\x{11BC0}-\x{11BE0})"
    R"(\x{11F02}\x{11F04}-\x{11F10}\x{11F12}-\x{11F33}\x{1342F}\x{13441}-\x{13446}\x{13460}-\x{143FA}\x{16100}-\x{1611D})"
    R"(\x{16D40}-\x{16D6C}\x{18CFF}\x{1B132}\x{1B155}\x{1DF25}-\x{1DF2A}\x{1E030}-\x{1E06D}\x{1E4D0}-\x{1E4EB}\x{1E5D0}-\x{1E5ED})"
    R"(\x{1E5F0}\x{2B739}\x{2EBF0}-\x{2EE5D}\x{31350}-\x{323AF})";
constexpr std::string_view newer_numbers =
    R"(\x{10D40}-\x{10D49}\x{116D0}-\x{116E3}\x{11BF0}-\x{11BF9}\x{11F50}-\x{11F59}\x{16130}-\x{16139}\x{16D70}-\x{16D79})"
    R"(\x{1CCF0}-\x{1CCF9}\x{1D2C0}-\x{1D2D3}\x{1E4F0}-\x{1E4F9}\x{1E5F1}-\x{1E5FA})";

}  // namespace

namespace pcre2 {
struct Release {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  void operator()(pcre2_jit_stack* p) const { pcre2_jit_stack_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;
}  // namespace pcre2

namespace {

std::string reason(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

std::string pin_unicode(std::string_view pattern, std::string_view where) {
  std::string out;
  bool in_class = false;
  const auto set = [&](bool negated, std::string_view body, std::string_view more) {
    if (!in_class) out += negated ? "[^" : "[";
    ((out += body) += more);
    if (!in_class) out += ']';
  };
  for (std::size_t i = 0; i < pattern.size();) {
    const std::string_view rest = pattern.substr(i);
    if (rest.starts_with("\\s") || (rest.starts_with("\\S") && !in_class)) {
      set(rest[1] == 'S', white_space, "");
      i += 2;
    } else if (rest.starts_with("\\p{L}") || (rest.starts_with("\\P{L}") && !in_class)) {
      set(rest[1] == 'P', "\\p{L}", newer_letters);
      i += 5;
    } else if (rest.starts_with("\\p{N}") || (rest.starts_with("\\P{N}") && !in_class)) {
      set(rest[1] == 'P', "\\p{N}", newer_numbers);
      i += 5;
    } else if (rest[0] == '\\') {
      out += rest.substr(0, 2);
      i += 2;
    } else if (!in_class && rest[0] == '[') {
      std::size_t open = rest.starts_with("[^") ? 2 : 1;
      if (open < rest.size() && rest[open] == ']') ++open;  // a first ] stands for itself
      out += rest.substr(0, open);
      i += open;
      in_class = true;
    } else if (in_class && rest.starts_with("[:")) {
      const std::size_t close = std::min(rest.find(":]"), rest.size() - 2);
      out += rest.substr(0, close + 2);
      i += close + 2;
    } else {
      require_that(!in_class || (rest[0] != '[' && !rest.starts_with("&&")), Code::bad_tokenizer, where,
                   "the pre-tokeniser's expression has a character class inside another; expected plain classes");
      if (in_class && rest[0] == ']') in_class = false;
      out += rest[0];
      ++i;
    }
  }
  return out;
}

struct SplitRegex::Compiled {
  pcre2::Owned<pcre2_code> code;
  std::string where;
};

SplitRegex::SplitRegex(std::string_view pattern, std::string_view where) {
  const std::string pinned = pin_unicode(pattern, where);
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2::Owned<pcre2_code> code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pinned.data()), pinned.size(),
                                              PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, nullptr));
  require_that(code != nullptr, Code::bad_tokenizer, where, [&] {
    return "the pre-tokeniser's expression does not compile: " + reason(error) + "; got " +
           std::string(pattern.substr(0, 200));
  });
  // Machine code does not count where it goes back, so that its limits end nothing: it is for expressions that are
  // known not to. The interpreter, and a place without JIT, give the same pieces.
  if (pattern == qwen2_pattern() || pattern == gpt2_pattern()) pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  compiled_ = std::make_shared<Compiled>(Compiled{std::move(code), std::string(where)});
}

void SplitRegex::split(std::string_view text, Piece part, std::vector<Piece>& out) const {
  const pcre2::Owned<pcre2_match_data> match(pcre2_match_data_create_from_pattern(compiled_->code.get(), nullptr));
  const pcre2::Owned<pcre2_match_context> context(pcre2_match_context_create(nullptr));
  require_that(match && context, Code::out_of_memory, "tokenizer", "no memory for the pre-tokeniser");
  pcre2_set_heap_limit(context.get(), static_cast<std::uint32_t>((1 << 16) + (part.end - part.begin) / 4));  // KiB
  pcre2::Owned<pcre2_jit_stack> stack;

  const std::string_view subject = text.substr(part.begin, part.end - part.begin);
  const auto emit = [&](std::size_t begin, std::size_t end) { out.push_back({part.begin + begin, part.begin + end}); };
  // A run of n characters takes about n steps of one match. Steps are not told, only limited: a match starts with few,
  // takes more when they do not suffice, and what it was given above the first few is taken from what the text has.
  constexpr std::uint64_t first_steps = 1 << 12, step_growth = 8;
  std::uint64_t left = 10'000'000 + 64 * std::uint64_t{subject.size()}, steps = first_steps;
  std::size_t done = 0;
  while (done < subject.size()) {
    pcre2_set_match_limit(context.get(), static_cast<std::uint32_t>(std::min<std::uint64_t>(steps, 0xFFFFFFFF)));
    const int found = pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(),
                                  done, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, match.get(), context.get());
    if (found == PCRE2_ERROR_JIT_STACKLIMIT && !stack) {
      stack.reset(pcre2_jit_stack_create(1 << 16, 1 << 28, nullptr));
      require_that(stack != nullptr, Code::out_of_memory, "tokenizer", "no memory for the pre-tokeniser");
      pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
      continue;
    }
    if (found == PCRE2_ERROR_MATCHLIMIT && left > 0) {
      steps = std::min(steps * step_growth, std::max(left, first_steps));
      left -= std::min(left, steps);
      continue;
    }
    steps = first_steps;
    if (found == PCRE2_ERROR_NOMATCH) break;
    require_that(found >= 0, Code::bad_tokenizer, compiled_->where,
                 [&] { return "the pre-tokeniser's expression gave up on this text: " + reason(found); });
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(match.get());
    // \K and look-behind could point backwards; pieces must tile the text.
    const std::size_t begin = std::max<std::size_t>(ends[0], done), end = ends[1];
    if (end <= begin) break;
    if (begin > done) emit(done, begin);
    emit(begin, end);
    done = end;
  }
  if (done < subject.size()) emit(done, subject.size());
}

}  // namespace arrcoc::io
