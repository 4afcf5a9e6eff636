#pragma once
// The whole way of one question, and the only driver of it:
//
//   pictures + prompt -> begin -> [decide] -> encode -> [decide] -> inject -> layers -> generate
//
// Steps can be taken one at a time: answering once or many times, allocating without an answer, evidence from files in
// place of a model, and training through a frozen model all take the same ones. Data goes forward only; each arrow is
// one plain aggregate. The stock model shares encode, prefill and generate, and enters them through stock_input.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/digest.hpp"
#include "arrcoc/pipeline/costs.hpp"
#include "arrcoc/pipeline/realize.hpp"
#include "arrcoc/qwen3vl/generate.hpp"

namespace arrcoc {

struct Outcome {
  std::vector<Realized> pictures;        // of the last decision, over all tokens of the picture
  std::vector<DecisionTrace> decisions;  // each in turn
  qwen3vl::Generated generated;
  std::vector<qwen3vl::SequenceRow> rows;  // what entered the language model
  Costs costs;
};

template <class B>
class Journey {
 public:
  /// Everything handed in must outlive the journey. `pipeline` null: the stock model.
  Journey(B& b, const qwen3vl::Model<B>& model, const AnyPipeline<B>* pipeline, const std::vector<Picture>& pictures,
          const Prompt& prompt, const RunOptions& options, Trace* trace = nullptr)
      : b_(b),
        model_(&model),
        pipeline_(pipeline),
        pictures_(pictures),
        prompt_(prompt),
        options_(options),
        trace_(trace),
        looks_(b, pipeline, pictures, options, trace) {}

  /// The question that scores, where it is another than the one that is answered; before the first decision.
  void score_with(const Prompt& asking) { asking_ = &asking; }

  /// Decisions of one phase, in order.
  void decide(Phase phase) {
    if (pipeline_ == nullptr) return;
    if (asks_question(phase) && looks_.query() == nullptr) look_up_question();
    looks_.decide(phase, shelf_.get());
  }

  /// The vision tower, unless `shelf` holds its results already.
  void encode(std::shared_ptr<Shelf<B>> shelf = nullptr) {
    if (!shelf) {
      require_that(!pipeline_ || pipeline_->decisions.front().phase() >= Phase::vision, Code::bad_config, "pipeline",
                   "decisions before the tower are not carried out yet");
      std::vector<qwen3vl::Pixels> pixels;
      for (const Picture& p : pictures_) pixels.push_back(p.pixels);
      shelf = shelve(b_, *model_, pictures_, pixels,
                     pipeline_ ? pipeline_->requests(Request::Site::tower) : std::vector<Request>{}, prompt_, trace_);
    }
    shelf_ = std::move(shelf);
  }
  const std::shared_ptr<Shelf<B>>& shelf() const { return shelf_; }

  /// One picture's tower, with the answers that decisions asked for; checked against the prompt.
  static std::shared_ptr<Shelf<B>> shelve(B& b, const qwen3vl::Model<B>& model, const std::vector<Picture>& pictures,
                                          const std::vector<qwen3vl::Pixels>& pixels,
                                          const std::vector<Request>& requests, const Prompt& prompt, Trace* trace) {
    model.check_prompt(pixels, prompt);
    std::vector<Grid> grids;
    for (const Picture& p : pictures) grids.push_back(p.grid);
    return std::make_shared<Shelf<B>>(grids, model.encode_images(b, pixels, trace, requests));
  }

  /// Rows for the language model.
  void inject() {
    const StageTimer timer(trace_, "inject");
    encoded_ = {shelf_ ? shelf_->vision() : qwen3vl::VisionOut<B>{}, embeddings(), qwen3vl::build_positions(prompt_)};
    if (pipeline_ == nullptr) {
      input_ = qwen3vl::stock_input(b_, prompt_, encoded_);
      return;
    }
    const std::vector<Allocation> allocations = looks_.allocations();
    input_ = pipeline_->decisions.back().injector->inject(b_, std::span<const Allocation>(allocations), encoded_,
                                                          prompt_, trace_);
  }

  /// The steps up to inject, with the tower's results in hand.
  void begin_decisions(std::shared_ptr<Shelf<B>> shelf) {
    decide(Phase::pixels);
    encode(std::move(shelf));
    decide(Phase::vision);
  }

  qwen3vl::Injected<B>& input() { return input_; }
  const qwen3vl::Encoded<B>& encoded() const { return encoded_; }
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
    model_->text().run_layers(b_, input_, cache_, first, last, trace_, hook);
    reached_ = last;
  }

  /// Prefill of what is left, then decoding. `hook` decides before layers.
  qwen3vl::Generated generate(qwen3vl::LayerHook<B>* hook = nullptr) {
    const qwen3vl::LanguageModel<B>& text = model_->text();
    qwen3vl::Generated out;
    out.sequence_length = begun_rows_ + (reached_ == 0 ? b_.rows(input_.embeddings) : opened_rows_);
    out.rope_delta = input_.positions.next - out.sequence_length;
    std::vector<float> row;
    {
      const StageTimer timer(trace_, "prefill");
      if (reached_ == 0) open_cache();
      text.run_layers(b_, input_, cache_, reached_, text.config().layers, trace_, hook);
      out.cached = cache_.lengths;
      const auto hidden = text.last_norm(b_, input_.embeddings);
      row = b_.to_host(text.logits(b_, b_.slice_rows(hidden, b_.rows(hidden) - 1, b_.rows(hidden))));
    }
    qwen3vl::decode(b_, text, std::move(row), cache_, prompt_.ids, options_.generate, out, trace_);
    return out;
  }

  // --- a beginning that several questions share
  // --------------------------------------------------------------------------
  /// First column behind the last picture.
  Index prefix_end() const {
    return prompt_.spans.empty() ? 0 : prompt_.spans.back().begin + prompt_.spans.back().grid.count();
  }
  /// Equal for journeys whose input is the same up to the end of the last picture: a digest of ids, places, allocations
  /// and injector. No tensor is built for it.
  std::string beginning() const {
    Digest d;
    d.text(pipeline_ ? pipeline_->decisions.back().injector.facts.name : "stock");
    d.list(std::span<const TokenId>(prompt_.ids).first(static_cast<std::size_t>(prefix_end())));
    for (const VisionSpan& s : prompt_.spans) d.value(s.begin).value(s.grid.rows).value(s.grid.cols);
    for (const Allocation& a : looks_.allocations()) {
      d.value(a.tokens.grid.rows).value(a.tokens.grid.cols).value(a.tokens.frames);
      for (const Place& p : a.tokens.places) d.value(p.row).value(p.col).value(p.rows).value(p.cols).value(p.frame);
      d.list(std::span<const Index>(a.kept))
          .list(std::span<const std::uint32_t>(a.depth))
          .list(std::span<const Index>(a.entry));
      for (const auto& row : a.merge)
        for (const MergePart& m : row) d.value(m.token).value(m.weight);
    }
    return d.hex();
  }
  /// Rows of the input in front of the question's own.
  Index prefix_rows() const {
    const Index end = prefix_end();
    return std::find_if(input_.rows.begin(), input_.rows.end(),
                        [&](const auto& r) { return r.text() && r.column >= end; }) -
           input_.rows.begin();
  }
  /// Runs the first `rows` rows alone; `cache` can begin other journeys of the same beginning.
  void prefill_beginning(Index rows, qwen3vl::KvCache<B>& cache) {
    const StageTimer timer(trace_, "prefill");
    model_->text().prefill(b_, part(input_, 0, rows), cache, 0, trace_);
  }
  /// Goes on behind a beginning: what is left of the input is its own part.
  void continue_from(qwen3vl::KvCache<B>& begun) {
    begun_rows_ = begun.lengths.at(0);
    input_ = part(input_, begun_rows_, static_cast<Index>(input_.rows.size()));
    begun_ = &begun;
  }

  // --- what came out
  // -----------------------------------------------------------------------------------------------------
  const Prompt& prompt() const { return prompt_; }
  const Looks<B>& looks() const { return looks_; }
  std::vector<Realized> pictures() const { return pipeline_ ? looks_.realized() : whole(); }
  Costs costs() const { return count_costs(); }
  /// Keeps only these DeepStack levels of every kept token.
  void mask_levels(std::uint32_t levels) { looks_.mask_levels(levels); }

  /// All steps.
  Outcome run(std::shared_ptr<Shelf<B>> shelf = nullptr, qwen3vl::LayerHook<B>* hook = nullptr) {
    begin_decisions(std::move(shelf));
    inject();
    Outcome out;
    out.pictures = pictures();
    out.decisions = looks_.decisions();
    out.rows = input_.rows;
    out.costs = costs();
    out.generated = generate(hook);
    return out;
  }

 private:
  bool asks_question(Phase phase) const {
    return std::any_of(pipeline_->decisions.begin(), pipeline_->decisions.end(), [&](const AnyDecision<B>& d) {
      return d.phase() == phase && (d.may_need().evidence & (Need::query | Need::question)) != 0;
    });
  }
  void look_up_question() {
    const Prompt& p = asking_ != nullptr ? *asking_ : prompt_;
    const auto rows = asking_ != nullptr ? model_->text().embed(b_, asking_->ids) : embeddings();
    const StageTimer timer(trace_, "query");
    looks_.give_query(pipeline_->query->encode(b_, *model_, p, rows));
  }

  void open_cache() {
    const Index room = b_.rows(input_.embeddings) + qwen3vl::decode_capacity(options_.generate);
    if (begun_ != nullptr) cache_ = model_->text().fork(b_, *begun_, room);
    else model_->text().start(b_, cache_, room);
    cache_.next_position = input_.positions.next;
    opened_rows_ = b_.rows(input_.embeddings);
  }

  /// The rows [begin, end) of an input; DeepStack rows go with the first part, which holds every picture.
  qwen3vl::Injected<B> part(const qwen3vl::Injected<B>& in, Index begin, Index end) {
    qwen3vl::Injected<B> out;
    std::vector<Index> rows;
    for (Index i = begin; i < end; ++i) rows.push_back(i);
    out.embeddings = b_.slice_rows(in.embeddings, begin, end);
    out.positions = qwen3vl::gather_columns(in.positions, rows);
    out.rows.assign(in.rows.begin() + begin, in.rows.begin() + end);
    if (begin == 0) out.levels = in.levels;
    return out;
  }

  std::vector<Realized> whole() const {
    std::vector<Realized> out;
    for (const Picture& p : pictures_) out.push_back({{}, {}, {}, keep_everything(p.grid)});
    return out;
  }

  Costs count_costs() const {
    const ModelConfig& config = model_->config();
    Costs c;
    const auto levels = static_cast<Index>(config.vision.deepstack_taps.size());
    for (const Picture& p : pictures_) {
      c.visual_tokens_before += p.grid.count();
      c.vision_flops +=
          vision_flops(config.vision, p.pixels.patches.count(), p.pixels.patches.rows * p.pixels.patches.cols);
    }
    if (config.has_vision) c.merger_flops = merger_flops(config.vision, c.visual_tokens_before);
    for (const Realized& r : pictures()) {
      c.visual_tokens_after += r.allocation.count();
      for (const std::uint32_t d : r.allocation.depth)
        for (Index l = 0; l < levels; ++l) c.deepstack_additions += d >> l & 1u;
    }
    c.sequence_length_before = static_cast<Index>(prompt_.ids.size());
    c.sequence_length = c.sequence_length_before - c.visual_tokens_before + c.visual_tokens_after;
    c.legacy_effective_tokens = c.visual_tokens_after + c.deepstack_additions;
    c.evidence_flops = looks_.evidence_flops(config);
    c.prefill_flops = language_flops(config.text, c.sequence_length, 0);
    c.decode_flops_per_token = language_flops(config.text, 1, c.sequence_length);
    c.kv_bytes = kv_bytes(config.text, c.sequence_length);
    for (Index l = 0; l < config.text.layers; ++l)
      c.layers.push_back({c.sequence_length, c.visual_tokens_after, layer_flops(config.text, l, c.sequence_length, 0),
                          kv_bytes(config.text, c.sequence_length) / static_cast<double>(config.text.layers)});
    c.token_layers = static_cast<double>(c.visual_tokens_after);
    return c;
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
  std::shared_ptr<Shelf<B>> shelf_;
  typename B::Tensor embeddings_{};
  bool embedded_ = false;
  qwen3vl::Encoded<B> encoded_;
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
