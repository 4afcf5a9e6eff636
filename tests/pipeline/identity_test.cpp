// Keep-all equals the stock model bit for bit, through the same path; pruning one picture leaves everything else as it
// was.
#include <doctest/doctest.h>

#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/control/grid2d.hpp"
#include "arrcoc/allocators/control/oracle.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/flat.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/scorers/features/participatory.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/texture/texture13.hpp"
#include "pipeline/material.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

using B = EigenBackend;

template <class AllocatorT, class BalancerT = FlatBalancer, class ScorersT = ScorerSet<>>
using With = Pipeline<B, Texture13, Decision<ScorersT, BalancerT, AllocatorT>>;

template <class P>
void equals_stock(const P& pipeline, Index budget, bool both) {
  TinyModel<B> tiny;
  const TwoPictures t(both);
  Trace trace;
  const auto stock = tiny.stock(t);
  const auto out = run(pipeline, tiny.backend, tiny.model, t.pictures, t.prompt, TinyModel<B>::options(budget), &trace);
  CHECK(same_bits(out.generated.logits, stock.logits));
  CHECK(out.generated.tokens == stock.tokens);
  CHECK(out.generated.rope_delta == stock.rope_delta);
  CHECK(out.generated.cached == stock.cached);
  REQUIRE(trace.events.size() == t.pictures.size());
  CHECK(trace.events[0] == "inject.gather: picture 0, 6 of 6 tokens");  // no shortcut: the gather ran
  CHECK(out.costs.visual_tokens_after == out.costs.visual_tokens_before);
}

struct Reader {
  struct Config {};
  static constexpr std::string_view name = "reader";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::query | Need::deepstack};
  Config config{};
  std::vector<float> score(const Evidence& e) const {
    CHECK(e.vision->shape == std::vector<Index>{6, 16});
    CHECK(e.query->shape == std::vector<Index>{16});
    CHECK(e.deepstack->size() == 2);
    std::vector<float> out;
    for (Index i = 0; i < 6; ++i) out.push_back(e.vision->floats()[static_cast<std::size_t>(i * 16)]);
    return out;
  }
};

}  // namespace

TEST_CASE("keep-all is the stock model bit for bit, whichever allocator keeps all") {
  for (const bool both : {false, true}) {
    equals_stock(With<FullAllocator>{}, 1, both);
    equals_stock(With<TopKAllocator>{}, 6, both);
    equals_stock(With<TopKAllocator>{}, 1000, both);
    equals_stock(With<RandomAllocator>{}, 6, both);
    equals_stock(With<Grid2dAllocator>{}, 6, both);
    equals_stock(With<OracleAllocator>{}, 6, both);
    equals_stock(With<TopKAllocator, AdaptiveTensionBalancer, ScorerSet<InformationScorer, ParticipatoryScorer>>{}, 6,
                 both);
  }
}

TEST_CASE("the comparison can fail: one token less changes the logits") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const auto out = run(With<TopKAllocator>{}, tiny.backend, tiny.model, t.pictures, t.prompt, TinyModel<B>::options(5));
  CHECK_FALSE(same_bits(out.generated.logits, tiny.stock(t).logits));
  CHECK(out.generated.cached == std::vector<Index>{12, 12, 12});
  CHECK(out.generated.rope_delta == tiny.stock(t).rope_delta + 1);  // the next position stays where it was
}

TEST_CASE("pruning one picture leaves the other's rows, the text and all positions bit-equal") {
  TinyModel<B> tiny;
  B& b = tiny.backend;
  const TwoPictures t;
  const auto encoded = tiny.model.encode(b, t.pixels(), t.prompt);
  const auto stock = qwen3vl::stock_input(b, t.prompt, encoded);
  for (const bool prune_first : {true, false}) {
    std::vector<Allocation> allocations{keep_everything({2, 3}), keep_everything({2, 1})};
    Allocation& pruned = allocations[prune_first ? 0 : 1];
    pruned.kept = {1};
    pruned.depth = {all_levels};
    pruned.why.resize(1);
    const auto in = GatherInjector{}.inject(b, std::span<const Allocation>(allocations), encoded, t.prompt, nullptr);
    CHECK(in.rows.size() == (prune_first ? 11u : 15u));
    const auto rows = b.to_host(in.embeddings), all = b.to_host(stock.embeddings);
    for (std::size_t i = 0; i < in.rows.size(); ++i) {
      const auto c = static_cast<std::size_t>(in.rows[i].column);
      CHECK(same_bits(std::span(rows).subspan(i * 16, 16), std::span(all).subspan(c * 16, 16)));
      CHECK(in.positions.t[i] == stock.positions.t[c]);
      CHECK(in.positions.h[i] == stock.positions.h[c]);
      CHECK(in.positions.w[i] == stock.positions.w[c]);
    }
    CHECK(in.positions.next == stock.positions.next);
    REQUIRE(in.levels.size() == stock.levels.size());
    for (std::size_t l = 0; l < in.levels.size(); ++l) {
      const auto features = b.to_host(in.levels[l].features), full = b.to_host(stock.levels[l].features);
      for (std::size_t i = 0; i < in.levels[l].rows.size(); ++i) {
        const Index column = in.rows[static_cast<std::size_t>(in.levels[l].rows[i])].column;
        const auto& of = stock.levels[l].rows;
        const auto at = static_cast<std::size_t>(std::find(of.begin(), of.end(), column) - of.begin());
        CHECK(same_bits(std::span(features).subspan(i * 16, 16), std::span(full).subspan(at * 16, 16)));
      }
    }
  }
}

TEST_CASE("a token without a level gets no row of it") {
  TinyModel<B> tiny;
  B& b = tiny.backend;
  const TwoPictures t(false);
  const auto encoded = tiny.model.encode(b, t.pixels(), t.prompt);
  Allocation a = keep_everything({2, 3});
  a.depth = {all_levels, 0, 1, 2, 3, all_levels};
  const auto in = GatherInjector{}.inject(b, std::span<const Allocation>(&a, 1), encoded, t.prompt, nullptr);
  CHECK(in.levels[0].rows == std::vector<Index>{4, 6, 8, 9});
  CHECK(in.levels[1].rows == std::vector<Index>{4, 7, 8, 9});
}

TEST_CASE("a budget of the whole prompt is split by largest remainder") {
  const auto split = [](Index total, const std::vector<TokenSet>& sets) {
    std::vector<SplitPart> parts;
    for (const TokenSet& s : sets) parts.push_back({&s, {}});
    return SizeSplit{}.split(total, parts);
  };
  CHECK(split(4, {{2, 3}, {2, 1}}) == std::vector<Index>{3, 1});
  CHECK(split(8, {{2, 3}, {2, 1}}) == std::vector<Index>{6, 2});
  CHECK(split(2, {{10, 10}, {1, 1}}) == std::vector<Index>{1, 1});
  CHECK(split(10, {{10, 10}, {1, 1}, {1, 1}}) == std::vector<Index>{8, 1, 1});  // least counts do not exceed the total
  TinyModel<B> tiny;
  const TwoPictures t;
  auto o = TinyModel<B>::options(4);
  o.scope = BudgetScope::prompt;
  const auto out = run(With<TopKAllocator>{}, tiny.backend, tiny.model, t.pictures, t.prompt, o);
  CHECK(out.pictures[0].allocation.kept.size() == 3);
  CHECK(out.pictures[1].allocation.kept.size() == 1);
  CHECK(out.costs.visual_tokens_after == 4);
  CHECK(out.costs.legacy_effective_tokens == 12);  // 4 tokens and two levels of 4
}

TEST_CASE("host scorers see vision, query and DeepStack when they ask for them") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const auto out = run(With<TopKAllocator, FlatBalancer, ScorerSet<Reader>>{}, tiny.backend, tiny.model, t.pictures,
                       t.prompt, TinyModel<B>::options(2));
  CHECK(std::abs(out.pictures[0].maps[0] + 1.934466f) < 1e-5f);  // transformers' own merger row 0
}
