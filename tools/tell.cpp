#include "tell.hpp"

#include <algorithm>
#include <cstdio>

#include "arrcoc/pipeline/pair_costs.hpp"

namespace arrcoc::tools {

std::string amount(double x) {
  constexpr const char* units[] = {"", " k", " M", " G", " T", " P"};
  std::size_t u = 0;
  while (x >= 999.5 && u + 1 < std::size(units)) {
    x /= 1000;
    ++u;
  }
  char text[32];
  std::snprintf(text, sizeof text, x < 10 && u > 0 ? "%.2f%s" : x < 100 && u > 0 ? "%.1f%s" : "%.0f%s", x, units[u]);
  return text;
}

void tell_kept(const AnswerRequest& q, const AnswerResult& r) {
  for (std::size_t i = 0; i < r.pictures.size(); ++i) {
    const Allocation& a = r.pictures[i].allocation;
    const auto n = static_cast<long long>(a.tokens.count()), k = static_cast<long long>(a.kept.size());
    if (r.sources[i].is_clip()) {
      std::fprintf(stderr, "%s: kept %lld of %lld tokens (%zu pairs of frames, %lld x %lld grid)\n",
                   r.sources[i].name.c_str(), k, n, r.sources[i].pairs.size(), static_cast<long long>(a.grid().rows),
                   static_cast<long long>(a.grid().cols));
      continue;
    }
    std::fprintf(stderr, "%s: kept %lld of %lld tokens (%lld x %lld grid)", r.sources[i].name.c_str(), k, n,
                 static_cast<long long>(a.grid().rows), static_cast<long long>(a.grid().cols));
    if (k == n && !q.stock && (q.budget.tokens >= a.tokens.count() || a.clamped))
      std::fprintf(stderr, "; this image has %lld tokens: nothing to prune", n);
    std::fputc('\n', stderr);
  }
}

void tell_pairs(const AnswerResult& r) {
  for (std::size_t i = 0; i < r.sources.size(); ++i) {
    if (!r.sources[i].is_clip()) continue;
    const std::vector<PairCost> costs = pair_costs(r.costs, r.decisions, r.pictures[i].allocation, i);
    const auto [few, many] =
        std::minmax_element(costs.begin(), costs.end(), [](const auto& x, const auto& y) { return x.kept < y.kept; });
    const auto [least, most] = std::minmax_element(
        costs.begin(), costs.end(), [](const auto& x, const auto& y) { return x.prefill_flops < y.prefill_flops; });
    const std::string tokens = std::to_string(few->kept) + " to " + std::to_string(many->kept),
                      flops = amount(least->prefill_flops) + " to " + amount(most->prefill_flops);
    std::fprintf(stderr, "%-28s %12s\n%-28s %12s\n", "kept of a pair", tokens.c_str(), "prefill FLOPs of a pair",
                 flops.c_str());
  }
}

}  // namespace arrcoc::tools
