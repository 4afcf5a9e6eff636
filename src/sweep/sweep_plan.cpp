// From what was typed to the columns of a sweep.
#include <algorithm>
#include <map>
#include <set>
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

struct Axis {
  std::string path;
  std::vector<std::string> values;
};

/// Which settings the stages of the columns took, and which they might have.
struct SettingUse {
  std::set<std::string, std::less<>> known, named, used;
  void check(const Settings& settings) const {
    for (const auto& setting : settings) {
      const std::string& path = setting.first;
      if (used.contains(path)) continue;
      require_that(!named.contains(path), Code::bad_usage, "sweep",
                   [&] { return path + ": every pipeline that has it names a value of its own"; });
      fail(Code::unknown_setting, "sweep",
           path + ": no pipeline of this sweep has that setting" + nearest_names(path, {known.begin(), known.end()}));
    }
  }
};

/// Gives a pipeline the settings that its stages have and its name does not set; several values are an axis.
std::vector<Axis> take_settings(const SweepChoice& choice, const std::vector<Entry>& entries, PipelineSpec& spec,
                                SettingUse& use) {
  std::map<std::string, std::string> types;  // path -> type
  for_each_stage(spec, [&](Kind kind, const std::string& prefix, const std::string& stage) {
    for (const Entry& e : entries)
      if (e.kind == kind && e.name == stage)
        for (const ConfigField& f : e.settings) types[prefix + "." + f.path] = f.type;
  });
  const Settings named = spec.settings;
  std::vector<Axis> axes;
  for (const Settings* given : {&choice.fixed, &choice.settings})
    for (const auto& [path, text] : *given) {
      const auto type = types.find(path);
      if (type == types.end()) continue;
      const bool fixed = given == &choice.fixed;
      (named.contains(path) && !fixed ? use.named : use.used).insert(path);
      if (named.contains(path)) continue;
      spec.settings[path] = text;
      if (fixed) continue;
      std::vector<std::string> values = axis_values(text, type->second, path);
      if (values.size() > 1) axes.push_back({path, std::move(values)});
      else if (text.find(':') != text.npos) spec.settings[path] = values[0];
    }
  for (const auto& [path, type] : types) use.known.insert(path);
  return axes;
}

/// Refuses more columns than anybody wants, before they are made.
class ColumnCount {
 public:
  void add(const std::vector<Axis>& axes, std::size_t budgets, std::size_t depths, std::size_t seeds,
           std::size_t rows) {
    double n = 1;
    for (const Axis& a : axes) n *= static_cast<double>(a.values.size());
    for (const std::size_t factor : {budgets, depths, seeds, rows}) n *= static_cast<double>(factor);
    count_ += n;
  }
  void check() const {
    require_that(count_ <= static_cast<double>(most_columns), Code::bad_usage, "sweep", [&] {
      return "expected at most " + std::to_string(most_columns) + " columns, got " +
             (count_ < 1e15 ? std::to_string(static_cast<Index>(count_)) : detail::to_text(count_)) +
             ": pipelines x values of settings x budgets x depths x seeds";
    });
  }

 private:
  double count_ = 0;
};

/// What one pipeline becomes: its columns but for their values of axes, budgets, depths and seeds.
struct Plan {
  SweepColumn column;
  std::vector<Axis> axes;
  std::vector<Budget> budgets;
  std::vector<std::uint64_t> seeds;
};

Plan plan_of(const std::string& typed, const SweepChoice& choice, const std::vector<Entry>& entries, SettingUse& use) {
  Plan p;
  SweepColumn& c = p.column;
  c.spec = spec_of(typed);
  const std::optional<Budget> own = std::exchange(c.spec.budget, std::nullopt);
  c.pipeline = own ? typed.substr(0, typed.rfind('@')) : typed;
  c.kind = c.pipeline == "stock" ? ColumnKind::stock : ColumnKind::plain;
  if (c.spec.last().allocator == "oracle") c.kind = ColumnKind::oracle;
  if (c.kind != ColumnKind::stock) p.axes = take_settings(choice, entries, c.spec, use);
  const bool whole = c.spec.last().allocator == "full",
             random = c.spec.last().allocator == "random" || c.spec.corrupt > 0;
  p.budgets = whole ? std::vector<Budget>{Budget{0, 1.0}} : own ? std::vector<Budget>{*own} : choice.budgets;
  if (whole) c.budget = "all";
  p.seeds = random ? choice.seeds : std::vector<std::uint64_t>{0};
  return p;
}

/// The same column with each value of each axis in its name and its settings.
std::vector<SweepColumn> along(const std::vector<Axis>& axes, const SweepColumn& column) {
  std::vector<SweepColumn> out{column};
  for (const Axis& axis : axes) {
    std::vector<SweepColumn> next;
    for (const SweepColumn& c : out)
      for (const std::string& value : axis.values) {
        next.push_back(c);
        next.back().pipeline = with_setting(c.pipeline, axis.path, value);
        next.back().spec.settings[axis.path] = value;
      }
    out = std::move(next);
  }
  return out;
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
  SettingUse use;
  ColumnCount count;
  std::vector<Plan> plans;
  for (const std::string& typed : choice.pipelines) {
    plans.push_back(plan_of(typed, choice, entries, use));
    const Plan& p = plans.back();
    count.add(p.axes, p.budgets.size(), depths.size(), p.seeds.size(), p.column.kind == ColumnKind::oracle ? 3 : 1);
  }
  use.check(choice.fixed);
  use.check(choice.settings);
  count.check();
  std::vector<SweepColumn> out;
  for (const Plan& plan : plans)
    for (SweepColumn c : along(plan.axes, plan.column))
      for (const Budget& b : plan.budgets) {
        b.resolve(1);  // refuses what is out of range
        c.tokens = b;
        if (plan.column.budget.empty()) c.budget = budget_text(b);
        for (const Depth& d : depths) {
          if (c.kind == ColumnKind::stock && d.levels != all_levels) continue;
          c.depth = d.name;
          c.levels = d.levels;
          for (const std::uint64_t seed : plan.seeds) {
            c.seed = seed;
            out.push_back(c);
            if (c.kind != ColumnKind::oracle) continue;
            for (const auto& [kind, suffix] :
                 {std::pair{ColumnKind::oracle_blank, "_blank"}, std::pair{ColumnKind::oracle_other, "_other"}}) {
              SweepColumn leak = c;
              leak.kind = kind;
              leak.pipeline = c.pipeline + suffix;
              out.push_back(leak);
            }
          }
        }
      }
  std::set<std::string> labels;
  for (const SweepColumn& c : out)
    require_that(labels.insert(c.label()).second, Code::bad_usage, "sweep",
                 [&] { return "'" + c.label() + "' is asked for twice"; });
  return out;
}

}  // namespace arrcoc
