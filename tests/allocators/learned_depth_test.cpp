#include "arrcoc/allocators/depth/learned_depth.hpp"

#include <doctest/doctest.h>

#include "arrcoc/allocators/select/top_k.hpp"

using namespace arrcoc;

namespace {
/// Width 2, one unit: value_l = out_l gelu(x), x = the token's first layer-normed element (about -1 or 1) plus the bias
/// of 0.
LearnedDepthAllocator made(const std::vector<float>& out, const std::vector<float>& bias) {
  auto d = std::make_shared<DepthHead>();
  const auto shapes = d->head.shapes(2, 1, static_cast<Index>(out.size()));
  const std::vector<std::vector<float>> values{{1, 1}, {0, 0}, {1, 1}, {0, 0}, {1, 0},
                                               {0, 0}, {0, 0}, {0, 0}, {0},    out};
  for (std::size_t i = 0; i < values.size(); ++i) *d->head.all()[i] = host_tensor(values[i], shapes[i]);
  d->bias = host_tensor(bias, {static_cast<Index>(bias.size())});
  return {{"depth.safetensors"}, d};
}
Evidence evidence() {
  Evidence e;
  e.tokens = {1, 4};
  e.vision = host_tensor(std::vector<float>{9, 3, 3, 9, 5, 1, 1, 5}, {4, 2});  // 1, -1, 1, -1 when normed
  e.query = host_tensor(std::vector<float>{1, 2}, {2});
  return e;
}
}  // namespace

TEST_CASE("tokens as top_k keeps them, levels by the sign of each output") {
  // gelu(1) = 0.841, gelu(-1) = -0.159: level 0 where x > 0; level 1 where x < 0; level 2 everywhere; level 3 nowhere
  const auto a = made({1, -1, 0.1f, 0.1f}, {0, 0, 1, -1});
  Rng rng(1);
  const std::vector<float> relevance{0.9f, 0.8f, 0.1f, 0.7f};
  const Allocation got = a.allocate(relevance, evidence(), {.tokens = 3}, rng),
                   want = TopKAllocator{}.allocate(relevance, evidence(), {.tokens = 3}, rng);
  CHECK(got.kept == want.kept);
  CHECK(got.why == want.why);
  CHECK(got.depth == std::vector<std::uint32_t>{0b0101, 0b0110, 0b0110});
}

TEST_CASE("errors: no head, another width") {
  Rng rng(1);
  const std::vector<float> relevance{1, 2, 3, 4};
  CHECK_THROWS_WITH_AS((void)LearnedDepthAllocator{}.allocate(relevance, evidence(), {}, rng),
                       doctest::Contains("arrcoc train depth"), Error);
  Evidence e = evidence();
  e.vision = host_tensor(std::vector<float>(12), {4, 3});
  e.query = host_tensor(std::vector<float>(3), {3});
  CHECK_THROWS_WITH_AS(
      (void)made({1}, {0}).allocate(relevance, e, {}, rng),
      doctest::Contains("depth.safetensors: trained for embeddings of width 2, got a model of width 3"), Error);
}
