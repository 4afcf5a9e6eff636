#pragma once
// Names of pipelines: texture/scorers/balancer/allocator/injector, decisions joined by %, settings as :name=value
// behind what they are of, budgets by @. docs/strategies.md, "Names", has the grammar.
//
//   texture13/near=contrast:radius=1+information/fixed:first=0.5/top_k/gather@0.5%none/participatory/flat/top_k/gather@64
//   default:allocator.x=1:query=blank@64                           settings of a preset by path
//
// Settings of a pipeline as a whole: query (an encoder; or own, blank, other: whose question scores), split, and
// passes (how often the picture is looked at) with its settings:
//
//   default:passes=escalate:passes.below=0.6@64
//
// Two faults of published harnesses, off unless asked for: picture=grey_square pads every picture to a grey square,
// maps=first uses the scores of a prompt's first picture for all of them. What a method should bear: picture=flip,
// brightness_0.8, shift_32, jpeg_30, scale_2; corrupt=0.1 swaps a tenth of the tokens kept for dropped ones.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/registry/entry.hpp"

namespace arrcoc {

struct ScorerSpec {
  std::string name, alias;  // alias: what settings, maps and messages call it; the name unless given
  bool operator==(const ScorerSpec&) const = default;
};

struct DecisionSpec {
  std::vector<ScorerSpec> scorers;  // may be empty
  std::string balancer, allocator, injector;
  std::optional<Budget> keep;  // of an earlier decision
  bool operator==(const DecisionSpec&) const = default;
};

/// Whose question scores.
enum class Asking : std::uint8_t { own, blank, other };
constexpr std::string_view name_of(Asking a) {
  constexpr std::string_view names[] = {"own", "blank", "other"};
  return names[static_cast<std::size_t>(a)];
}

/// What is cut into patches: the picture as it is; a fault: on a grey square as long as its longer side; or changed in
/// a way that a method should not mind (engine/framed.hpp).
struct Framing {
  enum class Kind : std::uint8_t { native, grey_square, flip, brightness, shift, jpeg, scale };
  Kind kind = Kind::native;
  double amount = 0;  // of the last four: a factor, px, a quality, a factor
  bool operator==(const Framing&) const = default;
  static const Framing native, grey_square;
};
inline constexpr Framing Framing::native{}, Framing::grey_square{Framing::Kind::grey_square, 0};
/// "native", "grey_square", "flip", "brightness_0.8", "shift_32", "jpeg_30", "scale_2".
std::string name_of(Framing framing);
/// Reads it back. Error{bad_config} naming what there is.
Framing parse_framing(const std::string& text);

/// A pipeline by name. Settings: path -> text; of a later decision with its number in front, "2.allocator.x".
struct PipelineSpec {
  std::string texture, query = "mean", split = "size", passes = "once";
  Asking asking = Asking::own;
  Framing framing = Framing::native;
  bool maps_of_first = false;  // scores of the prompt's first picture are used for all: a fault
  double corrupt = 0;          // share of the tokens kept last that is swapped for dropped ones, in [0, 1]
  std::vector<DecisionSpec> decisions;
  std::optional<Budget> budget;  // @ behind the name: the run's
  Settings settings;
  bool operator==(const PipelineSpec&) const = default;

  const DecisionSpec& last() const { return decisions.back(); }
};

/// A pipeline with a name of its own. `source`: of a published method; empty for our own and the controls.
struct Preset {
  std::string_view name;
  std::string_view pipeline;
  std::string_view summary;
  std::string_view source{};
};
/// Those of the kit, then the published methods, in the order of registration.
const std::vector<Preset>& presets();
/// "default, full, ..."
std::string preset_names();

/// "64", "0.25" -> a budget; Error{bad_budget} naming `where`.
Budget parse_budget(std::string_view text, std::string_view where);
std::string budget_text(const Budget& budget);

/// DeepStack levels: "all", "none", or levels below `levels` joined by +, "0+2". Error{bad_config}.
std::uint32_t parse_depth(std::string_view text, Index levels);

/// A full name with five parts in its first decision (four or five in later ones). Error{bad_config} for anything
/// malformed, Error{unknown_strategy} for an empty name, Error{bad_budget}.
PipelineSpec parse_pipeline_name(std::string_view text);
/// A preset with its settings, or a full name. Error{unknown_strategy} naming the presets.
PipelineSpec preset_pipeline(std::string_view name);
/// "a+near=b" -> scorers; "none": none. Error{bad_config} for a name or alias that stands twice.
std::vector<ScorerSpec> parse_scorers(std::string_view text, Settings& settings, std::string_view prefix);
/// "top_k:x=1" -> the stage's name; its settings go under the prefix.
std::string parse_stage(std::string_view text, Settings& settings, std::string_view prefix);
std::string scorers_text(const std::vector<ScorerSpec>& scorers);

/// What parse_pipeline_name reads back; settings whose values cannot be written in a name are left out.
std::string full_name(const PipelineSpec& spec);
/// ...@128, or @0.25 for a ratio.
std::string full_name(const PipelineSpec& spec, const Budget& budget);

/// A name with one more setting by path ("allocator.x", "2.allocator.x", "picture"), written so that the name reads
/// back: behind a preset's word, in a full name at its stage. Error{bad_config} for a value that a name cannot hold.
std::string with_setting(const std::string& name, const std::string& path, const std::string& value);
/// The same name without it, as with_setting had it before.
std::string without_setting(const std::string& name, const std::string& path);
/// path -> value of what a name sets.
Settings named_settings(const std::string& name);

/// In front of the settings of decision `index` (from 0): "" or "2.".
inline std::string decision_prefix(std::size_t index) { return index == 0 ? "" : std::to_string(index + 1) + "."; }

/// f(kind, prefix of its settings, name) for every stage that a pipeline names; "none" is none.
template <class F>
void for_each_stage(const PipelineSpec& s, F&& f) {
  if (s.texture != "none") f(Kind::texture, std::string("texture"), s.texture);
  for (std::size_t i = 0; i < s.decisions.size(); ++i) {
    const DecisionSpec& d = s.decisions[i];
    const std::string before = decision_prefix(i);
    for (const ScorerSpec& one : d.scorers) f(Kind::scorer, before + "scorers." + one.alias, one.name);
    f(Kind::balancer, before + "balancer", d.balancer);
    f(Kind::allocator, before + "allocator", d.allocator);
    f(Kind::injector, before + "injector", d.injector);
  }
  f(Kind::query, std::string("query"), s.query);
  f(Kind::split, std::string("split"), s.split);
  f(Kind::passes, std::string("passes"), s.passes);
}

}  // namespace arrcoc
