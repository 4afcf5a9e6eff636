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
// split.X, passes.X; of a later decision with its number in front.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/corrupt.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

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
      const std::size_t before_injector = out.settings.size();
      decision.injector = stage(injectors, Kind::injector, d.injector, before + "injector");
      out.pipeline.injectors += d.injector + " ";
      for (std::size_t j = before_injector; j < out.settings.size(); ++j)
        out.pipeline.injectors += out.settings[j].path + "=" + out.settings[j].value + " ";
      decision.keep = d.keep;
      decision.similarity = cosines_of<>;
      decision.name = scorers_text(d.scorers) + "/" + d.balancer + "/" + d.allocator + "/" + d.injector;
      out.pipeline.decisions.push_back(std::move(decision));
    }
    out.pipeline.maps_of_first = spec.maps_of_first;
    AnyAllocator& last = out.pipeline.decisions.back().allocator;
    if (spec.corrupt > 0) last = corrupted(last, spec.corrupt);
    out.pipeline.query = stage(queries, Kind::query, spec.query, "query");
    out.pipeline.split = stage(host.splits, Kind::split, spec.split, "split");
    out.pipeline.passes = stage(host.passes, Kind::passes, spec.passes, "passes");
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
    check_passes(out.pipeline, full_name(spec));
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
