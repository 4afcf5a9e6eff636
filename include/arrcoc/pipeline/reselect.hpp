#pragma once
// A decision that is taken again for each decoded token (injector `reversible`): what layers look at, not who lives.
#include <optional>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/costs.hpp"
#include "arrcoc/pipeline/hooks.hpp"

namespace arrcoc {

/// What one decoded token looked at from a layer on.
struct Reselected {
  std::vector<std::vector<Index>> kept;  // of each picture: living tokens, ascending
};

/// The decision `acts` for each token that is fed back: answers of the layers in front of it are about that token's
/// row.
template <class B>
class Reselects final : public qwen3vl::LayerHook<B> {
 public:
  Reselects(Looks<B>& looks, const AnyPipeline<B>& pipeline, const Acts& acts, Index layers, Shelf<B>* shelf)
      : looks_(looks), decision_(pipeline.decisions[acts.decision]), acts_(acts), layers_(layers), shelf_(shelf) {}

  std::optional<qwen3vl::RowEdit> before_layer(B&, Index, const qwen3vl::LayerView<B>&) override {
    return std::nullopt;
  }

  std::vector<Request> decoding_requests(Index layer) const override {
    std::vector<Request> out;
    add_asked(out, decision_, layer, layers_);
    return out;
  }
  void answered(Index, qwen3vl::ByPicture by_picture) override { looks_.hear(std::move(by_picture)); }

  std::optional<std::vector<Index>> seen(Index layer, const std::vector<qwen3vl::SequenceRow>& cached) override {
    if (layer < acts_.before) return std::nullopt;
    if (layer == acts_.before) choose();
    if (everything_) return std::nullopt;
    return living_rows(cached, visible_).keep;
  }

  /// Of each token fed back, in turn.
  const std::vector<Reselected>& taken() const { return taken_; }
  Index turns() const { return static_cast<Index>(taken_.size()); }
  /// Visual tokens that one of them looked at, in the mean over them and the layers: those in front of the choice look
  /// at everything, and so would a token that was never fed back.
  double seen_in_mean(const std::vector<LayerCost>& layers) const {
    double chosen = 0, sum = 0;
    for (const Reselected& r : taken_)
      for (const auto& kept : r.kept) chosen += static_cast<double>(kept.size());
    for (std::size_t l = 0; l < layers.size(); ++l)
      sum += taken_.empty() || static_cast<Index>(l) < acts_.before ? static_cast<double>(layers[l].visual)
                                                                    : chosen / static_cast<double>(turns());
    return sum / static_cast<double>(layers.size());
  }

 private:
  void choose() {
    const DecisionTrace now = looks_.choose(acts_.decision, shelf_, acts_.before, turns() + 1);
    visible_ = looks_.allocations();
    everything_ = true;
    Reselected out;
    for (std::size_t p = 0; p < visible_.size(); ++p) {
      const Allocation& a = now.pictures[p].allocation;
      everything_ = everything_ && a.count() == visible_[p].count();
      visible_[p] = composed(visible_[p], a);
      out.kept.push_back(visible_[p].kept);
    }
    taken_.push_back(std::move(out));
  }

  Looks<B>& looks_;
  const AnyDecision<B>& decision_;
  Acts acts_;
  Index layers_;
  Shelf<B>* shelf_;
  std::vector<Allocation> visible_;
  bool everything_ = true;
  std::vector<Reselected> taken_;
};

}  // namespace arrcoc
