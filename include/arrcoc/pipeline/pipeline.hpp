#pragma once
// The whole way of one question, in one file:
//
//   pictures + prompt -> Encoded (vision, embeddings, positions)          qwen3vl/model.hpp
//     per picture: textures -> scores [M, N] -> relevance [N] -> Allocation
//   -> Injected (rows, positions, per-level rows) -> logits -> tokens     injectors/, qwen3vl/generate.hpp
//
// Data goes forward only; each arrow is one plain aggregate. The stages are template parameters; the registry puts
// erased ones here.
#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "arrcoc/injectors/injector.hpp"
#include "arrcoc/pipeline/costs.hpp"
#include "arrcoc/pipeline/scorer_set.hpp"
#include "arrcoc/primitives/apportion.hpp"
#include "arrcoc/qwen3vl/generate.hpp"

namespace arrcoc {

/// A picture as the pipeline sees it. The pixels for the tower may be empty when only `realize` is called with given
/// features.
struct Picture {
  ImageView native;  // as decoded, before any resize
  Grid grid;         // tokens
  qwen3vl::Pixels pixels;
  std::vector<Box> boxes;  // answer boxes in native pixels, for the oracle only
};

enum class BudgetScope : std::uint8_t { image, prompt };

struct RunOptions {
  Budget budget;
  BudgetScope scope = BudgetScope::image;
  std::uint64_t seed = 0;  // of random strategies
  qwen3vl::GenerateOptions generate;
};

/// Relevance realised for one picture.
struct Realized {
  Textures textures;        // empty when no stage needs them
  std::vector<float> maps;  // [M, N]
  Balanced balanced;        // relevance [N], tensions
  Allocation allocation;
};

struct Outcome {
  std::vector<Realized> pictures;
  qwen3vl::Generated generated;
  std::vector<Index> columns;  // surviving columns of the full prompt
  Costs costs;
};

/// Splits `total` tokens over images in proportion to their sizes by largest remainder; each gets at least one and at
/// most its own count.
inline std::vector<Index> split_budget(Index total, const std::vector<Grid>& grids) {
  std::vector<double> sizes;
  std::vector<Index> counts;
  for (const Grid& g : grids) {
    counts.push_back(g.count());
    sizes.push_back(static_cast<double>(g.count()));
  }
  return apportion(total, sizes, counts);
}

template <class TextureT, class ScorersT, class BalancerT, class AllocatorT, class InjectorT, class B>
class Pipeline {
  static_assert(check_texture<TextureT>() && check_balancer<BalancerT>() && check_allocator<AllocatorT>() &&
                check_injector<InjectorT, B>() && check_backend<B>());

 public:
  [[no_unique_address]] TextureT texture{};
  [[no_unique_address]] ScorersT scorers{};
  [[no_unique_address]] BalancerT balancer{};
  [[no_unique_address]] AllocatorT allocator{};
  [[no_unique_address]] InjectorT injector{};

  /// What the stages look at, so that nothing else is computed.
  Needs needs() const {
    Needs all = scorers.needs();
    for (const Needs n : {Needs(stage_needs(balancer)), Needs(stage_needs(allocator))}) {
      all.evidence |= n.evidence;
      all.phase = std::max(all.phase, n.phase);
    }
    return all;
  }

  /// Relevance and allocation of one picture. `features` holds what the phase allows; budget and seed are this
  /// picture's.
  Realized realize(B& b, const Picture& picture, const TensorEvidence<B>& features, Budget budget, std::uint64_t seed,
                   Trace* trace = nullptr) const {
    Realized out;
    Evidence evidence;
    evidence.grid = picture.grid;
    evidence.rgb = picture.native;
    evidence.boxes = picture.boxes;
    const unsigned wanted = needs().evidence;
    if (wanted & Need::textures) {
      const StageTimer timer(trace, "texture");
      out.textures = texture.generate(picture.native, picture.grid);
      evidence.textures = &out.textures;
    }
    if (wanted & (Need::vision | Need::query | Need::deepstack)) {
      require_that(b.rows(features.vision) == picture.grid.count(), Code::missing_evidence, "pipeline",
                   "a stage needs vision embeddings, which this phase does not have");
      show_host(b, features, evidence);
    }
    {
      const StageTimer timer(trace, "score");
      out.maps = scorers.score_all(b, SeenImage<B>{evidence, features});
    }
    {
      const StageTimer timer(trace, "balance");
      out.balanced = balancer.balance(out.maps, evidence);
      check_map(out.balanced.relevance, picture.grid.count(), "balancer");
    }
    {
      const StageTimer timer(trace, "allocate");
      Rng rng(seed);
      out.allocation = allocator.allocate(out.balanced.relevance, evidence, budget, rng);
      check_allocation(out.allocation, "allocator");
    }
    return out;
  }

  /// Everything before the language model: one Realized per picture. `encoded` covers all pictures of the prompt.
  std::vector<Realized> allocate(B& b, const std::vector<Picture>& pictures, const Prompt& prompt,
                                 const qwen3vl::Encoded<B>& encoded, const RunOptions& o,
                                 Trace* trace = nullptr) const {
    std::vector<Grid> grids;
    for (const Picture& p : pictures) grids.push_back(p.grid);
    std::vector<Index> split;
    if (o.scope == BudgetScope::prompt && !grids.empty()) {
      const Index all =
          std::accumulate(grids.begin(), grids.end(), Index{0}, [](Index n, const Grid& g) { return n + g.count(); });
      split = split_budget(o.budget.resolve(all).kept, grids);
    }
    std::vector<Realized> out;
    const bool features_wanted = (needs().evidence & (Need::vision | Need::query | Need::deepstack)) != 0;
    for (std::size_t i = 0, first = 0; i < pictures.size(); ++i) {
      const auto n = static_cast<std::size_t>(grids[i].count());
      TensorEvidence<B> features;
      if (features_wanted)
        features = look(b, encoded, prompt, grids[i], static_cast<Index>(first), static_cast<Index>(first + n));
      Budget budget = o.budget;
      if (!split.empty()) budget.tokens = split[i];
      out.push_back(realize(b, pictures[i], features, budget, derive_seed(o.seed, "image" + std::to_string(i)), trace));
      first += n;
    }
    return out;
  }

  Outcome run(B& b, const qwen3vl::Model<B>& model, const std::vector<Picture>& pictures, const Prompt& prompt,
              const RunOptions& o, Trace* trace = nullptr) const {
    std::vector<qwen3vl::Pixels> pixels;
    for (const Picture& p : pictures) pixels.push_back(p.pixels);
    return run_encoded(b, model, pictures, prompt, model.encode(b, pixels, prompt, trace), o, trace);
  }

  /// The same from pictures that are encoded already, so that a sweep encodes once.
  Outcome run_encoded(B& b, const qwen3vl::Model<B>& model, const std::vector<Picture>& pictures, const Prompt& prompt,
                      const qwen3vl::Encoded<B>& encoded, const RunOptions& o, Trace* trace = nullptr) const {
    Outcome out;
    out.pictures = allocate(b, pictures, prompt, encoded, o, trace);
    qwen3vl::Injected<B> input;
    {
      const StageTimer timer(trace, "inject");
      std::vector<Allocation> allocations;
      for (const Realized& r : out.pictures) allocations.push_back(r.allocation);
      input = injector.inject(b, std::span<const Allocation>(allocations), encoded, prompt, trace);
    }
    out.columns = input.columns;
    out.costs = count_costs(model.config(), pictures, prompt, input);
    out.generated = qwen3vl::generate(b, model.text(), std::move(input), prompt.ids, o.generate, trace);
    return out;
  }

  /// Analytic costs of a prompt whose surviving columns and DeepStack rows are in `in`.
  static Costs count_costs(const ModelConfig& config, const std::vector<Picture>& pictures, const Prompt& prompt,
                           const qwen3vl::Injected<B>& in) {
    Costs c;
    c.sequence_length_before = static_cast<Index>(prompt.ids.size());
    c.sequence_length = static_cast<Index>(in.columns.size());
    for (const Picture& p : pictures) {
      c.visual_tokens_before += p.grid.count();
      c.vision_flops +=
          vision_flops(config.vision, p.pixels.patches.count(), p.pixels.patches.rows * p.pixels.patches.cols);
    }
    if (config.has_vision) c.merger_flops = merger_flops(config.vision, c.visual_tokens_before);
    c.visual_tokens_after = c.visual_tokens_before - (c.sequence_length_before - c.sequence_length);
    for (const auto& level : in.levels) c.deepstack_additions += static_cast<Index>(level.rows.size());
    c.legacy_effective_tokens = c.visual_tokens_after + c.deepstack_additions;
    c.prefill_flops = language_flops(config.text, c.sequence_length, 0);
    c.decode_flops_per_token = language_flops(config.text, 1, c.sequence_length);
    c.kv_bytes = kv_bytes(config.text, c.sequence_length);
    return c;
  }

 private:
  template <class S>
  static Needs stage_needs(const S& s) {
    if constexpr (requires {
                    { s.needs_now() } -> std::convertible_to<Needs>;
                  })
      return s.needs_now();  // an erased stage
    else return S::needs;
  }

  /// Copies features to the host plane, for the stages that read them there.
  void show_host(B& b, const TensorEvidence<B>& features, Evidence& evidence) const {
    const unsigned host =
        scorers.host_needs().evidence | stage_needs(balancer).evidence | stage_needs(allocator).evidence;
    const auto copied = [&](const typename B::Tensor& t) { return host_tensor(b.to_host(t), {b.rows(t), b.cols(t)}); };
    if (host & Need::vision) evidence.vision = copied(features.vision);
    if (host & Need::query) {
      evidence.query = copied(features.query);
      evidence.query.shape = {evidence.query.dim(1)};
    }
    if (host & Need::deepstack)
      for (const auto& level : features.deepstack) evidence.deepstack.push_back(copied(level));
  }

  static TensorEvidence<B> look(B& b, const qwen3vl::Encoded<B>& e, const Prompt& prompt, Grid grid, Index first,
                                Index last) {
    TensorEvidence<B> t;
    t.grid = grid;
    t.vision = b.slice_rows(e.vision.tokens, first, last);
    for (const auto& level : e.vision.deepstack) t.deepstack.push_back(b.slice_rows(level, first, last));
    if (!prompt.question.empty()) {
      t.question = b.gather_rows(e.embeddings, prompt.question);
      t.query = b.mean_rows(t.question);
    } else {  // nothing was asked: a zero query, which couples to everything alike
      const std::vector<float> zero(static_cast<std::size_t>(b.cols(e.embeddings)));
      t.question = t.query = b.from_host(zero, 1, b.cols(e.embeddings));
    }
    return t;
  }
};

}  // namespace arrcoc
