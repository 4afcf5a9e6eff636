#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/similarity.hpp"
#include "arrcoc/primitives/mean_query.hpp"
#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct PruMergeConfig {
  double iqr = 1.5;       ///< outliers lie above Q3 + iqr (Q3 - Q1); >= 0
  Index neighbours = 32;  ///< tokens added to each kept one; >= 0
  bool rest = true;       ///< one more row, of all that are not kept
  bool uniform = false;   ///< PruMerge+: and every floor(floor(1 / ratio) / 3)-th token of the raster
  std::string validate() const {
    if (!(iqr >= 0 && iqr < 1e6)) return "iqr: expected a number in [0, 1e6), got " + std::to_string(iqr);
    return neighbours >= 0 ? "" : "neighbours: expected at least 0, got " + std::to_string(neighbours);
  }
  bool operator==(const PruMergeConfig&) const = default;
};

namespace prumerge {
/// Rows of the tower's last block, all heads side by side: [N, D].
inline Request of(Request::What what) { return {.what = what, .heads = Request::Over::each}; }

/// The q quantile of sorted values, linear between two of them.
inline double quantile(const std::vector<float>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const double from = sorted[low], to = sorted[std::min(low + 1, sorted.size() - 1)];
  return from + (at - static_cast<double>(low)) * (to - from);
}
}  // namespace prumerge

struct PruMergeScorerConfig {
  bool operator==(const PruMergeScorerConfig&) const = default;
};

/// Attention of the mean query over the keys of the tower's last block, all heads as one vector: softmax(q k /
/// sqrt(D)), [N] summing to 1. O(N D). The mean query stands in for that of the class token, which this model has not,
/// and a token's key is the mean over its four patches. Source: Shang et al. 2024, "LLaVA-PruMerge" (arXiv 2403.15388),
/// section 3.2.
struct PruMergeScorer {
  static constexpr std::string_view name = "prumerge";
  static constexpr Needs may_need{Phase::tower, Need::q | Need::k};
  using Config = PruMergeScorerConfig;
  Config config{};

  std::vector<Request> needs() const { return {prumerge::of(Request::What::q), prumerge::of(Request::What::k)}; }

  std::vector<float> score(const Evidence& e) const {
    const FeatureRows q(e.answer(prumerge::of(Request::What::q)), e.count(), name),
        k(e.answer(prumerge::of(Request::What::k)), e.count(), name);
    const std::vector<double> attention = mean_query_attention(q, k, k.width);
    return {attention.begin(), attention.end()};
  }
};
static_assert(check_scorer<PruMergeScorer>());

/// Outliers of the attention, each with the relevance-weighted sum of the `neighbours` tokens whose last-block keys are
/// most like its own added (other kept ones among them; weights as they come), and one more row: the weighted sum of
/// all that are not kept, at the place of the most relevant of them. Keeps its own count, at least one outlier and that
/// row; the budget is a cap, and cuts sampled tokens before outliers, the least relevant first. Values: relevance.
/// Causes: primitives/picks.hpp, by rank. O(K N D). Needs an injector that honours merge, and relevance in the units of
/// attention. Source: Shang et al. 2024 (arXiv 2403.15388), sections 3.2 to 3.4.
/// Differs: rows in the order of the picture; a flat map keeps one token.
struct PruMergeAllocator {
  static constexpr std::string_view name = "prumerge";
  static constexpr Needs may_need{Phase::tower, Need::k};
  static constexpr Spend spend = Spend::own_count;
  using Config = PruMergeConfig;
  Config config{};

  std::vector<Request> needs() const { return {prumerge::of(Request::What::k)}; }

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Index cap = budget.resolve(e.count()).kept;
    std::vector<Index> centres = wanted(relevance);
    const bool rest = config.rest && static_cast<Index>(centres.size()) < e.count() && cap > 1;
    centres.resize(static_cast<std::size_t>(std::min(static_cast<Index>(centres.size()), cap - (rest ? 1 : 0))));
    std::vector<bool> kept(relevance.size());
    for (const Index t : centres) kept[static_cast<std::size_t>(t)] = true;
    const std::vector<bool> centre = kept;
    Index extra = -1;
    for (const Index t : selection::best(relevance, e.count()))
      if (rest && extra < 0 && !kept[static_cast<std::size_t>(t)]) extra = t;
    if (rest) kept[static_cast<std::size_t>(extra)] = true;
    Allocation a = selection::finish(e.tokens, greedy::by_rank(kept, relevance), budget);
    const Similarity keys(e.answer(prumerge::of(Request::What::k)));
    for (const Index t : a.kept)
      a.merge.push_back(t == extra ? left(relevance, centre, extra) : joined(t, relevance, keys));
    return a;
  }

 private:
  /// Outliers, the most relevant first, then those sampled, the most relevant first.
  std::vector<Index> wanted(std::span<const float> relevance) const {
    std::vector<float> sorted(relevance.begin(), relevance.end());
    std::sort(sorted.begin(), sorted.end());
    const double q1 = prumerge::quantile(sorted, 0.25), q3 = prumerge::quantile(sorted, 0.75),
                 above = q3 + config.iqr * (q3 - q1);
    const auto n = static_cast<Index>(relevance.size());
    const auto outliers = std::max<Index>(
        1, std::count_if(relevance.begin(), relevance.end(), [&](float x) { return static_cast<double>(x) > above; }));
    std::vector<Index> out = selection::best(relevance, outliers);
    if (!config.uniform) return out;
    const Index step = std::max<Index>(1, n / outliers / 3);
    std::vector<Index> sampled;
    for (Index t = 0; t < n; t += step)
      if (std::find(out.begin(), out.end(), t) == out.end()) sampled.push_back(t);
    std::stable_sort(sampled.begin(), sampled.end(), [&](Index a, Index b) {
      return relevance[static_cast<std::size_t>(a)] > relevance[static_cast<std::size_t>(b)];
    });
    out.insert(out.end(), sampled.begin(), sampled.end());
    return out;
  }
  static void add(std::vector<MergePart>& row, Index token, std::span<const float> relevance) {
    if (const float w = relevance[static_cast<std::size_t>(token)]; w > 0) row.push_back({token, w});
  }
  std::vector<MergePart> joined(Index centre, std::span<const float> relevance, const Similarity& keys) const {
    std::vector<MergePart> row{{centre, 1.0f}};
    std::vector<float> likeness(relevance.size());
    keys.row(centre, likeness);
    likeness[static_cast<std::size_t>(centre)] = -2;
    const auto others = static_cast<Index>(relevance.size()) - 1;
    for (const Index t : selection::best(likeness, std::min(config.neighbours, others))) add(row, t, relevance);
    return row;
  }
  static std::vector<MergePart> left(std::span<const float> relevance, const std::vector<bool>& centre, Index extra) {
    std::vector<MergePart> row;
    for (std::size_t t = 0; t < relevance.size(); ++t)
      if (!centre[t]) add(row, static_cast<Index>(t), relevance);
    if (row.empty()) row.push_back({extra, 1.0f});
    return row;
  }
};
static_assert(check_allocator<PruMergeAllocator>());

inline void register_prumerge(HostStages& r) {
  r.add_scorer<PruMergeScorer>({"Shang et al. 2024, arXiv 2403.15388",
                                {},
                                "attention of the mean query in the tower's last block, heads as one vector",
                                "O(N D)"});
  r.add_allocator<PruMergeAllocator>(
      {"Shang et al. 2024, arXiv 2403.15388",
       {},
       "outliers of the attention, with what is like them added, and one row of the rest",
       "O(K N D)"});
  r.add_preset({"prumerge", "none/prumerge/fixed:scale=none/prumerge/merge",
                "outliers of the attention, with what is like them added, and one row of the rest",
                "Shang et al. 2024, arXiv 2403.15388"});
}

}  // namespace arrcoc
