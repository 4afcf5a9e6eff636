#include "arrcoc/scorers/features/frame_change.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;

// Three temporal patches of 1 x 2 tokens, D = 2, one level of D = 1. By numpy:
//   token     0: (1,0|1)  1: (0,1|0)    2: (0,1|1)  3: (0,2|0)    4: (0,-1|-1)  5: (0,0|0)
//   vision    cos(2,0) = 0      cos(3,1) = 1     cos(4,2) = -1     cos(5,3): a row of zeros
//   all       cos(2,0) = 1/2    cos(3,1) = 1     cos(4,2) = -1
TEST_CASE("a token's change from the one before at its place") {
  Evidence e;
  e.tokens = TokenSet({1, 2}, 3);
  e.vision = host_tensor(std::vector<float>{1, 0, 0, 1, 0, 1, 0, 2, 0, -1, 0, 0}, {6, 2});
  e.deepstack = std::vector<HostTensor>{host_tensor(std::vector<float>{1, 0, 1, 0, -1, 0}, {6, 1})};
  const auto near = [](const std::vector<float>& got, const std::vector<float>& expected) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-6));
  };
  near(FrameChangeScorer{{.of = "vision", .first = 3}}.score(e), {3, 3, 1, 0, 2, 1});
  near(FrameChangeScorer{}.score(e), {255, 255, 0.5f, 0, 2, 1});

  // Token 3 is gone: what was 5 is held against 1, the latest at its place; cos((0,1), (0,3)) = 1.
  Evidence some;
  some.tokens = subset(e.tokens, std::vector<Index>{1, 2, 4, 5});
  some.vision = host_tensor(std::vector<float>{0, 1, 0, 1, 0, -1, 0, 3}, {4, 2});
  near(FrameChangeScorer{{.of = "vision"}}.score(some), {255, 255, 2, 0});
  CHECK_THROWS_AS((void)FrameChangeScorer{{.of = "pixels"}}.score(e), Error);
  some.tokens = TokenSet({1, 2}, 1);
  CHECK_THROWS_AS((void)FrameChangeScorer{{.of = "vision"}}.score(some), Error);
}
