// g++ -std=c++20 -Iinclude examples/own_scorer.cpp && ./a.out
#include <cstdio>

#include "arrcoc/arrcoc.hpp"

using namespace arrcoc;

/// Dark cells first: on paper, ink. Textures [N, C] -> [N].
struct InkScorer {
  static constexpr std::string_view name = "ink";
  static constexpr Needs may_need{Phase::pixels, Need::textures};
  struct Config {};
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    const Index green = e.textures->channel("green");
    std::vector<float> darkness;
    for (Index t = 0; t < e.count(); ++t) darkness.push_back(1.0f - e.textures->at(t, green));
    return darkness;
  }
};
static_assert(check_scorer<InkScorer>());

int main() {
  Image page(64, 96);  // 2 x 3 tokens of 32 px, white
  std::fill(page.rgb.begin(), page.rgb.end(), std::uint8_t{255});
  for (Index row = 40; row < 50; ++row)
    std::fill_n(page.row(row) + 3 * 36, 3 * 50, std::uint8_t{0});  // a stroke in the lower right

  const Grid grid{2, 3};
  const Textures textures = Texture13{}.generate(page.view(), grid);
  Evidence evidence;
  evidence.tokens = grid;
  evidence.rgb = page.view();
  evidence.textures = &textures;
  Rng rng(0);
  const Allocation kept = TopKAllocator{}.allocate(InkScorer{}.score(evidence), evidence, {.tokens = 2}, rng);
  for (const Index t : kept.kept)
    std::printf("token (%d, %d)\n", static_cast<int>(t / grid.cols), static_cast<int>(t % grid.cols));
}
