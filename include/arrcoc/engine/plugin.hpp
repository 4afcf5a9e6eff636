#pragma once
// A plug-in from C++ types: one line makes a module of scorers, balancers, allocators and textures of the host plane.
//
//   #include "arrcoc/engine/plugin.hpp"
//   struct InkScorer { ... };             // as core/stages.hpp says
//   ARRCOC_PLUGIN(InkScorer)
//
// c++ -std=c++20 -shared -fPIC -ffp-contract=off ... -o libink.so, and arrcoc answer --plugin ./libink.so
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <tuple>
#include <vector>

#include "arrcoc/core/config.hpp"
#include "arrcoc/core/stages.hpp"
#include "arrcoc/engine/plugin_abi.hpp"
#include "arrcoc/engine/plugin_evidence.hpp"

namespace arrcoc::plugin {

/// What an instance asks of the model's inside.
template <class S>
std::vector<Request> asked_by([[maybe_unused]] const S& s) {
  if constexpr (requires {
                  { s.needs() } -> std::convertible_to<std::vector<Request>>;
                })
    return s.needs();
  else return {};
}
/// A request as it crosses the edge; its list is the request's own.
inline arrcoc_request crossing(const Request& r) {
  return {sizeof(arrcoc_request), static_cast<std::int32_t>(r.index),
          std::uint8_t(r.site),   std::uint8_t(r.what),
          std::uint8_t(r.rows),   std::uint8_t(r.heads),
          std::uint8_t(r.payers), std::uint8_t(r.rope),
          r.list.data(),          r.list.size()};
}

/// Tables of one type that live as long as the module.
template <class S>
struct Described {
  std::vector<ConfigField> fields = flatten(typename S::Config{});
  std::vector<arrcoc_setting> settings;
  std::vector<Request> asked;
  std::vector<arrcoc_request> requests;
  std::string name{S::name};

  Described() {
    for (const ConfigField& f : fields) {
      double number = 0;
      (void)detail::from_text(f.value, number);
      settings.push_back({sizeof(arrcoc_setting), f.path.c_str(), f.type.c_str(), f.value.c_str(), number});
    }
    asked = asked_by(S{});
    for (const Request& r : asked) requests.push_back(crossing(r));
  }
  static const Described& get() {
    static const Described d;
    return d;
  }
  static arrcoc_about about() {
    const Described& d = get();
    Needs needs{};
    if constexpr (requires { Needs(S::may_need); }) needs = S::may_need;
    const char* source = "a plug-in";
    if constexpr (requires {
                    { S::source } -> std::convertible_to<const char*>;
                  })
      source = S::source;
    const char* summary = "";
    if constexpr (requires {
                    { S::summary } -> std::convertible_to<const char*>;
                  })
      summary = S::summary;
    return {sizeof(arrcoc_about),
            d.name.c_str(),
            source,
            summary,
            "",
            std::uint32_t(needs.phase),
            needs.evidence,
            d.requests.data(),
            d.requests.size(),
            d.settings.data(),
            d.settings.size()};
  }
  /// The stage with its settings. Error{bad_config}.
  static S made(const arrcoc_setting* values) {
    const Described& d = get();
    Settings settings;
    for (std::size_t i = 0; i < d.fields.size(); ++i) settings[d.fields[i].path] = values[i].text;
    typename S::Config config{};
    std::vector<ConfigProblem> problems;
    apply(config, "", settings, problems);
    throw_problems(problems, d.name);
    return S{config};
  }
};

/// Runs f; whatever it throws becomes its sentence.
template <class F>
int guarded(char* error, std::size_t bytes, F&& f) {
  try {
    f();
    return 0;
  } catch (const std::exception& e) { std::snprintf(error, bytes, "%s", e.what()); } catch (...) {
    std::snprintf(error, bytes, "threw something that is no std::exception");
  }
  return 1;
}

template <class S>
int ask(const arrcoc_setting* settings, const arrcoc_request_sink* sink, char* error, std::size_t bytes) {
  return guarded(error, bytes, [&] {
    for (const Request& r : asked_by(Described<S>::made(settings))) {
      const arrcoc_request row = crossing(r);
      sink->ask(sink->to, &row);
    }
  });
}

inline void copy_map(std::span<const float> map, Index n, float* out, std::string_view name) {
  require_that(static_cast<Index>(map.size()) == n, Code::bad_stage_output, name,
               [&] { return "expected " + std::to_string(n) + " values, got " + std::to_string(map.size()); });
  std::copy(map.begin(), map.end(), out);
}

template <class S>
arrcoc_scorer scorer_row() {
  static_assert(check_scorer<S>());
  return {sizeof(arrcoc_scorer), Described<S>::about(),
          [](const arrcoc_evidence* e, const arrcoc_setting* settings, float* out, char* error, std::size_t bytes) {
            return guarded(error, bytes, [&] {
              const S s = Described<S>::made(settings);
              copy_map(s.score(evidence_of(*e, asked_by(s))), e->tokens, out, S::name);
            });
          },
          ask<S>};
}
template <class S>
arrcoc_balancer balancer_row() {
  static_assert(check_balancer<S>());
  return {sizeof(arrcoc_balancer), Described<S>::about(),
          [](const float* maps, std::int64_t scorers, const arrcoc_evidence* e, const arrcoc_setting* settings,
             float* relevance, const arrcoc_balance_sink* sink, char* error, std::size_t bytes) {
            return guarded(error, bytes, [&] {
              const S s = Described<S>::made(settings);
              const auto out =
                  s.balance({maps, static_cast<std::size_t>(scorers * e->tokens)}, evidence_of(*e, asked_by(s)));
              copy_map(out.relevance, e->tokens, relevance, S::name);
              for (const Tension& t : out.tensions) sink->tension(sink->to, t.name.c_str(), t.value);
              for (const float w : out.weights) sink->weight(sink->to, w);
            });
          },
          ask<S>};
}
template <class S>
arrcoc_allocator allocator_row() {
  static_assert(check_allocator<S>());
  return {sizeof(arrcoc_allocator), Described<S>::about(), std::uint32_t(S::spend),
          [](const float* relevance, const arrcoc_evidence* e, std::int64_t budget, std::uint64_t seed,
             const arrcoc_setting* settings, const arrcoc_allocation_sink* sink, char* error, std::size_t bytes) {
            return guarded(error, bytes, [&] {
              Rng rng(seed);
              const S s = Described<S>::made(settings);
              const Allocation a = s.allocate({relevance, static_cast<std::size_t>(e->tokens)},
                                              evidence_of(*e, asked_by(s)), Budget{budget, 1.0}, rng);
              check_allocation(a, S::name);
              for (std::size_t i = 0; i < a.kept.size(); ++i) {
                sink->keep(sink->to, a.kept[i], a.depth[i], std::uint8_t(a.why[i].cause), a.why[i].rank,
                           a.why[i].value);
                if (!a.entry.empty()) sink->entry(sink->to, a.entry[i]);
                if (!a.merge.empty())
                  for (const MergePart& m : a.merge[i]) sink->member(sink->to, m.token, m.weight);
              }
              for (const Region& r : a.regions) sink->region(sink->to, r.row0, r.col0, r.row1, r.col1, r.tokens);
            });
          },
          ask<S>};
}
/// A texture names its channels in `static constexpr std::array<std::string_view or const char*, C> channel_names`.
template <class S>
arrcoc_texture texture_row() {
  static_assert(check_texture<S>());
  static const auto names = [] {
    std::array<std::string, S::channel_names.size()> out;
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::string(S::channel_names[i]);
    return out;
  }();
  static const auto pointers = [] {
    std::array<const char*, S::channel_names.size()> out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = names[i].c_str();
    return out;
  }();
  return {sizeof(arrcoc_texture), Described<S>::about(), pointers.data(), pointers.size(),
          [](const arrcoc_evidence* e, const arrcoc_setting* settings, float* out, char* error, std::size_t bytes) {
            return guarded(error, bytes, [&] {
              const TokenSet tokens({e->rows, e->cols}, places_of(e->places, e->tokens), e->frames);
              const Textures t = Described<S>::made(settings).generate(ImageView{e->height, e->width, e->rgb}, tokens);
              copy_map(t.values, e->tokens * static_cast<Index>(S::channel_names.size()), out, S::name);
            });
          }};
}

/// The module of some types.
template <class... S>
const arrcoc_plugin* module_of(const char* name) {
  static const auto tables = [] {
    std::tuple<std::vector<arrcoc_texture>, std::vector<arrcoc_scorer>, std::vector<arrcoc_balancer>,
               std::vector<arrcoc_allocator>>
        t;
    const auto add = [&]<class One>(const One*) {
      if constexpr (require::generates<One>) std::get<0>(t).push_back(texture_row<One>());
      else if constexpr (require::scores<One>) std::get<1>(t).push_back(scorer_row<One>());
      else if constexpr (require::balances<One>) std::get<2>(t).push_back(balancer_row<One>());
      else {
        static_assert(require::allocates<One>,
                      "ARRCOC_PLUGIN: expected a texture, scorer, balancer or allocator of the host plane");
        std::get<3>(t).push_back(allocator_row<One>());
      }
    };
    (add(static_cast<const S*>(nullptr)), ...);
    return t;
  }();
  const auto& [textures, scorers, balancers, allocators] = tables;
  static const arrcoc_plugin module{
      arrcoc_plugin_abi, sizeof(arrcoc_plugin), arrcoc_plugin_build_id, name,
      textures.data(),   textures.size(),       scorers.data(),         scorers.size(),
      balancers.data(),  balancers.size(),      allocators.data(),      allocators.size()};
  return &module;
}

}  // namespace arrcoc::plugin

/// Makes the module's entry point of stage types; once in a module, at file scope.
#define ARRCOC_PLUGIN(...) \
  extern "C" const arrcoc_plugin* arrcoc_plugin_entry() { return arrcoc::plugin::module_of<__VA_ARGS__>(#__VA_ARGS__); }
