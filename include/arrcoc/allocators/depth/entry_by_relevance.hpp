#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct EntryByRelevanceConfig {
  int parts = 2;  ///< equal parts of the kept tokens, by relevance; 1 to 64
  int step = 2;   ///< layers between the entries of two parts; >= 1
  std::string validate() const {
    if (parts < 1 || parts > 64) return "parts: expected 1 to 64, got " + std::to_string(parts);
    if (step < 1 || step > 1024) return "step: expected 1 to 1024, got " + std::to_string(step);
    return {};
  }
  bool operator==(const EntryByRelevanceConfig&) const = default;
};

/// The K most relevant tokens, of which the best part enters at layer 0, the next before layer `step`, and so on. [N]
/// -> K. O(N + K log K). Parts are equal up to one token, the earlier ones the larger. Needs an injector that honours
/// entry. Source: ours; the other way round of what drops tokens layer by layer (PyramidDrop, Xing et al. 2024,
/// section 3.2).
struct EntryByRelevanceAllocator {
  static constexpr std::string_view name = "entry_by_relevance";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = EntryByRelevanceConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    Allocation a = selection::most_relevant(relevance, e.tokens, budget, name);
    const Index k = a.count(), parts = config.parts, small = k / parts, larger = k % parts;
    for (const Provenance& why : a.why) {
      const Index in_larger = larger * (small + 1);
      const Index part = why.rank < in_larger ? why.rank / (small + 1) : larger + (why.rank - in_larger) / small;
      a.entry.push_back(part * config.step);
    }
    return a;
  }
};
static_assert(check_allocator<EntryByRelevanceAllocator>());

}  // namespace arrcoc
