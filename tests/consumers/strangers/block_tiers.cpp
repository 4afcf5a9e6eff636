// The allocator of regions as a plug-in, and as a program: grid and relevance come in, a line for each budget goes out.
#include <iostream>

#include "arrcoc/engine/plugin.hpp"
#include "block_tiers.hpp"

ARRCOC_PLUGIN(BlockTiersAllocator)

int main() {
  arrcoc::Evidence e;
  std::cin >> e.tokens.grid.rows >> e.tokens.grid.cols;
  std::vector<float> relevance(e.count());
  for (float& r : relevance) std::cin >> r;
  arrcoc::Rng rng;
  for (arrcoc::Budget budget{1}; budget.tokens <= e.count(); ++budget.tokens) {
    const arrcoc::Allocation a = BlockTiersAllocator{}.allocate(relevance, e, budget, rng);
    check_allocation(a, BlockTiersAllocator::name);
    check_spend(a, BlockTiersAllocator::spend, budget, BlockTiersAllocator::name);
    for (const arrcoc::Region& r : a.regions)
      std::cout << r.row0 << ' ' << r.col0 << ' ' << r.row1 << ' ' << r.col1 << ' ' << r.tokens << "  ";
    std::cout << "kept";
    for (const arrcoc::Index t : a.kept) std::cout << ' ' << t;
    std::cout << '\n';
  }
}
