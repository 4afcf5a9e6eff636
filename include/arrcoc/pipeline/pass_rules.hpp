#pragma once
// The rules of passes that come with the library.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "arrcoc/pipeline/pass_rule.hpp"

namespace arrcoc {

namespace passes {
inline std::string problem_of_size(double share, Index tokens) {
  if (!(share > 0 && share <= 1)) return "share: expected a number in (0, 1], got " + std::to_string(share);
  return tokens >= 0 ? "" : "tokens: expected at least 0, got " + std::to_string(tokens);
}
inline std::string problem_of_unit(std::string_view name, double x) {
  return x >= 0 && x <= 1 ? "" : std::string(name) + ": expected a number in [0, 1], got " + std::to_string(x);
}
inline Pass native() {
  Pass p;
  p.what = "native";
  return p;
}
/// Everything of a smaller picture, answered.
inline Pass coarse(double share, Index tokens) {
  Pass p;
  p.what = "coarse";
  p.size = Budget{tokens, share};
  p.everything = p.answer_decides = true;
  return p;
}
}  // namespace passes

struct OncePassesConfig {
  bool operator==(const OncePassesConfig&) const = default;
};
/// One look.
struct OncePasses {
  static constexpr std::string_view name = "once";
  using Config = OncePassesConfig;
  Config config{};
  std::optional<Pass> next(Index, std::span<const PassSeen> seen) const {
    return seen.empty() ? std::optional(passes::native()) : std::nullopt;
  }
};
static_assert(check_passes_rule<OncePasses>());

struct EscalatePassesConfig {
  double below = 0.9;   ///< looks again when the first answer's mean token probability is below; 0 never, 1 always
  double share = 0.25;  ///< size of the first look, as a share of the native tokens
  Index tokens = 0;     ///< the same as a number; 0: the share counts
  std::string validate() const {
    if (auto wrong = passes::problem_of_unit("below", below); !wrong.empty()) return wrong;
    return passes::problem_of_size(share, tokens);
  }
  bool operator==(const EscalatePassesConfig&) const = default;
};
/// All of a small picture first; the native picture through the pipeline when the model is not sure of its answer. Two
/// passes at most. Source: VisionThink (Yang et al. 2025), section 3, with the model's own probability in place of a
/// learned call.
struct EscalatePasses {
  static constexpr std::string_view name = "escalate";
  using Config = EscalatePassesConfig;
  Config config{};
  std::optional<Pass> next(Index, std::span<const PassSeen> seen) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, "passes", wrong);
    if (seen.empty()) return passes::coarse(config.share, config.tokens);
    if (seen.size() == 1 && (seen[0].probability < config.below || config.below == 1)) return passes::native();
    return std::nullopt;
  }
};
static_assert(check_passes_rule<EscalatePasses>());

struct CoarseAnswerPassesConfig {
  double share = 0.25;   ///< size of the first look, as a share of the native tokens
  Index tokens = 0;      ///< the same as a number; 0: the share counts
  Index new_tokens = 0;  ///< of the first answer, at most; 0: the run's
  std::string validate() const {
    if (new_tokens < 0) return "new_tokens: expected at least 0, got " + std::to_string(new_tokens);
    return passes::problem_of_size(share, tokens);
  }
  bool operator==(const CoarseAnswerPassesConfig&) const = default;
};
/// All of a small picture is answered first; then the native picture goes through the pipeline, which may look at what
/// that answer looked at. Two passes. Source: ours, after Zhang et al. 2025 (ViCrop).
struct CoarseAnswerPasses {
  static constexpr std::string_view name = "coarse_answer";
  using Config = CoarseAnswerPassesConfig;
  Config config{};
  std::optional<Pass> next(Index, std::span<const PassSeen> seen) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, "passes", wrong);
    if (seen.size() > 1) return std::nullopt;
    Pass p = seen.empty() ? passes::coarse(config.share, config.tokens) : passes::native();
    if (seen.empty()) p.new_tokens = config.new_tokens;
    return p;
  }
};
static_assert(check_passes_rule<CoarseAnswerPasses>());

struct FixationsPassesConfig {
  Index count = 2;       ///< fixations at most, each with an equal share of the budget; 1..64
  double stop = 0;       ///< enough when less than this share of the relevance is left; [0, 1]
  double confident = 1;  ///< enough when an answer's mean token probability reaches it; 1: nobody asks; [0, 1]
  Index radius = 1;      ///< tokens around a kept one that are inhibited too; 0..64
  double decay = 0.5;    ///< what is left of the inhibition with every token of distance; [0, 1]
  std::string validate() const {
    if (count < 1 || count > 64) return "count: expected 1..64, got " + std::to_string(count);
    if (radius < 0 || radius > 64) return "radius: expected 0..64, got " + std::to_string(radius);
    for (const auto& [name, x] : {std::pair{"stop", stop}, {"confident", confident}, {"decay", decay}})
      if (auto wrong = passes::problem_of_unit(name, x); !wrong.empty()) return wrong;
    return "";
  }
  bool operator==(const FixationsPassesConfig&) const = default;
};
/// Propose, look, inhibit, look again: each fixation adds its share of the budget to what is kept, where what is kept
/// already inhibits its surround (scorers/previous/inhibition.hpp). Answers when it stops; with `confident` below 1
/// behind every fixation. Source: Itti, Koch, Niebur 1998, section II.C.
struct FixationsPasses {
  static constexpr std::string_view name = "fixations";
  using Config = FixationsPassesConfig;
  Config config{};
  std::optional<Pass> next(Index, std::span<const PassSeen> seen) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, "passes", wrong);
    const auto done = static_cast<Index>(seen.size());
    const bool asks = config.confident < 1;
    if (done == config.count ||
        (done > 0 && (seen.back().left < config.stop || (asks && seen.back().probability >= config.confident))))
      return std::nullopt;
    Pass p;
    p.what = "fixation " + std::to_string(done + 1);
    p.share = static_cast<double>(done + 1) / static_cast<double>(config.count);
    p.answer_decides = asks;
    p.answers = asks || done + 1 == config.count;
    p.answers_below = config.stop;
    p.adds = true;
    p.radius = config.radius;
    p.decay = config.decay;
    return p;
  }
};
static_assert(check_passes_rule<FixationsPasses>());

}  // namespace arrcoc
