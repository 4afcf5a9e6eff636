#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/mean_query.hpp"
#include "arrcoc/primitives/nearest.hpp"
#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct PactConfig {
  double tokeep = 0.55;      ///< share of tokens that are clustered, the most relevant; (0, 1]
  double cutoff = 0.21;      ///< no two centres are nearer, no member is farther from its centre; [0, 2]
  double dc = 2;             ///< scale of the density; > 0
  double coef_pruned = 1.5;  ///< pruned tokens join a centre within so many cutoffs; >= 0
  std::string validate() const {
    if (!(tokeep > 0 && tokeep <= 1)) return "tokeep: expected a number in (0, 1], got " + std::to_string(tokeep);
    if (!(cutoff >= 0 && cutoff <= 2)) return "cutoff: expected a number in [0, 2], got " + std::to_string(cutoff);
    if (!(dc > 0 && dc < 1e6)) return "dc: expected a number in (0, 1e6), got " + std::to_string(dc);
    return coef_pruned >= 0 && coef_pruned < 1e6
               ? ""
               : "coef_pruned: expected at least 0, got " + std::to_string(coef_pruned);
  }
  bool operator==(const PactConfig&) const = default;
};

struct PactScorerConfig {
  bool operator==(const PactScorerConfig&) const = default;
};

/// Mean over heads of softmax(q k / sqrt(d)), q the mean query of the picture, times the norm of the row: [N] >= 0, of
/// the tower's last block. O(N D). Source: Dhouib et al. 2025, "PACT" (arXiv 2504.08966), which reads layer 4 of the
/// language model.
struct PactScorer {
  static constexpr std::string_view name = "pact";
  static constexpr Needs may_need{Phase::tower, Need::q | Need::k | Need::hidden};
  using Config = PactScorerConfig;
  Config config{};

  std::vector<Request> needs() const {
    return {of(Request::What::q), of(Request::What::k), {.what = Request::What::k}, {.what = Request::What::hidden}};
  }

  std::vector<float> score(const Evidence& e) const {
    const FeatureRows q(e.answer(needs()[0]), e.count(), name), k(e.answer(needs()[1]), e.count(), name),
        rows(e.answer(needs()[3]), e.count(), name);
    const auto width = static_cast<std::size_t>(e.answer(needs()[2]).dim(1));  // of a head
    const std::vector<double> attention = mean_query_attention(q, k, width);
    std::vector<float> out;
    for (std::size_t t = 0; t < k.count; ++t)
      out.push_back(static_cast<float>(attention[t] * std::sqrt(dot_of(rows.row(t), rows.row(t)))));
    return out;
  }

 private:
  static Request of(Request::What what) { return {.what = what, .heads = Request::Over::each}; }
};
static_assert(check_scorer<PactScorer>());

/// Distance-bounded density peaks: the max(1, floor(tokeep N)) most relevant tokens, by falling density sum exp(-(d /
/// dc)^2) (d = 1 - cosine of the last block's keys, all heads), become centres where none lies within `cutoff`; the
/// others join the nearest centre, and pruned ones the nearest within coef_pruned cutoff. A row is the mean of its
/// tokens, at its centre's place. Keeps its own count; the budget is a cap, where later centres are not kept and join
/// like the others. Equal ones by the smaller index. O(N^2 D). Value: relevance. Causes:
/// primitives/picks.hpp, by rank. Needs an injector that honours merge. Source: Dhouib et al. 2025, "PACT" (arXiv
/// 2504.08966). Differs: decided behind the tower on its last block, since rows of the language model do not merge
/// between layers; tokeep and cutoff are those of its scripts for LLaVA-OneVision (Qwen2-VL: 0.8
/// and 0.1).
struct PactAllocator {
  static constexpr std::string_view name = "pact";
  static constexpr Needs may_need{Phase::tower, Need::k};
  static constexpr Spend spend = Spend::own_count;
  using Config = PactConfig;
  Config config{};

  std::vector<Request> needs() const { return {{.what = Request::What::k, .heads = Request::Over::each}}; }

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    FeatureRows keys(e.answer(needs()[0]), e.count(), name);
    keys.normalise();
    const auto distance = [&](Index a, Index b) {
      return 1 - dot_of(keys.row(static_cast<std::size_t>(a)), keys.row(static_cast<std::size_t>(b)));
    };
    const Index count = e.count(), cap = budget.resolve(count).kept,
                some = std::max<Index>(1, static_cast<Index>(std::floor(config.tokeep * static_cast<double>(count))));
    std::vector<Index> clustered = selection::best(relevance, some);
    std::sort(clustered.begin(), clustered.end());
    std::vector<float> density;
    for (const Index a : clustered) {
      double sum = 0;
      for (const Index b : clustered) sum += std::exp(-std::pow(distance(a, b) / config.dc, 2));
      density.push_back(static_cast<float>(sum));
    }
    std::vector<Index> centres;
    std::vector<bool> kept(relevance.size());
    for (const Index i : selection::best(density, some)) {
      const Index t = clustered[static_cast<std::size_t>(i)];
      if (static_cast<Index>(centres.size()) == cap ||
          std::any_of(centres.begin(), centres.end(), [&](Index c) { return distance(t, c) <= config.cutoff; }))
        continue;
      centres.push_back(t);
      kept[static_cast<std::size_t>(t)] = true;
    }
    Allocation a = selection::finish(e.tokens, greedy::by_rank(kept, relevance), budget);
    for (const Index t : a.kept) a.merge.push_back({{t, 1.0f}});
    for (Index t = 0; t < count; ++t) {
      if (kept[static_cast<std::size_t>(t)]) continue;
      std::size_t nearest = 0;
      double least = distance(t, a.kept[0]);
      for (std::size_t c = 1; c < a.kept.size(); ++c)
        if (const double d = distance(t, a.kept[c]); d < least) least = d, nearest = c;
      const bool pruned = !std::binary_search(clustered.begin(), clustered.end(), t);
      if (!pruned || least <= config.coef_pruned * config.cutoff) a.merge[nearest].push_back({t, 1.0f});
    }
    average_rows(a);
    return a;
  }
};
static_assert(check_allocator<PactAllocator>());

inline void register_pact(HostStages& r) {
  r.add_scorer<PactScorer>({"Dhouib et al. 2025, arXiv 2504.08966",
                            {},
                            "attention of the mean query in the tower's last block, times the row's norm",
                            "O(N D)"});
  r.add_allocator<PactAllocator>({"Dhouib et al. 2025, arXiv 2504.08966",
                                  {},
                                  "clusters of the most relevant tokens, none wider than a cutoff",
                                  "O(N^2 D)"});
  r.add_preset({"pact", "none/pact/fixed:scale=none/pact/merge:log_size=true",
                "clusters of tokens behind the tower, none wider than a cutoff; its own count",
                "Dhouib et al. 2025, arXiv 2504.08966"});
}

}  // namespace arrcoc
