#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/frames.hpp"
#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct DycokeConfig {
  Index window = 4;  ///< frames that are compared with each other; 2..64
  std::string validate() const {
    return window >= 2 && window <= 64 ? "" : "window: expected 2..64, got " + std::to_string(window);
  }
  bool operator==(const DycokeConfig&) const = default;
};

/// Of each window of frames the first one whole, of the others the tokens least like those at the same place of an
/// earlier frame of the window: of the one before for the second, fourth, ..., of the first for the third, fifth, ...
/// A token without one there is as unlike as can be. The first frames are whole, the rest of K goes evenly to the
/// others, by largest remainder within what they have: K says the share that is dropped. A K that does not hold the
/// first frames goes to them alone, in proportion to their sizes, on an even lattice in each. Exactly K.
/// O(N D + N log N). Relevance is not looked at. Value: 1 - cosine, 0 of a first frame. Causes: `lattice` in a first
/// frame, `coverage` in the others. One picture is a first frame: the lattice that `grid` is.
/// Source: Tao et al. 2024, "DyCoke" (arXiv 2411.15024), its merging over time, with the pairs of its code
/// (github.com/KD-TAO/DyCoke), read in November 2026. Differs: the budget decides the share, theirs is 0.7; a last
/// window that is not full is like the others, where its third frame stays whole. Its pruning of the cache while
/// answering is not there.
struct DycokeAllocator {
  static constexpr std::string_view name = "dycoke";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  static constexpr Spend spend = Spend::exact;
  using Config = DycokeConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    const std::vector<float> unlike = differences(e);
    const auto frames = frames::ranked(e.tokens, unlike);
    std::vector<std::vector<Index>> whole(frames.size()), others(frames.size());
    std::vector<double> sizes(frames.size()), even(frames.size(), 1);
    Index held = 0;
    for (std::size_t f = 0; f < frames.size(); ++f) {
      const bool first = f % static_cast<std::size_t>(config.window) == 0;
      (first ? whole : others)[f] = frames[f];
      if (first) held += std::ssize(frames[f]);
      sizes[f] = static_cast<double>(whole[f].size());
    }
    const Index firsts = std::min(k, held);
    std::vector<selection::Choice> choices;
    const auto keep = [&](Index t, Cause cause, float value) {
      choices.push_back({t, {cause, static_cast<Index>(choices.size()), value}});
    };
    const std::vector<Index> lattices = greedy::quotas(whole, sizes, firsts);
    for (std::size_t f = 0; f < frames.size(); ++f)
      if (lattices[f] > 0)
        for (const Index t : frames::lattice(e.tokens, whole[f], lattices[f])) keep(t, Cause::lattice, 0);
    const std::vector<Index> quotas = greedy::quotas(others, even, k - firsts);
    for (std::size_t f = 0; f < frames.size(); ++f)
      for (const Index t : std::span(others[f]).first(static_cast<std::size_t>(quotas[f])))
        keep(t, Cause::coverage, unlike[static_cast<std::size_t>(t)]);
    return selection::finish(e.tokens, std::move(choices), clamped);
  }

 private:
  std::vector<float> differences(const Evidence& e) const {
    const FeatureRows x(*e.vision, e.count(), name);
    const frames::SamePlace place(e.tokens);
    std::vector<float> out(x.count);
    for (Index t = 0; t < e.count(); ++t) {
      const Index frame = e.tokens.at(t).frame, at = frame % config.window;
      if (at == 0) continue;
      const Index other = place.in(at % 2 == 1 ? frame - 1 : frame - at, t);
      out[static_cast<std::size_t>(t)] =
          other < 0 ? 2
                    : static_cast<float>(
                          1 - cosine_of(x.row(static_cast<std::size_t>(t)), x.row(static_cast<std::size_t>(other))));
    }
    return out;
  }
};
static_assert(check_allocator<DycokeAllocator>());

inline void register_dycoke(HostStages& r) {
  r.add_allocator<DycokeAllocator>({"Tao et al. 2024, arXiv 2411.15024",
                                    {},
                                    "of a clip: first frames of windows, and what changed in the others",
                                    "O(N D + N log N)"});
  r.add_preset({"dycoke", "none/none/flat/dycoke/gather",
                "of a clip: first frames of windows, and what changed in the others",
                "Tao et al. 2024, arXiv 2411.15024"});
}

}  // namespace arrcoc
