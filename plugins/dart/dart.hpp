#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct DartConfig {
  Index K = 2;                  ///< layer whose input is pruned; the injector's `before` has to be the same
  Index pivot_image_token = 4;  ///< visual tokens that are pivots, and kept
  Index pivot_text_token = 4;   ///< words of the question that are pivots
  std::string validate() const {
    if (K < 1) return "K: expected a layer of 1 or above, got " + std::to_string(K);
    if (pivot_image_token < 1 || pivot_text_token < 0)
      return "pivots: expected at least 1 visual token and 0 words, got " + std::to_string(pivot_image_token) +
             " and " + std::to_string(pivot_text_token);
    return {};
  }
  bool operator==(const DartConfig&) const = default;
};

/// Tokens that repeat no pivot: pivots are the visual tokens and the words whose keys in layer K - 1 have the largest
/// L1 norm. Visual pivots are kept; then each pivot in turn (visual ones, then words, by falling norm) takes the
/// ceil(left / pivots left) free tokens of the least cosine with it, of the rows that enter layer K. Equal ones by the
/// smaller index. Exactly K of the budget; a budget below the visual pivots keeps the first of them. O(pivots N H).
/// Value: the norm of a pivot, else 1 - cosine. Relevance is not looked at.
/// Source: Wen et al. 2025, "Stop looking for important tokens: duplication matters more" (arXiv 2502.11494). Differs:
/// words are the question's, without template tokens.
struct DartAllocator {
  static constexpr std::string_view name = "dart";
  static constexpr Needs may_need{Phase::layer, Need::k | Need::hidden};
  static constexpr Spend spend = Spend::exact;
  using Config = DartConfig;
  Config config{};

  std::vector<Request> needs() const {
    std::vector<Request> out{keys(Request::Rows::visual), rows(Request::Rows::visual)};
    if (config.pivot_text_token > 0) {
      out.push_back(keys(Request::Rows::question));
      out.push_back(rows(Request::Rows::question));
    }
    return out;
  }

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    const std::vector<float> norms = l1(e.answer(keys(Request::Rows::visual)), e.count());
    FeatureRows visual(e.answer(rows(Request::Rows::visual)), e.count(), name);
    visual.normalise();
    greedy::Picks picks;
    std::vector<std::vector<double>> pivots;
    for (const Index t : selection::best(norms, std::min(config.pivot_image_token, k))) {
      picks.add(t, norms[static_cast<std::size_t>(t)]);
      const auto row = visual.row(static_cast<std::size_t>(t));
      pivots.emplace_back(row.begin(), row.end());
    }
    if (config.pivot_text_token > 0) add_words(e, pivots);
    take(visual, pivots, picks, k);
    return selection::finish(e.tokens, greedy::in_order(picks), clamped);
  }

 private:
  Request keys(Request::Rows of) const {
    return {.site = Request::Site::layer,
            .index = config.K - 1,
            .what = Request::What::k,
            .rows = of,
            .heads = Request::Over::each};
  }
  Request rows(Request::Rows of) const {
    return {.site = Request::Site::layer, .index = config.K, .what = Request::What::hidden, .rows = of};
  }
  static std::vector<float> l1(const HostTensor& keys, Index count) {
    const FeatureRows x(keys, count, name);
    std::vector<float> out;
    for (std::size_t i = 0; i < x.count; ++i) {
      double sum = 0;
      for (const double v : x.row(i)) sum += std::abs(v);
      out.push_back(static_cast<float>(sum));
    }
    return out;
  }
  void add_words(const Evidence& e, std::vector<std::vector<double>>& pivots) const {
    FeatureRows words(e.answer(rows(Request::Rows::question)), -1, name);
    words.normalise();
    const auto count = static_cast<Index>(words.count);
    const std::vector<float> norms = l1(e.answer(keys(Request::Rows::question)), count);
    for (const Index t : selection::best(norms, std::min(config.pivot_text_token, count))) {
      const auto row = words.row(static_cast<std::size_t>(t));
      pivots.emplace_back(row.begin(), row.end());
    }
  }
  static void take(const FeatureRows& visual, const std::vector<std::vector<double>>& pivots, greedy::Picks& picks,
                   Index k) {
    std::vector<bool> taken(visual.count);
    for (const Index t : picks.order) taken[static_cast<std::size_t>(t)] = true;
    for (std::size_t p = 0; p < pivots.size() && picks.count() < k; ++p) {
      const auto left = static_cast<Index>(pivots.size() - p), share = (k - picks.count() + left - 1) / left;
      std::vector<Index> free;
      std::vector<float> unlike;
      for (std::size_t t = 0; t < visual.count; ++t)
        if (!taken[t]) {
          free.push_back(static_cast<Index>(t));
          unlike.push_back(static_cast<float>(1 - dot_of(pivots[p], visual.row(t))));
        }
      for (const Index i : selection::best(unlike, share)) {
        const Index t = free[static_cast<std::size_t>(i)];
        picks.add(t, unlike[static_cast<std::size_t>(i)]);
        taken[static_cast<std::size_t>(t)] = true;
      }
    }
  }
};
static_assert(check_allocator<DartAllocator>());

inline void register_dart(HostStages& r) {
  r.add_allocator<DartAllocator>(
      {"Wen et al. 2025, arXiv 2502.11494", {}, "tokens unlike a few pivots, which are kept", "O(pivots N H)"});
  r.add_preset({"dart", "none/none/flat/dart/layer", "tokens unlike a few pivots, dropped before layer 2",
                "Wen et al. 2025, arXiv 2502.11494"});
}

}  // namespace arrcoc
