// Names of pipelines, read and written.
#include "arrcoc/registry/grammar.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "arrcoc/core/split.hpp"

namespace arrcoc {
namespace {

constexpr std::string_view five = "texture/scorers/balancer/allocator/injector";

[[noreturn]] void refuse(std::string_view name, const std::string& sentence) {
  fail(Code::bad_config, "pipeline", "'" + std::string(name.substr(0, 200)) + "': " + sentence);
}

/// "word:a=1:b=2" -> word; the pairs go to `pair(name, value)`.
template <class F>
std::string take_settings(std::string_view text, std::string_view whole, F&& pair) {
  const std::vector<std::string> parts = split(text, ':');
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto equals = parts[i].find('=');
    if (equals == std::string::npos || equals == 0)
      refuse(whole, "expected :name=value behind '" + parts[0] + "', got ':" + parts[i] + "'");
    pair(parts[i].substr(0, equals), parts[i].substr(equals + 1));
  }
  return parts[0];
}

/// The name of a stage.
const std::string& named(const std::string& name, std::string_view what, std::string_view whole) {
  require_that(!name.empty(), Code::unknown_strategy, "pipeline",
               [&] { return "'" + std::string(whole.substr(0, 200)) + "': no " + std::string(what) + " named ''"; });
  return name;
}

/// Whether a value is the second of the two that it may be.
bool one_of(const std::string& name, const std::string& value, std::string_view usual, std::string_view other) {
  require_that(value == usual || value == other, Code::bad_config, "pipeline", [&] {
    return name + ": expected " + std::string(usual) + " or " + std::string(other) + ", got '" + value.substr(0, 200) +
           "'";
  });
  return value == other;
}

/// Settings of the pipeline as a whole; false for any other name.
bool take_global(PipelineSpec& spec, const std::string& name, const std::string& value) {
  if (name == "split") spec.split = value;
  else if (name == "passes") spec.passes = value;
  else if (name.starts_with("passes.") || name.starts_with("query.") || name.starts_with("split."))
    spec.settings[name] = value;
  else if (name == "picture") spec.framing = parse_framing(value);
  else if (name == "corrupt") {
    const std::string wrong = detail::from_text(value, spec.corrupt);
    require_that(wrong.empty() && spec.corrupt >= 0 && spec.corrupt <= 1, Code::bad_config, "pipeline",
                 [&] { return "corrupt: expected a share in [0, 1], got '" + value.substr(0, 200) + "'"; });
  } else if (name == "maps") spec.maps_of_first = one_of(name, value, "own", "first");
  else if (name != "query") return false;
  else if (value == "own" || value == "blank" || value == "other")
    spec.asking = value == "own" ? Asking::own : value == "blank" ? Asking::blank : Asking::other;
  else spec.query = value;
  return true;
}

/// "...@64" -> the text in front and the budget.
std::pair<std::string_view, std::optional<Budget>> take_budget(std::string_view text, std::string_view whole) {
  const auto at = text.rfind('@');
  if (at == std::string_view::npos) return {text, std::nullopt};
  const std::string_view budget = text.substr(at + 1);
  Budget b;
  if (budget.ends_with('x')) {
    const std::string wrong = detail::from_text(budget.substr(0, budget.size() - 1), b.times);
    if (!wrong.empty() || !(b.times >= 1 && b.times <= 1e6))
      refuse(whole,
             "expected at least 1 times what the last decision keeps, as @3x, got '" + std::string(budget) + "'");
    return {text.substr(0, at), b};
  }
  if (!budget.starts_with('+')) return {text.substr(0, at), parse_budget(budget, whole)};
  const std::string wrong = detail::from_text(budget.substr(1), b.beyond);
  if (!wrong.empty() || !(b.beyond > 0 && b.beyond < 1))
    refuse(whole, "expected a share of the others in (0, 1) after @+, got '" + std::string(budget.substr(1)) + "'");
  return {text.substr(0, at), b};
}

/// A budget of the last decision.
std::optional<Budget> of_the_run(const std::optional<Budget>& budget, std::string_view whole) {
  if (budget && (budget->beyond > 0 || budget->times > 0))
    refuse(whole, "@+ and @x are of an earlier decision: expected tokens or a ratio for the last one");
  return budget;
}

void read_decision(std::string_view text, std::size_t index, std::string_view whole, PipelineSpec& spec) {
  std::vector<std::string> parts = split(text, '/');
  if (index > 0 && parts.size() == 5) {
    if (parts[0] != "none" && parts[0] != spec.texture)
      refuse(whole, "decisions share one texture: expected 'none' or '" + spec.texture + "', got '" + parts[0] + "'");
    parts.erase(parts.begin());
  }
  const std::size_t first = index == 0 ? 1 : 0;
  if (parts.size() != 4 + first)
    refuse(whole, "expected " + std::string(index == 0 ? five : five.substr(8)) + ", got '" + std::string(text) + "'");
  const std::string before = decision_prefix(index);
  const auto stage = [&](const std::string& part, const std::string& prefix) {
    return take_settings(part, whole, [&](const std::string& name, const std::string& value) {
      spec.settings[prefix + "." + name] = value;
    });
  };
  if (index == 0) spec.texture = named(stage(parts[0], "texture"), "texture", whole);
  DecisionSpec d;
  d.scorers = parse_scorers(parts[first], spec.settings, before + "scorers");
  d.balancer = named(stage(parts[first + 1], before + "balancer"), "balancer", whole);
  d.allocator = named(stage(parts[first + 2], before + "allocator"), "allocator", whole);
  d.injector = take_settings(parts[first + 3], whole, [&](const std::string& name, const std::string& value) {
    if (!take_global(spec, name, value)) spec.settings[before + "injector." + name] = value;
  });
  (void)named(d.injector, "injector", whole);
  spec.decisions.push_back(std::move(d));
}

/// The settings under a prefix as ":name=value"s, with `before` in front of each name; what would not read back is left
/// out.
std::string settings_text(const Settings& settings, const std::string& prefix, const std::string& before = "",
                          const char* refused = "/:%@= ,") {
  std::string out;
  const std::string start = prefix + ".";
  for (auto it = settings.lower_bound(start); it != settings.end() && it->first.starts_with(start); ++it) {
    const std::string name = it->first.substr(start.size());
    if (name.find('.') != std::string::npos || it->second.empty() ||
        it->second.find_first_of(refused) != std::string::npos)
      continue;
    out += ":" + before + name + "=" + it->second;
  }
  return out;
}

}  // namespace

namespace {

struct FramingKind {
  Framing::Kind kind;
  std::string_view name;
  double low, high;  // of the amount; equal: none
  bool whole;
};
constexpr FramingKind framing_kinds[] = {
    {Framing::Kind::native, "native", 0, 0, false},    {Framing::Kind::grey_square, "grey_square", 0, 0, false},
    {Framing::Kind::flip, "flip", 0, 0, false},        {Framing::Kind::brightness, "brightness", 0, 4, false},
    {Framing::Kind::shift, "shift", 1, 4096, true},    {Framing::Kind::jpeg, "jpeg", 1, 100, true},
    {Framing::Kind::scale, "scale", 0.0625, 8, false},
};

}  // namespace

std::string name_of(Framing framing) {
  const FramingKind& k = framing_kinds[static_cast<std::size_t>(framing.kind)];
  return std::string(k.name) + (k.low == k.high ? "" : "_" + detail::to_text(framing.amount));
}

Framing parse_framing(const std::string& text) {
  for (const FramingKind& k : framing_kinds) {
    Framing f{k.kind, 0};
    if (k.low == k.high && text == k.name) return f;
    const std::string start = std::string(k.name) + "_";
    if (k.low == k.high || !text.starts_with(start)) continue;
    const std::string wrong = detail::from_text(std::string_view(text).substr(start.size()), f.amount);
    if (wrong.empty() && f.amount >= k.low && f.amount <= k.high && (!k.whole || f.amount == std::floor(f.amount)))
      return f;
  }
  std::string known;
  for (const FramingKind& k : framing_kinds)
    known += (known.empty() ? "" : ", ") + std::string(k.name) +
             (k.low == k.high ? ""
                              : "_" + std::string(k.whole ? "n" : "x") + " from " + detail::to_text(k.low) + " to " +
                                    detail::to_text(k.high));
  fail(Code::bad_config, "pipeline", "picture: expected one of " + known + ", got '" + text.substr(0, 200) + "'");
}

std::string preset_names() {
  std::string all;
  for (const Preset& p : presets()) all += (all.empty() ? "" : ", ") + std::string(p.name);
  return all;
}

Budget parse_budget(std::string_view text, std::string_view where) {
  Budget b;
  const bool ratio = text.find('.') != std::string_view::npos;
  const std::string wrong = ratio ? detail::from_text(text, b.keep_ratio) : detail::from_text(text, b.tokens);
  require_that(wrong.empty() && (ratio ? b.keep_ratio > 0 && b.keep_ratio <= 1 : b.tokens > 0), Code::bad_budget,
               "pipeline", [&] {
                 return "'" + std::string(where) +
                        "': expected tokens, or a ratio in (0, 1] with a point, after @; got '" + std::string(text) +
                        "'";
               });
  return b;
}

std::string budget_text(const Budget& b) {
  if (b.beyond > 0) return "+" + detail::to_text(b.beyond);
  if (b.times > 0) return detail::to_text(b.times) + "x";
  if (b.tokens > 0) return std::to_string(b.tokens);
  const std::string ratio = detail::to_text(b.keep_ratio);
  return ratio + (ratio.find('.') == std::string::npos ? ".0" : "");  // @1 is one token
}

std::uint32_t parse_depth(std::string_view text, Index levels) {
  if (text == "all") return all_levels;
  std::uint32_t mask = 0;
  if (text == "none") return mask;
  for (const std::string& one : split(text, '+')) {
    Index l = -1;
    const std::string wrong = detail::from_text(one, l);
    require_that(wrong.empty() && l >= 0 && l < levels, Code::bad_config, "depth", [&] {
      return "depth: expected all, none, each, or DeepStack levels below " + std::to_string(levels) +
             " joined by +, got '" + std::string(text) + "'";
    });
    mask |= 1u << l;
  }
  return mask;
}

std::vector<ScorerSpec> parse_scorers(std::string_view text, Settings& settings, std::string_view prefix) {
  std::vector<ScorerSpec> out;
  if (text == "none") return out;
  for (const std::string& one : split(text, '+')) {
    ScorerSpec s;
    Settings own;
    s.name = take_settings(one, text, [&](const std::string& name, const std::string& value) { own[name] = value; });
    if (const auto equals = s.name.find('='); equals != std::string::npos) {
      s.alias = s.name.substr(0, equals);
      s.name.erase(0, equals + 1);
    } else {
      s.alias = s.name;
    }
    if (named(s.name, "scorer", text) == "none" || named(s.alias, "scorer", text) == "none")
      refuse(text, "none stands alone: expected the names of scorers, got '" + one + "'");
    for (const ScorerSpec& known : out)
      if (known.alias == s.alias)
        refuse(text, "scorer '" + s.alias + "' is named twice; an alias tells them apart: other=" + s.name);
    for (const auto& [name, value] : own) settings[std::string(prefix) + "." + s.alias + "." + name] = value;
    out.push_back(std::move(s));
  }
  return out;
}

std::string parse_stage(std::string_view text, Settings& settings, std::string_view prefix) {
  return take_settings(text, text, [&](const std::string& name, const std::string& value) {
    settings[std::string(prefix) + "." + name] = value;
  });
}

std::string scorers_text(const std::vector<ScorerSpec>& scorers) {
  std::string out;
  for (const ScorerSpec& s : scorers)
    out += (out.empty() ? "" : "+") + (s.alias == s.name ? s.name : s.alias + "=" + s.name);
  return out.empty() ? "none" : out;
}

PipelineSpec parse_pipeline_name(std::string_view text) {
  PipelineSpec spec;
  const std::vector<std::string> decisions = split(text, '%');
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const auto [name, budget] = take_budget(decisions[i], text);
    read_decision(name, i, text, spec);
    if (i + 1 < decisions.size()) spec.decisions.back().keep = budget;
    else spec.budget = of_the_run(budget, text);
  }
  return spec;
}

PipelineSpec preset_pipeline(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return parse_pipeline_name(name);
  const auto [front, budget] = take_budget(name, name);
  std::vector<std::pair<std::string, std::string>> given;
  const std::string word = take_settings(
      front, name, [&](const std::string& path, const std::string& value) { given.emplace_back(path, value); });
  for (const Preset& p : presets()) {
    if (p.name != word) continue;
    PipelineSpec spec = parse_pipeline_name(p.pipeline);
    if (budget) spec.budget = of_the_run(budget, name);  // else the preset's own, if it has one
    for (const auto& [path, value] : given)
      if (!take_global(spec, path, value)) spec.settings[path] = value;
    return spec;
  }
  std::vector<std::string> known;
  for (const Preset& p : presets()) known.emplace_back(p.name);
  fail(Code::unknown_strategy, "pipeline",
       "no preset named '" + word + "'" + nearest_names(word, known) +
           "; a strategy by itself stands in a whole name, as none/NAME/fixed/top_k/gather; known: " + preset_names());
}

std::string full_name(const PipelineSpec& s) {
  std::string out = s.texture + settings_text(s.settings, "texture") + "/";
  for (std::size_t i = 0; i < s.decisions.size(); ++i) {
    const DecisionSpec& d = s.decisions[i];
    const std::string before = decision_prefix(i);
    std::string scorers;
    for (const ScorerSpec& one : d.scorers)
      scorers += (scorers.empty() ? "" : "+") + (one.alias == one.name ? one.name : one.alias + "=" + one.name) +
                 settings_text(s.settings, before + "scorers." + one.alias, "", "/+:%@= ,");
    out += (scorers.empty() ? "none" : scorers) + "/" + d.balancer + settings_text(s.settings, before + "balancer") +
           "/" + d.allocator + settings_text(s.settings, before + "allocator") + "/" + d.injector +
           settings_text(s.settings, before + "injector");
    if (i + 1 == s.decisions.size()) {
      if (s.query != "mean") out += ":query=" + s.query;
      out += settings_text(s.settings, "query", "query.");
      if (s.asking != Asking::own) out += ":query=" + std::string(name_of(s.asking));
      if (s.framing != Framing::native) out += ":picture=" + name_of(s.framing);
      if (s.corrupt > 0) out += ":corrupt=" + detail::to_text(s.corrupt);
      if (s.maps_of_first) out += ":maps=first";
      if (s.split != "size") out += ":split=" + s.split;
      out += settings_text(s.settings, "split", "split.");
      if (s.passes != "once") out += ":passes=" + s.passes + settings_text(s.settings, "passes", "passes.");
    } else {
      out += (d.keep ? "@" + budget_text(*d.keep) : "") + "%";
    }
  }
  return out;
}

namespace {

/// A full name in which whose question scores stands last, so that a control is the name of its pipeline and more.
std::string with_asking_last(PipelineSpec s) {
  const Asking asking = std::exchange(s.asking, Asking::own);
  return full_name(s) + (asking == Asking::own ? "" : ":query=" + std::string(name_of(asking)));
}

}  // namespace

std::string with_setting(const std::string& name, const std::string& path, const std::string& value) {
  const bool full = name.find('/') != name.npos;
  const bool joined = full && path.find("scorers.") != path.npos && value.find('+') != value.npos;
  require_that(!value.empty() && value.find_first_of("/:%@= ,") == value.npos && !joined, Code::bad_config, "pipeline",
               [&] {
                 return path + ": expected a value that a name can hold (" + (joined ? "without +" : "no / : % @ = ,") +
                        "), got '" + value.substr(0, 200) + "'";
               });
  if (!full) return std::string(name).insert(std::min(name.find_first_of(":@"), name.size()), ":" + path + "=" + value);
  PipelineSpec s = parse_pipeline_name(name);
  if (!take_global(s, path, value)) s.settings[path] = value;
  return with_asking_last(std::move(s));
}

Settings named_settings(const std::string& name) {
  Settings out;
  if (name.find('/') == name.npos) {
    take_settings(name.substr(0, name.rfind('@')), name,
                  [&](const std::string& path, const std::string& value) { out[path] = value; });
    return out;
  }
  const PipelineSpec s = parse_pipeline_name(name);
  out = s.settings;
  if (s.framing != Framing::native) out["picture"] = name_of(s.framing);
  if (s.corrupt > 0) out["corrupt"] = detail::to_text(s.corrupt);
  return out;
}

std::string without_setting(const std::string& name, const std::string& path) {
  if (name.find('/') == name.npos) {
    const auto from = name.find(":" + path + "=");
    if (from == name.npos) return name;
    return name.substr(0, from) + name.substr(std::min(name.find_first_of(":@", from + 1), name.size()));
  }
  PipelineSpec s = parse_pipeline_name(name);
  s.settings.erase(path);
  if (path == "picture") s.framing = Framing::native;
  if (path == "corrupt") s.corrupt = 0;
  return with_asking_last(std::move(s));
}

std::string full_name(const PipelineSpec& s, const Budget& budget) { return full_name(s) + "@" + budget_text(budget); }

}  // namespace arrcoc
