#pragma once
// One stage of training as data: what is drawn, what is dropped, how the optimiser runs. Files: models/recipes/*.json.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "../scenes/scene.hpp"
#include "arrcoc/core/config.hpp"
#include "arrcoc/core/random.hpp"

namespace arrcoc::train {

/// Shares of a draw, by name; they need not sum to anything.
using Shares = std::map<std::string, Index>;
/// The name that is drawn. `shares` must hold one above zero.
const std::string& pick(const Shares& shares, Rng& rng);

/// The numbers of a stage, one JSON key each.
struct StageConfig {
  std::string stage = "answers";  ///< reading: the dense reading head alone; answers: questions, the reading kept on
  Index steps = 20000;            ///< optimiser steps
  Index batch = 8;                ///< pictures of one forward pass
  Index accumulate = 1;           ///< passes of one step
  Index questions = 5;            ///< at most, of a picture
  Index drills = 0;               ///< at most, of a picture: questions that ask to read on from a word
  Index lines_low = 1, lines_high = 2;  ///< text lines or shapes of a scene, uniform; 0 = as many as the scenario likes
  Index document_lines_low = 0;         ///< lines_low of pictures of text, where it is larger
  Index frames = 16;                    ///< of a film (scenario video), 8 a second
  Index frames_low = 0;                 ///< drawn between this and `frames`; 0 = always `frames`
  double learning_rate = 1.5e-3, weight_decay = 0.01, clip = 1.0;
  Index warm_up = 200;                           ///< steps
  Index cosine = 0;                              ///< steps of the cosine behind the warm-up; 0 = constant
  double final_share = 0.05;                     ///< of the learning rate at the end of the cosine
  double reading_weight = 1, answer_weight = 1;  ///< of the two losses
  bool heads_only = false;  ///< only the heads that are thrown away learn: a start from weights that come without them
  double pointing_weight = 0;  ///< of the loss that asks rows of a question where its words and its answer stand
  Index levels_from = 0, levels_all = 0;  ///< steps: no DeepStack level before the first, every level from the second
                                          ///< on, one more after the other between
  double average = 0.999;                 ///< decay of the moving average of the weights; 0 = none
  bool bf16 = true;                       ///< matrix products in bfloat16 (autocast), everything else in float32
  std::uint64_t seed = 1;                 ///< of the initial weights and the data
  void validate() const;
};

struct Recipe {
  StageConfig config;
  Shares scenarios{{"receipt", 34}, {"form", 28}, {"formula", 8}, {"shapes", 14}, {"popout", 8}, {"relations", 8}};
  Shares sizes{{"256x256", 1}};                      ///< HxW px, multiples of 32; one for all pictures of a step
  Shares cells{{"8", 1}};                            ///< 4 to 256, across the shorter side of pictures of things
  Shares fonts{{"any", 1}};                          ///< any, or an index of the scenes' font families
  Shares drops{{"none", 1}};                         ///< none | random | grid | boxes (answer boxes, then random)
  Shares keep_one_in{{"2", 1}, {"4", 1}, {"8", 1}};  ///< how many tokens a drop keeps
  Shares depth{{"all", 1}};  ///< all | tiers (boxes all levels, others by a random relevance) | random
};

/// Every setting as {path, type, value}, tables behind the numbers.
std::vector<ConfigField> fields_of(const Recipe& recipe);
/// Sets what `settings` names (paths as in fields_of). A table that is named replaces the one before it, unless `merge`
/// (flags change single shares). Error{bad_config} or {unknown_setting} with every problem in one sentence.
void apply_recipe(Recipe& recipe, const Settings& settings, std::string_view where, bool merge = false);
Recipe read_recipe(const std::filesystem::path& file);

/// "256x384" -> {256, 384}; Error{bad_config} unless both are multiples of 32 from 128 to 2048.
std::pair<Index, Index> read_size(const std::string& text);

/// How many of `levels` DeepStack levels, the first ones, are in use at `step`. Source: ARR-COC notes, depth curriculum
/// (2000 steps without, 1 to all over 5000).
Index levels_at(const StageConfig& c, Index step, Index levels);

/// Scene number `place` of the stage; dev scenes come from seeds [5000000, 6000000), so training never sees them.
std::uint64_t training_seed(const Recipe& recipe, std::uint64_t place);
scenes::SceneParams scene_of(const Recipe& recipe, std::uint64_t seed);

}  // namespace arrcoc::train
