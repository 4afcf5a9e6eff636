#pragma once
// From coarse to fine: levels of one picture, each looked at only where the level before kept something.
#include <string>
#include <vector>

#include "arrcoc/core/config.hpp"
#include "arrcoc/core/split.hpp"
#include "arrcoc/pipeline/pass_rules.hpp"

namespace arrcoc {

struct CascadePassesConfig {
  std::string tokens = "64+256+1024";  ///< sizes of the levels in tokens, ascending; the native picture ends it sooner
  double keep = 0.5;                   ///< share of each level but the last that is kept, at least the run's; (0, 1]
  std::string validate() const {
    std::vector<Index> limits;
    if (auto wrong = read(limits); !wrong.empty()) return wrong;
    return keep > 0 && keep <= 1 ? "" : "keep: expected a number in (0, 1], got " + std::to_string(keep);
  }
  /// "64+256" -> limits; what is wrong with it.
  std::string read(std::vector<Index>& limits) const {
    for (const std::string& one : split(tokens, '+')) {
      Index n = 0;
      const bool number = detail::from_text(one, n).empty() && n > 0;
      if (!number || (!limits.empty() && n <= limits.back()))
        return "tokens: expected ascending numbers above 0 joined by +, got '" + tokens.substr(0, 80) + "'";
      limits.push_back(n);
    }
    return "";
  }
  bool operator==(const CascadePassesConfig&) const = default;
};

/// Levels of the picture from small to large, each through the pipeline; what a level drops is not looked at again, and
/// does not enter the tower of the next. The last level has the run's budget and answers. Source: ours; the levels are
/// those of ARR-COC's notes (64, 256, 1024).
struct CascadePasses {
  static constexpr std::string_view name = "cascade";
  using Config = CascadePassesConfig;
  Config config{};
  std::optional<Pass> next(Index native, std::span<const PassSeen> seen) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, "passes", wrong);
    std::vector<Index> limits;
    (void)config.read(limits);
    std::size_t levels = 1;  // the first that is no smaller than the picture is the picture itself
    while (levels < limits.size() && limits[levels - 1] < native) ++levels;
    if (seen.size() == levels) return std::nullopt;
    const Index limit = limits[seen.size()];
    Pass p;
    p.what = "level " + std::to_string(seen.size() + 1);
    if (limit < native) p.size = Budget{limit, 1};
    p.answers = seen.size() + 1 == levels;
    if (!p.answers) p.keep = Budget{0, config.keep};
    p.refines = !seen.empty();
    return p;
  }
};
static_assert(check_passes_rule<CascadePasses>());

}  // namespace arrcoc
