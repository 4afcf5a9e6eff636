// A prompt run in two parts gives the bits of the whole; what was run once may be gone on from again and again.
#include <doctest/doctest.h>

#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/merge/merge_similar.hpp"
#include "arrcoc/balancers/flat.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/injectors/merge.hpp"
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

}  // namespace

TEST_CASE("a prefix run once: every question's logits, positions and lengths are those of its whole prompt") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const AnyPipeline<B> chosen = Pipeline<B, Texture13, Decision<ScorerSet<>, FlatBalancer, RandomAllocator>>{}.erase();
  Pipeline<B, Texture13, Decision<ScorerSet<>, FlatBalancer, MergeSimilarAllocator, MergeInjector>> weighed;
  weighed.decision().injector.config.log_size = true;
  const AnyPipeline<B> merged = weighed.erase();
  for (const auto& [kept, log_sizes] : {std::pair{6, false}, {3, false}, {3, true}}) {
    const AnyPipeline<B>& pipeline = log_sizes ? merged : chosen;
    qwen3vl::KvCache<B> begun;
    std::string beginning;
    for (const TokenId question : {3, 11, 3}) {
      const Prompt prompt = long_prompt(question == 11 ? 30 : 19, question);
      const RunOptions options = TinyModel<B>::options(kept);
      Journey<B> whole(tiny.backend, tiny.model, &pipeline, t.pictures, prompt, options);
      const Outcome all = whole.run();
      Journey<B> behind(tiny.backend, tiny.model, &pipeline, t.pictures, prompt, options);
      behind.begin_decisions(nullptr);
      behind.inject();
      const Index cut = behind.prefix_rows();
      CHECK(cut == 19 + kept);
      REQUIRE(behind.input().rows[static_cast<std::size_t>(cut)].column == 25);  // the first column behind the picture
      if (begun.layers.empty()) behind.prefill_beginning(cut, begun);
      if (beginning.empty()) beginning = behind.beginning();
      CHECK(behind.beginning() == beginning);
      behind.continue_from(begun);
      CHECK(std::count(begun.key_bias[2].begin(), begun.key_bias[2].end(), 0.0f) < (log_sizes ? cut : 1));
      CHECK(begun.key_bias[2].empty() == !log_sizes);
      const qwen3vl::Generated parts = behind.generate();
      CHECK(same_bits(parts.logits, all.generated.logits));
      CHECK(parts.tokens == all.generated.tokens);
      CHECK(parts.cached == all.generated.cached);
      CHECK(parts.rope_delta == all.generated.rope_delta);
      CHECK(parts.sequence_length == all.generated.sequence_length);
      CHECK(begun.lengths == std::vector<Index>(3, cut));  // what was begun is as it was
    }
  }
}

TEST_CASE("layers taken range by range give the bits of one go") {
  TinyModel<B> tiny;
  const TwoPictures t;
  const RunOptions options = TinyModel<B>::options();
  const qwen3vl::Generated whole = tiny.stock(t);
  Journey<B> steps(tiny.backend, tiny.model, nullptr, t.pictures, t.prompt, options);
  steps.encode();
  steps.inject();
  steps.prefill(0, 1);
  steps.prefill(1, 2);
  const qwen3vl::Generated parts = steps.generate();
  CHECK(same_bits(parts.logits, whole.logits));
  CHECK(parts.cached == whole.cached);
  CHECK(parts.rope_delta == whole.rope_delta);
}

TEST_CASE("what the tower is asked changes no bit of what it gives, and another question changes the beginning") {
  TinyModel<B> tiny;
  const TwoPictures t;
  const RunOptions options = TinyModel<B>::options();
  std::vector<Request> all;
  for (const auto what :
       {Request::What::hidden, Request::What::q, Request::What::k, Request::What::v, Request::What::received})
    for (const Index block : {0, -1}) {
      Request r;
      r.what = what;
      r.index = block;
      all.push_back(r);
    }
  const auto plain = tiny.model.encode_images(tiny.backend, t.pixels()),
             asked = tiny.model.encode_images(tiny.backend, t.pixels(), nullptr, all);
  CHECK(same_bits(tiny.backend.to_host(plain.tokens), tiny.backend.to_host(asked.tokens)));
  for (std::size_t l = 0; l < plain.deepstack.size(); ++l)
    CHECK(same_bits(tiny.backend.to_host(plain.deepstack[l]), tiny.backend.to_host(asked.deepstack[l])));
  REQUIRE(asked.answers.size() == 2);
  REQUIRE(asked.answers[0].size() == all.size());
  for (std::size_t p = 0; p < 2; ++p) {
    const auto& received = asked.answers[p].back().values;
    CHECK(received.shape == std::vector<Index>{t.pictures[p].grid.count()});
    double sum = 0;
    for (const float v : received.floats()) sum += static_cast<double>(v);
    CHECK(sum == doctest::Approx(1).epsilon(1e-5));  // every row pays 1 in all, shared by the tokens
  }
  const AnyPipeline<B> random = Pipeline<B, Texture13, Decision<ScorerSet<>, FlatBalancer, RandomAllocator>>{}.erase();
  const RunOptions two = TinyModel<B>::options(2);
  Prompt other = t.prompt;
  other.ids[0] = 9;
  Journey<B> one(tiny.backend, tiny.model, &random, t.pictures, t.prompt, two),
      changed(tiny.backend, tiny.model, &random, t.pictures, other, two);
  one.begin_decisions(nullptr);
  changed.begin_decisions(nullptr);
  CHECK(one.beginning() != changed.beginning());
}
