// A prompt run in two parts gives the bits of the whole; what was run once may be gone on from again and again.
#include <doctest/doctest.h>

#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/balancers/flat.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/texture/texture13.hpp"
#include "pipeline/material.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

using B = EigenBackend;

/// 18 ids, a picture of 2 x 3 tokens, and as many ids as `more`, which differ with `question`.
Prompt long_prompt(Index more, TokenId question) {
  std::vector<TokenId> ids;
  for (TokenId i = 0; i < 18; ++i) ids.push_back((5 * i + 1) % 25);
  ids.push_back(26);
  ids.insert(ids.end(), 6, 28);
  ids.push_back(27);
  for (TokenId i = 0; i < static_cast<TokenId>(more); ++i) ids.push_back((question + 7 * i) % 25);
  return prompt_of(std::move(ids), {{2, 3}});
}

qwen3vl::Injected<B> rows_of(B& b, const qwen3vl::Injected<B>& in, Index begin, Index end) {
  qwen3vl::Injected<B> out;
  std::vector<Index> rows;
  for (Index i = begin; i < end; ++i) rows.push_back(i);
  out.embeddings = b.slice_rows(in.embeddings, begin, end);
  out.positions = qwen3vl::gather_columns(in.positions, rows);
  out.columns.assign(in.columns.begin() + begin, in.columns.begin() + end);
  if (begin == 0) out.levels = in.levels;
  return out;
}

}  // namespace

TEST_CASE("a prefix run once: every question's logits, positions and lengths are those of its whole prompt") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const auto options = TinyModel<B>::options().generate;
  const Pipeline<Texture13, ScorerSet<>, FlatBalancer, RandomAllocator, GatherInjector, B> pipeline;
  for (const Index kept : {6, 3}) {
    qwen3vl::KvCache<B> begun;
    for (const TokenId question : {3, 11, 3}) {
      const Prompt prompt = long_prompt(question == 11 ? 30 : 19, question);
      const auto encoded = tiny.model.encode(tiny.backend, t.pixels(), prompt);
      const auto realized = pipeline.allocate(tiny.backend, t.pictures, prompt, encoded, TinyModel<B>::options(kept));
      const auto input =
          pipeline.injector.inject(tiny.backend, std::span(&realized[0].allocation, 1), encoded, prompt, nullptr);
      const auto rows = static_cast<Index>(input.columns.size()), cut = 19 + kept;
      REQUIRE(input.columns[static_cast<std::size_t>(cut)] == 25);  // the first column behind the picture
      const auto whole = qwen3vl::generate(tiny.backend, tiny.model.text(), input, prompt.ids, options);
      if (begun.layers.empty()) tiny.model.text().prefill(tiny.backend, rows_of(tiny.backend, input, 0, cut), begun, 0);
      const auto parts = qwen3vl::generate_from(tiny.backend, tiny.model.text(), begun,
                                                rows_of(tiny.backend, input, cut, rows), prompt.ids, options);
      CHECK(same_bits(parts.logits, whole.logits));
      CHECK(parts.tokens == whole.tokens);
      CHECK(parts.cached == whole.cached);
      CHECK(parts.rope_delta == whole.rope_delta);
      CHECK(parts.sequence_length == whole.sequence_length);
      CHECK(begun.lengths == std::vector<Index>(3, cut));  // what was begun is as it was
    }
  }
}
