#pragma once
// Every strategy that comes with arrcoc, one line each, in the order `arrcoc list` shows them. Those of the host plane
// are registered in src/engine/builtin_*.cpp, compiled once; those that live on a backend here.
#include "arrcoc/registry/registry.hpp"
#include "arrcoc/scorers/features/participatory.hpp"

namespace arrcoc {

void register_textures(HostStages& r);
void register_scorers(HostStages& r);
void register_balancers(HostStages& r);
void register_allocators(HostStages& r);
void register_splits(HostStages& r);
/// All of the above.
void register_host(HostStages& r);

template <class B>
void register_builtin(Registry<B>& r) {
  register_host(r.host);
  r.template add_scorer<ParticipatoryScorer>(
      {"ARR-COC notes, query-patch cosine", {"A9", "K5", "K6"}, "how much the token speaks to the question", "O(N D)"});

  r.template add_query<MeanQuery>(
      {"ARR-COC notes, masked mean", {"K6"}, "mean of the question's token embeddings", "O(Q D)"});
  r.template add_query<LastQuery>(
      {"ARR-COC notes, last token", {"K7"}, "embedding of the question's last token", "O(D)"});
  r.template add_query<ContextualQuery>({"ARR-COC notes, pooled hidden state",
                                         {"K8"},
                                         "mean hidden row of the question run alone through the language model",
                                         "a prefill of Q rows"});
  r.template add_query<AttentionQuery>({"ARR-COC notes, attention pooling",
                                        {"K9"},
                                        "token embeddings weighed by how unlike the rest of the question they are",
                                        "O(Q D)"});
  r.template add_query<WordsQuery>({"ours", {}, "one row a word, and their mean", "O(Q D)"});

  r.template add_injector<GatherInjector>({"Qwen3-VL's own positions, kept sparse",
                                           {"G11", "P1", "P12"},
                                           "kept rows at their true positions, dropped pads removed",
                                           "O(K H levels)"});
}

}  // namespace arrcoc
