#pragma once
// How many tokens each decision leaves of each picture.
#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "arrcoc/pipeline/decide.hpp"

namespace arrcoc {

/// Every ratio is of the native N; the last decision takes the run's budget, an earlier one its own, raised to what
/// later ones need. `natives`: tokens of each picture; `shares`: each picture's part of the run's budget where that is
/// a total of the prompt, else empty.
template <class B>
std::vector<Budget> budgets_of(const AnyPipeline<B>& pipeline, std::size_t index, const std::vector<Index>& natives,
                               const Budget& total, const std::vector<Index>& shares) {
  const auto& decisions = pipeline.decisions;
  const bool last = index + 1 == decisions.size();
  const std::optional<Budget>& own = decisions[index].keep;
  const auto tokens_of = [](const Budget& b, const Budget& run, Index native) {
    if (!(b.beyond > 0) && !(b.times > 0)) return b.resolve(native).kept;
    const Index k = run.resolve(native).kept;  // and a part of a token is one
    if (b.times > 0) return std::min(native, static_cast<Index>(std::ceil(b.times * static_cast<double>(k) - 1e-9)));
    return k + static_cast<Index>(std::ceil(b.beyond * static_cast<double>(native - k) - 1e-9));
  };
  std::vector<Budget> out;
  for (std::size_t p = 0; p < natives.size(); ++p) {
    const Index native = natives[p];
    Budget run = decisions.back().keep.value_or(total);
    if (!decisions.back().keep && !shares.empty()) run.tokens = shares[p];
    const Index end = last ? 0 : run.resolve(native).kept;
    if (!last && !own) {
      out.push_back({native, 1.0, 0, 0, end});
      continue;
    }
    Budget b = own ? *own : run;
    if (decisions.size() > 1) {
      Index k = tokens_of(b, run, native);
      for (std::size_t later = index + 1; later < decisions.size(); ++later) {
        const auto& keep = decisions[later].keep;
        if (keep) k = std::max(k, tokens_of(*keep, run, native));
        else if (later + 1 == decisions.size()) k = std::max(k, run.resolve(native).kept);
      }
      b = {k, b.keep_ratio, 0, 0, end};
    }
    out.push_back(b);
  }
  return out;
}

/// Raw maps of the scorers that declare a common scale. `maps`: [M, n] of all of them.
template <class B>
std::vector<float> comparable_maps(const AnyDecision<B>& decision, const std::vector<float>& maps, Index n) {
  std::vector<float> out;
  for (std::size_t m = 0; m < decision.scorers.size(); ++m)
    if (decision.scorers[m].facts().common_scale)
      out.insert(out.end(), maps.begin() + static_cast<std::ptrdiff_t>(m) * n,
                 maps.begin() + static_cast<std::ptrdiff_t>(m + 1) * n);
  return out;
}

}  // namespace arrcoc
