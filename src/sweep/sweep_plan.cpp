// From what was typed to the columns of a sweep.
#include <algorithm>
#include <utility>

#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {
namespace {

struct Depth {
  std::string name;
  std::uint32_t levels;
};
void add_depth(const std::string& text, Index levels, std::vector<Depth>& out) {
  if (text != "each") return out.push_back({text, parse_depth(text, levels)});
  for (Index l = 0; l < levels; ++l) out.push_back({std::to_string(l), 1u << l});
}

PipelineSpec spec_of(const std::string& name) {
  if (name.find('/') != std::string::npos) return parse_pipeline_name(name);
  const std::string word = name.substr(0, name.find_first_of(":@"));
  std::vector<std::string> known{"stock"};
  for (const Preset& p : presets()) known.emplace_back(p.name);
  require_that(std::find(known.begin(), known.end(), word) != known.end(), Code::unknown_strategy, "sweep", [&] {
    return "no pipeline named '" + word + "'" + nearest_names(word, known) + "; known: stock, " + preset_names() +
           ", or texture/scorers/balancer/allocator/injector";
  });
  if (word != "stock") return preset_pipeline(name);
  const auto at = name.rfind('@');
  require_that(name.find(':') == std::string::npos, Code::bad_config, "sweep",
               [&] { return "'stock' has no stages and no settings, got '" + name + "'"; });
  PipelineSpec spec = preset_pipeline("full");
  if (at != std::string::npos) spec.budget = parse_budget(name.substr(at + 1), name);
  return spec;
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
      if (c.kind == ColumnKind::stock) continue;
      bool fits = false;
      for_each_stage(c.spec, [&](Kind kind, const std::string& prefix, const std::string& stage) {
        fits = fits ||
               (path.starts_with(prefix + ".") && has(kind, stage, std::string_view(path).substr(prefix.size() + 1)));
      });
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
    SweepColumn c;
    c.spec = spec_of(typed);
    const std::optional<Budget> own = std::exchange(c.spec.budget, std::nullopt);
    const std::string name = own ? typed.substr(0, typed.rfind('@')) : typed;
    c.pipeline = name;
    c.kind = name == "stock" ? ColumnKind::stock : ColumnKind::plain;
    if (c.spec.last().allocator == "oracle") c.kind = ColumnKind::oracle;
    const bool whole = c.spec.last().allocator == "full";
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
        const bool random = c.spec.last().allocator == "random";
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
