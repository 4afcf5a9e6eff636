// From what was typed to the columns of a sweep.
#include <algorithm>

#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {
namespace {

std::string budget_text(const Budget& b) {
  if (b.tokens > 0) return std::to_string(b.tokens);
  const std::string ratio = detail::to_text(b.keep_ratio);
  return ratio + (ratio.find('.') == std::string::npos ? ".0" : "");
}

/// "NAME@128", "NAME@0.25" -> NAME and the budget.
std::pair<std::string, std::optional<Budget>> take_budget(const std::string& text) {
  const auto at = text.rfind('@');
  if (at == std::string::npos) return {text, std::nullopt};
  const std::string value = text.substr(at + 1);
  Budget b;
  const bool ratio = value.find('.') != std::string::npos;
  const std::string wrong = ratio ? detail::from_text(value, b.keep_ratio) : detail::from_text(value, b.tokens);
  require_that(wrong.empty() && (ratio || b.tokens > 0), Code::bad_budget, "sweep",
               [&] { return "'" + text + "': expected tokens or a ratio after @"; });
  return {text.substr(0, at), b};
}

struct Depth {
  std::string name;
  std::uint32_t levels;
};
void add_depth(const std::string& text, Index levels, std::vector<Depth>& out) {
  if (text == "all") return out.push_back({text, all_levels});
  if (text == "none") return out.push_back({text, 0});
  if (text == "each") {
    for (Index l = 0; l < levels; ++l) out.push_back({std::to_string(l), 1u << l});
    return;
  }
  std::uint32_t mask = 0;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find('+', from), text.size());
    Index l = -1;
    const std::string wrong = detail::from_text(std::string_view(text).substr(from, to - from), l);
    require_that(wrong.empty() && l >= 0 && l < levels, Code::bad_config, "sweep", [&] {
      return "depth: expected all, none, each, or DeepStack levels below " + std::to_string(levels) +
             " joined by +, got '" + text + "'";
    });
    mask |= 1u << l;
    from = to + 1;
  }
  out.push_back({text, mask});
}

PipelineSpec spec_of(const std::string& name) {
  if (name.find('/') != std::string::npos) return parse_pipeline_name(name);
  std::vector<std::string> known{"stock", "downsample"};
  for (const Preset& p : presets) known.emplace_back(p.name);
  std::string all;
  for (const auto& k : known) all += (all.empty() ? "" : ", ") + k;
  require_that(std::find(known.begin(), known.end(), name) != known.end(), Code::unknown_strategy, "sweep", [&] {
    return "no pipeline named '" + name + "'" + nearest_names(name, known) + "; known: " + all +
           ", or texture/scorers/balancer/allocator/injector";
  });
  return preset_pipeline(name == "downsample" || name == "stock" ? "full" : name);
}

/// Gives each pipeline the settings that its stages have.
void apply_settings(const Settings& settings, const std::vector<Entry>& entries, std::vector<SweepColumn>& columns) {
  const auto has = [&](Kind kind, const std::string& stage, std::string_view field) {
    return std::any_of(entries.begin(), entries.end(), [&](const Entry& e) {
      return e.kind == kind && e.name == stage &&
             std::any_of(e.settings.begin(), e.settings.end(), [&](const ConfigField& f) { return f.path == field; });
    });
  };
  for (const auto& setting : settings) {
    const std::string &path = setting.first, &value = setting.second;
    bool used = false;
    for (SweepColumn& c : columns) {
      if (c.kind == ColumnKind::stock || c.kind == ColumnKind::downsample) continue;
      const auto mine = [&](Kind kind, const std::string& prefix, const std::string& stage) {
        return path.starts_with(prefix + ".") && has(kind, stage, std::string_view(path).substr(prefix.size() + 1));
      };
      const bool fits =
          mine(Kind::texture, "texture", c.spec.texture) || mine(Kind::balancer, "balancer", c.spec.balancer) ||
          mine(Kind::allocator, "allocator", c.spec.allocator) || mine(Kind::injector, "injector", c.spec.injector) ||
          std::any_of(c.spec.scorers.begin(), c.spec.scorers.end(),
                      [&](const std::string& s) { return mine(Kind::scorer, "scorers." + s, s); });
      if (fits) c.spec.settings[path] = value;
      used = used || fits;
    }
    require_that(used, Code::unknown_setting, "sweep",
                 [&] { return path + ": no pipeline of this sweep has that setting"; });
  }
}

}  // namespace

std::string SweepColumn::label() const {
  return pipeline + (budget == "all" ? "" : "@" + budget) + (depth == "all" ? "" : " depth=" + depth) +
         (seed == 0 ? "" : " seed=" + std::to_string(seed));
}

std::vector<SweepColumn> sweep_columns(const SweepChoice& choice, Index levels, const std::vector<Entry>& entries) {
  require_that(!choice.pipelines.empty() && !choice.budgets.empty() && !choice.depths.empty() && !choice.seeds.empty(),
               Code::bad_usage, "sweep", "expected at least one pipeline, budget, depth and seed");
  std::vector<Depth> depths;
  for (const auto& d : choice.depths) add_depth(d, levels, depths);
  std::vector<SweepColumn> out;
  for (const std::string& typed : choice.pipelines) {
    const auto [name, own] = take_budget(typed);
    SweepColumn c;
    c.pipeline = name;
    c.kind = name == "stock" ? ColumnKind::stock : name == "downsample" ? ColumnKind::downsample : ColumnKind::plain;
    c.spec = spec_of(name);
    if (c.spec.allocator == "oracle") c.kind = ColumnKind::oracle;
    const bool whole = c.kind != ColumnKind::downsample && c.spec.allocator == "full";
    std::vector<Budget> budgets = own ? std::vector<Budget>{*own} : choice.budgets;
    if (whole) budgets = {Budget{0, 1.0}};
    for (const Budget& b : budgets) {
      b.resolve(1);  // refuses what is out of range
      c.tokens = b;
      c.budget = whole ? "all" : budget_text(b);
      for (const Depth& d : depths) {
        if (c.kind == ColumnKind::stock && d.levels != all_levels) continue;
        c.depth = d.name;
        c.levels = d.levels;
        const bool random = c.spec.allocator == "random";
        for (const std::uint64_t seed : random ? choice.seeds : std::vector<std::uint64_t>{choice.seeds.front()}) {
          c.seed = random ? seed : 0;
          out.push_back(c);
          if (c.kind != ColumnKind::oracle) continue;
          for (const auto& [kind, suffix] :
               {std::pair{ColumnKind::oracle_blank, "_blank"}, std::pair{ColumnKind::oracle_other, "_other"}}) {
            SweepColumn leak = c;
            leak.kind = kind;
            leak.pipeline = name + suffix;
            out.push_back(leak);
          }
        }
      }
    }
  }
  std::vector<std::string> labels;
  for (const SweepColumn& c : out) {
    require_that(std::find(labels.begin(), labels.end(), c.label()) == labels.end(), Code::bad_usage, "sweep",
                 [&] { return "'" + c.label() + "' is asked for twice"; });
    labels.push_back(c.label());
  }
  apply_settings(choice.settings, entries, out);
  return out;
}

}  // namespace arrcoc
