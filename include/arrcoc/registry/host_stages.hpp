#pragma once
// Registered stages: how a name becomes one, and those of the host plane.
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/passes.hpp"
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
/// Error{duplicate_name} for a preset whose name is taken.
void check_free(const Preset& p, const std::vector<Preset>& taken);

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
  std::vector<StageRow<AnyPasses>> passes;
  std::vector<Preset> presets;

  template <class S, class Load = AsItIs>
  void add_texture(About about, Load load = {}) {
    static_assert(check_texture<S>());
    add(textures, detail::row_of<AnyTexture, S>(
                      Kind::texture, std::move(about), {Phase::pixels, Need::rgb},
                      [](S s) { return erase_texture(std::move(s)); }, load));
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
  template <class S>
  void add_passes(About about) {
    static_assert(check_passes_rule<S>());
    add(passes, detail::row_of<AnyPasses, S>(
                    Kind::passes, std::move(about), {}, [](S s) { return erase_passes(std::move(s)); }, AsItIs{}));
  }
  /// What its fields point at must outlive the list. Error{duplicate_name}.
  void add_preset(const Preset& p) {
    detail::check_free(p, presets);
    presets.push_back(p);
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
    all(textures), all(scorers), all(balancers), all(allocators), all(splits), all(passes);
    return out;
  }
};

}  // namespace arrcoc
