#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/similarity.hpp"
#include "arrcoc/primitives/nearest.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct VisionZipConfig {
  Index dominant = 54;          ///< with `contextual`: how the budget divides
  Index contextual = 10;        ///< 54 and 10 of 64, 108 and 20 of 128, 162 and 30 of 192 are the published ones
  std::string combine = "add";  ///< add: target + mean of its members; mean: the mean of all of them
  std::string validate() const {
    if (dominant < 1 || contextual < 0)
      return "dominant, contextual: expected at least 1 and 0, got " + std::to_string(dominant) + " and " +
             std::to_string(contextual);
    return combine == "add" || combine == "mean" ? "" : "combine: expected add or mean, got '" + combine + "'";
  }
  bool operator==(const VisionZipConfig&) const = default;
};

/// Dominant tokens by relevance; of the rest, contextual targets evenly spaced (every floor(rest / targets)-th, from
/// the first), and every other one joins the target of the largest cosine of its key in block -2, mean over heads. [N]
/// -> K rows that stand for N tokens, exactly K; with the whole budget nothing merges. O(N log N + contextual N d).
/// `add` about doubles a target's norm. Causes: score, and `lattice` of the targets. Needs an injector that honours
/// merge. Source: Yang et al. 2024, "VisionZip" (arXiv 2412.04467), sections 3.2 and 3.3.
struct VisionZipAllocator {
  static constexpr std::string_view name = "visionzip";
  static constexpr Needs may_need{Phase::tower, Need::k};
  static constexpr Spend spend = Spend::exact;
  using Config = VisionZipConfig;
  Config config{};

  std::vector<Request> needs() const { return {keys()}; }

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Index k = budget.resolve(e.count()).kept;
    const double share =
        static_cast<double>(config.contextual) / static_cast<double>(config.dominant + config.contextual);
    const Index targets = std::min(k - 1, static_cast<Index>(std::floor(share * static_cast<double>(k) + 0.5)));
    std::vector<selection::Choice> choices;
    std::vector<bool> dominant(relevance.size());
    for (const Index t : selection::best(relevance, k - targets)) {
      const auto rank = static_cast<Index>(choices.size());
      choices.push_back({t, {Cause::score, rank, relevance[static_cast<std::size_t>(t)]}});
      dominant[static_cast<std::size_t>(t)] = true;
    }
    std::vector<Index> rest, contextual;
    for (Index t = 0; t < e.count(); ++t)
      if (!dominant[static_cast<std::size_t>(t)]) rest.push_back(t);
    const std::size_t step = targets > 0 ? rest.size() / static_cast<std::size_t>(targets) : 1;
    for (std::size_t i = 0; static_cast<Index>(contextual.size()) < targets; i += step) {
      contextual.push_back(rest[i]);
      choices.push_back({rest[i], {Cause::lattice, static_cast<Index>(choices.size()), 0}});
    }
    Allocation a = selection::finish(e.tokens, std::move(choices), budget);
    if (!contextual.empty()) merge(a, rest, contextual, e);
    return a;
  }

 private:
  static Request keys() { return {.index = -2, .what = Request::What::k}; }

  void merge(Allocation& a, const std::vector<Index>& rest, const std::vector<Index>& targets,
             const Evidence& e) const {
    const std::vector<std::size_t> joins = nearest_of(Similarity(e.answer(keys())), targets);
    std::vector<std::vector<Index>> members(targets.size());
    for (const Index t : rest)
      if (!std::binary_search(targets.begin(), targets.end(), t))
        members[joins[static_cast<std::size_t>(t)]].push_back(t);
    for (const Index t : a.kept) a.merge.push_back({{t, 1.0f}});
    for (std::size_t i = 0; i < targets.size(); ++i) {
      if (members[i].empty()) continue;
      auto& row = a.merge[static_cast<std::size_t>(std::lower_bound(a.kept.begin(), a.kept.end(), targets[i]) -
                                                   a.kept.begin())];
      const bool mean = config.combine == "mean";
      const float part = 1.0f / static_cast<float>(members[i].size() + (mean ? 1 : 0));
      if (mean) row.front().weight = part;
      for (const Index t : members[i]) row.push_back({t, part});
    }
  }
};
static_assert(check_allocator<VisionZipAllocator>());

inline void register_visionzip(HostStages& r) {
  r.add_allocator<VisionZipAllocator>({"Yang et al. 2024, arXiv 2412.04467",
                                       {},
                                       "dominant tokens, and targets that the others are merged into",
                                       "O(N log N + contextual N d)"});
  r.add_preset({"visionzip", "none/tower_attention/fixed:scale=none/visionzip/merge",
                "the tokens most attended to in the tower, and targets that the others are merged into",
                "Yang et al. 2024, arXiv 2412.04467"});
}

}  // namespace arrcoc
