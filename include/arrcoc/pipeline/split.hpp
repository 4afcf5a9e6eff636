#pragma once
// BudgetSplit: tokens of one total for each picture (or frame), before any allocation.
//   s.split(Index total, span<const SplitPart>) -> std::vector<Index>, each at least 1 and at most its own count,
//   summing to the total where those bounds allow it.
#include <concepts>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/apportion.hpp"

namespace arrcoc {

/// One picture as a split sees it. A split alone may see several.
struct SplitPart {
  const TokenSet* tokens = nullptr;
  std::span<const float> maps;  // [M, N] raw, of scorers with a common scale; empty unless the split reads them
};

namespace require {
template <class S>
concept splits = requires(const S s, Index total, std::span<const SplitPart> parts) {
  { s.split(total, parts) } -> std::same_as<std::vector<Index>>;
};
}  // namespace require
template <class S>
concept BudgetSplit = require::named<S> && require::configured<S> && require::splits<S>;

template <class S>
consteval bool check_split() {
  static_assert(require::named<S>, "BudgetSplit: add `static constexpr std::string_view name = \"...\";`");
  static_assert(require::configured<S>, "BudgetSplit: add `using Config = ...;` and make S{} and S{Config} valid");
  static_assert(require::splits<S>,
                "BudgetSplit: add `std::vector<Index> split(Index total, std::span<const SplitPart>) const`");
  return true;
}

struct SizeSplitConfig {
  bool operator==(const SizeSplitConfig&) const = default;
};
/// In proportion to the pictures' sizes in tokens. O(P log P).
struct SizeSplit {
  static constexpr std::string_view name = "size";
  using Config = SizeSplitConfig;
  Config config{};
  std::vector<Index> split(Index total, std::span<const SplitPart> parts) const {
    std::vector<double> sizes;
    std::vector<Index> counts;
    for (const SplitPart& p : parts) {
      counts.push_back(p.tokens->count());
      sizes.push_back(static_cast<double>(counts.back()));
    }
    return apportion(total, sizes, counts);
  }
};
static_assert(check_split<SizeSplit>());

struct RelevanceSplitConfig {
  float floor = 0.25f;  ///< share of the total that goes by size whatever the maps say; [0, 1]
  std::string validate() const {
    return floor >= 0.f && floor <= 1.f ? "" : "floor: expected a number in [0, 1], got " + std::to_string(floor);
  }
  bool operator==(const RelevanceSplitConfig&) const = default;
};
/// In proportion to the sum of each picture's raw maps above 0, mean over the maps; a share goes by size. O(M N). Wants
/// scorers that declare a common scale.
struct RelevanceSplit {
  static constexpr std::string_view name = "relevance";
  static constexpr bool reads_maps = true;
  using Config = RelevanceSplitConfig;
  Config config{};
  std::vector<Index> split(Index total, std::span<const SplitPart> parts) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    std::vector<double> mass, weights;
    std::vector<Index> counts;
    double size = 0, all = 0;
    for (const SplitPart& p : parts) {
      const Index n = p.tokens->count();
      require_that(!p.maps.empty() && static_cast<Index>(p.maps.size()) % n == 0, Code::missing_evidence, name,
                   "expected raw maps of scorers with a common scale, got none");
      double sum = 0;
      for (const float v : p.maps) sum += v > 0 ? static_cast<double>(v) : 0.0;
      mass.push_back(sum / static_cast<double>(static_cast<Index>(p.maps.size()) / n));
      counts.push_back(n);
      size += static_cast<double>(n);
      all += mass.back();
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const double by_size = static_cast<double>(counts[i]) / size, by_mass = all > 0 ? mass[i] / all : by_size;
      weights.push_back(static_cast<double>(config.floor) * by_size +
                        (1 - static_cast<double>(config.floor)) * by_mass);
    }
    return apportion(total, weights, counts);
  }
};
static_assert(check_split<RelevanceSplit>());

}  // namespace arrcoc
