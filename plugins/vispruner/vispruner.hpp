#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct VisPrunerConfig {
  double important_ratio = 0.5;  ///< share of the budget that goes to the most relevant; [0, 1]
  Index at_once = 8;             ///< duplicates removed in a round; >= 1
  std::string validate() const {
    if (!(important_ratio >= 0 && important_ratio <= 1))
      return "important_ratio: expected a number in [0, 1], got " + std::to_string(important_ratio);
    return at_once >= 1 ? "" : "at_once: expected at least 1, got " + std::to_string(at_once);
  }
  bool operator==(const VisPrunerConfig&) const = default;
};

/// The floor(important_ratio K) most relevant tokens; from the rest, in the order of the picture, duplicates go round
/// by round until K - that many are left: of those at even places (first, third ...) the min(at_once, what is too many)
/// whose best cosine with one at an odd place is largest, equal ones from the back. Exactly K. O(N^2 D) for the likest
/// of each, then O(N) a round. Value: relevance. Cause: score, and `floor` of the diverse part. Source: Zhang et al.
/// 2025, "Beyond text-visual attention" (VisPruner, arXiv 2412.01818).
struct VisPrunerAllocator {
  static constexpr std::string_view name = "vispruner";
  static constexpr Needs may_need{Phase::vision, Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = VisPrunerConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Index k = budget.resolve(e.count()).kept;
    const auto important = static_cast<Index>(std::floor(config.important_ratio * static_cast<double>(k)));
    std::vector<bool> kept(relevance.size());
    for (const Index t : selection::best(relevance, important)) kept[static_cast<std::size_t>(t)] = true;
    std::vector<Index> rest;
    for (Index t = 0; t < e.count(); ++t)
      if (!kept[static_cast<std::size_t>(t)]) rest.push_back(t);
    if (important == k) rest.clear();
    if (static_cast<Index>(rest.size()) > k - important) {
      Likest likest(*e.similarity, rest);
      while (static_cast<Index>(rest.size()) > k - important) remove_duplicates(rest, k - important, likest);
    }
    for (const Index t : rest) kept[static_cast<std::size_t>(t)] = true;
    return selection::finish(e.tokens, greedy::by_rank(kept, relevance), budget);
  }

 private:
  /// Of each token the others that it is most like, best first; those that are gone are passed over.
  class Likest {
   public:
    Likest(const SimilarityRows& similarity, std::span<const Index> tokens)
        : similarity_(similarity), lists_(static_cast<std::size_t>(similarity.count())) {
      std::vector<float> rows;
      for (std::size_t first = 0; first < tokens.size(); first += at_once) {
        const auto some = tokens.subspan(first, std::min(at_once, tokens.size() - first));
        rows.resize(some.size() * tokens.size());
        similarity.block(some, tokens, rows);
        for (std::size_t i = 0; i < some.size(); ++i)
          list(some[i], tokens, std::span(rows).subspan(i * tokens.size(), tokens.size()));
      }
    }
    std::size_t count() const { return lists_.size(); }
    /// The greatest cosine of `token` with one of `living` at an odd place; `odd` [N] says who is.
    float best(Index token, std::span<const Index> living, const std::vector<bool>& odd) {
      std::vector<Like>& own = lists_[static_cast<std::size_t>(token)];
      for (int times = 0; times < 2; ++times) {  // as it is, then anew from those that live
        for (const Like& l : own)
          if (odd[static_cast<std::size_t>(l.token)]) return l.cosine;
        std::vector<float> row(living.size());
        similarity_.block(std::span(&token, 1), living, row);
        list(token, living, row);
      }
      std::vector<float> row(static_cast<std::size_t>(similarity_.count()));
      similarity_.row(token, row);
      float most = -2;
      for (const Index t : living)
        if (odd[static_cast<std::size_t>(t)]) most = std::max(most, row[static_cast<std::size_t>(t)]);
      return most;
    }

   private:
    static constexpr std::size_t at_once = 16, deep = 64;
    struct Like {
      float cosine;
      Index token;
    };
    void list(Index token, std::span<const Index> tokens, std::span<const float> row) {
      std::vector<Like> all;
      for (std::size_t i = 0; i < tokens.size(); ++i)
        if (tokens[i] != token) all.push_back({row[i], tokens[i]});
      const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(deep, all.size()));
      std::partial_sort(all.begin(), end, all.end(), [](const Like& x, const Like& y) { return x.cosine > y.cosine; });
      lists_[static_cast<std::size_t>(token)].assign(all.begin(), end);
    }
    const SimilarityRows& similarity_;
    std::vector<std::vector<Like>> lists_;  // [N] at most `deep` each
  };

  /// One round. At least two are left, so that there is an odd place.
  void remove_duplicates(std::vector<Index>& rest, Index target, Likest& likest) const {
    std::vector<bool> odd(likest.count());
    for (std::size_t i = 1; i < rest.size(); i += 2) odd[static_cast<std::size_t>(rest[i])] = true;
    std::vector<float> likeness;
    for (std::size_t i = 0; i < rest.size(); i += 2) likeness.push_back(likest.best(rest[i], rest, odd));
    std::vector<float> unlike;
    for (const float x : likeness) unlike.push_back(-x);
    const auto even = static_cast<Index>(likeness.size());
    const Index go = std::min({config.at_once, static_cast<Index>(rest.size()) - target, even});
    std::vector<bool> stays(likeness.size());
    for (const Index i : selection::best(unlike, even - go)) stays[static_cast<std::size_t>(i)] = true;
    std::vector<Index> left;
    for (std::size_t i = 0; i < rest.size(); ++i)
      if (i % 2 == 1 || stays[i / 2]) left.push_back(rest[i]);
    rest = std::move(left);
  }
};
static_assert(check_allocator<VisPrunerAllocator>());

inline void register_vispruner(HostStages& r) {
  r.add_allocator<VisPrunerAllocator>({"Zhang et al. 2025, arXiv 2412.01818",
                                       {},
                                       "the most relevant tokens, and of the rest those that repeat none",
                                       "O(N^2 D)"});
  r.add_preset({"vispruner", "none/tower_attention/fixed:scale=none/vispruner/gather",
                "the tokens most attended to in the tower, and of the rest those that repeat none",
                "Zhang et al. 2025, arXiv 2412.01818"});
}

}  // namespace arrcoc
