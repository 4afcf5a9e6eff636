#pragma once
// Injector: from allocations to the rows that enter the language model.
//   i.inject(B&, span<const Allocation>, const Encoded<B>&, const Prompt&, Trace*) -> Injected<B>
// Allocations are over the tokens that were encoded, one for each picture. Laws: the identity plan reproduces the stock
// model bit for bit through the same path; dropped equals masked in every layer; text rows and positions never move;
// pruning one picture leaves the others' rows bit-equal.
#include <concepts>
#include <span>
#include <string_view>

#include "arrcoc/core/allocation.hpp"
#include "arrcoc/core/prompt.hpp"
#include "arrcoc/qwen3vl/model.hpp"

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
template <class I, class B>
concept injects = requires(const I i, B& b, std::span<const Allocation> a, const qwen3vl::Encoded<B>& e,
                           const Prompt& p, Trace* t) {
  { i.inject(b, a, e, p, t) } -> std::same_as<qwen3vl::Injected<B>>;
};
}  // namespace require

template <class I, class B>
concept Injector = requires {
  { I::name } -> std::convertible_to<std::string_view>;
}
&&require::acts<I>&& require::injects<I, B>;

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
  static_assert(
      require::injects<I, B>,
      "Injector: add `Injected<B> inject(B&, span<const Allocation>, const Encoded<B>&, const Prompt&, Trace*) const`");
  return true;
}

}  // namespace arrcoc
