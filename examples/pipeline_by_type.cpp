// A pipeline picked at compile time: only the headers of the stages in it are built, and nothing is looked up by name.
//   c++ -std=c++20 -O2 pipeline_by_type.cpp $(pkg-config --cflags --libs arrcoc)
#include <cstdio>
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/pipeline/realize.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "arrcoc/texture/texture13.hpp"

using namespace arrcoc;
using Choose = Decision<ScorerSet<InformationScorer, PerspectivalScorer>, FixedWeightsBalancer, TopKAllocator>;
using Documents = Pipeline<EigenBackend, Texture13, Choose>;

int main() {
  Image page(256, 384);  // a white page with a block of stripes, as text would be
  for (Index r = 0; r < page.height; ++r)
    for (Index c = 0; c < page.width; ++c)
      for (Index k = 0; k < 3; ++k)
        page.row(r)[c * 3 + k] = r >= 64 && r < 128 && c >= 96 && c < 288 && c % 6 < 3 ? 20 : 250;

  EigenBackend backend;
  Documents pipeline;
  pipeline.decision().balancer.config.first = 0.5f;
  const Picture picture{page.view(), {8, 12}, {}, {}};  // 8 x 12 tokens of 32 px; these scorers need no model
  RunOptions options;
  options.budget.tokens = 12;
  const Realized out = realize(backend, pipeline.erase(), picture, {}, nullptr, options);
  for (Index r = 0; r < 8; ++r, std::puts(""))
    for (Index c = 0; c < 12; ++c) {
      const auto& kept = out.allocation.kept;
      std::putchar(std::binary_search(kept.begin(), kept.end(), out.allocation.grid().at(r, c)) ? '#' : '.');
    }
}
