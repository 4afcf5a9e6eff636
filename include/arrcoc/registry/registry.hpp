#pragma once
// Names to stages. Registration is an explicit call, in a visible order; a name is taken once. Stages of the host plane
// live in HostStages, compiled once; those that live on a backend in Registry<B>.
//
//   Registry<B> r;
//   register_builtin(r);                                     registry/builtin.hpp
//   r.host.add_scorer<MyScorer>({.source = "...", .summary = "..."});
//   auto made = r.make(preset_pipeline("default"));          made.pipeline goes into a Journey
//
// Settings are a flat map from path to text: texture.X, scorers.ALIAS.X, balancer.X, allocator.X, injector.X, query.X,
// split.X; of a later decision with its number in front.
#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/pipeline.hpp"
#include "arrcoc/registry/grammar.hpp"

namespace arrcoc {

/// Builds a stage from settings under a prefix; appends its resolved fields and what is wrong.
template <class Stage>
using Make = std::function<Stage(const Settings&, std::string_view prefix, std::vector<ConfigField>&,
                                 std::vector<ConfigProblem>&)>;

template <class Stage>
struct StageRow {
  Entry entry;
  Make<Stage> make;
};

/// Nothing to load.
struct AsItIs {
  template <class S>
  void operator()(S&) const {}
};

namespace detail {
/// A row for a type; `erase` puts a configured stage behind its face, `load` reads what a trained stage needs.
template <class Stage, class S, class Erase, class Load>
StageRow<Stage> row_of(Kind kind, About about, Needs needs, Erase erase, Load load) {
  Entry e{kind, std::string(S::name), std::move(about), needs, std::nullopt, {}, flatten(typename S::Config{})};
  if constexpr (requires { std::string(S::reproduces_fault); }) e.reproduces_fault = std::string(S::reproduces_fault);
  if constexpr (requires { Spend(S::spend); }) e.spend = S::spend;
  return {std::move(e), [erase, load](const Settings& settings, std::string_view prefix,
                                      std::vector<ConfigField>& fields, std::vector<ConfigProblem>& problems) {
            typename S::Config config{};
            apply(config, prefix, settings, problems);
            for (auto& f : flatten(config, prefix)) fields.push_back(std::move(f));
            S stage{config};
            load(stage);
            return Stage(erase(std::move(stage)));
          }};
}

/// Error{bad_config} for a name that would not parse back, Error{duplicate_name} for one that is taken.
void check_free(const Entry& e, const std::vector<Entry>& taken);

/// Error{unknown_strategy} listing near names.
template <class Stage>
const StageRow<Stage>& find_row(const std::vector<const std::vector<StageRow<Stage>>*>& lists, Kind kind,
                                const std::string& name) {
  std::vector<std::string> known;
  std::string all;
  for (const auto* list : lists)
    for (const auto& r : *list) {
      if (r.entry.name == name) return r;
      known.push_back(r.entry.name);
      all += (all.empty() ? "" : ", ") + r.entry.name;
    }
  fail(Code::unknown_strategy, "registry",
       "no " + std::string(name_of(kind)) + " named '" + name + "'" + nearest_names(name, known) + "; known: " + all);
}
}  // namespace detail

/// Strategies of the host plane: one implementation for every backend.
class HostStages {
 public:
  std::vector<StageRow<AnyTexture>> textures;
  std::vector<StageRow<Any<erased::Scorer>>> scorers;
  std::vector<StageRow<AnyBalancer>> balancers;
  std::vector<StageRow<AnyAllocator>> allocators;
  std::vector<StageRow<AnySplit>> splits;

  template <class S>
  void add_texture(About about) {
    static_assert(check_texture<S>());
    add(textures, detail::row_of<AnyTexture, S>(
                      Kind::texture, std::move(about), {Phase::pixels, Need::rgb},
                      [](S s) { return erase_texture(std::move(s)); }, AsItIs{}));
  }
  // `load(S&)` runs on a stage once its settings are read: what a trained stage reads its weights in.
  template <class S, class Load = AsItIs>
  void add_scorer(About about, Load load = {}) {
    static_assert(check_scorer<S>());
    add(scorers,
        detail::row_of<Any<erased::Scorer>, S>(
            Kind::scorer, std::move(about), S::may_need, [](S s) { return erase_scorer(std::move(s)); }, load));
  }
  template <class S, class Load = AsItIs>
  void add_balancer(About about, Load load = {}) {
    static_assert(check_balancer<S>());
    add(balancers,
        detail::row_of<AnyBalancer, S>(
            Kind::balancer, std::move(about), S::may_need, [](S s) { return erase_balancer(std::move(s)); }, load));
  }
  template <class S, class Load = AsItIs>
  void add_allocator(About about, Load load = {}) {
    static_assert(check_allocator<S>());
    add(allocators,
        detail::row_of<AnyAllocator, S>(
            Kind::allocator, std::move(about), S::may_need, [](S s) { return erase_allocator(std::move(s)); }, load));
  }
  template <class S>
  void add_split(About about) {
    static_assert(check_split<S>());
    add(splits, detail::row_of<AnySplit, S>(
                    Kind::split, std::move(about), {}, [](S s) { return erase_split(std::move(s)); }, AsItIs{}));
  }
  /// A stage that is not a type: a plug-in's. Error{duplicate_name}.
  template <class Stage>
  void add(std::vector<StageRow<Stage>>& list, StageRow<Stage> row) {
    detail::check_free(row.entry, entries());
    list.push_back(std::move(row));
  }
  std::vector<Entry> entries() const {
    std::vector<Entry> out;
    const auto all = [&](const auto& list) {
      for (const auto& r : list) out.push_back(r.entry);
    };
    all(textures), all(scorers), all(balancers), all(allocators), all(splits);
    return out;
  }
};

template <class B>
struct MadePipeline {
  AnyPipeline<B> pipeline;
  PipelineSpec spec;
  std::vector<ConfigField> settings;  // every setting of every stage, resolved
};

template <class B>
class Registry {
 public:
  HostStages host;
  std::vector<StageRow<Any<erased::TensorScorer<B>>>> scorers;
  std::vector<StageRow<AnyQuery<B>>> queries;
  std::vector<StageRow<AnyInjector<B>>> injectors;

  template <class S>
  void add_scorer(About about) {
    add(scorers, detail::row_of<Any<erased::TensorScorer<B>>, S>(
                     Kind::scorer, std::move(about), S::may_need,
                     [](S s) { return erase_tensor_scorer<B>(std::move(s)); }, AsItIs{}));
  }
  template <class S>
  void add_query(About about) {
    add(queries, detail::row_of<AnyQuery<B>, S>(
                     Kind::query, std::move(about), {}, [](S s) { return erase_query<B>(std::move(s)); }, AsItIs{}));
  }
  template <class S>
  void add_injector(About about) {
    add(injectors, detail::row_of<AnyInjector<B>, S>(
                       Kind::injector, std::move(about), {S::phase, Need::none},
                       [](S s) { return erase_injector<B>(std::move(s)); }, AsItIs{}));
  }
  template <class Stage>
  void add(std::vector<StageRow<Stage>>& list, StageRow<Stage> row) {
    detail::check_free(row.entry, entries());
    list.push_back(std::move(row));
  }

  /// Every strategy, kind by kind in the order of the stage table, in the order of registration.
  std::vector<Entry> entries() const {
    std::vector<Entry> all = host.entries(), out;
    const auto more = [&](const auto& list) {
      for (const auto& r : list) all.push_back(r.entry);
    };
    more(scorers), more(queries), more(injectors);
    for (const StageKind& k : stage_table)
      for (const Entry& e : all)
        if (e.kind == k.kind) out.push_back(e);
    return out;
  }

  /// Error{unknown_strategy} listing near names; all problems of the settings at once; Error{missing_evidence} when a
  /// stage needs what the injector's phase cannot have. Nothing about a pipeline is checked again later.
  MadePipeline<B> make(const PipelineSpec& spec) const {
    MadePipeline<B> out;
    out.spec = spec;
    std::vector<ConfigProblem> problems;
    std::vector<std::string> prefixes;
    const auto stage = [&]<class Stage>(const std::vector<StageRow<Stage>>& list, Kind kind, const std::string& name,
                                        const std::string& prefix) {
      prefixes.push_back(prefix);
      return detail::find_row<Stage>({&list}, kind, name).make(spec.settings, prefix, out.settings, problems);
    };
    const std::size_t before_texture = out.settings.size();
    if (spec.texture != "none") out.pipeline.texture = stage(host.textures, Kind::texture, spec.texture, "texture");
    out.pipeline.texture_key = spec.texture;
    for (std::size_t i = before_texture; i < out.settings.size(); ++i)
      out.pipeline.texture_key += " " + out.settings[i].path + "=" + out.settings[i].value;
    for (std::size_t i = 0; i < spec.decisions.size(); ++i) {
      const DecisionSpec& d = spec.decisions[i];
      const std::string before = decision_prefix(i);
      AnyDecision<B> decision;
      for (const ScorerSpec& s : d.scorers)
        decision.scorers.push_back(
            make_scorer(s, before + "scorers." + s.alias, spec, out.settings, problems, prefixes));
      decision.balancer = stage(host.balancers, Kind::balancer, d.balancer, before + "balancer");
      decision.allocator = stage(host.allocators, Kind::allocator, d.allocator, before + "allocator");
      decision.injector = stage(injectors, Kind::injector, d.injector, before + "injector");
      decision.keep = d.keep;
      decision.name = scorers_text(d.scorers) + "/" + d.balancer + "/" + d.allocator + "/" + d.injector;
      out.pipeline.decisions.push_back(std::move(decision));
    }
    out.pipeline.query = stage(queries, Kind::query, spec.query, "query");
    out.pipeline.split = stage(host.splits, Kind::split, spec.split, "split");
    if (spec.texture == "none") {
      for (const auto& [path, text] : spec.settings)
        if (path.starts_with("texture."))
          problems.push_back({path, "no such setting: this pipeline has no texture stage", true});
      prefixes.emplace_back("texture");
    }
    check_prefixes(spec.settings, prefixes, problems);
    throw_problems(problems, "settings");
    keep_what_differs(out);
    check_pipeline(out.pipeline, full_name(spec));
    return out;
  }

 private:
  /// The name of a pipeline says what differs from the defaults, whoever gave it.
  void keep_what_differs(MadePipeline<B>& made) const {
    const std::vector<Entry> all = entries();
    Settings differing;
    for_each_stage(made.spec, [&](Kind kind, const std::string& prefix, const std::string& name) {
      const auto e =
          std::find_if(all.begin(), all.end(), [&](const Entry& x) { return x.kind == kind && x.name == name; });
      if (e == all.end()) return;
      for (const ConfigField& now : made.settings)
        for (const ConfigField& usual : e->settings)
          if (now.path == prefix + "." + usual.path && now.value != usual.value) differing[now.path] = now.value;
    });
    made.spec.settings = std::move(differing);
  }

  AnyScorer<B> make_scorer(const ScorerSpec& s, const std::string& prefix, const PipelineSpec& spec,
                           std::vector<ConfigField>& fields, std::vector<ConfigProblem>& problems,
                           std::vector<std::string>& prefixes) const {
    prefixes.push_back(prefix);
    for (const auto& r : scorers)
      if (r.entry.name == s.name) return {{}, r.make(spec.settings, prefix, fields, problems), s.alias};
    std::vector<std::string> known;
    std::string all;
    for (const auto& r : host.scorers) {
      if (r.entry.name == s.name) return {r.make(spec.settings, prefix, fields, problems), {}, s.alias};
      known.push_back(r.entry.name);
    }
    for (const auto& r : scorers) known.push_back(r.entry.name);
    for (const auto& k : known) all += (all.empty() ? "" : ", ") + k;
    fail(Code::unknown_strategy, "registry",
         "no scorer named '" + s.name + "'" + nearest_names(s.name, known) + "; known: " + all);
  }
};

}  // namespace arrcoc
