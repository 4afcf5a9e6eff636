#pragma once
#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/frames.hpp"

namespace arrcoc {

struct UniformFramesConfig {
  bool operator==(const UniformFramesConfig&) const = default;
};

/// Whole frames of a clip, evenly spaced: frames floor((i + 1/2) T / m), m the fewest that hold K tokens; each gives
/// every token, the last of them what is left of K, on an even lattice. Exactly K. O(T^2 + N). One picture: the lattice
/// that `grid` is. Relevance is not looked at. The control of methods for clips: what sampling fewer frames does.
struct UniformFramesAllocator {
  static constexpr std::string_view name = "uniform_frames";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = UniformFramesConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    const auto frames = frames::of(e.tokens);
    std::vector<std::size_t> chosen;
    for (Index m = 1, held = 0; held < k; ++m) {  // all T frames hold N
      chosen.clear(), held = 0;
      for (Index i = 0; i < m; ++i) {
        chosen.push_back(static_cast<std::size_t>((2 * i + 1) * e.tokens.frames / (2 * m)));
        held += std::ssize(frames[chosen.back()]);
      }
    }
    std::vector<Index> order;
    for (const std::size_t f : chosen) {
      const Index most = std::min<Index>(k - std::ssize(order), std::ssize(frames[f]));
      if (most == 0) continue;
      for (const Index t : frames::lattice(e.tokens, frames[f], most)) order.push_back(t);
    }
    return selection::finish(e.tokens, order, Cause::lattice, clamped, [](Index) { return 0.f; });
  }
};
static_assert(check_allocator<UniformFramesAllocator>());

}  // namespace arrcoc
