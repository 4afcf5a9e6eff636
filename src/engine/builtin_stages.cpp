// The strategies of the host plane, kind by kind.
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
#include "arrcoc/registry/builtin.hpp"
#include "arrcoc/registry/learned.hpp"
#include "arrcoc/scorers/pixels/contrast.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "arrcoc/scorers/pixels/softmax_channel_entropy.hpp"
#include "arrcoc/texture/texture13.hpp"

namespace arrcoc {

void register_textures(HostStages& r) {
  r.add_texture<Texture13>({"ours",
                            {"T0", "T1", "T2", "T3", "T4", "T5"},
                            "thirteen box-integrated channels of each token's cell",
                            "O(H W)"});
}

void register_scorers(HostStages& r) {
  r.add_scorer<InformationScorer>(
      {"Shannon 1948, section 6", {"A7", "K1"}, "how much there is to read in the cell", "O(N)"});
  r.add_scorer<PerspectivalScorer>(
      {"Itti, Koch, Niebur 1998, section II.B", {"A8", "K3", "K4"}, "what stands out from its surround", "O(N)"});
  r.add_scorer<ContrastScorer>(
      {"Itti, Koch, Niebur 1998, section 2", {}, "distance from the mean of the neighbouring cells", "O(N C)"});
  r.add_scorer<SoftmaxChannelEntropyScorer>({"ARR-COC notes, first sketch",
                                             {},
                                             "entropy of the softmax over channels, the old fault kept for comparison",
                                             "O(N C)"});
  r.add_scorer<LearnedScorer>({"ours; box supervision, base frozen",
                               {"K5", "R7"},
                               "how much a trained head says the token answers the question",
                               "O(N D H)"},
                              LoadHead{});
}

void register_balancers(HostStages& r) {
  r.add_balancer<AdaptiveTensionBalancer>({"ARR-COC notes, opponent processing",
                                           {"A10", "L1", "L2", "L3", "L4"},
                                           "maps weighed by tensions and by how coherent each map is",
                                           "O(M N log N)"});
  r.add_balancer<FixedWeightsBalancer>(
      {"ARR-COC notes, fixed weights", {"L6", "L11"}, "a weighted sum of normalised maps", "O(M N)"});
  r.add_balancer<LearnedBalancer>({"ours; box supervision, base frozen",
                                   {"L5", "R10"},
                                   "maps into one by a trained network that is monotone in each",
                                   "O(M N (log N + H))"},
                                  LoadHead{});
  r.add_balancer<FlatBalancer>({"ours", {}, "relevance 1 everywhere, for allocators that do not look at it", "O(N)"});
}

void register_allocators(HostStages& r) {
  r.add_allocator<TopKAllocator>(
      {"ARR-COC notes, top-k", {"A11", "G2", "G5"}, "the K most relevant tokens", "O(N + K log K)"});
  r.add_allocator<LearnedDepthAllocator>(
      {"ours; through the answers, base frozen",
       {"H16", "H17"},
       "the K most relevant tokens, each with the levels that a trained head gives it",
       "O(N (D H + log K))"},
      LoadHead{});
  r.add_allocator<RandomAllocator>({"control", {}, "K tokens at random", "O(N)"});
  r.add_allocator<UniformAllocator>({"control", {}, "K tokens evenly spaced in raster order", "O(K)"});
  r.add_allocator<Grid2dAllocator>({"control", {}, "a 2-D lattice of K tokens", "O(K)"});
  r.add_allocator<CentreAllocator>({"control", {}, "the K tokens nearest the middle", "O(N + K log K)"});
  r.add_allocator<OracleAllocator>({"control", {}, "the tokens that cover the answer boxes, then the lattice", "O(N)"});
  r.add_allocator<FullAllocator>({"control", {}, "every token", "O(N)"});
}

void register_splits(HostStages& r) {
  r.add_split<SizeSplit>({"ours", {}, "in proportion to the pictures' sizes", "O(P log P)"});
  r.add_split<RelevanceSplit>({"ours", {}, "in proportion to the raw relevance of each picture", "O(M N)"});
}

void register_host(HostStages& r) {
  register_textures(r), register_scorers(r), register_balancers(r), register_allocators(r), register_splits(r);
}

namespace detail {
void check_free(const Entry& e, const std::vector<Entry>& taken) {
  require_that(
      e.name != "none" && !e.name.empty() && e.name.find_first_of("/+@.=:% ") == std::string::npos && e.name != "own" &&
          e.name != "blank" && e.name != "other",
      Code::bad_config, "registry", [&] {
        return "a strategy's name: expected a word other than none, own, blank, other, without / + @ . = : %, got '" +
               e.name + "'";
      });
  for (const Entry& t : taken)
    require_that(t.kind != e.kind || t.name != e.name, Code::duplicate_name, "registry",
                 [&] { return std::string(name_of(e.kind)) + " '" + e.name + "' is registered already"; });
}
}  // namespace detail

}  // namespace arrcoc
