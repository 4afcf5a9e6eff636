#include <doctest/doctest.h>

#include "arrcoc/allocators/control/grid2d.hpp"
#include "arrcoc/allocators/control/uniform_frames.hpp"
#include "arrcoc/allocators/select/frame_quota.hpp"
#include "arrcoc/allocators/select/top_k.hpp"

using namespace arrcoc;

namespace {

template <class A>
std::vector<Index> kept(const A& a, const TokenSet& tokens, const std::vector<float>& relevance, Index k) {
  Evidence e;
  e.tokens = tokens;
  Rng rng(1);
  return a.allocate(relevance, e, Budget{k, 1}, rng).kept;
}
using Kept = std::vector<Index>;

}  // namespace

// Five frames of 1 x 4 tokens. K = 8: two frames, floor(5/4) = 1 and floor(15/4) = 3, both whole. K = 9: three frames,
// floor(5/6) = 0, floor(15/6) = 2 and floor(25/6) = 4, the last with one token, of a lattice of one the third.
TEST_CASE("uniform frames: whole ones evenly spaced, the last in part") {
  const TokenSet clip({1, 4}, 5);
  const std::vector<float> flat(20, 1);
  CHECK(kept(UniformFramesAllocator{}, clip, flat, 8) == Kept{4, 5, 6, 7, 12, 13, 14, 15});
  CHECK(kept(UniformFramesAllocator{}, clip, flat, 9) == Kept{0, 1, 2, 3, 8, 9, 10, 11, 18});
  CHECK(kept(UniformFramesAllocator{}, clip, flat, 1) == Kept{10});
  CHECK(kept(UniformFramesAllocator{}, clip, flat, 20).size() == 20);
  const TokenSet picture(6, 7);
  const std::vector<float> map(42, 1);
  for (const Index k : {1, 5, 13, 41})
    CHECK(kept(UniformFramesAllocator{}, picture, map, k) == kept(Grid2dAllocator{}, picture, map, k));
  // Frames 1 and 3 are gone: one frame (2) has 4 tokens, two (1 and 3) have none, three (0, 2, 4) hold the rest.
  Kept alive;
  for (Index t = 0; t < 20; ++t)
    if (t / 4 % 2 == 0) alive.push_back(t);
  const TokenSet some = subset(clip, alive);
  CHECK(kept(UniformFramesAllocator{}, some, std::vector<float>(12, 1), 4) == Kept{4, 5, 6, 7});
  CHECK(kept(UniformFramesAllocator{}, some, std::vector<float>(12, 1), 8) == Kept{0, 1, 2, 3, 4, 5, 6, 7});
}

// Three frames of 1 x 4, relevance in eighths of the range: sums 8 + 6 = 14, 2, 4 + 4 = 8 of 24.
//   relevance, K = 6: 3.5, .5, 2 -> 3, 0, 2, one more to the first of the two that are owed a half: 4, 0, 2
//   floor 1: 3 left, 1.75, .25, 1 -> 1, 0, 1, one more to the first: 3, 1, 2
//   even, K = 5: 5/3 each -> 1, 1, 1, two more to the first two: 2, 2, 1
//   anywhere, K = 4: 8, 6, 4, 4; with floor 1 the frames' best, then 6
//   floor 3, K = 7: the floor is floor(7/3) = 2, one is left
TEST_CASE("quotas of frames: exact by largest remainder, with a floor, and none at all") {
  const TokenSet clip({1, 4}, 3);
  const std::vector<float> r{0, 8, 6, 0, 0, 0, 2, 0, 4, 0, 0, 4};
  CHECK(kept(FrameQuotaAllocator{}, clip, r, 6) == Kept{0, 1, 2, 3, 8, 11});
  CHECK(kept(FrameQuotaAllocator{{.floor = 1}}, clip, r, 6) == Kept{0, 1, 2, 6, 8, 11});
  CHECK(kept(FrameQuotaAllocator{{.by = "even"}}, clip, r, 5) == Kept{1, 2, 4, 6, 8});
  CHECK(kept(FrameQuotaAllocator{{.by = "anywhere"}}, clip, r, 4) == Kept{1, 2, 8, 11});
  CHECK(kept(FrameQuotaAllocator{{.by = "anywhere", .floor = 1}}, clip, r, 4) == Kept{1, 2, 6, 8});
  CHECK(kept(FrameQuotaAllocator{{.by = "even", .floor = 3}}, clip, r, 7) == Kept{0, 1, 2, 4, 6, 8, 11});
  CHECK(kept(FrameQuotaAllocator{{.floor = 1}}, clip, r, 2) == Kept{1, 8});  // no floor is held
  CHECK(kept(FrameQuotaAllocator{{.floor = 9}}, clip, r, 12).size() == 12);
  for (const Index k : {1, 3, 11})
    CHECK(kept(FrameQuotaAllocator{{.floor = 2}}, TokenSet(3, 4), r, k) == kept(TopKAllocator{}, TokenSet(3, 4), r, k));
  CHECK_THROWS_AS(kept(FrameQuotaAllocator{{.by = "time"}}, clip, r, 2), Error);
  CHECK_THROWS_AS(kept(FrameQuotaAllocator{{.floor = -1}}, clip, r, 2), Error);
}
