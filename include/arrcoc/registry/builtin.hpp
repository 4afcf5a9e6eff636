#pragma once
// Every strategy that comes with arrcoc, one line each, in the order `arrcoc list` shows them. Those of the host plane
// are registered in src/engine/builtin_*.cpp, compiled once; those that live on a backend here.
#include "arrcoc/injectors/before.hpp"
#include "arrcoc/injectors/early.hpp"
#include "arrcoc/injectors/entry.hpp"
#include "arrcoc/injectors/merge.hpp"
#include "arrcoc/injectors/order.hpp"
#include "arrcoc/injectors/tier.hpp"
#include "arrcoc/query/encoders.hpp"
#include "arrcoc/registry/registry.hpp"
#include "arrcoc/scorers/features/participatory.hpp"

namespace arrcoc {

void register_textures(HostStages& r);
void register_scorers(HostStages& r);
void register_balancers(HostStages& r);
void register_allocators(HostStages& r);
void register_splits(HostStages& r);
/// Preset pipelines of the kit.
void register_presets(HostStages& r);
/// The published methods of plugins/, in the order of plugins/meson.build: stages and a preset of each.
void register_methods(HostStages& r);
/// All of the above.
void register_host(HostStages& r);

template <class B>
void register_builtin(Registry<B>& r) {
  register_host(r.host);
  r.template add_scorer<ParticipatoryScorer>(
      {"ARR-COC notes, query-patch cosine", {"A9", "K5", "K6"}, "how much the token speaks to the question", "O(N D)"});

  r.template add_query<MeanQuery>(
      {"ARR-COC notes, masked mean", {"K6", "K14"}, "mean of the question's token embeddings", "O(Q D)"});
  r.template add_query<LastQuery>(
      {"ARR-COC notes, last token", {"K7", "K14"}, "embedding of the question's last token", "O(D)"});
  r.template add_query<ContextualQuery>({"ARR-COC notes, pooled hidden state",
                                         {"K8", "K14"},
                                         "mean hidden row of the question run alone through the language model",
                                         "a prefill of Q rows"});
  r.template add_query<AttentionQuery>({"ARR-COC notes, attention pooling",
                                        {"K9", "K14"},
                                        "token embeddings weighed by how unlike the rest of the question they are",
                                        "O(Q D)"});
  r.template add_query<WordsQuery>({"ours", {}, "one row a word, and their mean", "O(Q D)"});
  r.template add_query<TemplateQuery>(
      {"published harnesses", {}, "a fault: the template counts as the question", "O(L D)"});

  r.template add_injector<TierInjector>({"seeds Z1 (TIER), G1; strategies.md 11.6",
                                         {"Z1", "B6", "G1"},
                                         "regions are encoded with a number of tokens each, larger places for fewer",
                                         "O(K)"});
  r.template add_injector<FoveatedInjector>(
      {"control",
       {"A14", "B6"},
       "regions lose the sharpness that their tokens would not hold; no token goes",
       "O(H W)"});
  r.template add_injector<DownsampleInjector>(
      {"control", {}, "the whole picture in one lower resolution, on a grid of its own", "O(H W)"});
  r.template add_injector<EarlyInjector>({"ours; Qwen3-VL's own coordinates, kept sparse",
                                          {"G11", "H1"},
                                          "dropped patches never enter the tower, kept ones keep their coordinates",
                                          "O(K)"});
  r.template add_injector<TowerDropInjector>(
      {"ours", {"G11"}, "dropped 2x2 patch groups leave the tower before a block", "O(K)"});
  r.template add_injector<GatherInjector>({"Qwen3-VL's own positions, kept sparse",
                                           {"G11", "P1", "P12"},
                                           "kept rows at their true positions, dropped pads removed",
                                           "O(K H levels)"});
  r.template add_injector<LayerDropInjector>({"Chen et al. 2024 (FastV), section 4.1",
                                              {"G11"},
                                              "dropped rows leave the language model before a layer",
                                              "O(K H)"});
  r.template add_injector<ReversibleInjector>(
      {"ours, after DSTP and FastOCR",
       {},
       "everything stays cached; each decoded token chooses anew what later layers look at",
       "a decision a token"});
  r.template add_injector<AgainInjector>({"ours; two looks",
                                          {"G11"},
                                          "a first look with some layers chooses who enters the language model",
                                          "the first look's layers over all tokens"});
  r.template add_injector<EntryInjector>(
      {"ours", {}, "as gather, each token joining before the layer it is given", "O(K H levels)"});
  r.template add_injector<MergeInjector>({"Bolya et al. 2023, section 3",
                                          {"2A.16"},
                                          "as gather, rows that are weighted sums of several tokens",
                                          "O(members H levels)"});
  r.template add_injector<OrderInjector>(
      {"ours", {}, "as gather, a picture's rows in another order at their own positions", "O(K (H levels + log K))"});
}

}  // namespace arrcoc
