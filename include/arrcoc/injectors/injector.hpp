#pragma once
// Injector: how a decision reaches the model. What it offers follows from its phase:
//   pixels   i.plan(const Allocation&) -> VisionPlan                                what is encoded
//   tower    i.before() -> Index                                                     the block it acts before
//   vision   i.inject(B&, span<const Allocation>, const Encoded<B>&, const Prompt&, Trace*) -> Injected<B>
//   layer    i.before() -> Index                                                     the layer it acts before
// Allocations are over the picture's tokens, one for each picture. Laws: the identity plan reproduces the stock model
// bit for bit through the same path; dropped equals masked from where it was dropped; text rows and positions never
// move; pruning one picture leaves the others' rows bit-equal. One that puts another grid in place of the picture's
// declares `changes_grid = true`: its positions, and those of the text behind, are that grid's.
// One of phase vision whose rows depend on more than kept, depth, entry and merge (ranks, a setting) also has
// i.arranged(span<const Allocation>) -> std::vector<Index>, equal for equal rows.
#include <concepts>
#include <span>
#include <string_view>

#include "arrcoc/core/allocation.hpp"
#include "arrcoc/core/prompt.hpp"
#include "arrcoc/core/trace.hpp"
#include "arrcoc/core/vision_plan.hpp"
#include "arrcoc/qwen3vl/encoded.hpp"
#include "arrcoc/qwen3vl/injected.hpp"

namespace arrcoc {

/// What an injector can carry out. One that cannot honour what an allocation asks refuses it (refuse_unhonoured).
namespace Honour {
inline constexpr unsigned none = 0, depth = 1, entry = 2, merge = 4, regions = 8;
}

/// Error{bad_stage_output} naming what an allocation asks and `honours` lacks.
inline void refuse_unhonoured(const Allocation& a, unsigned honours, std::string_view where) {
  const auto refuse = [&](bool asked, unsigned bit, const char* what) {
    require_that(!asked || (honours & bit), Code::bad_stage_output, where, [&] {
      return "the allocation asks for " + std::string(what) + ", which this injector cannot carry out";
    });
  };
  bool masked = false, later = false;
  for (const std::uint32_t d : a.depth) masked = masked || d != all_levels;
  for (const Index e : a.entry) later = later || e > 0;
  refuse(masked, Honour::depth, "DeepStack levels by token");
  refuse(later, Honour::entry, "later entry");
  refuse(!a.merge.empty(), Honour::merge, "merged rows");
  refuse(!a.regions.empty(), Honour::regions, "regions");
}

namespace require {
template <class I>
concept acts = requires {
  { I::phase } -> std::convertible_to<Phase>;
  { I::honours } -> std::convertible_to<unsigned>;
};
template <class I>
concept plans = requires(const I i, const Allocation& a) {
  { i.plan(a) } -> std::same_as<VisionPlan>;
};
template <class I>
concept acts_before = requires(const I i) {
  { i.before() } -> std::same_as<Index>;
};
template <class I, class B>
concept injects = requires(const I i, B& b, std::span<const Allocation> a, const qwen3vl::Encoded<B>& e,
                           const Prompt& p, Trace* t) {
  { i.inject(b, a, e, p, t) } -> std::same_as<qwen3vl::Injected<B>>;
};
/// What its phase asks of it.
template <class I, class B>
constexpr bool carries_out() {
  if constexpr (!acts<I>) return false;
  else if constexpr (Phase(I::phase) == Phase::pixels) return plans<I>;
  else if constexpr (Phase(I::phase) == Phase::vision) return injects<I, B>;
  else return acts_before<I>;
}
}  // namespace require

template <class I, class B>
concept Injector = requires {
  { I::name } -> std::convertible_to<std::string_view>;
}
&&require::acts<I>&& require::carries_out<I, B>();

template <class I, class B>
consteval bool check_injector() {
  static_assert(
      requires {
        { I::name } -> std::convertible_to<std::string_view>;
      },
      "Injector: add `static constexpr std::string_view name = \"...\";`");
  static_assert(require::acts<I>,
                "Injector: add `static constexpr Phase phase = Phase::vision;` and `static constexpr unsigned honours "
                "= Honour::depth;`");
  if constexpr (require::acts<I>) {
    constexpr Phase phase = I::phase;
    static_assert(phase != Phase::pixels || require::plans<I>,
                  "Injector: add `VisionPlan plan(const Allocation&) const`, what phase pixels asks");
    static_assert((phase != Phase::tower && phase != Phase::layer) || require::acts_before<I>,
                  "Injector: add `Index before() const`, the block or layer it acts before");
    static_assert(phase != Phase::vision || require::injects<I, B>,
                  "Injector: add `Injected<B> inject(B&, span<const Allocation>, const Encoded<B>&, const Prompt&, "
                  "Trace*) const`");
  }
  return true;
}

}  // namespace arrcoc
