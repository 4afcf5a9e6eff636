#pragma once
// Decisions on the way: between blocks of the tower and before layers of the language model.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/looks.hpp"

namespace arrcoc {

/// A decision and the block or layer it acts before, counted from the start.
struct Acts {
  std::size_t decision = 0;
  Phase phase = Phase::layer;
  Index before = 0;
  bool again = false;       // the language model begins again behind it
  bool reversible = false;  // for each decoded token
};

/// Of the decisions in the tower and in layers. Error{bad_config} for one outside the model, one that acts before the
/// decision in front of it, a request behind the decision that reads it, and one for the picture's rows by a decision
/// that is taken for each decoded token.
template <class B>
std::vector<Acts> acts_of(const AnyPipeline<B>& pipeline, const ModelConfig& config) {
  std::vector<Acts> out;
  for (std::size_t i = 0; i < pipeline.decisions.size(); ++i) {
    const AnyDecision<B>& d = pipeline.decisions[i];
    if (d.phase() != Phase::tower && d.phase() != Phase::layer) continue;
    const bool tower = d.phase() == Phase::tower;
    const Index depth = tower ? config.vision.depth : config.text.layers;
    const Index before = counted(d.injector.facts.before, depth);
    const bool again = d.injector.facts.again, reversible = d.injector.facts.reversible;
    require_that(
        !reversible ||
            (i + 1 == pipeline.decisions.size() &&
             std::none_of(out.begin(), out.end(), [](const Acts& a) { return a.phase == Phase::layer && !a.again; })),
        Code::bad_config, d.name,
        "is taken for each decoded token: expected the last decision, and none that drops rows before a layer");
    require_that(before >= (again ? 1 : 0) && before < depth + (again ? 1 : 0), Code::bad_config, d.name, [&] {
      return std::string(tower ? "block" : "layer") + " it acts before: expected " +
             std::to_string(again ? 1 : -depth) + " to " + std::to_string(depth - (again ? 0 : 1)) + ", got " +
             std::to_string(d.injector.facts.before);
    });
    require_that(out.empty() || out.back().phase != d.phase() || out.back().again || out.back().before <= before,
                 Code::bad_config, d.name, "acts before the decision in front of it");
    const Index last = before - (tower || again || reversible ? 1 : 0);
    for (const Request& r : d.requests()) {
      if ((r.site == Request::Site::tower) != tower) continue;
      const bool many = r.rows == Request::Rows::visual || r.rows == Request::Rows::all;
      require_that(!reversible || r.what == Request::What::received || !many, Code::bad_config, d.name,
                   [&] { return text_of(r) + ": a token that is fed back has its own row alone, not the picture's"; });
      const Index at = counted(r.index, depth);
      require_that(at >= 0 && at <= last, Code::bad_config, d.name, [&] {
        return text_of(r) + ": expected 0 to " + std::to_string(last) + " of a decision that acts before " +
               std::to_string(before);
      });
    }
    out.push_back({i, d.phase(), before, again, reversible});
  }
  return out;
}

/// Decisions between blocks of the tower, taken as the block loop meets them.
template <class B>
class TowerDecisions final : public qwen3vl::TowerHook<B> {
 public:
  TowerDecisions(Looks<B>& looks, const AnyPipeline<B>& pipeline, const std::vector<Acts>& acts, Index depth)
      : looks_(looks), depth_(depth) {
    for (const Acts& a : acts)
      if (a.phase == Phase::tower) acts_.push_back(a);
    for (std::size_t i = 0; i < pipeline.decisions.size(); ++i)
      for (const Request& r : pipeline.decisions[i].requests())
        if (r.site == Request::Site::tower) add_once(pipeline.decisions[i].phase() == Phase::tower ? now_ : later_, r);
  }
  /// What decisions behind the tower ask of its blocks.
  const std::vector<Request>& later() const { return later_; }
  /// The answers to those, each about the tokens that were in its block.
  void hear_later(std::vector<std::vector<Answered>> by_picture) {
    for (std::size_t p = 0; p < by_picture.size(); ++p)
      for (Answered& a : by_picture[p]) {
        const Index block = counted(a.request.index, depth_);
        looks_.hear(p, std::move(a), alive_[static_cast<std::size_t>(block)][p]);
      }
  }

  std::vector<Request> requests() const override { return now_; }
  std::optional<qwen3vl::TowerKeep> before_block(B&, Index block, const qwen3vl::TowerView<B>& view) override {
    std::optional<qwen3vl::TowerKeep> out;
    if (std::any_of(acts_.begin(), acts_.end(), [&](const Acts& a) { return a.before == block; })) {
      for (std::size_t p = 0; p < view.answers.size(); ++p)
        for (const Answered& a : view.answers[p])
          if (const Index at = counted(a.request.index, depth_); at < block)
            looks_.hear(p, a, alive_[static_cast<std::size_t>(at)][p]);
      std::vector<std::vector<Index>> before;
      for (const Allocation& a : looks_.allocations()) before.push_back(a.kept);
      for (const Acts& a : acts_)
        if (a.before == block) looks_.take(a.decision, nullptr, block);
      out.emplace();
      for (std::size_t p = 0; p < before.size(); ++p)
        out->push_back(places_in(before[p], looks_.allocations()[p].kept));
    }
    alive_.emplace_back();
    for (const Allocation& a : looks_.allocations()) alive_.back().push_back(a.kept);
    return out;
  }

 private:
  Looks<B>& looks_;
  Index depth_;
  std::vector<Acts> acts_;
  std::vector<Request> now_, later_;
  std::vector<std::vector<std::vector<Index>>> alive_;  // by block and picture
};

/// Adds what a decision asks of one layer, each request once.
template <class B>
void add_asked(std::vector<Request>& out, const AnyDecision<B>& decision, Index layer, Index layers) {
  for (const Request& r : decision.requests())
    if (r.site == Request::Site::layer && counted(r.index, layers) == layer) add_once(out, r);
}

/// One run through layers: the decisions it meets, the last of which may send the language model back to the start.
using LayerRun = std::vector<Acts>;

/// The runs of a pipeline; the last one answers, and may meet no decision.
inline std::vector<LayerRun> layer_runs(const std::vector<Acts>& acts) {
  std::vector<LayerRun> out(1);
  for (const Acts& a : acts) {
    if (a.phase != Phase::layer || a.reversible) continue;
    out.back().push_back(a);
    if (a.again) out.emplace_back();
  }
  return out;
}

/// Rows that go on: text, and tokens that live.
inline qwen3vl::RowEdit living_rows(const std::vector<qwen3vl::SequenceRow>& rows,
                                    const std::vector<Allocation>& living) {
  qwen3vl::RowEdit edit;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].text()) {
      const auto& kept = living[static_cast<std::size_t>(rows[i].picture)].kept;
      if (!std::binary_search(kept.begin(), kept.end(), rows[i].token)) continue;
    }
    edit.keep.push_back(static_cast<Index>(i));
  }
  return edit;
}

/// Decisions before layers, taken as the layer loop meets them.
template <class B>
class LayerDecisions final : public qwen3vl::LayerHook<B> {
 public:
  /// `shelf`: the tower's results, for decisions that look at them as well.
  LayerDecisions(Looks<B>& looks, const AnyPipeline<B>& pipeline, LayerRun run, Index layers, Shelf<B>* shelf)
      : looks_(looks), pipeline_(pipeline), run_(std::move(run)), layers_(layers), shelf_(shelf) {}

  std::vector<Request> requests(Index layer) const override { return asked(layer, false); }
  void answered(Index, std::vector<std::vector<Answered>> by_picture) override { looks_.hear(std::move(by_picture)); }

  std::optional<qwen3vl::RowEdit> before_layer(B&, Index layer, const qwen3vl::LayerView<B>& view) override {
    const auto here = [&](const Acts& a) { return a.before == layer && !a.again; };
    if (std::none_of(run_.begin(), run_.end(), here)) return std::nullopt;
    if (const std::vector<Request> own = asked(layer, true); !own.empty()) looks_.hear(view.answer(own));
    for (const Acts& a : run_)
      if (here(a)) looks_.take(a.decision, shelf_, layer);
    left_.emplace_back(layer, looks_.allocations());
    return living_rows(view.rows, left_.back().second);
  }
  /// Who was left before which layer.
  const std::vector<std::pair<Index, std::vector<Allocation>>>& left() const { return left_; }

 private:
  /// What decisions ask of a layer: those that act before it (`own`), or those that act later.
  std::vector<Request> asked(Index layer, bool own) const {
    std::vector<Request> out;
    for (const Acts& a : run_) {
      if (own ? a.before != layer : a.before <= layer) continue;
      add_asked(out, pipeline_.decisions[a.decision], layer, layers_);
    }
    return out;
  }

  Looks<B>& looks_;
  const AnyPipeline<B>& pipeline_;
  LayerRun run_;
  Index layers_;
  Shelf<B>* shelf_;
  std::vector<std::pair<Index, std::vector<Allocation>>> left_;
};

/// The drops of another run once more: the decisions were taken with another question.
template <class B>
class Replay final : public qwen3vl::LayerHook<B> {
 public:
  explicit Replay(std::vector<std::pair<Index, std::vector<Allocation>>> left) : left_(std::move(left)) {}
  std::optional<qwen3vl::RowEdit> before_layer(B&, Index layer, const qwen3vl::LayerView<B>& view) override {
    for (const auto& [at, living] : left_)
      if (at == layer) return living_rows(view.rows, living);
    return std::nullopt;
  }

 private:
  std::vector<std::pair<Index, std::vector<Allocation>>> left_;
};

}  // namespace arrcoc
