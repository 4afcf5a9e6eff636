#pragma once
// EngineOn::answer_passes: one question that looks at its pictures more than once.
#include "arrcoc/measure/tokens.hpp"
#include "engine_impl.hpp"

namespace arrcoc {

/// `pictures` in place of the request's own; `boxes` of each in place of theirs, where there are any.
template <class B>
AnswerResult EngineOn<B>::answer_passes(const AnswerRequest& r, const std::vector<InputPicture>& pictures,
                                        const std::vector<std::vector<Box>>& boxes) {
  AnswerResult out;
  Trace trace;
  const MadePipeline<B> made = registry_.make(r.pipeline);
  require_that(!r.dump && r.generation.forced.empty(), Code::bad_usage, "passes",
               "intermediates and ids fed back are of one look: expected passes=once");
  out.pipeline = full_name(made.spec, r.budget);
  out.settings = made.settings;
  out.scorers = made.pipeline.decisions.back().scorer_names();
  const Index side = folder_.config.vision.patch_size * folder_.config.vision.spatial_merge_size;
  const auto boxes_of = [&](std::size_t p) -> const std::vector<Box>& {
    return boxes.empty() ? pictures[p].boxes : boxes[p];
  };
  Index largest = 1, all = 0;  // tokens of the native pictures
  for (const InputPicture& in : pictures) {
    const qwen3vl::Size size = size_of(in, r);
    const Index native = size.height / side * (size.width / side);
    largest = std::max(largest, native);
    all += native;
    trace.add_time("decode_image", in.decode_milliseconds);
  }
  const auto sizes_at = [&](const std::optional<Budget>& size) {
    std::vector<qwen3vl::Size> sizes;
    for (const InputPicture& in : pictures) sizes.push_back(size_of(in, r, size));
    return sizes;
  };
  const auto question = scoring_question(r.pipeline, r.scoring_question, false);
  const auto input = [&](const std::optional<Budget>& size) {
    PassInput in;
    std::vector<io::PromptSource> sources;
    const std::vector<qwen3vl::Size> sizes = sizes_at(size);
    for (std::size_t p = 0; p < pictures.size(); ++p) {
      const StageTimer timer(&trace, "resize");
      in.pictures.push_back(prepare_one(pictures[p], sizes[p], r.resize));
      in.pictures.back().boxes = boxes_of(p);
      sources.push_back({in.pictures.back().grid});
    }
    in.prompt = build_prompt(r, r.prompt, sources, trace, r.places);
    if (question) in.asking = build_prompt(r, scoring_text(r, r.prompt, *question), sources, trace);
    return in;
  };
  const auto is_cancelled = [&] { return out.cancelled || (r.cancelled && r.cancelled()); };
  typename Passes<B>::Options o{options(r), r.levels, r.generate, is_cancelled, {}};
  o.run.generate.on_token = [&](TokenId) {
    out.cancelled = r.cancelled && r.cancelled();
    return !out.cancelled;
  };
  o.on_pass = [&](const Pass& pass) {
    if (r.on_stage) r.on_stage(pass.what);
  };
  Passes<B> passes(b_, model_.get(), made.pipeline, input, std::move(o), &trace);
  std::vector<PassRecord> records = passes.run(largest);

  for (const PassRecord& record : records) {
    PassResult one;
    one.what = record.pass.what;
    for (std::size_t p = 0; p < pictures.size(); ++p) {
      const Allocation& a = record.outcome.pictures[p].allocation;
      const ImageView view = pictures[p].image.view();
      one.grids.push_back(a.grid());
      one.kept.push_back(a.count());
      one.recall.push_back(measure::token_figures(a, {}, boxes_of(p), {}, view.height, view.width, 1).recall);
    }
    if (record.seen.answered) {
      TextStream stream(*folder_.tokenizer);
      one.text = std::string();
      for (const TokenId id : record.outcome.generated.tokens) stream.push(id, *one.text, trace);
      stream.finish(*one.text);
      one.tokens = record.outcome.generated.tokens;
      one.probability = record.seen.probability;
    }
    one.left = record.seen.left;
    one.costs = record.outcome.costs;
    out.passes.push_back(std::move(one));
  }
  PassRecord& last = records.back();
  out.costs = sum_of_costs(records, all);
  if (out.passes.back().text) out.text = *out.passes.back().text;
  if (!out.cancelled && r.generate && r.on_text && !out.text.empty()) r.on_text(out.text);
  out.tokens = last.outcome.generated.tokens;
  out.stopped = last.outcome.generated.stopped;
  out.cached = last.outcome.generated.cached;
  out.pictures = std::move(last.outcome.pictures);
  out.decisions = std::move(last.outcome.decisions);
  out.grids = out.passes.back().grids;
  out.sizes = sizes_at(last.pass.size);
  for (const InputPicture& in : pictures) out.sources.push_back({in.name, in.image.height, in.image.width});
  out.times = std::move(trace.times);
  out.events = std::move(trace.events);
  add_unused_events(folder_.config, pictures, r.prompt, out.events);
  return out;
}

}  // namespace arrcoc
