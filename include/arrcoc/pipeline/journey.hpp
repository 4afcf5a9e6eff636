#pragma once
// The whole way of one question, and the only driver of it:
//
//   pictures + prompt -> [decide] -> encode [decide] -> [decide] -> inject -> layers [decide] -> generate
//
// Steps can be taken one at a time: answering once or many times, allocating without an answer, evidence from files in
// place of a model, and training through a frozen model all take the same ones. Data goes forward only; each arrow is
// one plain aggregate. The stock model shares encode, prefill and generate, and enters them through stock_input.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/beginning.hpp"
#include "arrcoc/pipeline/costs.hpp"
#include "arrcoc/pipeline/realize.hpp"
#include "arrcoc/pipeline/reselect.hpp"
#include "arrcoc/qwen3vl/generate.hpp"

namespace arrcoc {

struct Outcome {
  std::vector<Realized> pictures;        // of the last decision, over all tokens of the picture
  std::vector<DecisionTrace> decisions;  // each in turn
  qwen3vl::Generated generated;
  std::vector<Reselected> reselected;      // of each token fed back, where the pipeline chooses anew for it
  std::vector<qwen3vl::SequenceRow> rows;  // what entered the language model
  Costs costs;
};

template <class B>
class Journey {
 public:
  /// Everything handed in must outlive the journey. `pipeline` null: the stock model. `textures`: of the same pictures,
  /// shared by journeys. Error{bad_config} for a decision outside the model's blocks and layers.
  Journey(B& b, const qwen3vl::Model<B>& model, const AnyPipeline<B>* pipeline, const std::vector<Picture>& pictures,
          const Prompt& prompt, const RunOptions& options, Trace* trace = nullptr,
          std::shared_ptr<TextureShelf> textures = nullptr)
      : b_(b),
        model_(&model),
        pipeline_(pipeline),
        pictures_(pictures),
        prompt_(prompt),
        options_(options),
        trace_(trace),
        looks_(b, pipeline, pictures, options, trace, textures ? std::move(textures) : std::make_shared<TextureShelf>(),
               prompt.asked) {
    if (pipeline == nullptr) return;
    acts_ = acts_of(*pipeline, model.config());
    runs_ = layer_runs(acts_);
  }

  /// The question that scores, where it is another than the one that is answered; before the first decision.
  void score_with(const Prompt& asking) { looks_.give_asked((asking_ = &asking)->asked); }

  bool decides(Phase phase) const { return pipeline_ != nullptr && pipeline_->decides(phase); }

  /// Decisions before the tower, or after it, in order; those in the tower and in layers are taken on the way.
  void decide(Phase phase) {
    if (!decides(phase)) return;
    if (asks_question(phase)) look_up_question();
    looks_.decide(phase, shelf_.get());
    if (phase == Phase::pixels) encodes_ = encoding_of(looks_.allocations(), looks_.decisions());
  }

  /// Equal for journeys that encode the same of the same pictures; empty: the whole of each. Behind decide(pixels).
  const std::string& encodes() const { return encodes_; }
  /// The vision tower, unless `shelf` holds the results of journeys that encode the same. `whole`: pixels of the whole
  /// pictures, by default their own; `also`: requests of others who will share the shelf; `times`: of the tower.
  void encode(std::shared_ptr<Shelf<B>> shelf = nullptr, const std::vector<qwen3vl::Pixels>* whole = nullptr,
              std::vector<Request> also = {}, Trace* times = nullptr);
  const std::shared_ptr<Shelf<B>>& shelf() const { return shelf_; }

  /// Rows for the language model. First looks are taken here, and so are decisions in layers with which another
  /// question than the answered one scores.
  void inject() {
    for (std::size_t run = 0; run < runs_.size(); ++run) {
      entering_ = looks_.allocations();
      if (run + 1 < runs_.size() || (asking_ != nullptr && !runs_[run].empty())) look(runs_[run]);
    }
    input_ = rows_of(prompt_, embeddings());
  }

  /// The steps up to inject, with the tower's results in hand.
  void begin_decisions(std::shared_ptr<Shelf<B>> shelf) {
    decide(Phase::pixels);
    encode(std::move(shelf));
    decide(Phase::vision);
  }

  qwen3vl::Injected<B>& input() { return input_; }
  /// [L, D] of the full prompt's ids; looked up once.
  const typename B::Tensor& embeddings() {
    if (!embedded_) {
      embeddings_ = model_->text().embed(b_, prompt_.ids);
      embedded_ = true;
    }
    return embeddings_;
  }
  void give_embeddings(typename B::Tensor t) {
    embeddings_ = std::move(t);
    embedded_ = true;
  }

  /// Layers [first, last) over the rows reached so far; the first call opens the cache. Not behind generate().
  void prefill(Index first, Index last, qwen3vl::LayerHook<B>* hook = nullptr) {
    const StageTimer timer(trace_, "prefill");
    if (first == 0) open_cache();
    model_->text().run_layers(b_, input_, cache_, first, last, trace_, deciding(hook));
    reached_ = last;
  }
  /// Without an answer: inject, and as many layers as all decisions take.
  void take_layer_decisions() {
    if (!decides(Phase::layer)) return;
    require_that(!reversible(), Code::bad_config, "reversible",
                 "chooses for each decoded token: expected an answer, got an allocation alone");
    inject();
    if (asking_ == nullptr && !runs_.back().empty()) prefill(0, runs_.back().back().before + 1);
  }

  /// Prefill of what is left, then decoding. `hook` decides before layers.
  qwen3vl::Generated generate(qwen3vl::LayerHook<B>* hook = nullptr);

  // --- a beginning that several questions share ---
  /// Equal for journeys whose input is the same up to the end of the last picture: a digest of what was encoded, ids,
  /// places, allocations and injectors. No tensor is built for it. Empty: decisions inside the model may part the ways.
  std::string beginning() const {
    if (decides(Phase::tower) || decides(Phase::layer)) return {};
    return beginning_of(prompt_, looks_.allocations(), pipeline_, encodes_);
  }
  /// Rows of the input in front of the question's own.
  Index prefix_rows() const;
  /// Runs the first `rows` rows alone; `cache` can begin other journeys of the same beginning.
  void prefill_beginning(Index rows, qwen3vl::KvCache<B>& cache) {
    const StageTimer timer(trace_, "prefill");
    model_->text().prefill(b_, part(b_, input_, 0, rows), cache, 0, trace_);
  }
  /// Goes on behind a beginning: what is left of the input is its own part.
  void continue_from(qwen3vl::KvCache<B>& begun) {
    begun_rows_ = begun.lengths.at(0);
    input_ = part(b_, input_, begun_rows_, static_cast<Index>(input_.rows.size()));
    begun_ = &begun;
  }

  // --- what came out ---
  const Prompt& prompt() const { return prompt_; }
  const Looks<B>& looks() const { return looks_; }
  std::vector<Realized> pictures() const { return looks_.realized(); }
  /// What each token that was fed back looked at, where the pipeline chooses anew for it.
  std::vector<Reselected> reselected() const { return reselects_ ? reselects_->taken() : std::vector<Reselected>{}; }
  /// Of the decisions taken so far; those in layers count behind generate() or take_layer_decisions().
  Costs costs() const;
  /// Keeps only these DeepStack levels of every kept token.
  void mask_levels(std::uint32_t levels) { looks_.mask_levels(levels); }

  /// All steps.
  Outcome run(std::shared_ptr<Shelf<B>> shelf = nullptr, qwen3vl::LayerHook<B>* hook = nullptr) {
    begin_decisions(std::move(shelf));
    inject();
    Outcome out;
    out.rows = input_.rows;
    out.generated = generate(hook);
    out.reselected = reselected();
    out.pictures = pictures();
    out.decisions = looks_.decisions();
    out.costs = costs();
    return out;
  }

 private:
  bool asks_question(Phase phase) const {
    return looks_.query() == nullptr &&
           std::any_of(pipeline_->decisions.begin(), pipeline_->decisions.end(), [&](const AnyDecision<B>& d) {
             return d.phase() == phase && (d.may_need().evidence & (Need::query | Need::question)) != 0;
           });
  }
  void look_up_question();

  /// What decisions before the tower leave of each picture, from stock(picture): the pixels of the whole. `encoded`:
  /// the tokens that go in; `order`: the tower's row of each, where these differ; else empty.
  template <class Stock>
  std::vector<qwen3vl::Pixels> take_plans(const Stock& stock, std::vector<std::vector<Index>>& encoded,
                                          std::vector<Index>& order) const;
  qwen3vl::Pixels planned_pixels(const DecisionTrace& taken, std::size_t p, const qwen3vl::Pixels& stock,
                                 std::vector<Index>& places) const;

  /// What enters layer 0 with `entering_`.
  qwen3vl::Injected<B> rows_of(const Prompt& prompt, const typename B::Tensor& embeddings);

  /// A run that decides and does not answer: with the question that scores.
  void look(const LayerRun& run);

  bool reversible() const { return !acts_.empty() && acts_.back().reversible; }
  /// The hook of the tokens that are fed back: the pipeline's choice for each, or one by hand.
  qwen3vl::LayerHook<B>* reselecting(qwen3vl::LayerHook<B>* by_hand);

  /// The hook of the run that answers: the pipeline's decisions, or one by hand.
  qwen3vl::LayerHook<B>* deciding(qwen3vl::LayerHook<B>* by_hand);

  void open_cache() {
    opened_rows_ = qwen3vl::all_rows(b_, input_);
    const Index room = opened_rows_ + qwen3vl::decode_capacity(options_.generate);
    if (begun_ != nullptr) cache_ = model_->text().fork(b_, *begun_, room);
    else model_->text().start(b_, cache_, room);
    cache_.next = input_.positions.following();
  }

  B& b_;
  const qwen3vl::Model<B>* model_;
  const AnyPipeline<B>* pipeline_;
  const std::vector<Picture>& pictures_;
  const Prompt& prompt_;
  const Prompt* asking_ = nullptr;
  const RunOptions& options_;
  Trace* trace_;
  Looks<B> looks_;
  std::string encodes_;
  std::shared_ptr<Shelf<B>> shelf_;
  typename B::Tensor embeddings_{};
  bool embedded_ = false;
  std::vector<Acts> acts_;         // decisions in the tower and in layers
  std::vector<LayerRun> runs_{1};  // of layers; the last one answers
  std::optional<LayerDecisions<B>> layer_decisions_;
  std::optional<Replay<B>> replay_;
  std::optional<Reselects<B>> reselects_;
  std::vector<LookCost> look_costs_;
  std::vector<Allocation> entering_;  // with which the rows of input_ were made
  qwen3vl::Injected<B> input_;
  qwen3vl::KvCache<B> cache_;
  qwen3vl::KvCache<B>* begun_ = nullptr;
  Index begun_rows_ = 0, opened_rows_ = 0, reached_ = 0;
};

/// A pipeline by type, all the way.
template <class B, class T, class... D>
Outcome run(const Pipeline<B, T, D...>& pipeline, B& b, const qwen3vl::Model<B>& model,
            const std::vector<Picture>& pictures, const Prompt& prompt, const RunOptions& options,
            Trace* trace = nullptr) {
  const AnyPipeline<B> any = pipeline.erase();
  return Journey<B>(b, model, &any, pictures, prompt, options, trace).run();
}

}  // namespace arrcoc

#include "arrcoc/pipeline/journey_steps.hpp"
