#pragma once
#include <span>
#include <string_view>

#include "arrcoc/primitives/selection.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct WithdrawConfig {
  bool operator==(const WithdrawConfig&) const = default;
};

/// All tokens go but one, the nearest to the middle of the first frame's even lattice, whatever the budget: [N] -> 1,
/// since an allocation keeps at least one token of a picture. O(N). Source: VTW, below.
struct WithdrawAllocator {
  static constexpr std::string_view name = "withdraw";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::own_count;
  using Config = WithdrawConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    selection::check_relevance(relevance, e.tokens, name);
    return selection::finish(e.tokens, selection::lattice(e.tokens, 1), Cause::lattice,
                             budget.resolve(e.count()).clamped, [](Index) { return 0.f; });
  }
};
static_assert(check_allocator<WithdrawAllocator>());

/// Visual tokens are withdrawn before a layer: a lower bound for what is read inside the model. Theirs is chosen by a
/// divergence on a few samples; ours is a setting, half of the layers.
/// Source: Lin et al. 2024, "Boosting multimodal large language models with visual tokens withdrawal" (arXiv
/// 2405.05803), section 3.3. Differs: one token stays.
inline void register_vtw(HostStages& r) {
  r.add_allocator<WithdrawAllocator>({"Lin et al. 2024, arXiv 2405.05803", {}, "all tokens go but one", "O(N)"});
  r.add_preset({"vtw", "none/none/flat/withdraw/layer:before=0.5", "all tokens but one leave before a layer",
                "Lin et al. 2024, arXiv 2405.05803"});
}

}  // namespace arrcoc
