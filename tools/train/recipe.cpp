#include "recipe.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/config_json.hpp"

namespace arrcoc::train {
namespace {

template <class R, class F>
void each_table(R& recipe, F&& f) {
  f("scenarios", recipe.scenarios);
  f("sizes", recipe.sizes);
  f("cells", recipe.cells);
  f("fonts", recipe.fonts);
  f("drops", recipe.drops);
  f("keep_one_in", recipe.keep_one_in);
  f("depth", recipe.depth);
}

std::string unknown_name(std::string_view table, const std::string& name) {
  const auto among = [&](std::initializer_list<std::string_view> known) {
    std::string list;
    for (const auto k : known) {
      if (name == k) return std::string();
      list += (list.empty() ? "" : ", ") + std::string(k);
    }
    return "expected one of " + list + ", got '" + name + "'";
  };
  if (table == "drops") return among({"none", "random", "grid", "boxes"});
  if (table == "depth") return among({"all", "tiers", "random"});
  if (table == "scenarios") {
    const auto& all = scenes::scenario_names();
    if (std::find(all.begin(), all.end(), name) == all.end())
      return "expected a scenario (arrcoc scenes --list), got '" + name + "'";
  }
  const auto whole = [&](Index low, Index high, const std::string& expected) {
    Index n = 0;
    return detail::from_text(name, n).empty() && n >= low && n <= high
               ? std::string()
               : "expected " + expected + ", got '" + name + "'";
  };
  if (table == "keep_one_in") return whole(1, std::numeric_limits<Index>::max(), "a whole number of at least 1");
  if (table == "cells") return whole(4, 256, "a whole number from 4 to 256");
  if (table == "fonts" && name != "any") {
    const auto families = static_cast<Index>(scenes::font_families.size());
    return whole(0, families - 1, "any or a whole number below " + std::to_string(families));
  }
  if (table == "sizes") {
    try {
      read_size(name);
    } catch (const Error& e) { return e.what(); }
  }
  return {};
}

bool holds_text(std::string_view scenario) {
  const auto& all = scenes::scenarios();
  const auto it =
      std::find_if(all.begin(), all.end(), [&](const scenes::ScenarioInfo& s) { return s.name == scenario; });
  return it != all.end() && (it->group == scenes::Group::document || it->group == scenes::Group::reading);
}

}  // namespace

const std::string& pick(const Shares& shares, Rng& rng) {
  std::uint64_t sum = 0;
  for (const auto& [name, share] : shares) sum += static_cast<std::uint64_t>(share);
  require_that(sum > 0, Code::bad_config, "recipe", "a table of shares holds none above zero");
  std::uint64_t at = rng.below(sum);
  for (const auto& [name, share] : shares) {
    if (at < static_cast<std::uint64_t>(share)) return name;
    at -= static_cast<std::uint64_t>(share);
  }
  return shares.begin()->first;  // not reached
}

void StageConfig::validate() const {
  const auto want = [](bool ok, const char* name, const char* expected, auto got) {
    require_that(ok, Code::bad_config, "recipe",
                 [&] { return std::string(name) + ": expected " + expected + ", got " + detail::to_text(got); });
  };
  want(stage == "reading" || stage == "answers", "stage", "reading or answers", stage);
  want(steps >= 1, "steps", "at least 1", steps);
  want(batch >= 1 && batch <= 4096, "batch", "1 to 4096", batch);
  want(accumulate >= 1, "accumulate", "at least 1", accumulate);
  want(questions >= 1, "questions", "at least 1", questions);
  want(drills >= 0, "drills", "at least 0", drills);
  want(lines_low >= 0 && lines_low <= lines_high, "lines_low", "0 to lines_high", lines_low);
  want(lines_high <= 200, "lines_high", "at most 200", lines_high);
  want(document_lines_low >= 0 && document_lines_low <= lines_high, "document_lines_low", "0 to lines_high",
       document_lines_low);
  want(frames >= 2 && frames <= 600, "frames", "2 to 600", frames);
  want(frames_low == 0 || (frames_low >= 2 && frames_low <= frames), "frames_low", "0, or 2 to frames", frames_low);
  want(learning_rate > 0 && learning_rate < 1, "learning_rate", "a number in (0, 1)", learning_rate);
  want(weight_decay >= 0 && weight_decay < 1, "weight_decay", "a number in [0, 1)", weight_decay);
  want(clip > 0, "clip", "a number above 0", clip);
  want(warm_up >= 0, "warm_up", "at least 0", warm_up);
  want(cosine >= 0, "cosine", "at least 0", cosine);
  want(final_share >= 0 && final_share <= 1, "final_share", "a number in [0, 1]", final_share);
  want(reading_weight >= 0, "reading_weight", "at least 0", reading_weight);
  want(answer_weight >= 0, "answer_weight", "at least 0", answer_weight);
  want(pointing_weight >= 0, "pointing_weight", "at least 0", pointing_weight);
  want(levels_from >= 0 && levels_from <= levels_all, "levels_from", "0 to levels_all", levels_from);
  want(average >= 0 && average < 1, "average", "a number in [0, 1)", average);
  want(stage == "reading" ? reading_weight > 0 : answer_weight > 0,
       stage == "reading" ? "reading_weight" : "answer_weight", "above 0, or the stage trains nothing",
       stage == "reading" ? reading_weight : answer_weight);
}

Index levels_at(const StageConfig& c, Index step, Index levels) {
  if (step < c.levels_from) return 0;
  if (step >= c.levels_all) return levels;
  return std::min(levels, 1 + levels * (step - c.levels_from) / (c.levels_all - c.levels_from));
}

std::vector<ConfigField> fields_of(const Recipe& recipe) {
  std::vector<ConfigField> out = flatten(recipe.config, "");
  each_table(recipe, [&](std::string_view table, const Shares& shares) {
    for (const auto& [name, share] : shares)
      out.push_back({std::string(table) + "." + name, "int", std::to_string(share)});
  });
  return out;
}

void apply_recipe(Recipe& recipe, const Settings& settings, std::string_view where, bool merge) {
  std::vector<ConfigProblem> problems;
  Settings numbers;
  std::vector<std::string> tables;
  std::set<std::string, std::less<>> replaced;
  each_table(recipe, [&](std::string_view table, Shares&) { tables.emplace_back(table); });
  for (const auto& setting : settings) {
    const std::string &path = setting.first, &text = setting.second;
    const std::size_t dot = path.find('.');
    if (dot == std::string::npos) {
      numbers.emplace(path, text);
      continue;
    }
    const std::string table = path.substr(0, dot), name = path.substr(dot + 1);
    bool found = false;
    each_table(recipe, [&](std::string_view known, Shares& shares) {
      if (known != table) return;
      found = true;
      Index share = 0;
      std::string wrong = unknown_name(table, name);
      if (wrong.empty()) wrong = detail::from_text(text, share);
      if (wrong.empty() && (share < 0 || share > 1'000'000)) wrong = "expected a share from 0 to 1000000, got " + text;
      if (!wrong.empty()) {
        problems.push_back({path, wrong});
        return;
      }
      if (!merge && replaced.insert(table).second) shares.clear();
      shares[name] = share;
    });
    if (!found) problems.push_back({path, "no such table" + nearest_names(table, tables), true});
  }
  apply(recipe.config, "", numbers, problems);
  each_table(recipe, [&](std::string_view table, const Shares& shares) {
    if (std::none_of(shares.begin(), shares.end(), [](const auto& s) { return s.second > 0; }))
      problems.push_back({std::string(table), "expected at least one share above 0, got none"});
  });
  throw_problems(problems, where);
}

Recipe read_recipe(const std::filesystem::path& file) {
  Recipe recipe;
  apply_recipe(recipe, io::settings_from_json(io::read_file(file), file.string()), file.string());
  return recipe;
}

std::pair<Index, Index> read_size(const std::string& text) {
  const auto x = text.find('x');
  Index side[2] = {0, 0};
  const bool good = x != std::string::npos && detail::from_text(std::string_view(text).substr(0, x), side[0]).empty() &&
                    detail::from_text(std::string_view(text).substr(x + 1), side[1]).empty() &&
                    std::all_of(side, side + 2, [](Index s) { return s >= 128 && s <= 2048 && s % 32 == 0; });
  require_that(good, Code::bad_config, "recipe",
               [&] { return "size: expected HxW px, multiples of 32 from 128 to 2048, got '" + text + "'"; });
  return {side[0], side[1]};
}

std::uint64_t training_seed(const Recipe& recipe, std::uint64_t place) {
  return (derive_seed(recipe.config.seed, recipe.config.stage) % scenes::first_dev_seed + place) %
         scenes::first_dev_seed;
}

scenes::SceneParams scene_of(const Recipe& recipe, std::uint64_t seed) {
  scenes::SceneParams p;
  p.seed = seed;
  Rng rng(derive_seed(seed, "mix"));
  p.scenario = pick(recipe.scenarios, rng);
  const auto [height, width] = read_size(pick(recipe.sizes, rng));
  p.height = height;
  p.width = width;
  p.frames = recipe.config.frames;
  if (const StageConfig& c = recipe.config; c.lines_high > 0) {
    const Index low = holds_text(p.scenario) ? std::max(c.lines_low, c.document_lines_low) : c.lines_low;
    p.lines = low + static_cast<Index>(rng.below(static_cast<std::uint64_t>(c.lines_high - low + 1)));
  }
  if (const std::string& font = pick(recipe.fonts, rng); font != "any") p.font = std::stol(font);
  p.cells = std::stol(pick(recipe.cells, rng));
  if (const StageConfig& c = recipe.config; c.frames_low > 0)
    p.frames = c.frames_low + static_cast<Index>(rng.below(static_cast<std::uint64_t>(c.frames - c.frames_low + 1)));
  return p;
}

}  // namespace arrcoc::train
