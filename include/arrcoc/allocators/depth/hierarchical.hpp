#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/normalise.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc {

struct HierarchicalConfig {
  std::string schedule = "real";  ///< which levels the three classes have: real, seed4, seed3, or "0+1+2/1+2/2"
  float high = 0.7f;              ///< relevance above which a token is of the first class; [0, 1]
  float middle = 0.4f;            ///< and of the second; [0, high]
  bool relative = true;           ///< thresholds are of relevance scaled to 0..1 over the picture
  /// Levels of the three classes as masks; empty where the text is no schedule.
  static std::vector<std::uint32_t> classes(std::string_view text) {
    if (text == "real") text = "0+1+2/1+2/2";
    if (text == "seed4") text = "0+1+2+3/1+2/3";
    if (text == "seed3") text = "0+1+2/2/2";
    std::vector<std::uint32_t> out{0};
    bool digit = false;
    for (const char c : text) {
      if (c >= '0' && c <= '9' && !digit) out.back() |= 1u << (c - '0'), digit = true;
      else if (c == '+' && digit) digit = false;
      else if (c == '/' && (digit || out.back() == 0)) out.push_back(0), digit = false;
      else return {};
    }
    return out.size() == 3 && (digit || out.back() == 0) ? out : std::vector<std::uint32_t>{};
  }
  std::string validate() const {
    if (classes(schedule).empty())
      return "schedule: expected real, seed4, seed3 or three classes of levels such as 0+1+2/1+2/2, got '" + schedule +
             "'";
    if (!(middle >= 0.f && middle <= high && high <= 1.f))
      return "thresholds: expected 0 <= middle <= high <= 1, got " + std::to_string(middle) + " and " +
             std::to_string(high);
    return {};
  }
  bool operator==(const HierarchicalConfig&) const = default;
};

/// Tokens x depth: the K most relevant tokens; relevance above `high` has the levels of the first class, above `middle`
/// of the second, else of the third. [N] -> K. O(N + K log K). `real`: Qwen3-VL's three levels {0,1,2} / {1,2} / {2};
/// `seed4`: four levels, all / {1,2} / {3}; `seed3`: three levels, all / - / {2}, where the middle class has the low
/// one's. Fewer levels do not shorten the sequence: an injection is an addition. Needs an injector that honours depth.
/// Source: ARR-COC notes 000 and 001, thresholds .7 and .4.
struct HierarchicalAllocator {
  static constexpr std::string_view name = "hierarchical";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = HierarchicalConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    Allocation a = selection::most_relevant(relevance, e.tokens, budget, name);
    const std::vector<float> r =
        config.relative ? balance::min_max(relevance) : std::vector<float>(relevance.begin(), relevance.end());
    const auto levels = HierarchicalConfig::classes(config.schedule);
    for (std::size_t i = 0; i < a.kept.size(); ++i) {
      const float v = r[static_cast<std::size_t>(a.kept[i])];
      a.depth[i] = levels[v > config.high ? 0 : v > config.middle ? 1 : 2];
    }
    return a;
  }
};
static_assert(check_allocator<HierarchicalAllocator>());

}  // namespace arrcoc
