#pragma once
// Decisions inside the language model: a hook that may drop rows before a layer, may ask what the layers hold, and may
// choose what a decoded token looks at.
// Rows dropped before layer k have no key or value from k on, so each layer's cache has its own length.
#include <functional>
#include <optional>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/request.hpp"

namespace arrcoc::qwen3vl {

/// What a row of the sequence is: a column of the full prompt's text (picture -1), or a token of a picture's final
/// TokenSet. A visual row whose place is a raster token has that token's column too; elsewhere column is -1. Nothing
/// else maps rows.
struct SequenceRow {
  Index column = -1, picture = -1, token = -1;
  constexpr bool text() const { return picture < 0; }
  bool operator==(const SequenceRow&) const = default;
};

struct RowEdit {
  std::vector<Index> keep;  // ascending rows of the current sequence that go on; text rows all stay
};

/// Answers to a list of requests, by picture, in the order of the requests.
using ByPicture = std::vector<std::vector<Answered>>;

template <class B>
struct LayerView {
  const typename B::Tensor& hidden;      // [L now, H] input of the layer
  const std::vector<SequenceRow>& rows;  // [L now]
  std::function<ByPicture(const std::vector<Request>&)> ask{};

  /// About this very layer, from the rows before the edit; what is not asked for is not computed. Error{bad_config}
  /// for what cannot be answered (qwen3vl/layer_requests.hpp).
  ByPicture answer(const std::vector<Request>& requests) const {
    require_that(static_cast<bool>(ask), Code::bad_usage, "request", "nobody answers for this view of a layer");
    return ask(requests);
  }
};

/// One layer loop for all hooks: virtual, one call a layer.
template <class B>
struct LayerHook {
  virtual ~LayerHook() = default;
  /// nullopt: every row goes on, and nothing is touched. Tokens that enter before this layer are in the view.
  virtual std::optional<RowEdit> before_layer(B& b, Index layer, const LayerView<B>& view) = 0;
  /// What it wants of the inside of `layer`, of the rows that go through it: answered while the layer runs, which gives
  /// the same bits. `layer` = layers: of the output of the last, `hidden` alone.
  virtual std::vector<Request> requests([[maybe_unused]] Index layer) const { return {}; }
  /// The same of a token that is fed back; its own row is the only one (`rows` = last).
  virtual std::vector<Request> decoding_requests([[maybe_unused]] Index layer) const { return {}; }
  virtual void answered([[maybe_unused]] Index layer, [[maybe_unused]] ByPicture by_picture) {}
  /// Rows of a layer's cache, [cached], that a token that is fed back looks at in `layer`: ascending, every row of the
  /// text among them; it sees itself in any case. nullopt: all. The others stay cached, for the tokens behind it.
  virtual std::optional<std::vector<Index>> seen([[maybe_unused]] Index layer,
                                                 [[maybe_unused]] const std::vector<SequenceRow>& cached) {
    return std::nullopt;
  }
};

}  // namespace arrcoc::qwen3vl
