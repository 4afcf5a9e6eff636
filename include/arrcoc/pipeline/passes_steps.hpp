#pragma once
// One look of several: its options, its journey, and what it leaves.
#include "arrcoc/pipeline/passes.hpp"

namespace arrcoc {

/// The part of its costs that a look ran, where it did not answer (`layers` of the language model alone) or took the
/// tower's results over.
inline Costs costs_of_part(Costs c, Index layers, bool encoded) {
  if (!encoded) {
    c.vision_flops = c.merger_flops = 0;
    c.visual_tokens_encoded = 0;
  }
  const auto all = static_cast<Index>(c.layers.size());
  if (layers == all) return c;
  c.prefill_flops = c.kv_bytes = 0;
  for (Index l = 0; l < all; ++l) {
    const LayerCost& one = c.layers[static_cast<std::size_t>(l)];
    if (l < layers) {
      c.prefill_flops += one.flops;
      c.kv_bytes += one.kv_bytes;
    } else {
      c.token_layers -= static_cast<double>(one.visual) / static_cast<double>(all);
    }
  }
  if (layers == 0) c.deepstack_additions = 0;
  return c;
}

/// Share of the relevance above its lowest that kept tokens do not cover; 0 when it is equal everywhere.
inline double left_to_see(const Look& look) {
  if (look.relevance.empty()) return 0;
  const float least = *std::min_element(look.relevance.begin(), look.relevance.end());
  double all = 0, seen = 0;
  for (const float r : look.relevance) all += static_cast<double>(r) - static_cast<double>(least);
  for (const Index t : look.kept)
    seen += static_cast<double>(look.relevance[static_cast<std::size_t>(t)]) - static_cast<double>(least);
  return all > 0 ? std::max(0.0, 1 - seen / all) : 0;
}

template <class B>
RunOptions Passes<B>::options_for(const Pass& pass, const PassRecord* before, const PassInput& in, Index native) const {
  RunOptions run = options_.run;
  const auto wanted = static_cast<double>(run.budget.resolve(native).kept) / static_cast<double>(native);
  if (pass.keep) {
    run.budget = *pass.keep;
    if (run.budget.tokens == 0) run.budget.keep_ratio = std::max(run.budget.keep_ratio, wanted);
  }
  if (pass.share < 1) {
    run.budget.keep_ratio *= pass.share;
    if (run.budget.tokens > 0)
      run.budget.tokens =
          std::max<Index>(1, static_cast<Index>(std::floor(static_cast<double>(run.budget.tokens) * pass.share + 0.5)));
  }
  if (pass.new_tokens > 0) run.generate.max_new_tokens = pass.new_tokens;
  run.generate.keep_probabilities = true;
  run.previous.clear();
  for (std::size_t p = 0; p < in.pictures.size() && (before != nullptr || pass.adds); ++p) {
    const Grid grid = in.pictures[p].grid;
    Look look;
    if (before != nullptr) {
      look = before->looks[p];
      look.tokens = on_grid(look.tokens, grid);
    } else {
      look.tokens = TokenSet(grid);
      look.relevance.resize(static_cast<std::size_t>(grid.count()));
      look.attention = look.relevance;
    }
    run.previous.push_back(std::make_shared<const Look>(std::move(look)));
  }
  return run;
}

/// Whether the tower ran.
template <class B>
bool Passes<B>::encode(Journey<B>& journey, const Pass& pass, const PassRecord* before, bool wanted) {
  const bool whole = journey.encodes().empty() && !journey.decides(Phase::tower);
  if (shelf_ && whole && pass.adds && before->pass.size == pass.size) {
    journey.encode(shelf_);
    return false;
  }
  shelf_ = nullptr;
  if (!wanted) return false;
  journey.encode();
  if (whole && pass.adds) shelf_ = journey.shelf();
  return true;
}

template <class B>
void Passes<B>::remember(PassRecord& record, const Journey<B>& journey, const AnswerAttention<B>* attention) const {
  Outcome& o = record.outcome;
  o.pictures = journey.pictures();
  o.decisions = journey.looks().decisions();
  record.seen.left = 0;
  for (std::size_t p = 0; p < o.pictures.size(); ++p) {
    const Realized& r = o.pictures[p];
    const Index n = r.allocation.tokens.count();
    Look look{r.allocation.tokens, r.balanced.relevance, r.allocation.kept};
    if (attention != nullptr) look.attention = attention->of(p, n);
    look.probability = record.seen.probability;
    record.seen.left += left_to_see(look) / static_cast<double>(o.pictures.size());
    record.looks.push_back(std::move(look));
  }
}

template <class B>
PassRecord Passes<B>::take(const Pass& pass, const PassRecord* before, Index native) {
  PassRecord out;
  out.pass = pass;
  const PassInput& in = input(pass.size);
  const AnyPipeline<B> own = pass.everything ? passes::everything<B>()
                             : pass.refines  ? passes::refining(pipeline_)
                             : pass.adds     ? passes::adding(pipeline_, pass.radius, pass.decay)
                                             : pipeline_;
  const RunOptions run = options_for(pass, before, in, native);
  Journey<B> journey(b_, model_, &own, in.pictures, in.prompt, run, trace_);
  if (in.asking && !pass.everything) journey.score_with(*in.asking);
  bool answers = (pass.answers && (options_.generate || pass.answer_decides)) || (attention_ && pass.adds);
  journey.decide(Phase::pixels);
  const bool may_answer = options_.generate && pass.answers_below > 0;
  const bool encoded = encode(journey, pass, before, answers || may_answer || looks_at_model(own));
  journey.decide(Phase::vision);
  if (options_.levels != all_levels) journey.mask_levels(options_.levels);
  const bool in_layers = journey.decides(Phase::layer);
  if (answers) journey.inject();
  else journey.take_layer_decisions();
  if (!answers && may_answer) {
    remember(out, journey, nullptr);
    answers = out.seen.left < pass.answers_below;
    out.looks.clear();
    if (answers && !in_layers) journey.inject();
  }
  std::optional<AnswerAttention<B>> attention;
  Index layers = 0;
  if (answers) {
    if (attention_) attention.emplace(model_.config().text.layers);
    out.outcome.rows = journey.input().rows;
    out.outcome.generated = journey.generate(attention ? &*attention : nullptr);
    layers = model_.config().text.layers;
    const qwen3vl::Generated& g = out.outcome.generated;
    out.fed_back = std::max<Index>(0, static_cast<Index>(g.tokens.size()) - (g.stopped ? 0 : 1));
    out.seen.answered = true;
    out.seen.probability = mean_probability(g);
  } else {
    for (const DecisionTrace& d : behind_looks(journey.looks().decisions()))
      if (d.phase == Phase::layer) layers = d.layer + 1;
  }
  remember(out, journey, attention ? &*attention : nullptr);
  out.outcome.costs = costs_of_part(journey.costs(), layers, encoded);
  if (attention) {
    const TextConfig& t = model_.config().text;
    const auto rows = static_cast<double>(attention->rows()),
               keys = static_cast<double>(out.outcome.costs.sequence_length);
    out.outcome.costs.evidence_flops += 2 * static_cast<double>(attention->layers_asked() * t.heads * t.head_dim) *
                                        (keys + rows * keys + rows * (rows + 1) / 2);
  }
  return out;
}

/// A pipeline by type, with a rule by type, all the way: passes of `native` tokens at most.
template <class B, class Rule, class T, class... D>
std::vector<PassRecord> run_passes(const Pipeline<B, T, D...>& pipeline, Rule rule, B& b,
                                   const qwen3vl::Model<B>& model, Index native,
                                   std::function<PassInput(const std::optional<Budget>&)> input,
                                   const RunOptions& options, Trace* trace = nullptr) {
  AnyPipeline<B> any = pipeline.erase();
  any.passes = erase_passes(std::move(rule));
  return Passes<B>(b, model, any, std::move(input), {options, all_levels, true, {}, {}}, trace).run(native);
}

}  // namespace arrcoc
