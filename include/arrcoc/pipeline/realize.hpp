#pragma once
// Relevance realised: the decisions of a pipeline over the pictures of one prompt, from whatever evidence is there. No
// language model.
#include <algorithm>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/shelf.hpp"
#include "arrcoc/qwen3vl/flops.hpp"
#include "arrcoc/qwen3vl/generate.hpp"

namespace arrcoc {

enum class BudgetScope : std::uint8_t { image, prompt };

struct RunOptions {
  Budget budget;
  BudgetScope scope = BudgetScope::image;
  std::uint64_t seed = 0;  // of random strategies
  qwen3vl::GenerateOptions generate;
};

/// Relevance realised for one picture by one decision.
struct Realized {
  std::shared_ptr<const Textures> textures;  // null when no stage needs them
  std::vector<float> maps;                   // [M, N]
  Balanced balanced;                         // relevance [N], tensions
  Allocation allocation;
};

/// One decision that was taken: who lived and who died by it, for every picture.
struct DecisionTrace {
  std::string name;  // scorers/balancer/allocator/injector
  Phase phase = Phase::vision;
  Index layer = -1;  // of the language model or the tower; -1: none
  std::vector<std::string> scorers;
  std::vector<Realized> pictures;
};

/// Throws Error{bad_stage_output} unless the map has n finite values.
inline void check_map(std::span<const float> map, Index n, std::string_view where) {
  require_that(static_cast<Index>(map.size()) == n, Code::bad_stage_output, where,
               [&] { return "expected " + std::to_string(n) + " values, got " + std::to_string(map.size()); });
  for (std::size_t i = 0; i < map.size(); ++i)
    require_that(map[i] - map[i] == 0.0f, Code::bad_stage_output, where,
                 [&] { return "expected finite values, got NaN or infinity at token " + std::to_string(i); });
}

/// A later decision's allocation in the tokens of an earlier one.
inline Allocation composed(const Allocation& first, Allocation second) {
  Allocation out;
  out.tokens = first.tokens;
  out.clamped = second.clamped || first.clamped;
  for (std::size_t i = 0; i < second.kept.size(); ++i) {
    const auto at = static_cast<std::size_t>(second.kept[i]);
    out.kept.push_back(first.kept[at]);
    out.depth.push_back(first.depth[at] & second.depth[i]);
  }
  out.why = std::move(second.why);
  out.entry = std::move(second.entry);
  out.regions = std::move(second.regions);
  for (auto& row : second.merge) {
    for (MergePart& m : row) m.token = first.kept[static_cast<std::size_t>(m.token)];
    out.merge.push_back(std::move(row));
  }
  return out;
}

/// Decisions over the pictures of one prompt, one after the other; each sees who is still alive.
template <class B>
class Looks {
 public:
  Looks(B& b, const AnyPipeline<B>* pipeline, const std::vector<Picture>& pictures, const RunOptions& options,
        Trace* trace)
      : b_(b), pipeline_(pipeline), pictures_(pictures), options_(options), trace_(trace) {
    for (const Picture& p : pictures) {
      so_far_.push_back(keep_everything(p.grid));
      living_.emplace_back(p.grid);
    }
  }

  void give_query(Query<B> q) { query_ = std::make_shared<const Query<B>>(std::move(q)); }
  const std::shared_ptr<const Query<B>>& query() const { return query_; }

  /// Decisions of one phase. `shelf` null or not encoded: what lives on it is evidence that is not there.
  void decide(Phase phase, Shelf<B>* shelf) {
    for (std::size_t d = 0; d < pipeline_->decisions.size(); ++d)
      if (pipeline_->decisions[d].phase() == phase) take(d, shelf);
  }

  const std::vector<DecisionTrace>& decisions() const { return taken_; }
  /// Who is left of each picture, over all its tokens.
  const std::vector<Allocation>& allocations() const { return so_far_; }
  /// The last decision's maps and relevance, with the allocation over all tokens of the picture.
  std::vector<Realized> realized() const {
    std::vector<Realized> out;
    for (std::size_t p = 0; p < pictures_.size(); ++p) {
      Realized r;
      if (!taken_.empty()) {
        r = taken_.back().pictures[p];
        r.maps = over_all(r.maps, r.allocation.tokens, p);
        r.balanced.relevance = over_all(r.balanced.relevance, r.allocation.tokens, p);
      }
      r.allocation = so_far_[p];
      out.push_back(std::move(r));
    }
    return out;
  }
  void mask_levels(std::uint32_t levels) {
    for (Allocation& a : so_far_)
      for (std::uint32_t& d : a.depth) d &= levels;
  }
  /// Work that decisions asked for beyond the stock path: the query encoder, and one attention for each block asked
  /// what it received.
  double evidence_flops(const ModelConfig& config) const {
    if (pipeline_ == nullptr) return 0;
    double sum = query_ ? query_->flops : 0;
    std::vector<Index> blocks;
    for (const Request& r : pipeline_->requests(Request::Site::tower))
      if (r.what == Request::What::received && std::find(blocks.begin(), blocks.end(), r.index) == blocks.end())
        blocks.push_back(r.index);
    for (const Picture& p : pictures_) {
      const auto patches = static_cast<double>(p.pixels.patches.count()),
                 segment = static_cast<double>(p.pixels.patches.rows * p.pixels.patches.cols);
      sum +=
          static_cast<double>(blocks.size()) * 4 * patches * segment * static_cast<double>(config.vision.hidden_size);
    }
    return sum;
  }

 private:
  struct Seen {
    Evidence host;
    TensorEvidence<B> tensor;
    std::shared_ptr<const Textures> textures;
  };

  /// Maps of the tokens that were alive, over all tokens of the picture; who was dead already has each map's lowest
  /// value.
  std::vector<float> over_all(const std::vector<float>& maps, const TokenSet& alive, std::size_t p) const {
    if (alive.raster() || maps.empty()) return maps;
    const auto all = static_cast<std::size_t>(pictures_[p].grid.count()), n = static_cast<std::size_t>(alive.count());
    std::vector<float> out;
    for (std::size_t from = 0; from < maps.size(); from += n) {
      const auto begin = maps.begin() + static_cast<std::ptrdiff_t>(from), end = begin + static_cast<std::ptrdiff_t>(n);
      std::vector<float> one(all, *std::min_element(begin, end));
      for (std::size_t i = 0; i < n; ++i) {
        const Place at = alive.places[i];
        one[static_cast<std::size_t>(alive.grid.at(static_cast<Index>(at.row), static_cast<Index>(at.col)))] =
            maps[from + i];
      }
      out.insert(out.end(), one.begin(), one.end());
    }
    return out;
  }

  void take(std::size_t index, Shelf<B>* shelf) {
    const AnyDecision<B>& decision = pipeline_->decisions[index];
    DecisionTrace out{decision.name, decision.phase(), -1, decision.scorer_names(), {}};
    std::vector<Seen> seen;
    for (std::size_t p = 0; p < pictures_.size(); ++p) {
      seen.push_back(look(decision, p, shelf));
      Realized r;
      r.textures = seen.back().textures;
      r.maps = score(decision, seen.back());
      out.pictures.push_back(std::move(r));
    }
    const std::vector<Budget> budgets = budgets_of(index, out.pictures);
    for (std::size_t p = 0; p < pictures_.size(); ++p) {
      Realized& r = out.pictures[p];
      const Evidence& e = seen[p].host;
      {
        const StageTimer timer(trace_, "balance");
        r.balanced = decision.balancer->balance(r.maps, e);
        check_map(r.balanced.relevance, e.count(), decision.balancer.facts.name);
      }
      {
        const StageTimer timer(trace_, "allocate");
        Rng rng(derive_seed(options_.seed,
                            "image" + std::to_string(p) + (index == 0 ? "" : " decision" + std::to_string(index))));
        r.allocation = decision.allocator->allocate(r.balanced.relevance, e, budgets[p], rng);
        check_allocation(r.allocation, decision.allocator.facts.name);
        require_that(r.allocation.tokens == e.tokens, Code::bad_stage_output, decision.allocator.facts.name,
                     "an allocation over other tokens than the living ones");
        check_spend(r.allocation, decision.allocator.facts.spend, budgets[p], decision.allocator.facts.name);
        refuse_unhonoured(r.allocation, decision.injector.facts.honours, decision.injector.facts.name);
      }
      so_far_[p] = composed(so_far_[p], r.allocation);
      living_[p] = subset(living_[p], r.allocation.kept);
    }
    taken_.push_back(std::move(out));
  }

  /// Every ratio is of the native N; the last decision takes the run's budget, an earlier one its own, raised to what
  /// later ones need.
  std::vector<Budget> budgets_of(std::size_t index, const std::vector<Realized>& scored) const {
    const bool last = index + 1 == pipeline_->decisions.size();
    const std::optional<Budget>& own = pipeline_->decisions[index].keep;
    std::vector<Budget> out;
    std::vector<Index> split;
    if (last && !own && options_.scope == BudgetScope::prompt && !pictures_.empty()) {
      Index all = 0;
      std::vector<SplitPart> parts;
      std::vector<std::vector<float>> raw(pictures_.size());
      for (std::size_t p = 0; p < pictures_.size(); ++p) {
        all += pictures_[p].grid.count();
        raw[p] = comparable_maps(index, scored[p].maps, living_[p].count());
        parts.push_back({&living_[p], raw[p]});
      }
      split = pipeline_->split->split(options_.budget.resolve(all).kept, parts);
    }
    for (std::size_t p = 0; p < pictures_.size(); ++p) {
      const Index native = pictures_[p].grid.count();
      if (!last && !own) {
        out.push_back({native, 1.0});
        continue;
      }
      Budget b = own ? *own : options_.budget;
      if (!split.empty()) b.tokens = split[p];
      if (pipeline_->decisions.size() > 1) {
        Index k = b.resolve(native).kept;
        for (std::size_t later = index + 1; later < pipeline_->decisions.size(); ++later) {
          const auto& keep = pipeline_->decisions[later].keep;
          if (keep) k = std::max(k, keep->resolve(native).kept);
          else if (later + 1 == pipeline_->decisions.size()) k = std::max(k, options_.budget.resolve(native).kept);
        }
        b.tokens = k;
      }
      out.push_back(b);
    }
    return out;
  }

  /// Raw maps of the scorers that declare a common scale.
  std::vector<float> comparable_maps(std::size_t index, const std::vector<float>& maps, Index n) const {
    std::vector<float> out;
    const auto& scorers = pipeline_->decisions[index].scorers;
    for (std::size_t m = 0; m < scorers.size(); ++m)
      if (scorers[m].facts().common_scale)
        out.insert(out.end(), maps.begin() + static_cast<std::ptrdiff_t>(m) * n,
                   maps.begin() + static_cast<std::ptrdiff_t>(m + 1) * n);
    return out;
  }

  std::vector<float> score(const AnyDecision<B>& decision, const Seen& seen) {
    const StageTimer timer(trace_, "score");
    std::vector<float> maps;
    for (const AnyScorer<B>& s : decision.scorers) {
      const std::vector<float> map = s.on_host() ? s.host->score(seen.host) : s.tensor->score(b_, seen.tensor);
      check_map(map, seen.host.count(), s.alias.empty() ? s.facts().name : s.alias);
      maps.insert(maps.end(), map.begin(), map.end());
    }
    return maps;
  }

  /// Evidence of one picture for one decision: what it asked for and no more.
  Seen look(const AnyDecision<B>& decision, std::size_t p, Shelf<B>* shelf) {
    Seen out;
    const Picture& picture = pictures_[p];
    const unsigned host = decision.may_need(true).evidence, any = decision.may_need().evidence;
    Evidence& e = out.host;
    e.tokens = out.tensor.tokens = living_[p];
    if (host & (Need::rgb | Need::textures)) e.rgb = picture.native;
    if (host & Need::boxes) e.boxes = picture.boxes;
    if (host & Need::textures) e.textures = out.textures = textures(p, shelf);
    const bool whole = living_[p].raster();
    if (any & (Need::vision | Need::deepstack | Need::similarity)) {
      require_that(shelf != nullptr && shelf->encoded(), Code::missing_evidence, "pipeline",
                   "a stage needs vision embeddings, which this phase does not have");
      const std::vector<Index>& kept = so_far_[p].kept;
      const auto alive = [&](typename B::Tensor t) { return whole ? t : b_.gather_rows(t, kept); };
      if (any & (Need::vision | Need::similarity)) out.tensor.vision = alive(shelf->tokens(b_, p));
      if (any & Need::deepstack)
        for (std::size_t l = 0; l < shelf->levels(); ++l) out.tensor.deepstack.push_back(alive(shelf->level(b_, p, l)));
      if (host & Need::vision) {
        if (whole) e.vision = shelf->vision_host(b_, p);
        else e.vision = Shelf<B>::copied(b_, out.tensor.vision);
      }
      if (host & Need::deepstack) {
        if (whole) e.deepstack = shelf->levels_host(b_, p);
        else {
          std::vector<HostTensor> levels;
          for (const auto& l : out.tensor.deepstack) levels.push_back(Shelf<B>::copied(b_, l));
          e.deepstack = std::move(levels);
        }
      }
      if (host & Need::similarity) {
        if (whole) e.similarity = shelf->similarity(b_, p);
        else
          e.similarity = std::shared_ptr<const SimilarityRows>(
              std::make_shared<const Similarity>(Shelf<B>::copied(b_, out.tensor.vision)));
      }
    }
    if ((any & (Need::query | Need::question)) && query_ != nullptr) {
      out.tensor.query = query_->vector;
      out.tensor.question = query_->words;
      if (host & Need::query) {
        HostTensor q = Shelf<B>::copied(b_, query_->vector);
        q.shape = {q.dim(1)};
        e.query = std::move(q);
      }
      if (host & Need::question) e.question = Shelf<B>::copied(b_, query_->words);
    }
    if (shelf != nullptr)
      for (const Request& r : decision.requests())
        for (const Answered& a : shelf->answers(p))
          if (a.request == r) e.answers.push_back(whole ? a : living_answer(a, so_far_[p].kept));
    return out;
  }

  std::shared_ptr<const Textures> textures(std::size_t p, Shelf<B>* shelf) {
    const StageTimer timer(trace_, "texture");
    std::shared_ptr<const Textures> own;
    auto& whole =
        shelf != nullptr && !pipeline_->texture_key.empty() ? shelf->textures(p, pipeline_->texture_key) : own;
    if (!whole)
      whole = std::make_shared<const Textures>(
          pipeline_->texture->generate(pictures_[p].native, TokenSet(pictures_[p].grid)));
    if (living_[p].raster()) return whole;
    Textures some{whole->channels, {}};
    const auto width = static_cast<std::ptrdiff_t>(whole->channel_count());
    for (const Index t : so_far_[p].kept)
      some.values.insert(some.values.end(), whole->values.begin() + t * width, whole->values.begin() + (t + 1) * width);
    return std::make_shared<const Textures>(std::move(some));
  }

  /// An answer about all tokens, of those that are left: tokens are the last axis of received, the first of everything
  /// else.
  static Answered living_answer(const Answered& all, const std::vector<Index>& kept) {
    const bool last = all.request.what == Request::What::received;
    if (!last && all.request.rows != Request::Rows::visual && all.request.rows != Request::Rows::all) return all;
    const std::span<const float> from = all.values.floats();
    std::vector<Index> shape = all.values.shape;
    const Index n = last ? shape.back() : shape.front(), outer = last ? all.values.count() / n : 1,
                inner = last ? 1 : all.values.count() / n;
    std::vector<float> values;
    for (Index o = 0; o < outer; ++o)
      for (const Index t : kept)
        for (Index i = 0; i < inner; ++i) values.push_back(from[static_cast<std::size_t>((o * n + t) * inner + i)]);
    (last ? shape.back() : shape.front()) = static_cast<Index>(kept.size());
    return {all.request, host_tensor(std::move(values), std::move(shape))};
  }

  B& b_;
  const AnyPipeline<B>* pipeline_;
  const std::vector<Picture>& pictures_;
  const RunOptions& options_;
  Trace* trace_;
  std::shared_ptr<const Query<B>> query_;
  std::vector<Allocation> so_far_;
  std::vector<TokenSet> living_;
  std::vector<DecisionTrace> taken_;
};

/// The decisions of a pipeline from features alone: no model. Features of a picture may be empty where no stage looks
/// at them.
template <class B>
Realized realize(B& b, const AnyPipeline<B>& pipeline, const Picture& picture, qwen3vl::VisionOut<B> features,
                 const std::type_identity_t<Query<B>>* query, const RunOptions& options, Trace* trace = nullptr) {
  const std::vector<Picture> pictures{picture};
  Shelf<B> shelf({picture.grid}, std::move(features));
  Looks<B> looks(b, &pipeline, pictures, options, trace);
  if (query != nullptr) looks.give_query(*query);
  for (const Phase p : {Phase::pixels, Phase::vision}) looks.decide(p, &shelf);
  return looks.realized().front();
}

}  // namespace arrcoc
