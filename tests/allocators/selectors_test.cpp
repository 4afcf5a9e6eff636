// The selecting allocators against tests/golden/selectors.txt: NumPy's transcription of each published rule
// (tests/oracle/selection_rules.py), and small examples worked out by hand.
#include <doctest/doctest.h>

#include <fstream>
#include <numeric>
#include <set>

#include "arrcoc/allocators/select/adaptive_k.hpp"
#include "arrcoc/allocators/select/context_floor.hpp"
#include "arrcoc/allocators/select/coverage_quota.hpp"
#include "arrcoc/allocators/select/cumulative_mass.hpp"
#include "arrcoc/allocators/select/dpp_greedy.hpp"
#include "arrcoc/allocators/select/facility_location.hpp"
#include "arrcoc/allocators/select/farthest_point.hpp"
#include "arrcoc/allocators/select/nms.hpp"
#include "arrcoc/allocators/select/threshold.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/core/similarity.hpp"

using namespace arrcoc;

namespace {

template <class A>
Allocation run(const A& a, Grid grid, const std::vector<float>& r, Index k, const std::vector<float>& features = {}) {
  Evidence e;
  e.tokens = grid;
  if (!features.empty()) {
    const Index width = static_cast<Index>(features.size()) / grid.count();
    e.similarity = std::shared_ptr<const SimilarityRows>(
        std::make_shared<const Similarity>(host_tensor(features, {grid.count(), width})));
  }
  Rng rng(1);
  return a.allocate(r, e, Budget{k, 0.25}, rng);
}
using Kept = std::vector<Index>;

/// By name, with the settings in the order of the fixture.
Allocation run(const std::string& name, const std::vector<double>& s, Grid grid, const std::vector<float>& r, Index k,
               const std::vector<float>& x) {
  const auto whole = [&](std::size_t i) { return static_cast<Index>(s[i]); };
  if (name == "farthest_point") return run(FarthestPointAllocator{{s.empty() ? 0 : s[0]}}, grid, r, k, x);
  if (name == "dpp_greedy") return run(DppGreedyAllocator{{s.empty() ? 0 : s[0]}}, grid, r, k, x);
  if (name == "facility_location") return run(FacilityLocationAllocator{{s.empty() ? 1 : s[0]}}, grid, r, k, x);
  if (name == "nms") return run(NmsAllocator{{whole(0)}}, grid, r, k);
  if (name == "coverage_quota") return run(CoverageQuotaAllocator{{whole(0), whole(1), s[2]}}, grid, r, k);
  if (name == "context_floor") return run(ContextFloorAllocator{{s[0]}}, grid, r, k);
  if (name == "adaptive_k") return run(AdaptiveKAllocator{{whole(0), whole(1), s[2]}}, grid, r, k);
  if (name == "cumulative_mass") return run(CumulativeMassAllocator{{s[0]}}, grid, r, k);
  REQUIRE(name == "threshold");
  return run(ThresholdAllocator{{static_cast<float>(s[0]), whole(1)}}, grid, r, k);
}

}  // namespace

TEST_CASE("every selecting allocator equals the NumPy transcription: order, causes and values") {
  std::ifstream in(std::string(ARRCOC_TESTS_DIR) + "/golden/selectors.txt");
  std::set<std::string> names;
  std::string name;
  for (Index rows, cols, k, width, count; in >> name >> rows >> cols >> k >> width >> count;) {
    names.insert(name);
    const Grid grid{rows, cols};
    std::vector<double> settings(static_cast<std::size_t>(count));
    std::vector<float> r(static_cast<std::size_t>(grid.count())), x(r.size() * static_cast<std::size_t>(width));
    for (double& v : settings) in >> v;
    for (float& v : r) in >> v;
    for (float& v : x) in >> v;
    std::size_t kept = 0;
    in >> kept;
    std::vector<Index> order(kept);
    std::vector<std::string> causes(kept);
    std::vector<double> values(kept);
    for (Index& t : order) in >> t;
    for (std::string& c : causes) in >> c;
    for (double& v : values) in >> v;
    REQUIRE(in);
    CAPTURE(name);
    CAPTURE(rows);
    CAPTURE(settings.empty() ? -1 : settings[0]);
    const Allocation a = run(name, settings, grid, r, k, x);
    REQUIRE(a.kept.size() == kept);
    for (std::size_t i = 0; i < kept; ++i) {
      const Provenance& why = a.why[i];
      const auto rank = static_cast<std::size_t>(why.rank);
      CHECK(a.kept[i] == order[rank]);
      CHECK(name_of(why.cause) == causes[rank]);
      CHECK(why.value == doctest::Approx(values[rank]).epsilon(1e-4));
    }
  }
  CHECK(names.size() == 9);
}

TEST_CASE("2x3 examples worked by hand") {
  const std::vector<float> r{.9f, .8f, .1f, .7f, .2f, .3f};
  // tokens 0 1 2 / 3 4 5. NMS: 0 silences 1, 3, 4; 5 is the best of 2 and 5 and silences 2; next round: 1.
  const auto n = run(NmsAllocator{}, {2, 3}, r, 3);
  CHECK(n.kept == Kept{0, 1, 5});
  CHECK(n.why[2] == Provenance{Cause::coverage, 1, .3f});
  CHECK(n.why[1] == Provenance{Cause::score, 2, .8f});
  // Blocks of one column each, K = 3, all of it in turns: the best of each column.
  const auto q = run(CoverageQuotaAllocator{{.rows = 1, .cols = 3, .share = 1}}, {2, 3}, r, 3);
  CHECK(q.kept == Kept{0, 1, 5});
  CHECK(q.why[1] == Provenance{Cause::score, 1, .8f});
  CHECK(q.why[2] == Provenance{Cause::floor, 2, .3f});
  // 1/3 of 3 on the lattice: its middle, token 4; then 0 and 1.
  const auto c = run(ContextFloorAllocator{{.share = 1.0 / 3}}, {2, 3}, r, 3);
  CHECK(c.kept == Kept{0, 1, 4});
  CHECK(c.why[2] == Provenance{Cause::floor, 0, .2f});
  CHECK(run(ThresholdAllocator{}, {2, 3}, r, 6).kept == Kept{0, 1, 3});
  CHECK(run(ThresholdAllocator{{.least = 2}}, {2, 3}, r, 6).kept == Kept{0});
  // The sum is 3: .9 + .8 = 1.7 holds 56 %, with .7 it is 80 %.
  CHECK(run(CumulativeMassAllocator{{.share = .75}}, {2, 3}, r, 6).kept == Kept{0, 1, 3});
  CHECK(run(CumulativeMassAllocator{{.share = .75}}, {2, 3}, std::vector<float>(6, -1.f), 6).kept == Kept{0});
}

TEST_CASE("similarity: copies go last, unlike tokens first") {
  // Rows along x, x, y, -x: one copy, one at right angles, one opposite.
  const std::vector<float> x{1, 0, 2, 0, 0, 1, -3, 0}, r{1, .9f, .5f, 0};
  // 0 and 1 are alike (nearest 0), 2 is 1 from its nearest, 3 as well: the smaller index, 2; from it 0, 1 and 3 are
  // all 1 away: 0; now 3 is 1 away from 2 and 2 from 0: 3.
  const auto f = run(FarthestPointAllocator{}, {1, 4}, r, 3, x);
  CHECK(f.kept == Kept{0, 2, 3});
  CHECK(f.why[1].rank == 0);
  CHECK(f.why[2].rank == 2);
  // Kernel diagonal 1, .81, .25, 0: 0 first; 1 is its copy (variance 0), so 2; then nothing is left: 1 by relevance.
  const auto d = run(DppGreedyAllocator{}, {1, 4}, r, 3, x);
  CHECK(d.kept == Kept{0, 1, 2});
  CHECK(d.why[2] == Provenance{Cause::coverage, 1, .25f});
  CHECK(d.why[1] == Provenance{Cause::score, 2, 0.f});
  // Gains: 0: 1 + .9 + .25 = 2.15, 1 the same; then 2: .25.
  const auto l = run(FacilityLocationAllocator{}, {1, 4}, r, 2, x);
  CHECK(l.kept == Kept{0, 2});
  CHECK(l.why[0].value == doctest::Approx(2.15));
  CHECK(l.why[1].value == doctest::Approx(.25));
  CHECK(l.why[1].cause == Cause::coverage);
}

TEST_CASE("adaptive-k: 64 for one hot spot, 400 for uniform relevance, never fewer for a flatter map") {
  const Grid g{32, 32};
  std::vector<float> hot(1024, 0.f);
  hot[300] = 1;
  CHECK(run(AdaptiveKAllocator{}, g, hot, 1024).count() == 64);
  CHECK(run(AdaptiveKAllocator{}, g, std::vector<float>(1024, .3f), 1024).count() == 400);
  CHECK(run(AdaptiveKAllocator{}, g, std::vector<float>(1024, .3f), 200).count() == 200);
  // The older divisor, or a temperature of 1 on scores in [0, 1], would leave every picture near the top.
  std::vector<float> ramp(1024);
  for (std::size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i) / 1023.f;
  CHECK(run(AdaptiveKAllocator{{.temperature = 1}}, g, ramp, 1024).count() > 390);
  Index before = 0;
  for (const float flat : {1.f, .5f, .25f, .1f, .01f}) {
    auto scaled = ramp;
    for (float& v : scaled) v *= flat;
    const Index k = run(AdaptiveKAllocator{}, g, scaled, 1024).count();
    CHECK(k > before);
    before = k;
  }
}

TEST_CASE("counting: every one of fifteen things is touched with spacing, and not by plain top-k") {
  // Fifteen 4 x 4 things on 32 x 32 tokens, each a little fainter than the one before, and a faint ground.
  std::vector<float> r(1024, .05f);
  std::vector<std::set<Index>> things;
  for (Index i = 0; i < 15; ++i) {
    things.emplace_back();
    for (Index dr = 0; dr < 4; ++dr)
      for (Index dc = 0; dc < 4; ++dc) {
        const Index t = (i / 4 * 8 + 2 + dr) * 32 + i % 4 * 8 + 2 + dc;
        things.back().insert(t);
        r[static_cast<std::size_t>(t)] = 1.f - .03f * static_cast<float>(i);
      }
  }
  const auto touched = [&](const Allocation& a) {
    return std::count_if(things.begin(), things.end(), [&](const auto& thing) {
      return std::any_of(a.kept.begin(), a.kept.end(), [&](Index t) { return thing.count(t) > 0; });
    });
  };
  CHECK(touched(run(TopKAllocator{}, {32, 32}, r, 64)) == 4);
  CHECK(touched(run(NmsAllocator{}, {32, 32}, r, 64)) == 15);
  CHECK(touched(run(CoverageQuotaAllocator{}, {32, 32}, r, 64)) == 15);
}

TEST_CASE("duplicates, few dimensions and zero features do not stop a selector") {
  const Grid g{4, 5};
  std::vector<float> r(20), same(20 * 3, 1.f), none(20 * 3, 0.f), flat(20 * 3);
  for (std::size_t i = 0; i < r.size(); ++i) r[i] = static_cast<float>(i % 7);
  for (std::size_t i = 0; i < flat.size(); ++i) flat[i] = static_cast<float>((i * i + 3) % 11) - 5.f;
  for (const auto& x : {same, none, flat})
    for (Index k = 1; k <= 20; ++k) {
      CHECK(run(FarthestPointAllocator{}, g, r, k, x).count() == k);
      CHECK(run(DppGreedyAllocator{}, g, r, k, x).count() == k);
      CHECK(run(FacilityLocationAllocator{}, g, r, k, x).count() == k);
    }
}

TEST_CASE("errors name the setting, the evidence and the number") {
  const std::vector<float> r{1, 0}, bad{1, std::nanf("")}, x{1, 0};
  CHECK_THROWS_WITH_AS((void)run(NmsAllocator{{0}}, {1, 2}, r, 1), doctest::Contains("radius"), Error);
  CHECK_THROWS_WITH_AS((void)run(CoverageQuotaAllocator{{.rows = 0}}, {1, 2}, r, 1), doctest::Contains("rows"), Error);
  CHECK_THROWS_WITH_AS((void)run(CoverageQuotaAllocator{{.share = 2}}, {1, 2}, r, 1), doctest::Contains("share"),
                       Error);
  CHECK_THROWS_WITH_AS((void)run(ContextFloorAllocator{{-1}}, {1, 2}, r, 1), doctest::Contains("share"), Error);
  CHECK_THROWS_WITH_AS((void)run(AdaptiveKAllocator{{.temperature = 0}}, {1, 2}, r, 1),
                       doctest::Contains("temperature"), Error);
  CHECK_THROWS_WITH_AS((void)run(AdaptiveKAllocator{{.min_tokens = 9, .max_tokens = 8}}, {1, 2}, r, 1),
                       doctest::Contains("max_tokens"), Error);
  CHECK_THROWS_WITH_AS((void)run(AdaptiveKAllocator{}, {1, 2}, bad, 1), doctest::Contains("finite"), Error);
  CHECK_THROWS_WITH_AS((void)run(CumulativeMassAllocator{{0}}, {1, 2}, r, 1), doctest::Contains("share"), Error);
  CHECK_THROWS_WITH_AS((void)run(CumulativeMassAllocator{}, {1, 2}, bad, 1), doctest::Contains("finite"), Error);
  CHECK_THROWS_WITH_AS((void)run(ThresholdAllocator{{.min_tokens = 0}}, {1, 2}, r, 1), doctest::Contains("min_tokens"),
                       Error);
  CHECK_THROWS_WITH_AS((void)run(FarthestPointAllocator{{-.1}}, {1, 2}, r, 1, x), doctest::Contains("core"), Error);
  CHECK_THROWS_WITH_AS((void)run(FarthestPointAllocator{}, {1, 2}, r, 1), doctest::Contains("similarity"), Error);
  CHECK_THROWS_WITH_AS((void)run(DppGreedyAllocator{{1}}, {1, 2}, r, 1, x), doctest::Contains("theta"), Error);
  CHECK_THROWS_WITH_AS((void)run(DppGreedyAllocator{}, {1, 2}, bad, 1, x), doctest::Contains("finite"), Error);
  CHECK_THROWS_WITH_AS((void)run(FacilityLocationAllocator{{-1}}, {1, 2}, r, 1, x), doctest::Contains("power"), Error);
  CHECK_THROWS_AS((void)run(NmsAllocator{}, {1, 2}, {1, 2, 3}, 1), Error);
}

// Bounds are looked at again sixteen at a time, pairs come in blocks, what a factor leaves in pieces of 1,024 tokens.
TEST_CASE("blocks of tokens change no pick and no gain") {
  constexpr std::size_t n = 1100, width = 24, k = 60;
  Rng draw(3);
  std::vector<float> x(n * width), r(n);
  for (float& v : x) v = static_cast<float>(draw.uniform()) - 0.3f;
  for (float& v : r) v = static_cast<float>(draw.uniform());
  const Similarity similarity(host_tensor(x, {n, width}));
  std::vector<std::vector<float>> cosine(n, std::vector<float>(n));
  for (std::size_t i = 0; i < n; ++i) similarity.row(static_cast<Index>(i), cosine[i]);

  for (const bool worthy : {false, true}) {  // every gain of every step
    const greedy::Picks picks = greedy::facilities(similarity, r, k, worthy ? r : std::vector<float>());
    std::vector<double> best(n);
    for (std::size_t step = 0; step < k; ++step) {
      std::size_t found = 0;
      double most = -1;
      for (std::size_t j = 0; j < n; ++j) {
        double gain = 0;
        for (std::size_t i = 0; i < n; ++i)
          gain += static_cast<double>(r[i]) * std::max(0.0, 0.5 * (1.0 + static_cast<double>(cosine[j][i])) - best[i]);
        if (worthy) gain *= static_cast<double>(r[j]);
        if (gain > most) most = gain, found = j;
      }
      REQUIRE(picks.order[step] == static_cast<Index>(found));
      REQUIRE(picks.gains[step] == static_cast<float>(most));
      for (std::size_t i = 0; i < n; ++i)
        best[i] = std::max(best[i], 0.5 * (1.0 + static_cast<double>(cosine[found][i])));
    }
    std::size_t alone = 0;
    float farthest = -1;
    for (std::size_t i = 0; i < n; ++i) {
      float nearest = std::numeric_limits<float>::infinity();
      for (std::size_t j = 0; j < n; ++j)
        if (j != i) nearest = std::min(nearest, 1.f - cosine[i][j]);
      if (worthy) nearest *= r[i];
      if (nearest > farthest) farthest = nearest, alone = i;
    }
    const greedy::Picks first = greedy::most_alone(similarity, worthy ? r : std::vector<float>());
    CHECK(first.order == Kept{static_cast<Index>(alone)});
    CHECK(first.gains[0] == farthest);
  }

  for (float& v : r) v /= 2;
  r[5] = r[6] = 1, r[1023] = 0.97f;  // third, by what two picks leave of it, at the end of a piece
  const greedy::Picks picks = greedy::map_of(similarity, r, width - 4);  // Cholesky as it is written down
  std::vector<double> variance(n);
  for (std::size_t i = 0; i < n; ++i) variance[i] = static_cast<double>(r[i]) * static_cast<double>(r[i]);
  std::vector<std::vector<float>> factor;
  for (const Index at : picks.order) {
    const auto j = static_cast<std::size_t>(at);
    CHECK(std::max_element(variance.begin(), variance.end()) - variance.begin() == at);
    CHECK(picks.gains[factor.size()] == static_cast<float>(variance[j]));
    const double root = std::sqrt(variance[j]);
    std::vector<float> mine(n);
    for (std::size_t i = 0; i < n; ++i) {
      double left = static_cast<double>(r[j]) * static_cast<double>(cosine[j][i]) * static_cast<double>(r[i]);
      for (const auto& c : factor) left -= static_cast<double>(c[j]) * static_cast<double>(c[i]);
      mine[i] = static_cast<float>(left / root);
      variance[i] -= static_cast<double>(mine[i]) * static_cast<double>(mine[i]);
    }
    variance[j] = -1e9;
    factor.push_back(mine);
  }
  CHECK(picks.order[2] == 1023);
}
