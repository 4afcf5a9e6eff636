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
    const auto pictures = kept_rows::of_pictures(allocations, e.encoded, prompt, honours, name, trace);
    std::vector<kept_rows::Token> later;
    qwen3vl::Injected<B> in = kept_rows::own_rows(b, pictures, e, prompt, &later);
    for (Index layer = next_layer(later, 0); layer > 0; layer = next_layer(later, layer))
      in.waiting.push_back(waiting_rows(b, later, layer, e));
    return in;
  }

 private:
  /// The first layer behind `layer` before which some of `waiting` join; 0: none.
  static Index next_layer(const std::vector<kept_rows::Token>& waiting, Index layer) {
    Index next = 0;
    for (const kept_rows::Token& t : waiting)
      if (t.entry > layer && (next == 0 || t.entry < next)) next = t.entry;
    return next;
  }

  /// Those of `waiting` that join before `layer`, ascending columns within a picture.
  template <class B>
  static qwen3vl::WaitingRows<B> waiting_rows(B& b, const std::vector<kept_rows::Token>& waiting, Index layer,
                                              const qwen3vl::Encoded<B>& e) {
    qwen3vl::WaitingRows<B> w;
    w.layer = layer;
    std::vector<kept_rows::Token> tokens;
    std::vector<Index> own, at;
    for (const kept_rows::Token& t : waiting) {
      if (t.entry != layer) continue;
      tokens.push_back(t);
      at.push_back(static_cast<Index>(own.size()));
      own.push_back(t.column);
      w.rows.push_back(kept_rows::row_of(t));
    }
    const auto features = [&](const auto& of, const auto& some) { return kept_rows::own(b, of, some); };
    w.positions = qwen3vl::gather_columns(e.positions, own);
    w.embeddings = features(e.vision.tokens, tokens);
    for (std::size_t l = 0; l < e.vision.deepstack.size(); ++l) {
      const qwen3vl::DeepStackRows<B> rows = kept_rows::level_of(l, tokens, at, e, features);
      const bool below = static_cast<Index>(l) < layer;
      if (below && !rows.rows.empty()) w.embeddings = b.scatter_add_rows(w.embeddings, rows.rows, rows.features);
      w.levels.push_back(below ? qwen3vl::DeepStackRows<B>{} : rows);
    }
    return w;
  }
};

}  // namespace arrcoc
