#pragma once
// Names to stages. Registration is an explicit call, in a visible order; a name is taken once.
//
//   Registry<B> r;
//   register_builtin(r);                                     registry/builtin.hpp
//   r.template add_scorer<MyScorer>({.source = "...", .summary = "..."});
//   auto made = r.make(PipelineSpec{...});                   made.pipeline.run(...)
//
// Settings are a flat map from path to text: texture.X, scorers.NAME.X, balancer.X, allocator.X, injector.X.
#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/config.hpp"
#include "arrcoc/pipeline/pipeline.hpp"
#include "arrcoc/registry/erased.hpp"

namespace arrcoc {

enum class Kind : std::uint8_t { texture, scorer, balancer, allocator, injector };

constexpr std::string_view name_of(Kind k) {
  constexpr std::string_view names[] = {"texture", "scorer", "balancer", "allocator", "injector"};
  return names[static_cast<std::size_t>(k)];
}
constexpr std::string_view name_of(Phase p) {
  constexpr std::string_view names[] = {"pixels", "vision", "layer"};
  return names[static_cast<std::size_t>(p)];
}
constexpr std::string_view name_of(Spend s) {
  constexpr std::string_view names[] = {"exact", "at_most", "own_count", "tiers"};
  return names[static_cast<std::size_t>(s)];
}

/// "vision+query"; "none" for an empty mask.
inline std::string needs_text(unsigned evidence) {
  constexpr std::string_view names[] = {"rgb",        "textures", "vision",   "deepstack", "query",
                                        "similarity", "received", "previous", "boxes"};
  std::string text;
  for (std::size_t i = 0; i < std::size(names); ++i)
    if (evidence >> i & 1u) text += (text.empty() ? "" : "+") + std::string(names[i]);
  return text.empty() ? "none" : text;
}

/// What a strategy says of where it comes from.
struct About {
  std::string source;              // paper and section, or "ours"
  std::vector<std::string> seeds;  // rows of the seed list it realises
  std::string summary;             // one sentence
  std::string cost;                // in N, C, D, K
};

/// One registered strategy, as `list` and `explain` show it.
struct Entry {
  Kind kind = Kind::scorer;
  std::string name;
  About about;
  Needs needs{};                      // phase of an injector: when its decision is taken
  std::optional<Spend> spend;         // allocators
  std::string reproduces_fault;       // the law it breaks on purpose; empty: none
  std::vector<ConfigField> settings;  // defaults, paths relative to the stage
};

/// A pipeline by name.
struct PipelineSpec {
  std::string texture, balancer, allocator, injector;
  std::vector<std::string> scorers;  // may be empty
  Settings settings;                 // path -> text
  bool operator==(const PipelineSpec&) const = default;
};

struct Preset {
  std::string_view name;
  std::string_view pipeline;  // texture/scorers/balancer/allocator/injector
  std::string_view summary;
};

inline constexpr Preset presets[] = {
    {"default", "texture13/information+perspectival+participatory/tension/top_k/gather",
     "three ways of knowing, adaptive tensions, the K most relevant tokens"},
    {"full", "none/none/flat/full/gather", "nothing is pruned"},
    {"random", "none/none/flat/random/gather", "K tokens drawn at random"},
    {"uniform", "none/none/flat/uniform/gather", "every n-th token in raster order"},
    {"grid", "none/none/flat/grid/gather", "a 2-D lattice of K tokens"},
    {"centre", "none/none/flat/centre/gather", "the K tokens nearest the middle"},
    {"oracle", "none/none/flat/oracle/gather", "the tokens that cover the answer boxes; needs boxes"},
};

/// "texture13/a+b/tension/top_k/gather" -> its parts; "none" is an empty scorer list. Error{bad_config} unless there
/// are five.
inline PipelineSpec parse_pipeline_name(std::string_view text) {
  const auto split = [](std::string_view s, char by) {
    std::vector<std::string> out;
    for (std::size_t from = 0; from <= s.size();) {
      const std::size_t to = std::min(s.find(by, from), s.size());
      out.emplace_back(s.substr(from, to - from));
      from = to + 1;
    }
    return out;
  };
  const std::vector<std::string> parts = split(text, '/');
  require_that(parts.size() == 5, Code::bad_config, "pipeline",
               [&] { return "expected texture/scorers/balancer/allocator/injector, got '" + std::string(text) + "'"; });
  PipelineSpec spec{parts[0], parts[2], parts[3], parts[4], {}, {}};
  if (parts[1] != "none") spec.scorers = split(parts[1], '+');
  return spec;
}

/// A preset, or a full name. Error{unknown_strategy} naming the presets.
inline PipelineSpec preset_pipeline(std::string_view name) {
  for (const Preset& p : presets)
    if (p.name == name) return parse_pipeline_name(p.pipeline);
  if (name.find('/') != std::string_view::npos) return parse_pipeline_name(name);
  std::vector<std::string> known;
  for (const Preset& p : presets) known.emplace_back(p.name);
  std::string all;
  for (const auto& k : known) all += (all.empty() ? "" : ", ") + k;
  fail(Code::unknown_strategy, "pipeline",
       "no preset named '" + std::string(name) + "'" + nearest_names(name, known) + "; known: " + all);
}

/// texture13/information+participatory/tension/top_k/gather
inline std::string full_name(const PipelineSpec& s) {
  std::string scorers;
  for (const auto& name : s.scorers) scorers += (scorers.empty() ? "" : "+") + name;
  return s.texture + "/" + (scorers.empty() ? "none" : scorers) + "/" + s.balancer + "/" + s.allocator + "/" +
         s.injector;
}

/// ...@128, or @0.25 for a ratio.
inline std::string full_name(const PipelineSpec& s, const Budget& budget) {
  if (budget.tokens > 0) return full_name(s) + "@" + std::to_string(budget.tokens);
  const std::string ratio = detail::to_text(budget.keep_ratio);
  return full_name(s) + "@" + ratio + (ratio.find('.') == std::string::npos ? ".0" : "");  // @1 is one token
}

template <class B>
using ErasedPipeline = Pipeline<AnyTexture, ErasedScorerSet<B>, AnyBalancer, AnyAllocator, AnyInjector<B>, B>;

template <class B>
struct MadePipeline {
  ErasedPipeline<B> pipeline;
  PipelineSpec spec;
  std::vector<ConfigField> settings;  // every setting of every stage, resolved
};

/// Nothing to load.
struct AsItIs {
  template <class S>
  void operator()(S&) const {}
};

template <class B>
class Registry {
 public:
  /// Builds a stage from settings under a prefix; appends its resolved fields and what is wrong.
  template <class Any>
  using Make = std::function<Any(const Settings&, std::string_view prefix, std::vector<ConfigField>&,
                                 std::vector<ConfigProblem>&)>;

  template <class S>
  void add_texture(About about) {
    static_assert(check_texture<S>());
    textures_.push_back(row<AnyTexture, S>(Kind::texture, std::move(about), {Phase::pixels, Need::rgb}));
  }
  // `load(S&)` runs on a stage once its settings are read: what a trained stage reads its weights in.
  template <class S, class Load = AsItIs>
  void add_scorer(About about, Load load = {}) {
    scorers_.push_back(row<AnyScorer<B>, S>(Kind::scorer, std::move(about), S::needs, load));
  }
  template <class S, class Load = AsItIs>
  void add_balancer(About about, Load load = {}) {
    static_assert(check_balancer<S>());
    balancers_.push_back(row<AnyBalancer, S>(Kind::balancer, std::move(about), S::needs, load));
  }
  template <class S, class Load = AsItIs>
  void add_allocator(About about, Load load = {}) {
    static_assert(check_allocator<S>());
    allocators_.push_back(row<AnyAllocator, S>(Kind::allocator, std::move(about), S::needs, load));
    allocators_.back().entry.spend = S::spend;
  }
  template <class S>
  void add_injector(About about) {
    static_assert(check_injector<S, B>());
    injectors_.push_back(row<AnyInjector<B>, S>(Kind::injector, std::move(about), {S::phase, Need::none}));
  }

  /// A stage that is not a type: a plug-in's. Error{duplicate_name}.
  void add(Entry entry, Make<AnyScorer<B>> make) {
    free(entry);
    scorers_.push_back({std::move(entry), std::move(make)});
  }
  void add(Entry entry, Make<AnyBalancer> make) {
    free(entry);
    balancers_.push_back({std::move(entry), std::move(make)});
  }
  void add(Entry entry, Make<AnyAllocator> make) {
    free(entry);
    allocators_.push_back({std::move(entry), std::move(make)});
  }

  /// Every strategy in the order of registration, kind by kind.
  std::vector<Entry> entries() const {
    std::vector<Entry> out;
    for_each_list([&](const auto& list) {
      for (const auto& r : list) out.push_back(r.entry);
    });
    return out;
  }

  /// Error{unknown_strategy} listing near names; all problems of the settings at once; Error{missing_evidence} when a
  /// stage needs what the injector's phase cannot have.
  MadePipeline<B> make(const PipelineSpec& spec) const {
    MadePipeline<B> out;
    out.spec = spec;
    std::vector<ConfigProblem> problems;
    const auto stage = [&](const auto& list, Kind kind, const std::string& name, const std::string& prefix) {
      return find(list, kind, name).make(spec.settings, prefix, out.settings, problems);
    };
    std::vector<std::string> prefixes{"texture", "balancer", "allocator", "injector"};
    if (spec.texture != "none") out.pipeline.texture = stage(textures_, Kind::texture, spec.texture, "texture");
    for (std::size_t i = 0; i < spec.scorers.size(); ++i) {
      const std::string& name = spec.scorers[i];
      require_that(std::find(spec.scorers.begin(), spec.scorers.begin() + static_cast<std::ptrdiff_t>(i), name) ==
                       spec.scorers.begin() + static_cast<std::ptrdiff_t>(i),
                   Code::bad_config, "registry", [&] { return "scorer '" + name + "' is named twice"; });
      prefixes.push_back("scorers." + name);
      out.pipeline.scorers.scorers.push_back(stage(scorers_, Kind::scorer, name, "scorers." + name));
    }
    out.pipeline.balancer = stage(balancers_, Kind::balancer, spec.balancer, "balancer");
    out.pipeline.allocator = stage(allocators_, Kind::allocator, spec.allocator, "allocator");
    out.pipeline.injector = stage(injectors_, Kind::injector, spec.injector, "injector");
    if (spec.texture == "none") add_unknown_texture(spec, problems);
    check_prefixes(spec.settings, prefixes, problems);
    throw_problems(problems, "settings");
    check_evidence(out.pipeline, spec);
    return out;
  }

 private:
  template <class Any>
  struct Row {
    Entry entry;
    Make<Any> make;
  };

  template <class Any, class S, class Load = AsItIs>
  Row<Any> row(Kind kind, About about, Needs needs, Load load = {}) const {
    Entry e{kind, std::string(S::name), std::move(about), needs, std::nullopt, {}, flatten(typename S::Config{})};
    if constexpr (requires { std::string(S::reproduces_fault); }) e.reproduces_fault = std::string(S::reproduces_fault);
    free(e);
    return {std::move(e), [load](const Settings& settings, std::string_view prefix, std::vector<ConfigField>& fields,
                                 std::vector<ConfigProblem>& problems) {
              typename S::Config config{};
              apply(config, prefix, settings, problems);
              for (auto& f : flatten(config, prefix)) fields.push_back(std::move(f));
              S stage{config};
              load(stage);
              return Any::of(std::move(stage));
            }};
  }

  template <class F>
  void for_each_list(F&& f) const {
    f(textures_), f(scorers_), f(balancers_), f(allocators_), f(injectors_);
  }

  void free(const Entry& e) const {
    require_that(
        e.name != "none" && !e.name.empty() && e.name.find_first_of("/+@.= ") == std::string::npos, Code::bad_config,
        "registry",
        [&] { return "a strategy's name: expected a word other than 'none' without / + @ . =, got '" + e.name + "'"; });
    for (const Entry& taken : entries())
      require_that(taken.kind != e.kind || taken.name != e.name, Code::duplicate_name, "registry",
                   [&] { return std::string(name_of(e.kind)) + " '" + e.name + "' is registered already"; });
  }

  template <class List>
  const typename List::value_type& find(const List& list, Kind kind, const std::string& name) const {
    std::vector<std::string> known;
    std::string all;
    for (const auto& r : list) {
      if (r.entry.name == name) return r;
      known.push_back(r.entry.name);
      all += (all.empty() ? "" : ", ") + r.entry.name;
    }
    fail(Code::unknown_strategy, "registry",
         "no " + std::string(name_of(kind)) + " named '" + name + "'" + nearest_names(name, known) + "; known: " + all);
  }

  static void add_unknown_texture(const PipelineSpec& spec, std::vector<ConfigProblem>& problems) {
    for (const auto& [path, text] : spec.settings)
      if (path.starts_with("texture."))
        problems.push_back({path, "no such setting: this pipeline has no texture stage", true});
  }

  static void check_evidence(const ErasedPipeline<B>& p, const PipelineSpec& spec) {
    const Needs needs = p.needs();
    const auto refuse = [&](const std::string& sentence) {
      fail(Code::missing_evidence, "pipeline", full_name(spec) + ": " + sentence);
    };
    if (needs.phase > p.injector.phase_now())
      refuse("a stage decides at phase '" + std::string(name_of(needs.phase)) + "', but injector '" + spec.injector +
             "' acts at phase '" + std::string(name_of(p.injector.phase_now())) + "'");
    if (const unsigned never = needs.evidence & (Need::similarity | Need::received | Need::previous); never != 0)
      refuse("a stage needs " + needs_text(never) + ", which this mode does not have");
    if ((needs.evidence & Need::textures) && spec.texture == "none")
      refuse("a stage needs textures, but the texture stage is 'none'");
  }

  std::vector<Row<AnyTexture>> textures_;
  std::vector<Row<AnyScorer<B>>> scorers_;
  std::vector<Row<AnyBalancer>> balancers_;
  std::vector<Row<AnyAllocator>> allocators_;
  std::vector<Row<AnyInjector<B>>> injectors_;
};

}  // namespace arrcoc
