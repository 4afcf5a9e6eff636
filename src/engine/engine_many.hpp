#pragma once
// EngineOn::answer_many: pictures encoded once, each distinct question tokenised once, and what prompts have in common
// run once.
#include "engine_impl.hpp"

namespace arrcoc {

/// One ask on its way.
template <class B>
struct EngineOn<B>::Asked {
  const Ask* ask = nullptr;
  const Prompt* prompt = nullptr;
  const qwen3vl::Encoded<B>* encoded = nullptr;
  MadePipeline<B> made;
  RunOptions run;
  std::vector<Picture> pictures;  // with the boxes of this question, without pixels
  std::vector<Realized> realized;
  AnswerResult out;
  Trace trace;

  bool looks() const {
    return ask->generate || (!ask->stock && (made.pipeline.needs().evidence & features_needed) != 0);
  }
  Index prefix_end() const {
    return prompt->spans.empty() ? 0 : prompt->spans.back().begin + prompt->spans.back().grid.count();
  }
  /// Equal for asks whose input is the same up to the end of the last picture.
  std::string beginning() const {
    std::string key = ask->stock ? "stock" : made.spec.injector;
    const auto add = [&](const auto& values) {
      key.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof values[0]);
    };
    add(std::vector<TokenId>(prompt->ids.begin(), prompt->ids.begin() + prefix_end()));
    for (const Realized& r : realized) {
      add(r.allocation.kept);
      add(r.allocation.depth);
    }
    return key;
  }
};

template <class B>
typename EngineOn<B>::Asked EngineOn<B>::begin_ask(const Ask& a, const AnswerRequest& shared,
                                                   const AnswerResult& seen) const {
  require_that(!a.stock || a.levels == all_levels, Code::bad_config, "answer",
               "'stock' is the model without a pipeline: its DeepStack levels cannot be chosen");
  Asked q;
  q.ask = &a;
  AnswerRequest r;
  r.budget = a.budget;
  r.scope = shared.scope;
  r.seed = a.seed;
  r.generation = shared.generation;
  q.run = options(r);
  if (a.stock) {
    q.out.pipeline = "stock";
  } else {
    q.made = registry_.make(a.pipeline);
    q.out.pipeline = full_name(q.made.spec, a.budget);
    q.out.settings = q.made.settings;
    q.out.scorers = q.made.pipeline.scorers.names();
  }
  q.out.grids = seen.grids;
  q.out.sizes = seen.sizes;
  return q;
}

template <class B>
ManyResult EngineOn<B>::answer_many(const ManyRequest& m) {
  ManyResult result;
  Trace trace;  // of the pictures
  AnswerResult seen;
  std::vector<Picture> pictures = prepare(m.shared, seen, trace);
  std::vector<Asked> asked;
  for (const Ask& a : m.asks) asked.push_back(begin_ask(a, m.shared, seen));
  const bool look = std::any_of(asked.begin(), asked.end(), [](const Asked& q) { return q.looks(); });
  qwen3vl::VisionOut<B> vision;
  if (look) {
    std::vector<qwen3vl::Pixels> pixels;
    for (Picture& p : pictures) pixels.push_back({std::move(p.pixels.rows), p.pixels.patches});
    vision = model_.encode_images(b_, pixels, &trace);
  }
  for (Picture& p : pictures) p.pixels.rows.clear();

  std::map<std::string, std::pair<Prompt, qwen3vl::Encoded<B>>, std::less<>> prompts;
  std::map<std::string, std::vector<std::size_t>> groups;  // asks that begin alike
  std::vector<const std::vector<std::size_t>*> order;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Asked& q = asked[i];
    const auto [at, fresh] = prompts.try_emplace(q.ask->prompt);
    if (fresh) {
      AnswerRequest r;
      r.prompt = q.ask->prompt;
      r.system = m.shared.system;
      at->second.first = build_prompt(r, seen.grids, q.trace);
      if (look)
        at->second.second = {vision, model_.text().embed(b_, at->second.first.ids),
                             qwen3vl::build_positions(at->second.first)};
    }
    q.prompt = &at->second.first;
    q.encoded = &at->second.second;
    q.pictures = pictures;
    for (std::size_t p = 0; p < pictures.size(); ++p)
      q.pictures[p].boxes = p < q.ask->boxes.size() ? q.ask->boxes[p] : std::vector<Box>{};
    if (q.ask->stock) {
      for (const Picture& p : pictures) q.realized.push_back({{}, {}, {}, keep_everything(p.grid)});
    } else {
      q.realized = q.made.pipeline.allocate(b_, q.pictures, *q.prompt, *q.encoded, q.run, &q.trace);
    }
    for (Realized& r : q.realized)
      for (std::uint32_t& d : r.allocation.depth) d &= q.ask->levels;
    const auto [group, new_group] =
        groups.try_emplace(m.share_prefix && q.ask->generate ? q.beginning() : "alone " + std::to_string(i));
    group->second.push_back(i);
    if (new_group) order.push_back(&group->second);
  }
  for (const auto* group : order) {
    qwen3vl::KvCache<B> begun;
    bool ready = false;
    for (const std::size_t i : *group) {
      result.cancelled = m.shared.cancelled && m.shared.cancelled();
      if (result.cancelled) return result;
      run_asked(asked[i], m.shared, group->size() > 1 ? &begun : nullptr, ready);
      result.cancelled = asked[i].out.cancelled;
      if (result.cancelled) return result;
    }
  }
  for (Asked& q : asked) {
    q.out.pictures = std::move(q.realized);
    q.out.times = std::move(q.trace.times);
    q.out.events = std::move(q.trace.events);
    result.answers.push_back(std::move(q.out));
  }
  result.times = std::move(trace.times);
  return result;
}

/// The rows [begin, end) of an input; DeepStack rows go with the first part, which holds every picture.
template <class B>
qwen3vl::Injected<B> EngineOn<B>::part(const qwen3vl::Injected<B>& in, Index begin, Index end) {
  qwen3vl::Injected<B> out;
  std::vector<Index> rows;
  for (Index i = begin; i < end; ++i) rows.push_back(i);
  out.embeddings = b_.slice_rows(in.embeddings, begin, end);
  out.positions = qwen3vl::gather_columns(in.positions, rows);
  out.columns.assign(in.columns.begin() + begin, in.columns.begin() + end);
  if (begin == 0) out.levels = in.levels;
  return out;
}

/// Answers one ask. `begun`: the group's shared first part, made by the first ask that comes (`ready`); null: nothing
/// is shared.
template <class B>
void EngineOn<B>::run_asked(Asked& q, const AnswerRequest& shared, qwen3vl::KvCache<B>* begun, bool& ready) {
  // Fewer rows than these may go through kernels that add in another order, and the bits of `answer` would be lost.
  constexpr Index least_shared = 16;
  const Prompt& prompt = *q.prompt;
  if (!q.ask->generate) {
    q.out.costs = ErasedPipeline<B>::count_costs(folder_.config, q.pictures, prompt, counted_input(prompt, q.realized));
    return;
  }
  Speech speech(*folder_.tokenizer);
  q.run.generate.on_token = [&](TokenId id) {
    speech.say(id, q.out.text, q.trace);
    q.out.cancelled = shared.cancelled && shared.cancelled();
    return !q.out.cancelled;
  };
  qwen3vl::Injected<B> input;
  {
    const StageTimer timer(&q.trace, "inject");
    std::vector<Allocation> allocations;
    for (const Realized& r : q.realized) allocations.push_back(r.allocation);
    input = q.ask->stock ? qwen3vl::stock_input(b_, prompt, *q.encoded)
                         : q.made.pipeline.injector.inject(b_, std::span<const Allocation>(allocations), *q.encoded,
                                                           prompt, &q.trace);
  }
  q.out.costs = ErasedPipeline<B>::count_costs(folder_.config, q.pictures, prompt, input);
  const auto rows = static_cast<Index>(input.columns.size());
  const Index cut =
      std::lower_bound(input.columns.begin(), input.columns.end(), q.prefix_end()) - input.columns.begin();
  qwen3vl::Generated g;
  if (begun != nullptr && cut >= least_shared && rows - cut >= least_shared) {
    if (!ready) {
      const StageTimer timer(&q.trace, "prefill");
      model_.text().prefill(b_, part(input, 0, cut), *begun, 0, &q.trace);
      ready = true;
    }
    g = qwen3vl::generate_from(b_, model_.text(), *begun, part(input, cut, rows), prompt.ids, q.run.generate, &q.trace);
  } else {
    g = qwen3vl::generate(b_, model_.text(), std::move(input), prompt.ids, q.run.generate, &q.trace);
  }
  if (!q.out.cancelled) speech.finish(q.out.text);
  q.out.tokens = std::move(g.tokens);
  q.out.stopped = g.stopped;
  q.out.cached = std::move(g.cached);
}

}  // namespace arrcoc
