#pragma once
// Every strategy that comes with arrcoc, one line each, in the order `arrcoc list` shows them.
#include "arrcoc/allocators/control/centre.hpp"
#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/control/grid2d.hpp"
#include "arrcoc/allocators/control/oracle.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/control/uniform.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/balancers/flat.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/registry/learned.hpp"
#include "arrcoc/registry/registry.hpp"
#include "arrcoc/scorers/features/participatory.hpp"
#include "arrcoc/scorers/pixels/contrast.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "arrcoc/scorers/pixels/softmax_channel_entropy.hpp"
#include "arrcoc/texture/texture13.hpp"

namespace arrcoc {

template <class B>
void register_builtin(Registry<B>& r) {
  r.template add_texture<Texture13>({"ours",
                                     {"T0", "T1", "T2", "T3", "T4", "T5"},
                                     "thirteen box-integrated channels of each token's cell",
                                     "O(H W)"});

  r.template add_scorer<InformationScorer>(
      {"Shannon 1948, section 6", {"A7", "K1"}, "how much there is to read in the cell", "O(N)"});
  r.template add_scorer<PerspectivalScorer>(
      {"Itti, Koch, Niebur 1998, section II.B", {"A8", "K3", "K4"}, "what stands out from its surround", "O(N)"});
  r.template add_scorer<ParticipatoryScorer>(
      {"ARR-COC notes, query-patch cosine", {"A9", "K5", "K6"}, "how much the token speaks to the question", "O(N D)"});
  r.template add_scorer<ContrastScorer>(
      {"Itti, Koch, Niebur 1998, section 2", {}, "distance from the mean of the neighbouring cells", "O(N C)"});
  r.template add_scorer<SoftmaxChannelEntropyScorer>(
      {"ARR-COC notes, first sketch",
       {},
       "entropy of the softmax over channels, the old fault kept for comparison",
       "O(N C)"});
  r.template add_scorer<LearnedScorer>({"ours; box supervision, base frozen",
                                        {"K5", "R7"},
                                        "how much a trained head says the token answers the question",
                                        "O(N D H)"},
                                       LoadHead{});

  r.template add_balancer<AdaptiveTensionBalancer>({"ARR-COC notes, opponent processing",
                                                    {"A10", "L1", "L2", "L3", "L4"},
                                                    "maps weighed by tensions and by how coherent each map is",
                                                    "O(M N log N)"});
  r.template add_balancer<FixedWeightsBalancer>(
      {"ARR-COC notes, fixed weights", {"L6", "L11"}, "a weighted sum of normalised maps", "O(M N)"});
  r.template add_balancer<LearnedBalancer>({"ours; box supervision, base frozen",
                                            {"L5", "R10"},
                                            "maps into one by a trained network that is monotone in each",
                                            "O(M N (log N + H))"},
                                           LoadHead{});
  r.template add_balancer<FlatBalancer>(
      {"ours", {}, "relevance 1 everywhere, for allocators that do not look at it", "O(N)"});

  r.template add_allocator<TopKAllocator>(
      {"ARR-COC notes, top-k", {"A11", "G2", "G5"}, "the K most relevant tokens", "O(N + K log K)"});
  r.template add_allocator<LearnedDepthAllocator>(
      {"ours; through the answers, base frozen",
       {"H16", "H17"},
       "the K most relevant tokens, each with the levels that a trained head gives it",
       "O(N (D H + log K))"},
      LoadHead{});
  r.template add_allocator<RandomAllocator>({"control", {}, "K tokens at random", "O(N)"});
  r.template add_allocator<UniformAllocator>({"control", {}, "K tokens evenly spaced in raster order", "O(K)"});
  r.template add_allocator<Grid2dAllocator>({"control", {}, "a 2-D lattice of K tokens", "O(K)"});
  r.template add_allocator<CentreAllocator>({"control", {}, "the K tokens nearest the middle", "O(N + K log K)"});
  r.template add_allocator<OracleAllocator>(
      {"control", {}, "the tokens that cover the answer boxes, then the lattice", "O(N)"});
  r.template add_allocator<FullAllocator>({"control", {}, "every token", "O(N)"});

  r.template add_injector<GatherInjector>({"Qwen3-VL's own positions, kept sparse",
                                           {"G11", "P1", "P12"},
                                           "kept rows at their true positions, dropped pads removed",
                                           "O(K H levels)"});
}

}  // namespace arrcoc
