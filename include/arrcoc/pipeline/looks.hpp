#pragma once
// Looks: the decisions of a pipeline over the pictures of one prompt, one after the other; each sees who is still
// alive.
#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/budgets.hpp"
#include "arrcoc/primitives/overlap.hpp"

namespace arrcoc {

template <class B>
class Looks {
 public:
  /// `textures` may be shared by looks at the same pictures. Everything must outlive this.
  Looks(B& b, const AnyPipeline<B>* pipeline, const std::vector<Picture>& pictures, const RunOptions& options,
        Trace* trace, std::shared_ptr<TextureShelf> textures, const std::string& asked = {})
      : b_(b),
        pipeline_(pipeline),
        pictures_(pictures),
        options_(options),
        trace_(trace),
        texture_shelf_(std::move(textures)) {
    give_asked(asked);
    for (const Picture& p : pictures) {
      so_far_.push_back(keep_everything(p.tokens()));
      living_.push_back(p.tokens());
      heard_.emplace_back();
    }
  }

  void give_query(Query<B> q) { query_ = std::make_shared<const Query<B>>(std::move(q)); }
  const std::shared_ptr<const Query<B>>& query() const { return query_; }
  /// The words of the question that scores.
  void give_asked(const std::string& text) { asked_ = std::make_shared<const std::string>(text); }

  /// Decisions of one phase. `shelf` null or not encoded: what lives on it is evidence that is not there.
  void decide(Phase phase, Shelf<B>* shelf) {
    for (std::size_t d = 0; d < pipeline_->decisions.size(); ++d)
      if (pipeline_->decisions[d].phase() == phase) take(d, shelf, -1);
  }
  /// One decision; `at`: the block or layer it acts before.
  void take(std::size_t index, Shelf<B>* shelf, Index at);
  /// One decision over who lives, which is not carried out. `turn`: of one that is taken again and again.
  DecisionTrace choose(std::size_t index, Shelf<B>* shelf, Index at, Index turn = 0);

  /// An answer of the model about a picture's tokens `alive` (ascending; empty: all); the latest one counts.
  void hear(std::size_t picture, Answered answer, std::vector<Index> alive) {
    auto& all = heard_[picture];
    const auto same =
        std::find_if(all.begin(), all.end(), [&](const Heard& h) { return h.answer.request == answer.request; });
    if (same != all.end()) *same = {std::move(answer), std::move(alive)};
    else all.push_back({std::move(answer), std::move(alive)});
  }
  void hear(std::vector<std::vector<Answered>> by_picture) {
    for (std::size_t p = 0; p < by_picture.size(); ++p)
      for (Answered& a : by_picture[p]) hear(p, std::move(a), so_far_[p].kept);
  }

  const std::vector<DecisionTrace>& decisions() const { return taken_; }
  /// Who is left of each picture, over all its tokens.
  const std::vector<Allocation>& allocations() const { return so_far_; }
  /// The last decision's maps and relevance, with the allocation over all tokens of the picture.
  std::vector<Realized> realized() const {
    std::vector<Realized> out(pictures_.size());
    for (std::size_t p = 0; p < pictures_.size(); ++p) {
      Realized& r = out[p];
      if (!taken_.empty()) {
        const Realized& last = taken_.back().pictures[p];
        r.textures = last.textures;
        r.maps = over_all(last.maps, last.allocation.tokens, p);
        r.balanced = last.balanced;
        r.balanced.relevance = over_all(last.balanced.relevance, last.allocation.tokens, p);
      }
      r.allocation = so_far_[p];
      for (const DecisionTrace& d : taken_)
        if (d.phase == Phase::pixels) r.allocation.regions = d.pictures[p].allocation.regions;
    }
    return out;
  }
  void mask_levels(std::uint32_t levels) {
    for (Allocation& a : so_far_)
      for (std::uint32_t& d : a.depth) d &= levels;
  }

 private:
  struct Seen {
    Evidence host;
    TensorEvidence<B> tensor;
    std::shared_ptr<const Textures> textures;
  };
  struct Heard {
    Answered answer;
    std::vector<Index> alive;
  };

  /// Maps of the tokens that were alive, over all tokens of the picture; who was dead already has each map's lowest
  /// value. Tokens that a plan has put in place of those have the mean of what they cover.
  std::vector<float> over_all(const std::vector<float>& maps, const TokenSet& alive, std::size_t p) const {
    const TokenSet& to = so_far_[p].tokens;
    if (alive == to || maps.empty()) return maps;
    const auto all = static_cast<std::size_t>(to.count()), n = static_cast<std::size_t>(alive.count());
    const bool other = taken_.back().phase == Phase::pixels && taken_.back().plans[p].resettles();
    std::vector<float> out;
    for (std::size_t from = 0; from < maps.size(); from += n) {
      const auto begin = maps.begin() + static_cast<std::ptrdiff_t>(from), end = begin + static_cast<std::ptrdiff_t>(n);
      std::vector<float> one(all, *std::min_element(begin, end));
      if (other) one = carried(alive, std::vector<float>(begin, end), to, "maps");
      else
        for (std::size_t i = 0; i < n; ++i) one[index_in(to, alive.at(static_cast<Index>(i)))] = maps[from + i];
      out.insert(out.end(), one.begin(), one.end());
    }
    return out;
  }
  static std::size_t index_in(const TokenSet& tokens, const Place& p) {
    if (tokens.raster())
      return static_cast<std::size_t>(p.frame * tokens.grid.count() +
                                      tokens.grid.at(static_cast<Index>(p.row), static_cast<Index>(p.col)));
    return static_cast<std::size_t>(std::lower_bound(tokens.places.begin(), tokens.places.end(), p, comes_before) -
                                    tokens.places.begin());
  }

  /// Each picture's part of a total of the prompt, the last decision's by the split, earlier ones' by size; else empty.
  std::vector<Index> shares(std::size_t index, const std::vector<Index>& natives,
                            const std::vector<Realized>& scored) const {
    if (pipeline_->decisions.back().keep || options_.scope != BudgetScope::prompt || pictures_.empty()) return {};
    const Index total = options_.budget.resolve(std::accumulate(natives.begin(), natives.end(), Index{0})).kept;
    if (index + 1 != pipeline_->decisions.size())
      return apportion(total, std::vector<double>(natives.begin(), natives.end()), natives);
    std::vector<SplitPart> parts;
    std::vector<std::vector<float>> raw(pictures_.size());
    for (std::size_t p = 0; p < pictures_.size(); ++p) {
      raw[p] = comparable_maps(pipeline_->decisions[index], scored[p].maps, living_[p].count());
      parts.push_back({&living_[p], raw[p]});
    }
    return pipeline_->split->split(total, parts);
  }

  std::vector<float> score(const AnyDecision<B>& decision, const Seen& seen) {
    const StageTimer timer(trace_, "score");
    std::vector<float> maps;
    for (const AnyScorer<B>& s : decision.scorers) {
      const std::vector<float> map = s.on_host() ? s.host->score(seen.host) : s.tensor->score(b_, seen.tensor);
      check_map(map, seen.host.count(), s.label());
      maps.insert(maps.end(), map.begin(), map.end());
    }
    return maps;
  }

  /// Another picture's maps by the index of the token, whatever it shows; a token beyond the first picture's last has
  /// that one's lowest value.
  void use_first(const std::vector<float>& first, std::vector<float>& maps, std::size_t p) const {
    if (first.empty()) return;
    const auto from = static_cast<std::size_t>(living_[0].count()), to = static_cast<std::size_t>(living_[p].count());
    for (std::size_t m = 0; m < first.size() / from; ++m) {
      const std::span<const float> one(first.data() + m * from, from);
      const float least = *std::min_element(one.begin(), one.end());
      for (std::size_t i = 0; i < to; ++i) maps[m * to + i] = i < from ? one[i] : least;
    }
  }

  void look(Seen& out, const AnyDecision<B>& decision, std::size_t p, Shelf<B>* shelf);
  void look_at_features(Seen& out, const AnyDecision<B>& decision, std::size_t p, Shelf<B>* shelf);
  std::shared_ptr<const Textures> textures(std::size_t p);

  B& b_;
  const AnyPipeline<B>* pipeline_;
  const std::vector<Picture>& pictures_;
  const RunOptions& options_;
  Trace* trace_;
  std::shared_ptr<TextureShelf> texture_shelf_;
  std::shared_ptr<const Query<B>> query_;
  std::shared_ptr<const std::string> asked_;
  std::vector<Allocation> so_far_;
  std::vector<TokenSet> living_;
  std::vector<std::vector<Heard>> heard_;
  std::vector<DecisionTrace> taken_;
};

template <class B>
DecisionTrace Looks<B>::choose(std::size_t index, Shelf<B>* shelf, Index at, Index turn) {
  const AnyDecision<B>& decision = pipeline_->decisions[index];
  DecisionTrace out{decision.name, decision.phase(), at, decision.injector.facts.again, decision.scorer_names(), {}};
  std::vector<Seen> seen(pictures_.size());
  std::vector<Index> natives;
  out.pictures = std::vector<Realized>(pictures_.size());
  for (std::size_t p = 0; p < pictures_.size(); ++p) {
    look(seen[p], decision, p, shelf);
    natives.push_back(pictures_[p].tokens().count());
    out.pictures[p].textures = seen[p].textures;
    out.pictures[p].maps = score(decision, seen[p]);
  }
  if (pipeline_->maps_of_first)
    for (std::size_t p = 1; p < pictures_.size(); ++p) use_first(out.pictures[0].maps, out.pictures[p].maps, p);
  const std::vector<Budget> budgets =
      budgets_of(*pipeline_, index, natives, options_.budget, shares(index, natives, out.pictures));
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
      std::string drawn_for = "image" + std::to_string(p) + (index > 0 ? " decision" + std::to_string(index) : "");
      if (turn > 0) drawn_for += " turn" + std::to_string(turn);
      Rng rng(derive_seed(options_.seed, drawn_for));
      r.allocation = decision.allocator->allocate(r.balanced.relevance, e, budgets[p], rng);
      check_allocation(r.allocation, decision.allocator.facts.name);
      require_that(r.allocation.tokens == e.tokens, Code::bad_stage_output, decision.allocator.facts.name,
                   "an allocation over other tokens than the living ones");
      check_spend(r.allocation, decision.allocator.facts.spend, budgets[p], decision.allocator.facts.name);
      refuse_unhonoured(r.allocation, decision.injector.facts.honours, decision.injector.facts.name);
    }
  }
  return out;
}

template <class B>
void Looks<B>::take(std::size_t index, Shelf<B>* shelf, Index at) {
  const AnyDecision<B>& decision = pipeline_->decisions[index];
  DecisionTrace out = choose(index, shelf, at);
  for (std::size_t p = 0; p < pictures_.size(); ++p) {
    const Realized& r = out.pictures[p];
    so_far_[p] = composed(so_far_[p], r.allocation);
    for (std::uint32_t& depth : so_far_[p].depth) depth &= decision.injector.facts.levels;
    living_[p] = subset(living_[p], r.allocation.kept);
    if (decision.phase() == Phase::pixels) {
      const VisionPlan& plan = out.plans.emplace_back(decision.injector->plan(so_far_[p]));
      so_far_[p].regions.clear();  // carried out
      require_that(!pictures_[p].is_clip() || plan.source == VisionPlan::Source::raster, Code::bad_config,
                   decision.injector.facts.name, "reads a picture anew, which a clip has not: expected a picture");
      if (plan.resettles()) {
        so_far_[p] = settled(so_far_[p], plan);
        living_[p] = plan.tokens;
      }
    }
  }
  taken_.push_back(std::move(out));
}

}  // namespace arrcoc

#include "arrcoc/pipeline/looks_evidence.hpp"
