#pragma once
// ENTRY: kept tokens join the language model before the layer that their allocation names.
#include "arrcoc/injectors/rows.hpp"

namespace arrcoc {

struct EntryConfig {
  bool operator==(const EntryConfig&) const = default;
};

/// As `gather`, but a token with entry k is no row of the layers below k: it has no key there and nobody sees it. It
/// joins before layer k at its true position, as its merged embedding plus the DeepStack levels below k of its depth
/// (which those layers' rows got behind each of them); level l >= k is added behind layer l as usual. Entry 0 is
/// gather, bit for bit; an entry behind the last layer is refused by the language model. O(K H levels). Source: the
/// rule of ours; DeepStack (Meng et al. 2024, section 3.2) adds whole levels to rows that are there from the start.
struct EntryInjector {
  static constexpr std::string_view name = "entry";
  static constexpr Phase phase = Phase::vision;
  static constexpr unsigned honours = Honour::depth | Honour::entry;
  using Config = EntryConfig;
  Config config{};

  template <class B>
  qwen3vl::Injected<B> inject(B& b, std::span<const Allocation> allocations, const qwen3vl::Encoded<B>& e,
                              const Prompt& prompt, Trace* trace) const {
    return kept_rows::own_rows(b, kept_rows::of_pictures(allocations, e.encoded, prompt, honours, name, trace), e,
                               prompt);
  }
};

}  // namespace arrcoc
