#pragma once
// SELECT: the whole picture is encoded, the kept tokens enter the language model at their true positions.
#include <string>

#include "arrcoc/injectors/rows.hpp"

namespace arrcoc {

struct GatherConfig {
  std::string positions = "true";      ///< true, or a fault: sequential (of harnesses), seed (of the first sketch)
  std::string rotary = "interleaved";  ///< interleaved, or the experiment blocked: Qwen2-VL's M-RoPE
  std::string deepstack = "kept";      ///< kept, or the fault dropped: no DeepStack level is added to any token
  std::string validate() const {
    if (positions != "true" && positions != "sequential" && positions != "seed")
      return "positions: expected true, sequential or seed, got '" + positions + "'";
    if (rotary != "interleaved" && rotary != "blocked")
      return "rotary: expected interleaved or blocked, got '" + rotary + "'";
    if (positions == "sequential" && rotary == "blocked")
      return "rotary: sequential positions are alike on all axes: expected interleaved, got 'blocked'";
    if (deepstack != "kept" && deepstack != "dropped")
      return "deepstack: expected kept or dropped, got '" + deepstack + "'";
    return "";
  }
  bool operator==(const GatherConfig&) const = default;
};

/// Gathers the kept rows of the merged embeddings and of every DeepStack level, drops the other pad columns, and takes
/// the surviving columns of the full position table. O(K H levels). A kept token receives level l only where bit l of
/// its depth is set.
///
/// Two faults of published harnesses, off unless asked for; both together are what transformers does with
/// `inputs_embeds` alone. `positions=sequential`: every row that is left, text too, stands on all three axes at its
/// place in the shortened sequence, and decoding goes on behind it. `deepstack=dropped`: every depth is empty.
///
/// Two experiments with positions, off likewise (seeds.md P9, Z7): `rotary=blocked` gives each axis a block of
/// frequencies, which moves pictures alone, since text stands alike on all axes; `positions=seed` is
/// qwen3vl::seed_positions, which kept tokens keep.
struct GatherInjector {
  static constexpr std::string_view name = "gather";
  static constexpr Phase phase = Phase::vision;
  static constexpr unsigned honours = Honour::depth;
  using Config = GatherConfig;
  Config config{};

  std::uint32_t levels() const { return config.deepstack == "dropped" ? 0 : all_levels; }

  /// Error{bad_config} for settings it does not know.
  template <class B>
  qwen3vl::Injected<B> inject(B& b, std::span<const Allocation> allocations, const qwen3vl::Encoded<B>& e,
                              const Prompt& prompt, Trace* trace) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    auto pictures = kept_rows::of_pictures(allocations, e.encoded, prompt, honours, name, trace);
    for (auto& tokens : pictures)
      for (kept_rows::Token& t : tokens) t.depth &= levels();
    qwen3vl::Injected<B> in = kept_rows::own_rows(b, pictures, e, prompt);
    if (config.positions == "sequential") in.positions = qwen3vl::sequential_positions(in.positions.length());
    if (config.positions == "seed") in.positions = seed_positions_of(in.rows, e.positions, prompt);
    if (config.rotary == "blocked") in.positions.rule.axes = qwen3vl::RotaryAxes::blocked;
    return in;
  }

 private:
  [[gnu::cold, gnu::noinline]] static qwen3vl::Positions seed_positions_of(
      const std::vector<qwen3vl::SequenceRow>& rows, const qwen3vl::Positions& full, const Prompt& prompt) {
    std::vector<Index> columns;
    for (const qwen3vl::SequenceRow& row : rows) columns.push_back(row.column);
    return qwen3vl::gather_columns(qwen3vl::seed_positions(full, prompt), columns);
  }
};

}  // namespace arrcoc
