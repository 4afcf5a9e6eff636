#pragma once
// What injectors of the vision phase share: which rows stand where, and which of them wait.
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/injectors/injector.hpp"

namespace arrcoc::kept_rows {

/// A kept token on its way into the sequence.
struct Token {
  Index picture = 0, place = 0;  // place: of its allocation's kept tokens
  Index token = 0, first = 0;    // of its picture; the row of its picture's token 0 among the features of all pictures
  Index column = 0;              // of the full prompt
  std::size_t span = 0;          // of the prompt's
  std::uint32_t depth = 0;       // DeepStack levels it receives
  Index entry = 0;               // the layer it joins before
  const std::vector<Index>* encoded = nullptr;  // tokens of its picture that have a feature; null: all

  Index feature() const { return feature(token); }
  /// The row of a token of its picture among the features. Error{bad_stage_output} for one without.
  Index feature(Index of) const {
    if (encoded == nullptr) return first + of;
    const auto at = std::lower_bound(encoded->begin(), encoded->end(), of);
    require_that(at != encoded->end() && *at == of, Code::bad_stage_output, "injector",
                 [&] { return "token " + std::to_string(of) + " was not encoded"; });
    return first + (at - encoded->begin());
  }
};

/// The kept tokens of each picture or clip, in the order in which its rows will stand. `encoded` (Encoded::encoded)
/// must outlive them. Error{bad_stage_output} for an allocation that is wrong or asks for what `honours` lacks.
inline std::vector<std::vector<Token>> of_pictures(std::span<const Allocation> allocations,
                                                   const std::vector<std::vector<Index>>& encoded, const Prompt& prompt,
                                                   unsigned honours, std::string_view name, Trace* trace) {
  const std::string where = "injector." + std::string(name);
  const std::vector<TokenSet> sources = sources_of(prompt);
  require_that(allocations.size() == sources.size(), Code::shape_mismatch, where,
               "expected one allocation for each picture");
  std::vector<std::vector<Token>> out(allocations.size());
  Index first = 0;
  std::size_t spans = 0;  // of the sources before
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const Allocation& a = allocations[s];
    const Index all = sources[s].count(), frame = sources[s].grid.count();
    const std::vector<Index>* some = s < encoded.size() && !encoded[s].empty() ? &encoded[s] : nullptr;
    const bool others =
        some != nullptr && sources[s].frames == 1 && a.count() <= all;  // a plan's, in the picture's first columns
    require_that(others || a.tokens == sources[s], Code::shape_mismatch, where,
                 "an allocation's tokens differ from its picture's");
    check_allocation(a, where);
    refuse_unhonoured(a, honours, where);
    const auto span_of = [&](Index token) { return spans + static_cast<std::size_t>(token / frame); };
    for (std::size_t i = 0; i < a.kept.size(); ++i)
      out[s].push_back({static_cast<Index>(s), static_cast<Index>(i), a.kept[i], first,
                        prompt.spans[span_of(a.kept[i])].begin + a.kept[i] % frame, span_of(a.kept[i]), a.depth[i],
                        a.entry.empty() ? 0 : a.entry[i], some});
    first += some ? static_cast<Index>(some->size()) : all;
    spans += static_cast<std::size_t>(sources[s].frames);
    if (trace)
      trace->events.push_back("inject." + std::string(name) + ": picture " + std::to_string(s) + ", " +
                              std::to_string(a.kept.size()) + " of " + std::to_string(all) + " tokens");
  }
  return out;
}

/// Level `level` of those of `tokens` that receive it; their rows are `at`.
template <class B, class Features>
qwen3vl::DeepStackRows<B> level_of(std::size_t level, const std::vector<Token>& tokens, const std::vector<Index>& at,
                                   const qwen3vl::Encoded<B>& e, const Features& features) {
  qwen3vl::DeepStackRows<B> rows;
  std::vector<Token> those;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!(tokens[i].depth >> level & 1u)) continue;
    rows.rows.push_back(at[i]);
    those.push_back(tokens[i]);
  }
  if (!those.empty()) rows.features = features(e.vision.deepstack[level], those);
  return rows;
}

inline qwen3vl::SequenceRow row_of(const Token& t) { return {t.column, t.picture, t.token}; }

/// The sequence: text and kept rows at the surviving columns of the full position table, the other pad columns gone.
/// features(t, tokens) -> [tokens.size(), H]: what stands for these tokens, from features t [N, H] of all pictures (the
/// merged embeddings, and each level). Tokens with an entry layer go to `later`, for injectors that honour it.
template <class B, class Features>
qwen3vl::Injected<B> sequence(B& b, const std::vector<std::vector<Token>>& pictures, const qwen3vl::Encoded<B>& e,
                              const Prompt& prompt, const Features& features, std::vector<Token>* later = nullptr) {
  qwen3vl::Injected<B> in;
  in.words = qwen3vl::words_of(prompt);
  std::vector<Index> columns, place;  // of the full prompt; of a token in the sequence
  std::vector<Token> now;
  Index column = 0;
  const auto text_until = [&](Index end) {
    for (; column < end; ++column) {
      columns.push_back(column);
      in.rows.push_back({column, -1, -1});
    }
  };
  std::vector<std::vector<Token>> standing(prompt.spans.size());  // `order` mixes those of a clip's frames
  for (const auto& tokens : pictures)
    for (const Token& t : tokens) standing[t.span].push_back(t);
  for (std::size_t s = 0; s < prompt.spans.size(); ++s) {
    const VisionSpan& span = prompt.spans[s];
    text_until(span.begin);
    for (const Token& t : standing[s]) {
      if (later != nullptr && t.entry > 0) {
        later->push_back(t);
        continue;
      }
      place.push_back(static_cast<Index>(columns.size()));
      now.push_back(t);
      columns.push_back(t.column);
      in.rows.push_back(row_of(t));
    }
    column = span.end();
  }
  text_until(static_cast<Index>(prompt.ids.size()));

  in.positions = qwen3vl::gather_columns(e.positions, columns);
  in.embeddings = b.gather_rows(e.embeddings, columns);
  if (!now.empty()) {
    in.embeddings = b.scatter_rows(in.embeddings, place, features(e.vision.tokens, now));
    for (std::size_t l = 0; l < e.vision.deepstack.size(); ++l)
      in.levels.push_back(level_of(l, now, place, e, features));
  }
  return in;
}

/// The tokens' own rows.
template <class B>
typename B::Tensor own(B& b, const typename B::Tensor& features, const std::vector<Token>& tokens) {
  std::vector<Index> rows;
  for (const Token& t : tokens) rows.push_back(t.feature());
  return b.gather_rows(features, rows);
}

/// The sequence in which every kept token brings its own row.
template <class B>
qwen3vl::Injected<B> own_rows(B& b, const std::vector<std::vector<Token>>& pictures, const qwen3vl::Encoded<B>& e,
                              const Prompt& prompt, std::vector<Token>* later = nullptr) {
  return sequence(
      b, pictures, e, prompt, [&](const auto& features, const auto& tokens) { return own(b, features, tokens); },
      later);
}

}  // namespace arrcoc::kept_rows
