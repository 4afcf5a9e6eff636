#pragma once
// What an answer looks at: the attention that its rows pay to visual tokens, taken while it is generated.
#include <algorithm>
#include <optional>
#include <vector>

#include "arrcoc/qwen3vl/layer_hook.hpp"

namespace arrcoc {

/// Mean over heads, over the last third of the layers (rounded up), and over the rows of the answer: those of the
/// tokens that were fed back. Of an answer without any the row that chose its first token counts, the prompt's last.
/// The same row is asked in any case, and nothing about the layers changes: the answer is the same bit for bit. The
/// work beyond: for each row and layer that is asked 2 L A FLOPs over L rows.
template <class B>
class AnswerAttention final : public qwen3vl::LayerHook<B> {
 public:
  explicit AnswerAttention(Index layers) : layers_(layers), first_(layers - (layers + 2) / 3) {}

  std::optional<qwen3vl::RowEdit> before_layer(B&, Index layer, const qwen3vl::LayerView<B>& view) override {
    if (layer != first_) return std::nullopt;
    tokens_.clear();
    for (const qwen3vl::SequenceRow& r : view.rows) {
      if (r.text()) continue;
      if (static_cast<std::size_t>(r.picture) >= tokens_.size())
        tokens_.resize(static_cast<std::size_t>(r.picture) + 1);
      tokens_[static_cast<std::size_t>(r.picture)].push_back(r.token);
    }
    for (std::vector<Index>& own : tokens_) std::sort(own.begin(), own.end());  // rows may be permuted
    sums_.resize(tokens_.size());
    for (std::size_t p = 0; p < tokens_.size(); ++p) sums_[p].assign(tokens_[p].size(), 0.0);
    return std::nullopt;
  }
  std::vector<Request> requests(Index layer) const override { return asked(layer); }
  std::vector<Request> decoding_requests(Index layer) const override { return asked(layer); }
  void answered(Index layer, qwen3vl::ByPicture by_picture) override {
    const bool of_prompt = answers_ < layers_ - first_;
    if (!of_prompt && layer == first_ && rows_ == 0)  // the answer has rows of its own
      for (auto& s : sums_) s.assign(s.size(), 0.0);
    ++answers_;
    if (!of_prompt && layer == first_) ++rows_;
    for (std::size_t p = 0; p < sums_.size() && p < by_picture.size(); ++p) {
      const std::vector<float> paid = to_floats(by_picture[p].at(0).values);
      for (std::size_t t = 0; t < sums_[p].size(); ++t) sums_[p][t] += static_cast<double>(paid[t]);
    }
  }

  /// Of one picture of `count` tokens, [count]; 0 for tokens that the answer did not see.
  std::vector<float> of(std::size_t picture, Index count) const {
    std::vector<float> out(static_cast<std::size_t>(count));
    if (picture >= tokens_.size()) return out;
    const double share = 1.0 / static_cast<double>((layers_ - first_) * std::max<Index>(rows_, 1));
    for (std::size_t t = 0; t < tokens_[picture].size(); ++t)
      out[static_cast<std::size_t>(tokens_[picture][t])] = static_cast<float>(share * sums_[picture][t]);
    return out;
  }
  Index layers_asked() const { return layers_ - first_; }
  /// Rows of the answer.
  Index rows() const { return rows_; }

 private:
  std::vector<Request> asked(Index layer) const {
    if (layer < first_ || layer >= layers_) return {};
    Request r;
    r.site = Request::Site::layer;
    r.index = layer;
    r.rows = Request::Rows::last;
    return {r};
  }

  Index layers_, first_, answers_ = 0, rows_ = 0;
  std::vector<std::vector<Index>> tokens_;  // of each picture, ascending
  std::vector<std::vector<double>> sums_;
};

}  // namespace arrcoc
