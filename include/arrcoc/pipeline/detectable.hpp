#pragma once
// A pipeline as failure detectors see one (measure/detectors.hpp): its decisions over evidence made for the purpose,
// and what its injectors make of markers. No model is needed.
#include <numeric>

#include "arrcoc/measure/assembly_detectors.hpp"
#include "arrcoc/pipeline/looks.hpp"
#include "arrcoc/qwen3vl/patchify.hpp"

namespace arrcoc {

/// All decisions of a pipeline in turn, through the driver that a run takes. Everything handed in must outlive it.
template <class B>
detect::Method detectable(B& b, const AnyPipeline<B>& pipeline) {
  detect::Method out;
  out.spend = pipeline.decisions.back().allocator.facts.spend;
  for (const Request::Site site : {Request::Site::tower, Request::Site::layer})
    for (const Request& r : pipeline.requests(site)) out.requests.push_back(r);
  out.choose = [&b, &pipeline](std::span<const Evidence> pictures, Budget budget) {
    RunOptions run;
    run.budget = budget;
    std::vector<Picture> seen;
    std::vector<TokenSet> sources;
    std::vector<float> tokens;
    std::vector<std::vector<float>> levels(pictures[0].deepstack->size());
    const auto join = [](std::vector<float>& to, const HostTensor& from) {
      const auto f = from.floats();
      to.insert(to.end(), f.begin(), f.end());
    };
    for (const Evidence& e : pictures) {
      seen.push_back({*e.rgb, e.tokens.grid, {}, *e.boxes});
      sources.emplace_back(e.tokens.grid);
      run.previous.push_back(std::make_shared<const Look>(*e.previous));
      join(tokens, *e.vision);
      for (std::size_t l = 0; l < levels.size(); ++l) join(levels[l], (*e.deepstack)[l]);
    }
    const Index width = pictures[0].vision->dim(1), count = static_cast<Index>(tokens.size()) / width;
    qwen3vl::VisionOut<B> vision;
    vision.count = count;
    vision.tokens = b.from_host(tokens, count, width);
    for (const auto& level : levels) vision.deepstack.push_back(b.from_host(level, count, width));
    Shelf<B> shelf(sources, std::move(vision));
    Looks<B> looks(b, &pipeline, seen, run, nullptr, std::make_shared<TextureShelf>());
    const HostTensor& words = *pictures[0].question;
    looks.give_query(
        {b.from_host(pictures[0].query->floats(), 1, width), b.from_host(words.floats(), words.dim(0), width), 0});
    for (std::size_t p = 0; p < pictures.size(); ++p)
      for (const Answered& a : pictures[p].answers) looks.hear(p, a, {});
    for (std::size_t d = 0; d < pipeline.decisions.size(); ++d) looks.take(d, &shelf, -1);
    return looks.allocations();
  };
  return out;
}

/// What the injector behind the tower makes of a marked prompt; without one, what `gather` makes of it.
template <class B>
detect::Assembler assembler_of(B& b, const AnyPipeline<B>& pipeline) {
  AnyInjector<B> injector = erase_injector<B>(GatherInjector{});
  for (const AnyDecision<B>& d : pipeline.decisions)
    if (d.phase() == Phase::vision) injector = d.injector;
  detect::Assembler out;
  out.assemble = [&b, injector, marked = out.prompt](std::span<const Index> kept) {
    const Index n = marked.grid.count(), text = 1000, step = 100;  // markers: text, and the first token of each level
    Prompt prompt;
    prompt.ids.assign(static_cast<std::size_t>(marked.length), 0);
    prompt.spans = {{marked.begin, marked.grid, 0}};
    const auto ramp = [&](Index count, Index from) {
      std::vector<float> values(static_cast<std::size_t>(count));
      std::iota(values.begin(), values.end(), static_cast<float>(from));
      return b.from_host(values, count, 1);
    };
    qwen3vl::Encoded<B> e{{}, ramp(marked.length, text), qwen3vl::build_positions(prompt)};
    e.vision.count = n;
    e.vision.tokens = ramp(n, 0);
    for (Index l = 0; l < marked.levels; ++l) e.vision.deepstack.push_back(ramp(n, step * (l + 1)));
    Allocation a = keep_everything(marked.grid);
    a.kept.assign(kept.begin(), kept.end());
    a.depth.assign(kept.size(), all_levels);
    a.why.assign(kept.size(), Provenance{});
    const auto in = injector->inject(b, std::span<const Allocation>(&a, 1), e, prompt, nullptr);
    const std::vector<float> values = b.to_host(in.embeddings);
    detect::Assembled made;
    made.next = in.positions.next;
    made.interleaved = in.positions.rule.axes == qwen3vl::RotaryAxes::interleaved;
    for (std::size_t i = 0; i < in.rows.size(); ++i) {
      detect::Row row{in.rows[i].column, -1, in.positions.t[i], in.positions.h[i], in.positions.w[i]};
      if (values[i] < static_cast<float>(text)) row.token = static_cast<Index>(values[i]);
      row.added.assign(static_cast<std::size_t>(marked.levels), -1);
      made.rows.push_back(std::move(row));
    }
    for (std::size_t l = 0; l < in.levels.size(); ++l) {
      if (in.levels[l].rows.empty()) continue;
      const std::vector<float> added = b.to_host(in.levels[l].features);
      for (std::size_t i = 0; i < added.size(); ++i)
        made.rows[static_cast<std::size_t>(in.levels[l].rows[i])].added[l] =
            static_cast<Index>(added[i]) - step * static_cast<Index>(l + 1);
    }
    return made;
  };
  return out;
}

/// What the driver puts into the tower of the kept tokens.
inline detect::Encoder encoder_of_driver() {
  detect::Encoder out;
  out.patches = [grid = out.grid](std::span<const Index> kept) {
    qwen3vl::Pixels whole{{}, {1, 2 * grid.rows, 2 * grid.cols}};
    for (Index p = 0; p < 4 * grid.count(); ++p) whole.rows.push_back(static_cast<float>(p));
    const auto some = qwen3vl::subset_pixels(whole, kept, 2, 1);
    return std::vector<Index>(some.rows.begin(), some.rows.end());
  };
  return out;
}

/// Everything that is looked for, in one list. Injectors that put another grid, or fewer rows, in place of the
/// picture's are looked at for their choice alone.
template <class B>
std::vector<detect::Found> faults_of(B& b, const AnyPipeline<B>& pipeline) {
  std::vector<detect::Found> out = detect::faults_of(detectable(b, pipeline));
  for (auto& f : detect::faults_of(assembler_of(b, pipeline))) out.push_back(std::move(f));
  for (auto& f : detect::faults_of(encoder_of_driver())) out.push_back(std::move(f));
  return out;
}

}  // namespace arrcoc
