#pragma once
// The longer steps of a Journey: the tower with the decisions before and in it, first looks, and what decides in
// layers.
#include "arrcoc/pipeline/clip.hpp"
#include "arrcoc/pipeline/journey.hpp"
#include "arrcoc/primitives/regions.hpp"
#include "arrcoc/qwen3vl/place_pixels.hpp"

namespace arrcoc {

/// The tower's results with row order[i] for token i of all pictures; `tokens` of each.
template <class B>
qwen3vl::VisionOut<B> ordered(B& b, qwen3vl::VisionOut<B> vision, const std::vector<Index>& order,
                              const std::vector<std::vector<Index>>& tokens) {
  vision.tokens = b.gather_rows(vision.tokens, order);
  for (auto& level : vision.deepstack) level = b.gather_rows(level, order);
  Index first = 0;
  for (std::size_t p = 0; p < vision.answers.size(); ++p) {
    std::vector<Index> own;
    for (std::size_t i = 0; i < tokens[p].size(); ++i)
      own.push_back(order[static_cast<std::size_t>(first) + i] - first);
    for (Answered& a : vision.answers[p]) a = answer_of(a, own);
    first += static_cast<Index>(own.size());
  }
  return vision;
}

template <class B>
Index Journey<B>::prefix_rows() const {
  const Index end = end_of_pictures(prompt_);
  return std::find_if(input_.rows.begin(), input_.rows.end(),
                      [&](const auto& r) { return r.text() && r.column >= end; }) -
         input_.rows.begin();
}

template <class B>
void Journey<B>::look_up_question() {
  const Prompt& p = asking_ != nullptr ? *asking_ : prompt_;
  const auto rows = asking_ != nullptr ? model_->text().embed(b_, asking_->ids) : embeddings();
  const StageTimer timer(trace_, "query");
  looks_.give_query(pipeline_->query->encode(b_, *model_, p, rows));
}

template <class B>
void Journey<B>::encode(std::shared_ptr<Shelf<B>> shelf, const std::vector<qwen3vl::Pixels>* whole,
                        std::vector<Request> also, Trace* times) {
  if (shelf) {
    shelf_ = std::move(shelf);
    return;
  }
  const auto stock = [&](std::size_t p) -> const qwen3vl::Pixels& {
    return whole != nullptr ? (*whole)[p] : pictures_[p].pixels;
  };
  std::vector<TokenSet> sources, seen;
  for (std::size_t p = 0; p < pictures_.size(); ++p) {
    sources.push_back(pictures_[p].tokens());
    seen.push_back(model_->tokens_of(stock(p).patches));
  }
  model_->check_prompt(seen, prompt_);
  std::optional<TowerDecisions<B>> hook;
  if (decides(Phase::tower)) {
    require_that(also.empty(), Code::bad_usage, "journey",
                 "a tower in which tokens are dropped answers its own pipeline alone");
    hook.emplace(looks_, *pipeline_, acts_, model_->config().vision.depth);
    also = hook->later();
  } else if (pipeline_ != nullptr) {
    for (const Request& r : pipeline_->requests(Request::Site::tower)) add_once(also, r);
  }
  Trace* const timed = times ? times : trace_;
  const bool planned = decides(Phase::pixels), inside = (pipeline_ && looks_inside(*pipeline_)) || !also.empty(),
             by_pairs = whole == nullptr && !inside && streams(pictures_);
  std::vector<qwen3vl::Pixels> own, part;  // copies only where none is at hand
  if (whole == nullptr && !by_pairs && (!planned || streams(pictures_)))
    whole = &(own = whole_pixels(pictures_, timed));
  std::vector<std::vector<Index>> encoded;
  std::vector<Index> order;  // rows of the tower's results in the order of tokens, where segments part the two
  if (planned) part = take_plans(stock, encoded, order);
  require_that(order.empty() || !hook, Code::bad_config, "journey",
               "regions of their own in the tower and decisions between its blocks exclude each other");
  auto vision = by_pairs ? encode_by_pairs(b_, *model_, pictures_, timed)
                         : model_->encode_images(b_, planned ? part : *whole, timed, also, hook ? &*hook : nullptr);
  if (!order.empty()) vision = ordered(b_, std::move(vision), order, encoded);
  if (hook) {
    hook->hear_later(std::exchange(vision.answers, {}));
    encoded.clear();
    for (const Allocation& a : looks_.allocations()) encoded.push_back(a.kept);
  }
  shelf_ = std::make_shared<Shelf<B>>(sources, std::move(vision), std::move(encoded));
}

template <class B>
template <class Stock>
std::vector<qwen3vl::Pixels> Journey<B>::take_plans(const Stock& stock, std::vector<std::vector<Index>>& encoded,
                                                    std::vector<Index>& order) const {
  const DecisionTrace* last = nullptr;
  for (const DecisionTrace& d : looks_.decisions())
    if (d.phase == Phase::pixels) last = &d;
  std::vector<qwen3vl::Pixels> out;
  Index first = 0;
  bool parted = false;
  for (std::size_t p = 0; p < pictures_.size(); ++p) {
    const Allocation& a = looks_.allocations()[p];
    std::vector<Index> places;  // whom each row of the tower is of
    out.push_back(planned_pixels(*last, p, stock(p), places));
    encoded.push_back(a.kept);
    parted = parted || !places.empty();
    for (Index i = 0; i < a.count(); ++i) order.push_back(first + i);
    for (std::size_t i = 0; i < places.size(); ++i)
      order[static_cast<std::size_t>(first + places[i])] = first + static_cast<Index>(i);
    first += a.count();
  }
  if (!parted) order.clear();
  return out;
}

template <class B>
qwen3vl::Pixels Journey<B>::planned_pixels(const DecisionTrace& taken, std::size_t p, const qwen3vl::Pixels& stock,
                                           std::vector<Index>& places) const {
  const VisionConfig& v = model_->config().vision;
  const PreprocessConfig& c = model_->config().preprocess;
  const VisionPlan& plan = taken.plans[p];
  const Picture& picture = pictures_[p];
  const auto living = [&](const qwen3vl::Pixels& of) {
    return qwen3vl::subset_pixels(of, looks_.allocations()[p].kept, v.spatial_merge_size, v.patch_values());
  };
  switch (plan.source) {
    case VisionPlan::Source::raster: break;
    case VisionPlan::Source::blurred: {
      std::vector<Place> all;
      for (const Region& r : taken.pictures[p].allocation.regions)
        for (const Place& place : places_of(r)) all.push_back(place);
      if (std::all_of(all.begin(), all.end(), [](const Place& at) { return at.unit(); })) break;
      const Image soft =
          qwen3vl::blurred(picture.native, picture.grid, all, v.patch_size * v.spatial_merge_size, options_.resize);
      return living(qwen3vl::picture_pixels(soft.view(), picture.grid, v, c, options_.resize));
    }
    case VisionPlan::Source::places: {
      auto mixed =
          qwen3vl::place_pixels(picture.native, picture.grid, plan.tokens.places, v, c, options_.resize, &stock);
      return plan.segments.empty() ? std::move(mixed) : qwen3vl::segmented(mixed, plan.segments, places);
    }
    case VisionPlan::Source::picture:
      if (plan.tokens.grid == picture.grid) return stock;
      return qwen3vl::picture_pixels(picture.native, plan.tokens.grid, v, c, options_.resize);
  }
  return living(stock);
}

template <class B>
qwen3vl::Injected<B> Journey<B>::rows_of(const Prompt& prompt, const typename B::Tensor& embeddings) {
  const StageTimer timer(trace_, "inject");
  std::vector<TokenSet> tokens;  // where a plan put others in place of the raster
  for (const Allocation& a : entering_) tokens.push_back(a.tokens);
  const qwen3vl::Encoded<B> encoded{shelf_ ? shelf_->vision() : qwen3vl::VisionOut<B>{}, embeddings,
                                    qwen3vl::build_positions(prompt, tokens),
                                    shelf_ ? shelf_->encoded_tokens() : std::vector<std::vector<Index>>{}};
  if (pipeline_ == nullptr) return qwen3vl::stock_input(b_, prompt, encoded);
  const std::span<const Allocation> allocations(entering_);
  const AnyInjector<B>* last = nullptr;  // decisions elsewhere leave the rows to the one after the tower, or to gather
  for (const AnyDecision<B>& d : pipeline_->decisions)
    if (d.phase() == Phase::vision) last = &d.injector;
  auto in = last != nullptr ? (*last)->inject(b_, allocations, encoded, prompt, trace_)
                            : GatherInjector{}.inject(b_, allocations, encoded, prompt, trace_);
  in.words = qwen3vl::words_of(prompt);
  require_that(in.waiting.empty() || !decides(Phase::layer), Code::bad_config, "pipeline",
               "tokens that join before a later layer and decisions in layers exclude each other");
  return in;
}

template <class B>
void Journey<B>::look(const LayerRun& run) {
  if (asks_question(Phase::layer)) look_up_question();
  const Prompt& asked = asking_ != nullptr ? *asking_ : prompt_;
  qwen3vl::Injected<B> in = rows_of(asked, asking_ != nullptr ? model_->text().embed(b_, asked.ids) : embeddings());
  const Acts& last = run.back();
  LayerDecisions<B> hook(looks_, *pipeline_, run, model_->config().text.layers, shelf_.get());
  qwen3vl::KvCache<B> cache;
  model_->text().start(b_, cache, qwen3vl::all_rows(b_, in));
  if (last.again) {
    const auto rows = static_cast<Index>(in.rows.size()),
               visual = std::count_if(in.rows.begin(), in.rows.end(), [](const auto&r) { return !r.text(); });
    look_costs_.push_back({last.decision, last.before, rows, visual});
    {
      const StageTimer timer(trace_, "look");
      model_->text().run_layers(b_, in, cache, 0, last.before, trace_, &hook);
    }
    looks_.take(last.decision, shelf_.get(), last.before);
  } else {
    const StageTimer timer(trace_, "look");
    model_->text().run_layers(b_, in, cache, 0, last.before + 1, trace_, &hook);
    replay_.emplace(hook.left());
  }
}

template <class B>
qwen3vl::LayerHook<B>* Journey<B>::deciding(qwen3vl::LayerHook<B>* by_hand) {
  if (runs_.back().empty()) return by_hand;
  require_that(by_hand == nullptr, Code::bad_usage, "journey",
               "a hook by hand and decisions in layers exclude each other");
  if (replay_) return &*replay_;
  if (asks_question(Phase::layer)) look_up_question();
  if (!layer_decisions_)
    layer_decisions_.emplace(looks_, *pipeline_, runs_.back(), model_->config().text.layers, shelf_.get());
  return &*layer_decisions_;
}

template <class B>
qwen3vl::LayerHook<B>* Journey<B>::reselecting(qwen3vl::LayerHook<B>* by_hand) {
  if (!reversible()) return by_hand;
  require_that(by_hand == nullptr, Code::bad_usage, "journey",
               "a hook by hand and a decision for each decoded token exclude each other");
  require_that(asking_ == nullptr, Code::bad_config, "reversible",
               "chooses by the answer's own tokens: another question cannot score");
  if (asks_question(Phase::layer)) look_up_question();
  reselects_.emplace(looks_, *pipeline_, acts_.back(), model_->config().text.layers, shelf_.get());
  return &*reselects_;
}

template <class B>
qwen3vl::Generated Journey<B>::generate(qwen3vl::LayerHook<B>* hook) {
  const qwen3vl::LanguageModel<B>& text = model_->text();
  qwen3vl::LayerHook<B>* const decoding = reselecting(hook);
  qwen3vl::Generated out;
  out.sequence_length = begun_rows_ + (reached_ == 0 ? qwen3vl::all_rows(b_, input_) : opened_rows_);
  out.rope_delta = input_.positions.next - out.sequence_length;
  std::vector<float> row;
  {
    const StageTimer timer(trace_, "prefill");
    if (reached_ == 0) open_cache();
    text.run_layers(b_, input_, cache_, reached_, text.config().layers, trace_, deciding(hook));
    out.cached = cache_.lengths;
    const auto hidden = text.last_norm(b_, input_.embeddings);
    row = b_.to_host(text.logits(b_, b_.slice_rows(hidden, b_.rows(hidden) - 1, b_.rows(hidden))));
  }
  qwen3vl::decode(b_, text, std::move(row), cache_, prompt_.ids, options_.generate, out, trace_, decoding);
  return out;
}

template <class B>
Costs Journey<B>::costs() const {
  Costs c = count_costs(model_->config(), pictures_, static_cast<Index>(prompt_.ids.size()),
                        entering_.empty() ? looks_.allocations() : entering_, looks_.decisions(), look_costs_);
  if (pipeline_)
    c.evidence_flops = evidence_flops(model_->config(), *pipeline_, looks_.query().get(), pictures_, looks_.decisions(),
                                      c.layers, look_costs_, reselects_ ? reselects_->turns() : 0);
  if (reselects_) c.decode_visual_tokens = reselects_->seen_in_mean(c.layers);
  return c;
}

}  // namespace arrcoc
