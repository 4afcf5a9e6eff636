#pragma once
// Passes: how often one question looks at its pictures, and how. A rule says what the next look is, from what the looks
// so far gave; pipeline/passes.hpp takes them.
//   r.next(Index native, span<const PassSeen>) -> std::optional<Pass>     none: the last look stands. The last pass
//                                                                         answers
#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/erased.hpp"

namespace arrcoc {

/// One look to take.
struct Pass {
  std::string what;            // for reports
  std::optional<Budget> size;  // of the pictures, in tokens of their native grids; none: native
  bool everything = false;     // nothing is decided, every token is kept
  bool answers = true;
  double answers_below = 0;     // if not: answers all the same when less of the relevance is left to look at
  bool answer_decides = false;  // the rule reads the answer: it is given even where nobody wants the last one
  Index new_tokens = 0;         // at most, 0: the run's
  double share = 1;             // of the run's budget
  std::optional<Budget> keep;   // in place of the run's budget
  bool refines = false;         // only where the earlier look kept something; the others never enter the tower
  bool adds = false;            // what the earlier looks kept stays; they inhibit what is new
  Index radius = 0;             // of that inhibition
  double decay = 0;
};

/// What a look gave.
struct PassSeen {
  bool answered = false;
  double probability = 0;  // mean of its answer's tokens
  double left = 1;         // share of the relevance above its lowest that no look has covered; mean over the pictures
};

namespace require {
template <class S>
concept looks_again = requires(const S s, Index native, std::span<const PassSeen> seen) {
  { s.next(native, seen) } -> std::same_as<std::optional<Pass>>;
};
}  // namespace require
template <class S>
concept PassRule = require::named<S> && require::configured<S> && require::looks_again<S>;

template <class S>
consteval bool check_passes_rule() {
  static_assert(require::named<S>, "PassRule: add `static constexpr std::string_view name = \"...\";`");
  static_assert(require::configured<S>, "PassRule: add `using Config = ...;` and make S{} and S{Config} valid");
  static_assert(require::looks_again<S>,
                "PassRule: add `std::optional<Pass> next(Index native, std::span<const PassSeen>) const`");
  return true;
}

namespace erased {
struct Passes : Stage {
  virtual std::optional<Pass> next(Index native, std::span<const PassSeen> seen) const = 0;
};
}  // namespace erased
using AnyPasses = Any<erased::Passes>;

template <PassRule S>
AnyPasses erase_passes(S s) {
  struct Model final : erased::Passes {
    S s;
    explicit Model(S from) : s(std::move(from)) {}
    std::optional<Pass> next(Index native, std::span<const PassSeen> seen) const override {
      return s.next(native, seen);
    }
  };
  StageFacts facts = facts_of(s);
  return AnyPasses::made<Model>(std::move(facts), std::move(s));
}

}  // namespace arrcoc
