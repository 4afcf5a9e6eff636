#pragma once
// Loads a plug-in and puts its strategies into a Registry. The module's edge is registry/plugin_abi.hpp.
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "arrcoc/engine/plugin_abi.hpp"
#include "arrcoc/registry/registry.hpp"

namespace arrcoc {

/// Opens a module and checks its ABI number, build id and table. It stays loaded as long as a copy lives.
/// Error{bad_plugin}: cannot be loaded, no entry point, another ABI or build id, a broken table. Error{file_missing}.
std::shared_ptr<const arrcoc_plugin> open_plugin(const std::filesystem::path& file);

namespace plugin {
/// Evidence as the module sees it; the views are valid as long as `e` is.
struct SeenEvidence {
  std::vector<const char*> names;
  std::vector<double> boxes;
  arrcoc_plugin_evidence view{};

  explicit SeenEvidence(const Evidence& e) {
    view.rows = e.grid.rows;
    view.cols = e.grid.cols;
    view.height = e.rgb.height;
    view.width = e.rgb.width;
    view.rgb = e.rgb.rgb;
    if (e.textures != nullptr) {
      for (const auto& n : e.textures->channels) names.push_back(n.c_str());
      view.channels = e.textures->channel_count();
      view.textures = e.textures->values.data();
      view.channel_names = names.data();
    }
    if (!e.vision.empty()) view.vision = e.vision.floats().data();
    if (!e.query.empty()) view.query = e.query.floats().data();
    view.features = !e.vision.empty() ? e.vision.dim(1) : e.query.empty() ? 0 : e.query.count();
    for (const Box& b : e.boxes) boxes.insert(boxes.end(), {b.row0, b.col0, b.row1, b.col1});
    view.box_count = static_cast<Index>(e.boxes.size());
    view.boxes = boxes.data();
  }
};

/// Runs f(error, bytes); a result other than 0 is Error{bad_stage_output} with the module's sentence.
template <class F>
void call(const char* name, F&& f) {
  std::array<char, 512> error{};
  if (f(error.data(), error.size()) == 0) return;
  error.back() = '\0';
  fail(Code::bad_stage_output, name, error.front() != '\0' ? error.data() : "the plug-in failed without a word");
}

inline Entry entry_of(Kind kind, const arrcoc_plugin_about& a) {
  Entry e;
  e.kind = kind;
  e.name = a.name;
  e.about = {a.source != nullptr ? a.source : "", {}, a.summary != nullptr ? a.summary : "", ""};
  e.needs = {a.phase == 0 ? Phase::pixels : Phase::vision, a.evidence};
  for (std::size_t i = 0; i < a.setting_count; ++i)
    e.settings.push_back({a.settings[i].name, "float", detail::to_text(a.settings[i].value)});
  return e;
}

/// The settings' values in the module's order.
inline std::vector<double> read_settings(const std::vector<ConfigField>& defaults, const Settings& settings,
                                         std::string_view prefix, std::vector<ConfigField>& fields,
                                         std::vector<ConfigProblem>& problems) {
  std::vector<double> values;
  std::vector<std::string> known;
  for (const ConfigField& d : defaults) {
    double value = 0;
    detail::from_text(d.value, value);
    known.push_back(detail::join_path(prefix, d.path));
    if (const auto it = settings.find(known.back()); it != settings.end())
      if (auto wrong = detail::from_text(it->second, value); !wrong.empty())
        problems.push_back({known.back(), std::move(wrong)});
    values.push_back(value);
    fields.push_back({known.back(), "float", detail::to_text(value)});
  }
  const std::string start = std::string(prefix) + ".";
  for (const auto& [path, text] : settings)
    if (path.starts_with(start) && std::find(known.begin(), known.end(), path) == known.end())
      problems.push_back({path, "no such setting" + nearest_names(path, known, start.size()), true});
  return values;
}

template <class B>
struct Scorer final : erased::Scorer<B> {
  std::shared_ptr<const arrcoc_plugin> module;
  const arrcoc_plugin_scorer* s = nullptr;
  std::vector<double> settings;
  std::vector<float> score(B&, const SeenImage<B>& image) const override {
    const SeenEvidence seen(image.host);
    std::vector<float> out(static_cast<std::size_t>(image.host.grid.count()));
    call(s->about.name,
         [&](char* error, std::size_t n) { return s->score(&seen.view, settings.data(), out.data(), error, n); });
    return out;
  }
};

struct Balancer final : erased::Balancer {
  std::shared_ptr<const arrcoc_plugin> module;
  const arrcoc_plugin_balancer* s = nullptr;
  std::vector<double> settings;
  Balanced balance(std::span<const float> maps, const Evidence& e) const override {
    const SeenEvidence seen(e);
    const Index n = e.grid.count();
    require_that(n > 0 && static_cast<Index>(maps.size()) % n == 0, Code::shape_mismatch, s->about.name,
                 "the maps do not fill the grid");
    Balanced out;
    out.relevance.resize(static_cast<std::size_t>(n));
    call(s->about.name, [&](char* error, std::size_t bytes) {
      return s->balance(maps.data(), static_cast<Index>(maps.size()) / n, &seen.view, settings.data(),
                        out.relevance.data(), error, bytes);
    });
    return out;
  }
};

struct Allocator final : erased::Allocator {
  std::shared_ptr<const arrcoc_plugin> module;
  const arrcoc_plugin_allocator* s = nullptr;
  std::vector<double> settings;
  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng& rng) const override {
    const SeenEvidence seen(e);
    const Index n = e.grid.count();
    const Budget::Resolved spend = budget.resolve(n);
    Allocation out;
    out.grid = e.grid;
    out.clamped = spend.clamped;
    out.kept.resize(static_cast<std::size_t>(n));
    out.depth.assign(out.kept.size(), all_levels);
    std::vector<float> value(out.kept.size());
    std::int64_t count = 0;
    call(s->about.name, [&](char* error, std::size_t bytes) {
      return s->allocate(relevance.data(), &seen.view, spend.kept, rng.next(), settings.data(), out.kept.data(),
                         out.depth.data(), value.data(), &count, error, bytes);
    });
    require_that(count > 0 && count <= n, Code::bad_stage_output, s->about.name,
                 [&] { return "kept tokens: expected 1.." + std::to_string(n) + ", got " + std::to_string(count); });
    out.kept.resize(static_cast<std::size_t>(count));
    out.depth.resize(out.kept.size());
    for (std::size_t i = 0; i < out.kept.size(); ++i) out.why.push_back({Cause::score, 0, value[i]});
    std::vector<std::size_t> order(out.kept.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return value[a] > value[b]; });
    for (std::size_t i = 0; i < order.size(); ++i) out.why[order[i]].rank = static_cast<Index>(i);
    return out;
  }
};
}  // namespace plugin

/// Registers everything the module offers. Error{bad_plugin}, Error{duplicate_name}.
template <class B>
void load_plugin(const std::filesystem::path& file, Registry<B>& registry) {
  const std::shared_ptr<const arrcoc_plugin> module = open_plugin(file);
  const auto add = [&]<class Any, class Stage, class Table>(Kind kind, const Table& row, const Any&, const Stage&) {
    Entry entry = plugin::entry_of(kind, row.about);
    typename Any::Config held;
    held.name = entry.name;
    held.needs = entry.needs;
    if constexpr (requires { row.spend; }) {
      held.spend = static_cast<Spend>(row.spend);
      entry.spend = held.spend;
    }
    const auto defaults = entry.settings;
    registry.add(
        std::move(entry),
        typename Registry<B>::template Make<Any>(
            [held, defaults, module, s = &row](const Settings& settings, std::string_view prefix,
                                               std::vector<ConfigField>& fields, std::vector<ConfigProblem>& problems) {
              auto stage = std::make_shared<Stage>();
              stage->module = module;
              stage->s = s;
              stage->settings = plugin::read_settings(defaults, settings, prefix, fields, problems);
              typename Any::Config full = held;
              full.stage = std::move(stage);
              return Any{std::move(full)};
            }));
  };
  for (std::size_t i = 0; i < module->scorer_count; ++i)
    add(Kind::scorer, module->scorers[i], AnyScorer<B>{}, plugin::Scorer<B>{});
  for (std::size_t i = 0; i < module->balancer_count; ++i)
    add(Kind::balancer, module->balancers[i], AnyBalancer{}, plugin::Balancer{});
  for (std::size_t i = 0; i < module->allocator_count; ++i)
    add(Kind::allocator, module->allocators[i], AnyAllocator{}, plugin::Allocator{});
}

}  // namespace arrcoc
