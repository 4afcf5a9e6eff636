#pragma once
// Injector: from allocations to the rows that enter the language model.
//   i.plan(const Allocation&, Grid)                                   -> VisionPlan   what the vision tower must
//   compute i.inject(B&, span<const Allocation>, const Encoded<B>&, const Prompt&, Trace*) -> Injected<B>
// Laws: the identity plan reproduces the stock model bit for bit through the same path; dropped equals masked in every
// layer; text rows and positions never move; pruning one picture leaves the others' rows bit-equal.
#include <concepts>
#include <span>
#include <string_view>

#include "arrcoc/core/allocation.hpp"
#include "arrcoc/core/evidence.hpp"
#include "arrcoc/core/prompt.hpp"
#include "arrcoc/qwen3vl/model.hpp"

namespace arrcoc {

/// Which merge groups the tower must see. SELECT sees everything; EARLY and TIER will fill in less.
struct VisionPlan {
  bool whole = true;
};

namespace require {
template <class I, class B>
concept plans = requires(const I i, const Allocation& a, Grid g) {
  { i.plan(a, g) } -> std::same_as<VisionPlan>;
};
template <class I, class B>
concept injects = requires(const I i, B& b, std::span<const Allocation> a, const qwen3vl::Encoded<B>& e,
                           const Prompt& p, Trace* t) {
  { i.inject(b, a, e, p, t) } -> std::same_as<qwen3vl::Injected<B>>;
};
}  // namespace require

template <class I, class B>
concept Injector = requires {
  { I::name } -> std::convertible_to<std::string_view>;
  { I::phase } -> std::convertible_to<Phase>;
}
&&require::plans<I, B>&& require::injects<I, B>;

template <class I, class B>
consteval bool check_injector() {
  static_assert(
      requires {
        { I::name } -> std::convertible_to<std::string_view>;
      },
      "Injector: add `static constexpr std::string_view name = \"...\";`");
  static_assert(
      requires {
        { I::phase } -> std::convertible_to<Phase>;
      },
      "Injector: add `static constexpr Phase phase = Phase::vision;`");
  static_assert(require::plans<I, B>, "Injector: add `VisionPlan plan(const Allocation&, Grid) const`");
  static_assert(
      require::injects<I, B>,
      "Injector: add `Injected<B> inject(B&, span<const Allocation>, const Encoded<B>&, const Prompt&, Trace*) const`");
  return true;
}

}  // namespace arrcoc
