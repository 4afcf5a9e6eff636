#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/nearest.hpp"
#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/primitives/regions.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct VScanConfig {
  double local_layer = 0.25;  ///< shallow block: a share of the depth, or an index
  Index window = 6;           ///< tokens down and across a window, about; 1..256
  bool merge = true;          ///< dropped tokens are averaged into the kept one most like them
  std::string validate() const {
    if (window < 1 || window > 256) return "window: expected 1..256, got " + std::to_string(window);
    return names_depth(local_layer, 1e4)
               ? ""
               : "local_layer: expected a block or a share of the depth, got " + std::to_string(local_layer);
  }
  bool operator==(const VScanConfig&) const = default;
};

/// Local and global tokens: floor(K / 2) by the attention received in a shallow block, the best first, no window of the
/// picture giving more than ceil(that / windows) before all have; then the most relevant of the rest. Each dropped
/// token joins the kept one of the largest cosine of the merged embeddings, a row being the mean of its tokens. Exactly
/// K. O(N log N + K N D). Value: relevance. Causes: primitives/picks.hpp, by rank. Needs an injector that honours
/// merge, unless merge=false. Source: Zhang et al. 2025, "VScan" (arXiv 2505.22654), its stage in the encoder. Its
/// second stage, in the language model, is not there. Differs: windows are even blocks, so that small grids have some;
/// where windows are spent before the half is full, the best of the others follow.
struct VScanAllocator {
  static constexpr std::string_view name = "vscan";
  static constexpr Needs may_need{Phase::vision, Need::similarity | Need::received};
  static constexpr Spend spend = Spend::exact;
  using Config = VScanConfig;
  Config config{};

  std::vector<Request> needs() const { return {{.index = index_at(config.local_layer)}}; }

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Index k = budget.resolve(e.count()).kept;
    std::vector<bool> kept(relevance.size());
    for (const Index t : local(e, k / 2)) kept[static_cast<std::size_t>(t)] = true;
    Index left = k - k / 2;
    for (const Index t : selection::best(relevance, e.count()))
      if (left > 0 && !kept[static_cast<std::size_t>(t)]) kept[static_cast<std::size_t>(t)] = true, --left;
    Allocation a = selection::finish(e.tokens, greedy::by_rank(kept, relevance), budget);
    if (config.merge) merge_rest(a, *e.similarity);
    return a;
  }

 private:
  std::vector<Index> local(const Evidence& e, Index count) const {
    const Grid g = e.tokens.grid;
    const auto parts = [&](Index n) { return (n + config.window - 1) / config.window; };
    const Index rows = parts(g.rows), cols = parts(g.cols), windows = e.tokens.frames * rows * cols,
                cap = (count + windows - 1) / windows;
    std::vector<Index> taken(static_cast<std::size_t>(windows)), out, others;
    for (const Index t : selection::best(e.answer(needs()[0]).floats(), e.count())) {
      Index& here = taken[block_of(e.tokens, t, rows, cols)];
      if (static_cast<Index>(out.size()) < count && here < cap) out.push_back(t), ++here;
      else others.push_back(t);
    }
    for (const Index t : others)
      if (static_cast<Index>(out.size()) < count) out.push_back(t);
    return out;
  }
};
static_assert(check_allocator<VScanAllocator>());

inline void register_vscan(HostStages& r) {
  r.add_allocator<VScanAllocator>(
      {"Zhang et al. 2025, arXiv 2505.22654",
       {},
       "half window by window from a shallow block, half the most relevant; the rest merges",
       "O(N log N + K N D)"});
  r.add_preset({"vscan", "none/tower_attention:block=-1/fixed:scale=none/vscan/merge",
                "half window by window from a shallow block of the tower, half from its last; the rest merges",
                "Zhang et al. 2025, arXiv 2505.22654"});
}

}  // namespace arrcoc
