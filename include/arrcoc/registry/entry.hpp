#pragma once
// One registered strategy, and the one table of stages that names, flags, JSON and settings are made from.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/config.hpp"
#include "arrcoc/core/stages.hpp"

namespace arrcoc {

enum class Kind : std::uint8_t { texture, query, scorer, balancer, allocator, injector, split, passes };

/// What a kind of stage is called: in `list`, as a flag, in front of its settings. `part`: its place in a name, -1:
/// none.
struct StageKind {
  Kind kind;
  std::string_view name, flag, prefix;
  int part;
  std::string_view none;     // what stands where a pipeline has none; empty: there must be one
  std::string_view usual;    // what a pipeline has unless it says otherwise
  std::string_view summary;  // for --help
};
inline constexpr StageKind stage_table[] = {
    {Kind::texture, "texture", "--texture", "texture", 0, "none", "", "texture stage"},
    {Kind::scorer, "scorer", "--scorers", "scorers", 1, "none", "", "scorers, joined by +"},
    {Kind::balancer, "balancer", "--balancer", "balancer", 2, "", "", "balancer"},
    {Kind::allocator, "allocator", "--allocator", "allocator", 3, "", "", "allocator"},
    {Kind::injector, "injector", "--injector", "injector", 4, "", "", "injector"},
    {Kind::query, "query", "--query", "query", -1, "", "mean", "what the question looks like to scorers"},
    {Kind::split, "split", "--split", "split", -1, "", "size", "how --budget-scope prompt divides the total"},
    {Kind::passes, "passes", "--passes", "passes", -1, "", "once", "how often the picture is looked at, and how"},
};
constexpr const StageKind& stage_kind(Kind k) {
  for (const StageKind& s : stage_table)
    if (s.kind == k) return s;
  return stage_table[0];
}
constexpr std::string_view name_of(Kind k) { return stage_kind(k).name; }
constexpr std::string_view name_of(Spend s) {
  constexpr std::string_view names[] = {"exact", "at_most", "own_count", "tiers", "everything"};
  return names[static_cast<std::size_t>(s)];
}

/// "vision+query"; "none" for an empty mask.
inline std::string needs_text(unsigned evidence) {
  constexpr std::string_view names[] = {
      "rgb",    "textures", "vision", "deepstack", "query",    "question",           "similarity", "previous", "boxes",
      "hidden", "q",        "k",      "v",         "received", "previous_attention", "asked",      "size"};
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

}  // namespace arrcoc
