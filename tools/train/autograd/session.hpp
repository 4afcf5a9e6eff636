#pragma once
// A training run in a folder: data, steps, log, checkpoints, evaluation. Data follows from the step number alone, so
// that a resumed run sees what an unbroken one would.
//   run.json            the recipe as it was started, and what it started from
//   state.safetensors   the last checkpoint (arrcoc train export makes a model of it)
//   log.jsonl           one row per window of steps and per evaluation
//   events.out.tfevents.*  the same for TensorBoard
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "../recipe.hpp"

namespace arrcoc::train {

struct RunOptions {
  std::filesystem::path out;
  std::optional<Recipe> recipe;  // none: the one that the folder's run has
  Settings changes;              // single settings on top of it
  std::filesystem::path from;    // weights to start from; empty: seeded
  std::filesystem::path atlas;   // glyphs drawn earlier; empty: drawn as needed
  int threads = 1;
  Index workers = 1;  // passes of a step (recipe key accumulate) that run side by side
  std::string device = "cpu";
  double minutes = 0;  // stops after so many; 0 = does not
  Index checkpoint_every = 300, evaluate_every = 1000, log_every = 50, evaluate_pictures = 192;
  std::function<bool()> stop;  // asked after each step: true writes a checkpoint and ends
  struct Progress {
    Index step = 0, steps = 0;
    double steps_per_second = 0, seconds_left = 0;
    std::string what;
  };
  std::function<void(const Progress&)>
      progress;  // after each step, `what` set once a window or an evaluation is complete
};

struct RunSummary {
  Index first_step = 0, step = 0, parameters = 0;
  bool stopped = false;  // before the recipe's last step
};

/// Makes the folder, or goes on with the run it holds. Error{bad_output} for a folder that is no run, Error{bad_config}
/// for a run of another recipe (only `steps` may change), Error{bad_weight} for a checkpoint of another model,
/// Error{bad_number} when an alarm ends the run; the checkpoint on disk is from before it.
RunSummary train(const RunOptions& options);

}  // namespace arrcoc::train
