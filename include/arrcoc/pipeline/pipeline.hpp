#pragma once
// What a pipeline is: a texture, a query encoder, a budget split, and decisions in the order of their phases. Composed
// by type (Pipeline, checked where it is named) or by name (registry/); both become an AnyPipeline, which one driver
// takes its way: pipeline/journey.hpp.
#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "arrcoc/core/similarity.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/pipeline/pass_rule.hpp"
#include "arrcoc/query/mean.hpp"

namespace arrcoc {

/// Cosines of the rows of features [N, D]. A template, so that only who names it compiles it.
template <class Rows = Similarity>
std::shared_ptr<const SimilarityRows> cosines_of(const HostTensor& features) {
  return std::make_shared<const Rows>(features);
}

/// One decision: who is relevant, who stays, and how that reaches the model.
template <class B>
struct AnyDecision {
  std::vector<AnyScorer<B>> scorers;  // may be empty
  AnyBalancer balancer;
  AnyAllocator allocator;
  AnyInjector<B> injector;
  std::optional<Budget> keep;  // of its own; the last decision without one takes the run's
  std::string name;            // scorers/balancer/allocator/injector, for provenance
  // Makes what stages that ask for similarity look at: cosines_of; null where none asks.
  std::shared_ptr<const SimilarityRows> (*similarity)(const HostTensor& features) = nullptr;

  Phase phase() const { return injector.facts.phase; }
  /// What its stages may look at, joined.
  Needs may_need(bool host_only = false) const {
    Needs all = balancer.facts.may_need | allocator.facts.may_need;
    for (const auto& s : scorers)
      if (!host_only || s.on_host()) all = all | s.facts().may_need;
    return all;
  }
  /// What they ask of the model's inside, each request once.
  std::vector<Request> requests() const {
    std::vector<Request> out;
    const auto add = [&](const std::vector<Request>& some) {
      for (const Request& r : some) add_once(out, r);
    };
    for (const auto& s : scorers) add(s.facts().needs);
    add(balancer.facts.needs);
    add(allocator.facts.needs);
    return out;
  }
  std::vector<std::string> scorer_names() const {
    std::vector<std::string> out;
    for (const auto& s : scorers) out.push_back(s.label());
    return out;
  }
};

template <class B>
struct AnyPipeline {
  AnyTexture texture;       // may be empty when no stage needs textures
  std::string texture_key;  // names the texture and its settings: equal keys give equal textures
  AnyQuery<B> query;
  AnySplit split;
  AnyPasses passes;  // may be empty: one look
  std::vector<AnyDecision<B>> decisions;
  std::string injectors;       // names them and their settings: with equal allocations they give equal rows
  bool maps_of_first = false;  // a fault: scores of a prompt's first picture are used for all of them

  bool decides(Phase phase) const {
    return std::any_of(decisions.begin(), decisions.end(), [&](const AnyDecision<B>& d) { return d.phase() == phase; });
  }
  Needs may_need() const {
    Needs all;
    for (const auto& d : decisions) all = all | d.may_need();
    return all;
  }
  std::vector<Request> requests(Request::Site site) const {
    std::vector<Request> out;
    for (const auto& d : decisions)
      for (const Request& r : d.requests())
        if (r.site == site) add_once(out, r);
    return out;
  }
  std::vector<std::string> scorer_names() const {
    std::vector<std::string> out;
    for (const auto& d : decisions)
      for (auto& n : d.scorer_names()) out.push_back(std::move(n));
    return out;
  }
};

/// Whether a pipeline looks at more than pixels, or decides behind them.
template <class B>
bool looks_at_model(const AnyPipeline<B>& p) {
  return (p.may_need().evidence & Need::features) != 0 || !p.requests(Request::Site::tower).empty() ||
         p.decides(Phase::tower) || p.decides(Phase::layer);
}

/// Whether it changes what the tower gets, or asks something of its inside: then a clip is encoded as a whole, and not
/// pair by pair.
template <class B>
bool looks_inside(const AnyPipeline<B>& p) {
  return p.decides(Phase::pixels) || p.decides(Phase::tower) || !p.requests(Request::Site::tower).empty();
}

/// Error{missing_evidence} or Error{bad_config}, once, when a pipeline is put together: a decision that looks at what
/// its phase does not have, decisions out of order, a request outside what its stage declares, textures without a
/// texture stage. `where` names the pipeline.
template <class B>
void check_pipeline(const AnyPipeline<B>& p, std::string_view where) {
  const auto refuse = [&](Code code, std::initializer_list<std::string_view> parts) {
    fail(code, "pipeline", concatenated({where, ": ", concatenated(parts)}));
  };
  if (p.decisions.empty()) refuse(Code::bad_config, {"expected at least one decision, got none"});
  Phase before = Phase::pixels;
  for (const auto& d : p.decisions) {
    const Needs all = d.may_need();
    const std::string& injector = d.injector.facts.name;
    if (all.phase > d.phase())
      refuse(Code::missing_evidence, {"a stage decides at phase '", name_of(all.phase), "', but injector '", injector,
                                      "' acts at phase '", name_of(d.phase()), "'"});
    if (d.phase() < before) refuse(Code::bad_config, {"'", d.name, "' acts before the decision in front of it"});
    before = d.phase();
    if (d.phase() == Phase::pixels && (d.injector.facts.honours & Honour::regions) && p.decisions.size() > 1 &&
        (&d != &p.decisions.front() || p.decisions[1].phase() == Phase::pixels))
      refuse(Code::bad_config,
             {"'", injector, "' makes tokens of its own: expected it to be the only decision of phase 'pixels'"});
    if ((all.evidence & Need::textures) && !p.texture)
      refuse(Code::missing_evidence, {"a stage needs textures, but the texture stage is 'none'"});
    const auto inside = [&](const StageFacts& f) {
      for (const Request& r : f.needs) {
        if (!(f.may_need.evidence & Need::of(r.what)))
          refuse(Code::bad_config, {"'", f.name, "' asks for ", text_of(r), ", which its type does not declare"});
        if (r.site == Request::Site::layer && d.phase() < Phase::layer)
          refuse(Code::missing_evidence, {"'", f.name, "' asks for ", text_of(r), ", which the '", name_of(d.phase()),
                                          "' phase does not have"});
      }
    };
    for (const auto& s : d.scorers) inside(s.facts());
    inside(d.balancer.facts);
    inside(d.allocator.facts);
  }
}

// --- by type ---

/// Several scorers, their maps one after the other. Host scorers and tensor scorers mix freely.
template <class... S>
struct ScorerSet {
  std::tuple<S...> scorers{};
  static constexpr Needs may_need = (Needs{} | ... | Needs(S::may_need));
};

template <class ScorersT, class BalancerT, class AllocatorT, class InjectorT = GatherInjector>
struct Decision {
  [[no_unique_address]] ScorersT scorers{};
  [[no_unique_address]] BalancerT balancer{};
  [[no_unique_address]] AllocatorT allocator{};
  [[no_unique_address]] InjectorT injector{};
  std::optional<Budget> keep{};

  static_assert(check_balancer<BalancerT>() && check_allocator<AllocatorT>());
  static constexpr Needs may_need = ScorersT::may_need | Needs(BalancerT::may_need) | Needs(AllocatorT::may_need);
  static constexpr Phase phase = InjectorT::phase;
  static_assert(may_need.phase <= phase,
                "Decision: a stage looks at evidence of a later phase than its injector acts at");
};

/// Stages as template parameters: `Pipeline<EigenBackend, Texture13, Decision<ScorerSet<...>, Balancer, Allocator>>`.
/// Members are settings; what runs is `erase()`, one virtual call per stage and picture.
template <class B, class TextureT, class... DecisionT>
struct Pipeline {
  static_assert(check_texture<TextureT>() && check_backend<B>());
  static_assert(sizeof...(DecisionT) > 0, "Pipeline: name at least one Decision");

  static consteval bool in_order() {
    Phase before = Phase::pixels;
    bool ok = true;
    ((ok = ok && before <= DecisionT::phase, before = DecisionT::phase), ...);
    return ok;
  }
  static_assert(in_order(), "Pipeline: decisions stand in the order of their phases: pixels, tower, vision, layer");

  [[no_unique_address]] TextureT texture{};
  std::tuple<DecisionT...> decisions{};

  template <std::size_t I = 0>
  auto& decision() {
    return std::get<I>(decisions);
  }

  /// `query` and `split` are of the whole pipeline: what scorers see of the question, and how a total over the pictures
  /// of a prompt (BudgetScope::prompt) is divided.
  template <class QueryT = MeanQuery, class SplitT = SizeSplit>
  AnyPipeline<B> erase(const QueryT& query = {}, const SplitT& split = {}) const {
    static_assert(check_query<QueryT, B>() && check_split<SplitT>());
    AnyPipeline<B> out;
    if ((... || (DecisionT::may_need.evidence & Need::textures))) out.texture = erase_texture(texture);
    out.query = erase_query<B>(query);
    out.split = erase_split(split);
    std::apply([&](const auto&... d) { (out.decisions.push_back(erase_one(d)), ...); }, decisions);
    for (const auto& d : out.decisions) out.injectors += d.injector.facts.name + " ";
    check_pipeline(out, "Pipeline");
    return out;
  }

 private:
  template <class D>
  static AnyDecision<B> erase_one(const D& d) {
    AnyDecision<B> out;
    std::apply([&](const auto&... s) { (out.scorers.push_back(erase_any(s)), ...); }, d.scorers.scorers);
    out.balancer = erase_balancer(d.balancer);
    out.allocator = erase_allocator(d.allocator);
    out.injector = erase_injector<B>(d.injector);
    out.keep = d.keep;
    if constexpr (D::may_need.evidence & Need::similarity) out.similarity = cosines_of<>;
    out.name = concatenated({out.balancer.facts.name, "/", out.allocator.facts.name, "/", out.injector.facts.name});
    return out;
  }
  template <class S>
  static AnyScorer<B> erase_any(const S& s) {
    if constexpr (require::scores<S>) {
      static_assert(check_scorer<S>());
      return {erase_scorer(s), {}, {}};
    } else {
      return {{}, erase_tensor_scorer<B>(s), {}};
    }
  }
};

}  // namespace arrcoc
