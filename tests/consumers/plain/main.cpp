// A user's program: keep the three best of six tokens with headers alone.
#include <cstdio>
#include <vector>

#include "arrcoc/arrcoc.hpp"

int main() {
  const std::vector<float> relevance{0.1f, 0.9f, 0.2f, 0.8f, 0.3f, 0.7f};  // a 2 x 3 grid
  arrcoc::Evidence evidence;
  evidence.tokens = {2, 3};
  arrcoc::Rng rng(0);
  const arrcoc::Allocation a = arrcoc::TopKAllocator{}.allocate(relevance, evidence, {.tokens = 3}, rng);
  for (const arrcoc::Index token : a.kept) std::printf("%d ", static_cast<int>(token));
  std::printf("\n");
}
