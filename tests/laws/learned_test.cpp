// Trained stages keep the laws of their kind with the heads that the recipes trained: made by name, behind their erased
// faces, as the program makes them.
#include <doctest/doctest.h>

#include <set>

#include "arrcoc/registry/learned.hpp"
#include "io/temporary_folder.hpp"
#include "laws/allocator_laws.hpp"
#include "laws/balancer_laws.hpp"
#include "laws/scorer_laws.hpp"
#include "registry/errors.hpp"
#include "registry/glimpse_head.hpp"
#include "registry/host_stages.hpp"

using namespace arrcoc;
using laws::Broken;
using tests::host_stages;

namespace {

std::string weights(const char* file) { return std::string(ARRCOC_TESTS_DIR) + "/../models/small/" + file; }

/// The stage `name` of `rows` with its weights read from a file.
template <class Stage>
Stage made(const std::vector<StageRow<Stage>>& rows, std::string_view name, const std::string& file) {
  return tests::made(rows, name, {{"x.weights", file}});
}

/// Evidence with vision embeddings of the width that a head was trained for: a fixed mix of the textures, so that they
/// follow the picture and move with its tokens; where there are none, seeded numbers.
Evidence with_features(const Evidence& e, Index width) {
  Evidence out = e;
  const Index n = e.count(), channels = e.textures ? e.textures->channel_count() : 0;
  const auto mix = laws::scores(std::max<Index>(channels, 1) * width, 40, false),
             free = laws::scores(n * width, 41, false);
  std::vector<float> vision(static_cast<std::size_t>(n * width));
  for (Index i = 0; i < n; ++i)
    for (Index d = 0; d < width; ++d) {
      float& v = vision[std::size_t(i * width + d)];
      if (channels == 0) v = 2 * free[std::size_t(i * width + d)] - 1;
      for (Index c = 0; c < channels; ++c) v += e.textures->at(i, c) * (2 * mix[std::size_t(c * width + d)] - 1);
    }
  out.vision = host_tensor(std::move(vision), {n, width});
  out.query = host_tensor(laws::scores(width, 42, false), {width});
  return out;
}

struct LearnedScorerFace {
  static constexpr bool row_wise = true;
  Any<erased::Scorer> any;
  Index width = 0;
  std::vector<float> score(const Evidence& e) const { return any->score(with_features(e, width)); }
};
struct GlimpseFace {
  Any<erased::Scorer> any;
  std::vector<float> score(Evidence e) const {
    laws::answer_all(e, any.facts.needs);
    return any->score(e);
  }
};
struct LearnedBalancerFace {
  AnyBalancer any;
  Balanced balance(std::span<const float> maps, const Evidence& e) const { return any->balance(maps, e); }
};
struct LearnedDepthFace {
  static constexpr Spend spend = Spend::exact;
  AnyAllocator any;
  Index width = 0;
  Allocation allocate(std::span<const float> r, const Evidence& e, Budget b, Rng& g) const {
    return any->allocate(r, with_features(e, width), b, g);
  }
};
/// The same scorer with half of the score in front added: what a token scores depends on where it stands.
struct NeighbourlyFace : LearnedScorerFace {
  std::vector<float> score(const Evidence& e) const {
    std::vector<float> out = LearnedScorerFace::score(e);
    for (std::size_t i = 1; i < out.size(); ++i) out[i] += 0.5f * out[i - 1];
    return out;
  }
};

}  // namespace

TEST_CASE("every stage that is trained is tested here") {
  std::set<std::string> found;
  const auto look = [&](const auto& rows) {
    for (const auto& row : rows)
      for (const ConfigField& f : row.entry.settings)
        if (f.path == "weights") found.insert(std::string(name_of(row.entry.kind)) + " " + row.entry.name);
  };
  look(host_stages().textures);
  look(host_stages().scorers);
  look(host_stages().balancers);
  look(host_stages().allocators);
  CHECK(found == std::set<std::string>{"scorer learned", "scorer glimpseprune", "scorer saliency_network",
                                       "scorer texture_coupling", "balancer learned", "balancer policy",
                                       "allocator learned_depth"});
}

TEST_CASE("the learned scorer keeps its laws with its recipe's weights") {
  const std::string file = weights("scorer.safetensors");
  const Index width = read_learned_head(file)->token.shape[1];
  const LearnedScorerFace face{made(host_stages().scorers, "learned", file), width};
  CHECK(laws::broken_scorer_laws(face) == Broken{});
  CHECK(laws::broken_scorer_laws(NeighbourlyFace{{face.any, width}}) == Broken{"order"});
  const laws::Case here(laws::shapes()[0], 5);
  const auto map = face.score(here.evidence);
  CHECK(std::set<float>(map.begin(), map.end()).size() > map.size() / 2);  // the head says something
}

TEST_CASE("the scorer that glimpses keeps its laws with drawn weights, and refuses those of another model") {
  const test::TemporaryFolder folder;
  const auto face = [&](Index heads, Index tower, Index merged) {
    const std::string file = tests::write_glimpse_head(folder.path / "head.safetensors", heads, tower, merged);
    return GlimpseFace{made(host_stages().scorers, "glimpseprune", file)};
  };
  CHECK(laws::broken_scorer_laws(face(2, 4, 12)) == Broken{});
  const laws::Case here(laws::shapes()[0], 5);
  const auto map = face(2, 4, 12).score(here.evidence);
  CHECK(std::set<float>(map.begin(), map.end()).size() > map.size() / 2);
  for (const auto& other : {face(3, 4, 12), face(2, 5, 12), face(2, 4, 11)})
    tests::expect_error(Code::bad_weight, "trained for ", [&] { other.score(here.evidence); });
  tests::expect_error(Code::bad_config, "expected a file of plugins/glimpseprune/train.py, got none",
                      [&] { GlimpseFace{tests::made(host_stages().scorers, "glimpseprune")}.score(here.evidence); });
  tests::expect_error(Code::bad_weight, "in.weight: missing",
                      [&] { made(host_stages().scorers, "glimpseprune", weights("scorer.safetensors")); });
}

TEST_CASE("the learned balancer keeps its laws with its recipe's weights") {
  const std::string file = weights("balancer.safetensors");
  const LearnedBalancerFace face{made(host_stages().balancers, "learned", file)};
  CHECK(laws::broken_balancer_laws(face, {read_balancer_head(file)->maps()}) == Broken{});
}

TEST_CASE("the sketches' networks keep their laws, with small ones of random weights") {
  const std::string file = std::string(ARRCOC_TESTS_DIR) + "/golden/networks.safetensors";
  struct Face {
    Any<erased::Scorer> any;
    std::vector<float> score(const Evidence& e) const { return any->score(e); }
  };
  const laws::Case here(laws::shapes()[0], 5);
  for (const char* name : {"saliency_network", "texture_coupling"}) {
    CAPTURE(name);
    const Face face{made(host_stages().scorers, name, file)};
    CHECK(laws::broken_scorer_laws(face) == Broken{});
    const auto map = face.score(here.evidence);
    CHECK(std::set<float>(map.begin(), map.end()).size() > map.size() / 2);
    for (const float v : map) CHECK((v >= 0 && v <= 1));
  }
  CHECK(laws::broken_balancer_laws(LearnedBalancerFace{made(host_stages().balancers, "policy", file)}, {3}) ==
        Broken{});
  CHECK(laws::broken_balancer_laws(LearnedBalancerFace{tests::made(host_stages().balancers, "policy",
                                                                   {{"x.weights", file}, {"x.scale", "none"}})},
                                   {3}) == Broken{"units"});  // maps as they come, as the sketches have it
  CHECK(laws::broken_balancer_laws(LearnedBalancerFace{
            tests::made(host_stages().balancers, "tension", {{"x.head", file}, {"x.by", "head"}})}) == Broken{});
}

TEST_CASE("the learned depth rule keeps its laws with its recipe's weights") {
  const std::string file = weights("depth.safetensors");
  const Index width = read_depth_head(file)->head.token.shape[1];
  const AnyAllocator any = made(host_stages().allocators, "learned_depth", file);
  CHECK(any.facts.spend == Spend::exact);
  CHECK(laws::broken_allocator_laws(LearnedDepthFace{any, width}) == Broken{});
  Evidence e;
  e.tokens = {16, 16};
  Rng rng(1);
  const Allocation a = LearnedDepthFace{any, width}.allocate(laws::scores(256, 3, false), e, {.tokens = 200}, rng);
  CHECK(std::set<std::uint32_t>(a.depth.begin(), a.depth.end()).size() > 1);  // the head says something
}

TEST_CASE("living tokens anywhere: trained stages see as many as there are") {
  const laws::Case whole(laws::shapes()[0], 5);
  std::vector<Place> some;
  for (Index t = 0; t < whole.evidence.count(); ++t)
    if (t % 3 != 1) some.push_back(whole.evidence.tokens.at(t));
  Evidence e;
  e.tokens = TokenSet(whole.evidence.tokens.grid, some);
  const auto n = static_cast<std::size_t>(e.count());
  const std::string scorer = weights("scorer.safetensors"), depth = weights("depth.safetensors");
  const LearnedScorerFace s{made(host_stages().scorers, "learned", scorer), read_learned_head(scorer)->token.shape[1]};
  CHECK(s.score(e).size() == n);
  const LearnedDepthFace d{made(host_stages().allocators, "learned_depth", depth),
                           read_depth_head(depth)->head.token.shape[1]};
  Rng rng(1);
  const Allocation a = d.allocate(laws::scores(e.count(), 4, false), e, Budget{9, 1}, rng);
  CHECK_NOTHROW(check_allocation(a, "laws"));
  CHECK_NOTHROW(check_spend(a, Spend::exact, Budget{9, 1}, "laws"));
  CHECK(a.tokens == e.tokens);
}
