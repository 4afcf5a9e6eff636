#pragma once
// What passes put into a pipeline: everything, only what an earlier look kept, and what it kept beside what is new.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/balancers/flat.hpp"
#include "arrcoc/injectors/early.hpp"
#include "arrcoc/pipeline/pipeline.hpp"
#include "arrcoc/primitives/overlap.hpp"

namespace arrcoc::passes {

struct Nothing {
  bool operator==(const Nothing&) const = default;
};

/// The tokens that share area with what an earlier look kept: those it could have kept a part of.
struct Refine {
  static constexpr std::string_view name = "refine";
  static constexpr Needs may_need{Phase::pixels, Need::previous};
  static constexpr Spend spend = Spend::at_most;
  using Config = Nothing;
  Config config{};
  Allocation allocate(std::span<const float>, const Evidence& e, Budget, Rng&) const {
    constexpr float least = 1e-3f;  // of a token's area; less is rounding of the places
    const std::vector<float> covered = covered_by(*e.previous, e.tokens);
    Allocation a;
    a.tokens = e.tokens;
    for (Index t = 0; t < e.count(); ++t)
      if (covered[static_cast<std::size_t>(t)] > least) {
        a.kept.push_back(t);
        a.why.push_back({Cause::coverage, t, covered[static_cast<std::size_t>(t)]});
      }
    a.depth.assign(a.kept.size(), all_levels);
    return a;
  }
};

/// What the earlier looks kept (at every level of DeepStack), and as many new tokens of `inner` as the budget leaves.
/// Where the earlier looks have been, relevance above its lowest is multiplied by 1 minus what they cover.
class Adding final : public erased::Allocator {
 public:
  Adding(AnyAllocator inner, Index radius, double decay) : inner_(std::move(inner)), radius_(radius), decay_(decay) {}

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng& rng) const override {
    const std::vector<float> seen = covered_by(*e.previous, e.tokens),
                             inhibited = covered_by(*e.previous, e.tokens, radius_, decay_);
    std::vector<Index> old;
    for (Index t = 0; t < e.count(); ++t)
      if (seen[static_cast<std::size_t>(t)] > 0.5f) old.push_back(t);
    const Index fresh = budget.resolve(e.count()).kept - static_cast<Index>(old.size());
    Allocation a;
    a.tokens = e.tokens;
    if (fresh > 0) {
      const float least = *std::min_element(relevance.begin(), relevance.end());
      std::vector<float> left(relevance.begin(), relevance.end());
      for (std::size_t i = 0; i < left.size(); ++i) left[i] = (left[i] - least) * (1 - inhibited[i]);
      for (const Index t : old) left[static_cast<std::size_t>(t)] = -1;
      a = inner_->allocate(left, e, {fresh, 1.0}, rng);
      check_allocation(a, inner_.facts.name);
      require_that(a.merge.empty() && a.entry.empty() && a.regions.empty(), Code::bad_config, "passes", [&] {
        return "fixations: expected an allocator that keeps tokens as they are, got '" + inner_.facts.name + "'";
      });
    }
    return with(std::move(a), old, relevance);
  }

 private:
  static Allocation with(Allocation a, const std::vector<Index>& old, std::span<const float> relevance) {
    Allocation out;
    out.tokens = a.tokens;
    out.clamped = a.clamped;
    for (std::size_t i = 0, k = 0; i < old.size() || k < a.kept.size();) {
      const bool kept_before = i < old.size() && (k == a.kept.size() || old[i] <= a.kept[k]);
      if (kept_before) {
        if (k < a.kept.size() && a.kept[k] == old[i]) ++k;
        const Index t = old[i];
        out.kept.push_back(t);
        out.depth.push_back(all_levels);
        out.why.push_back({Cause::coverage, static_cast<Index>(i), relevance[static_cast<std::size_t>(t)]});
        ++i;
        continue;
      }
      out.kept.push_back(a.kept[k]);
      out.depth.push_back(a.depth[k]);
      out.why.push_back(a.why[k]);
      out.why.back().rank += static_cast<Index>(old.size());
      ++k;
    }
    return out;
  }

  AnyAllocator inner_;
  Index radius_;
  double decay_;
};

/// A pipeline that keeps every token: the stock model bit for bit.
template <class B>
AnyPipeline<B> everything() {
  AnyPipeline<B> out;
  out.query = erase_query<B>(MeanQuery{});
  out.split = erase_split(SizeSplit{});
  AnyDecision<B> d;
  d.balancer = erase_balancer(FlatBalancer{});
  d.allocator = erase_allocator(FullAllocator{});
  d.injector = erase_injector<B>(GatherInjector{});
  d.name = "none/flat/full/gather";
  out.decisions.push_back(std::move(d));
  out.injectors = "gather ";
  return out;
}

/// The same pipeline over what an earlier look kept: the rest never enters the tower.
template <class B>
AnyPipeline<B> refining(AnyPipeline<B> p) {
  AnyDecision<B> d;
  d.balancer = erase_balancer(FlatBalancer{});
  d.allocator = erase_allocator(Refine{});
  d.injector = erase_injector<B>(EarlyInjector{});
  d.keep = Budget{0, 1.0};
  d.name = "none/flat/refine/early";
  p.decisions.insert(p.decisions.begin(), std::move(d));
  p.injectors = "early " + p.injectors;
  return p;
}

/// The same pipeline, whose last decision keeps what the earlier looks kept.
template <class B>
AnyPipeline<B> adding(AnyPipeline<B> p, Index radius, double decay) {
  AnyAllocator& last = p.decisions.back().allocator;
  StageFacts facts = last.facts;
  facts.may_need = facts.may_need | Needs{Phase::pixels, Need::previous};
  if (facts.spend == Spend::exact) facts.spend = Spend::at_most;
  last = AnyAllocator::made<Adding>(std::move(facts), AnyAllocator(last), radius, decay);
  return p;
}

}  // namespace arrcoc::passes
