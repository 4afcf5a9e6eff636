#pragma once
// Laws of an Allocator. broken_allocator_laws names those that a model breaks.
//   spend       K is what A::spend declares, for many N and B, and `clamped` says whether B > N
//   ascending   kept tokens strictly ascending inside the grid, a depth and a reason each
//   ranks       provenance ranks are 0..K-1, each once; among the scored ones the value never rises with the rank
//   same        same score bytes, same generator state: same allocation, whatever was allocated before
//   ties        among equal scores the smaller index is kept (tokens kept for their score)
//   provenance  take the cause away and the token's fate changes. Kept for its score: when that becomes the lowest, the
//               token is dropped, kept for another cause, or the last where all are kept. Kept for `floor` or
//               `coverage`: it stays when its score becomes the lowest, or a more relevant token was still free when it
//               was chosen, so that its score alone was not enough. Any other cause: it stays.
#include <algorithm>

#include "arrcoc/core/similarity.hpp"
#include "laws/material.hpp"

namespace laws {

/// A token that scores higher (equal ones: stands in front) was free when the i-th kept one was chosen.
inline bool passed_over(const Allocation& a, const std::vector<float>& s, std::size_t i) {
  std::vector<Index> rank(s.size(), a.count());
  for (std::size_t j = 0; j < a.kept.size(); ++j) rank[std::size_t(a.kept[j])] = a.why[j].rank;
  const float own = s[std::size_t(a.kept[i])];
  for (Index t = 0; t < static_cast<Index>(s.size()); ++t) {
    const float other = s[std::size_t(t)];
    if (rank[std::size_t(t)] > a.why[i].rank && (other > own || (other == own && t < a.kept[i]))) return true;
  }
  return false;
}

template <class A>
Broken broken_allocator_laws(const A& model = A{}) {
  Broken broken;
  for (const Grid grid : {Grid{1, 1}, Grid{2, 3}, Grid{7, 5}, Grid{1, 40}, Grid{16, 16}, Grid{31, 3}}) {
    const Index n = grid.count();
    const Image image(grid.rows * 32, grid.cols * 32);
    Evidence e;
    e.tokens = grid;
    e.rgb = image.view();
    e.size = FrameSize{image.height, image.width};
    e.boxes = {{0, 0, 40, 50}};
    const HostTensor vision = features(n, 6, 31);
    e.vision = vision;
    e.question = features(3, 6, 32);
    e.similarity = std::shared_ptr<const SimilarityRows>(std::make_shared<const Similarity>(vision));
    for (const bool ties : {false, true})
      for (Index tokens : {Index{1}, Index{2}, n / 3, n / 2, n - 1, n, n + 5}) {
        if (tokens < 1) continue;
        const Budget budget{tokens, 0.25};
        const auto s = scores(n, 21 + static_cast<std::uint64_t>(tokens), ties);
        Rng rng(1);
        const Allocation a = model.allocate(s, e, budget, rng);
        const Index k = a.count(), paid = spent(a, A::spend);
        if (A::spend == Spend::everything) note(broken, k == n, "spend");
        else {
          note(broken, A::spend == Spend::exact ? paid == std::min(tokens, n) : paid <= std::min(tokens, n), "spend");
          note(broken, a.clamped == (tokens > n), "spend");
        }
        bool listed = a.tokens == e.tokens;
        try {
          check_allocation(a, "laws");
        } catch (const Error&) { listed = false; }
        note(broken, listed, "ascending");
        if (!listed) continue;
        std::vector<const Provenance*> by_rank(std::size_t(k), nullptr);
        bool ranked = true;
        if (a.why[0].cause != Cause::everything) {
          for (const Provenance& p : a.why) {
            ranked = ranked && p.rank >= 0 && p.rank < k && by_rank[std::size_t(p.rank)] == nullptr;
            if (ranked) by_rank[std::size_t(p.rank)] = &p;
          }
          for (std::size_t i = 1; ranked && i < by_rank.size(); ++i)
            if (by_rank[i - 1]->cause == Cause::score && by_rank[i]->cause == Cause::score)
              ranked = by_rank[i - 1]->value >= by_rank[i]->value;
          note(broken, ranked, "ranks");
        }
        Rng again(1), other(2);
        (void)model.allocate(scores(n, 99, ties), e, Budget{n / 2 + 1, 0.25}, other);
        note(broken, model.allocate(s, e, budget, again) == a, "same");
        std::vector<bool> in(static_cast<std::size_t>(n), false);
        for (const Index t : a.kept) in[std::size_t(t)] = true;
        for (std::size_t i = 0; i < a.kept.size(); ++i) {
          if (a.why[i].cause != Cause::score) continue;
          for (Index t = 0; t < a.kept[i]; ++t)
            note(broken, in[std::size_t(t)] || s[std::size_t(t)] != s[std::size_t(a.kept[i])], "ties");
        }
        if (k == n || n > 300) continue;
        for (std::size_t i = 0; i < a.kept.size(); i += 1 + a.kept.size() / 16) {
          auto lowered = s;
          lowered[std::size_t(a.kept[i])] = -100.f;
          Rng fresh(1);
          const auto b = model.allocate(lowered, e, budget, fresh);
          const auto at = std::find(b.kept.begin(), b.kept.end(), a.kept[i]);
          const bool stays = at != b.kept.end();
          const Cause cause = a.why[i].cause;
          if (cause == Cause::score && static_cast<Index>(b.kept.size()) == n) continue;  // one of all is the last
          const bool named = cause == Cause::score ? !stays || b.why[std::size_t(at - b.kept.begin())].cause != cause
                             : cause == Cause::floor || cause == Cause::coverage ? stays || passed_over(a, s, i)
                                                                                 : stays;
          note(broken, named, "provenance");
        }
      }
  }
  return broken;
}

}  // namespace laws
