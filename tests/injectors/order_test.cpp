#include "arrcoc/injectors/order.hpp"

#include <numeric>
#include <set>

#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/merge/pool.hpp"
#include "arrcoc/balancers/flat.hpp"
#include "arrcoc/injectors/merge.hpp"
#include "arrcoc/texture/texture13.hpp"
#include "injectors/material.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

std::vector<Index> tokens_of(const qwen3vl::Injected<EigenBackend>& in, Index picture) {
  std::vector<Index> out;
  for (const auto& row : in.rows)
    if (row.picture == picture) out.push_back(row.token);
  return out;
}

}  // namespace

TEST_CASE("raster is gather bit for bit; the others permute a picture's rows, and positions travel") {
  InjectorCase c;
  CHECK(same_bits(c.run(OrderInjector{}).logits, c.run(GatherInjector{}).logits));
  // 2 x 3 in a square of 4. z: 0 1 / 3 4, then 2 5. Hilbert: 0 1 4 3, then up the right side: 5 2. Score: rank 5 first.
  const std::map<std::string, std::vector<Index>> expected{
      {"z", {0, 1, 3, 4, 2, 5}}, {"hilbert", {0, 1, 4, 3, 5, 2}}, {"score", {5, 4, 3, 2, 1, 0}}};
  c.keep(0, {0, 1, 2, 3, 4, 5});
  for (const auto& entry : expected) {
    const auto& [by, tokens] = entry;
    CAPTURE(entry.first);
    const auto in = c.rows(OrderInjector{{by}});
    CHECK(tokens_of(in, 0) == tokens);
    for (std::size_t i = 0; i < in.rows.size(); ++i) {
      const auto at = static_cast<std::size_t>(in.rows[i].column);
      CHECK(in.positions.h[i] == c.encoded.positions.h[at]);
      CHECK(in.positions.w[i] == c.encoded.positions.w[at]);
      CHECK((in.rows[i].text() ? in.rows[i].column == static_cast<Index>(i) : true));
    }
    CHECK_FALSE(same_bits(c.run(OrderInjector{{by}}).logits, c.run(GatherInjector{}).logits));
  }
  CHECK(tokens_of(c.rows(OrderInjector{{"score"}}), 1) == std::vector<Index>{0, 1});  // equal ranks: by index
  c.refused(OrderInjector{{"spiral"}}, "[order] by: expected raster, score, z, hilbert or random, got spiral (E101)");
}

TEST_CASE("random: another order for each seed, whatever the scores, and the same among fewer") {
  InjectorCase c;
  c.keep(0, {0, 1, 2, 3, 4, 5});
  const auto order = [&](Index seed) { return tokens_of(c.rows(OrderInjector{{"random", seed}}), 0); };
  std::set<std::vector<Index>> seen;
  for (Index seed = 0; seed < 20; ++seed) {
    std::vector<Index> one = order(seed);
    seen.insert(one);
    CHECK(order(seed) == one);
    for (auto& why : c.plan[0].why) why = {Cause::score, 5 - why.rank, 1.0f};
    CHECK(order(seed) == one);
    InjectorCase few;
    few.keep(0, {1, 2, 5});
    one.erase(std::remove_if(one.begin(), one.end(), [](Index t) { return t == 0 || t == 3 || t == 4; }), one.end());
    CHECK(tokens_of(few.rows(OrderInjector{{"random", seed}}), 0) == one);
    std::sort(one.begin(), one.end());
    CHECK(one == std::vector<Index>{1, 2, 5});
  }
  CHECK(seen.size() > 15);
  c.refused(OrderInjector{{"random", -1}}, "[order] seed: expected at least 0, got -1 (E101)");
}

TEST_CASE("both curves visit every cell once; Hilbert's steps to a neighbour each time") {
  const Index side = 16;
  std::vector<std::pair<Index, Index>> at(static_cast<std::size_t>(side * side), {-1, -1});
  std::set<Index> morton;
  for (Index r = 0; r < side; ++r)
    for (Index q = 0; q < side; ++q) {
      at.at(static_cast<std::size_t>(OrderInjector::hilbert(r, q, side))) = {r, q};
      morton.insert(OrderInjector::morton(r, q));
    }
  CHECK(morton.size() == at.size());
  CHECK(*morton.rbegin() == side * side - 1);
  for (std::size_t i = 1; i < at.size(); ++i)
    CHECK(std::abs(at[i].first - at[i - 1].first) + std::abs(at[i].second - at[i - 1].second) == 1);
}

TEST_CASE("tokens that are no raster stand where their middles lie on the curve") {
  Allocation a = keep_everything(TokenSet({4, 4}, {{0, 0, 2, 2}, {0, 2, 1, 1}, {1, 2, 1, 1}, {1.5f, 0.5f, 2, 1}}));
  // Cells of the middles: (1, 1), (0, 2), (1, 2), (2, 1); Morton 3, 4, 6, 9.
  CHECK(OrderInjector{{"z"}}.places(a) == std::vector<std::size_t>{0, 1, 2, 3});
  std::swap(a.tokens.places[0], a.tokens.places[3]);
  CHECK(OrderInjector{{"z"}}.places(a) == std::vector<std::size_t>{3, 1, 2, 0});
}

TEST_CASE("journeys whose pictures stand in other orders do not share a beginning") {
  InjectorCase c;
  const auto options = TinyModel<EigenBackend>::options();
  const auto beginning = [&](const std::string& by, Index seed = 0) {
    Pipeline<EigenBackend, Texture13, Decision<ScorerSet<>, FlatBalancer, FullAllocator, OrderInjector>> p;
    p.decision().injector.config = {by, seed};
    const auto any = p.erase();
    Journey<EigenBackend> j(c.tiny.backend, c.tiny.model, &any, c.t.pictures, c.t.prompt, options);
    j.begin_decisions(nullptr);
    return j.beginning();
  };
  CHECK(beginning("z") == beginning("z"));
  CHECK(beginning("z") != beginning("hilbert"));
  CHECK(beginning("raster") != beginning("hilbert"));
  CHECK(beginning("random") != beginning("random", 1));
}

TEST_CASE("pipelines by type whose rows weigh differently do not share a beginning") {
  InjectorCase c;
  const auto options = TinyModel<EigenBackend>::options();
  const auto beginning = [&](bool log_size) {
    Pipeline<EigenBackend, Texture13, Decision<ScorerSet<>, FlatBalancer, PoolAllocator, MergeInjector>> p;
    p.decision().injector.config.log_size = log_size;
    const auto any = p.erase();
    Journey<EigenBackend> j(c.tiny.backend, c.tiny.model, &any, c.t.pictures, c.t.prompt, options);
    j.begin_decisions(nullptr);
    return j.beginning();
  };
  CHECK(beginning(true) == beginning(true));
  CHECK(beginning(true) != beginning(false));
}
