// What looks at the frames of a clip keeps the laws on clips, too: every grid of the suites as a clip whose frames are
// its rows.
#include <doctest/doctest.h>

#include "laws/allocator_laws.hpp"
#include "laws/provenance_laws.hpp"
#include "laws/scorer_laws.hpp"
#include "laws/spend_laws.hpp"
#include "registry/host_stages.hpp"

using namespace arrcoc;
using laws::Broken;
using tests::host_stages, tests::made;

namespace {

TokenSet rows_as_frames(const TokenSet& of) { return TokenSet(Grid{1, of.grid.cols}, of.grid.rows); }

struct ClipAllocator {
  AnyAllocator any;
  static constexpr Spend spend = Spend::exact;
  Allocation allocate(std::span<const float> r, Evidence e, Budget b, Rng& g) const {
    const TokenSet picture = e.tokens;
    e.tokens = rows_as_frames(picture);
    Allocation a = any->allocate(r, e, b, g);
    CHECK(a.tokens == e.tokens);
    a.tokens = picture;
    return a;
  }
};
struct ClipScorer {
  Any<erased::Scorer> any;
  std::vector<float> score(Evidence e) const {
    e.tokens = rows_as_frames(e.tokens);
    return any->score(e);
  }
};

}  // namespace

TEST_CASE("allocators of clips keep every law on clips") {
  const std::vector<std::pair<std::string, Settings>> all{
      {"uniform_frames", {}},
      {"frame_quota", {}},
      {"frame_quota", {{"x.floor", "2"}}},
      {"frame_quota", {{"x.by", "even"}}},
      {"frame_quota", {{"x.by", "anywhere"}, {"x.floor", "3"}}},
      {"vcast_frames", {}},
      {"vidcom2_frames", {}},
      {"dycoke", {}},
      {"dycoke", {{"x.window", "3"}}},
      {"semvid", {}},
      {"semvid", {{"x.floor", "0"}, {"x.object", "0"}}},
  };
  for (const auto& entry : all) {
    const auto& [name, settings] = entry;
    CAPTURE(entry.first);
    const ClipAllocator a{made(host_stages().allocators, name, settings)};
    CHECK(laws::broken_allocator_laws(a) == Broken{});
    CHECK(laws::broken_spend_laws(a) == Broken{});
    CHECK(laws::broken_provenance_laws(a, false) == Broken{});
  }
}

TEST_CASE("scorers of clips keep every law on clips") {
  for (const char* name : {"frame_change", "vcast", "vidcom2"}) {
    CAPTURE(name);
    CHECK(laws::broken_scorer_laws(ClipScorer{made(host_stages().scorers, name)}) == Broken{});
  }
}

TEST_CASE("what looks at frames works where tokens are missing, whole frames among them, and where some are larger") {
  for (const bool large : {false, true}) {
    TokenSet some({3, 4}, 6);
    for (Index t = 0; t < 72; ++t) {
      const Place p = TokenSet(some.grid, 6).at(t);
      if (p.frame == 0 || p.frame == 3 || t % 5 == 2) continue;
      if (!large || p.frame != 4) some.places.push_back(p);
      else if (p.row == 0 && (p.col == 0 || p.col == 2)) some.places.push_back({p.row, p.col, 3, 2, 4});
    }
    CHECK_NOTHROW(check_places(some, "test"));
    const Index n = some.count();
    Evidence e;
    e.tokens = some;
    e.vision = laws::features(n, 6, 3);
    e.deepstack = {laws::features(n, 6, 4)};
    e.question = laws::features(3, 6, 5);
    for (const char* name : {"frame_change", "vcast", "vidcom2"}) {
      CAPTURE(name);
      const auto map = made(host_stages().scorers, name)->score(e);
      CHECK(static_cast<Index>(map.size()) == n);
      CHECK(laws::finite(map));
    }
    const auto relevance = laws::scores(n, 9, false);
    for (const char* name : {"uniform_frames", "frame_quota", "vcast_frames", "vidcom2_frames", "dycoke", "semvid"})
      for (Index k = 1; k <= n; ++k) {
        CAPTURE(name);
        CAPTURE(k);
        Rng rng(1);
        const Allocation a = made(host_stages().allocators, name)->allocate(relevance, e, Budget{k, 1}, rng);
        CHECK_NOTHROW(check_allocation(a, name));
        CHECK(a.count() == k);
        CHECK(a.tokens == some);
      }
  }
}
