#pragma once
// What is known of a stage once its type is erased.
#include <concepts>
#include <string>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

/// What a stage says of itself.
struct StageFacts {
  std::string name;
  Needs may_need{};
  std::vector<Request> needs{};  // of this instance
  Spend spend = Spend::exact;    // allocators
  Phase phase = Phase::pixels;   // injectors: when they act
  Index before = -1;             // injectors: block or layer they act before; negative: from the end
  unsigned honours = 0;          // injectors: Honour bits
  bool again = false;            // injectors of phase layer: the language model begins again with those that live
  bool reversible = false;       // injectors of phase layer: chosen anew for each decoded token, nothing is dropped
  std::uint32_t levels = all_levels;  // injectors: DeepStack levels that they carry at most
  bool common_scale = false;          // scorers: raw maps of two pictures can be compared
};

template <class S>
StageFacts facts_of(const S& s) {
  StageFacts f;
  f.name = S::name;
  if constexpr (requires { Needs(S::may_need); }) f.may_need = S::may_need;
  if constexpr (requires {
                  { s.needs() } -> std::convertible_to<std::vector<Request>>;
                })
    f.needs = s.needs();
  if constexpr (requires { Spend(S::spend); }) f.spend = S::spend;
  if constexpr (requires { Phase(S::phase); }) f.phase = S::phase;
  if constexpr (requires { unsigned(S::honours); }) f.honours = S::honours;
  if constexpr (requires { Index(s.before()); }) f.before = s.before();
  if constexpr (requires { bool(S::again); }) f.again = S::again;
  if constexpr (requires { bool(S::reversible); }) f.reversible = S::reversible;
  if constexpr (requires { std::uint32_t(s.levels()); }) f.levels = s.levels();
  if constexpr (requires { bool(S::common_scale); }) f.common_scale = S::common_scale;
  return f;
}

}  // namespace arrcoc
