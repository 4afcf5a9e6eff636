#pragma once
// SELECT: the whole picture is encoded, the kept tokens enter the language model at their true positions.
#include "arrcoc/injectors/rows.hpp"

namespace arrcoc {

struct GatherConfig {
  bool operator==(const GatherConfig&) const = default;
};

/// Gathers the kept rows of the merged embeddings and of every DeepStack level, drops the other pad columns, and takes
/// the surviving columns of the full position table. O(K H levels). A kept token receives level l only where bit l of
/// its depth is set.
struct GatherInjector {
  static constexpr std::string_view name = "gather";
  static constexpr Phase phase = Phase::vision;
  static constexpr unsigned honours = Honour::depth;
  using Config = GatherConfig;
  Config config{};

  template <class B>
  qwen3vl::Injected<B> inject(B& b, std::span<const Allocation> allocations, const qwen3vl::Encoded<B>& e,
                              const Prompt& prompt, Trace* trace) const {
    return kept_rows::own_rows(b, kept_rows::of_pictures(allocations, e.encoded, prompt, honours, name, trace), e,
                               prompt);
  }
};

}  // namespace arrcoc
