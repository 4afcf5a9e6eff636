// arrcoc train: the small model, its checkpoints, and models made of them.
#include <chrono>
#include <cstdio>
#include <memory>

#include "arrcoc/core/error.hpp"
#include "terminal.hpp"
#include "verbs.hpp"
#ifdef ARRCOC_HAVE_SCENES
#include "train/export.hpp"
#endif
#ifdef ARRCOC_HAVE_AUTOGRAD
#include "train/autograd/scorer_training.hpp"
#include "train/autograd/session.hpp"
#endif

namespace arrcoc::tools {
namespace {

#ifdef ARRCOC_HAVE_SCENES
struct ExportFlags {
  std::string state, out;
  bool latest = false;
};

int run_export(const ExportFlags& f) {
  check_new_folder(f.out);
  const Writing writing;
  const train::Exported made = train::export_model(f.state, f.out, f.latest);
  std::fprintf(stderr, "%s: %.2f M parameters in bf16, %s after step %ld\n", f.out.c_str(), static_cast<double>(made.parameters) / 1e6,
               made.averaged ? "the moving average" : "the weights", made.step);
  return 0;
}

void add_export(CLI::App& train, Command& command) {
  CLI::App* verb = train.add_subcommand("export", "a training state as a Hugging Face folder");
  auto f = std::make_shared<ExportFlags>();
  verb->add_option("--state", f->state, "state.safetensors of a run")->required();
  verb->add_option("--out", f->out, "the folder to make")->required();
  verb->add_flag("--latest", f->latest, "the weights as the last step left them, not their moving average");
  verb->callback([f, &command] { command.run = [f] { return run_export(*f); }; });
}
#endif

#ifdef ARRCOC_HAVE_AUTOGRAD
struct TrainFlags {
  train::RunOptions run;
  std::string out, recipe, from, atlas;
  std::optional<std::string> steps, batch, rate, seed, dtype;
  bool quiet = false;
};

std::string clock(double seconds) {
  char text[32];
  const auto s = static_cast<long>(seconds);
  if (s >= 3600) std::snprintf(text, sizeof text, "%ld h %02ld min", s / 3600, s / 60 % 60);
  else std::snprintf(text, sizeof text, "%ld min %02ld s", s / 60, s % 60);
  return text;
}

/// The line in place on a terminal; one line a window elsewhere.
class TrainingLine {
 public:
  explicit TrainingLine(bool quiet) : quiet_(quiet) {}
  void show(const train::RunOptions::Progress& p) {
    const auto now = std::chrono::steady_clock::now();
    if (quiet_ || (p.what.empty() && (!terminal_ || now - last_ < std::chrono::milliseconds(500)))) return;
    last_ = now;
    std::fprintf(stderr, "%strain: step %ld of %ld, %.2f a second, %s left%s%s%s", terminal_ ? "\r\x1b[K" : "", static_cast<long>(p.step), static_cast<long>(p.steps), p.steps_per_second,
                 clock(p.seconds_left).c_str(), p.what.empty() ? "" : "; ", p.what.c_str(), terminal_ && p.what.empty() ? "" : "\n");
  }

 private:
  bool quiet_, terminal_ = is_terminal(2);
  std::chrono::steady_clock::time_point last_{};
};

/// --recipe.KEY=VALUE and the flags that are short for some of them.
Settings recipe_changes(const Command& command, std::initializer_list<std::pair<const char*, std::optional<std::string>>> flags) {
  std::vector<ConfigProblem> problems;
  check_prefixes(command.settings, {"recipe"}, problems);
  throw_problems(problems, "train");
  Settings changes;
  for (const auto& [path, text] : command.settings) changes[path.substr(7)] = text;
  for (const auto& [name, value] : flags)
    if (value) changes[name] = *value;
  return changes;
}

int run_train(const TrainFlags& f, const Command& command) {
  require_that(!f.out.empty(), Code::bad_usage, "train", "--out: expected a folder, got none");
  train::RunOptions o = f.run;
  o.out = f.out;
  o.from = f.from;
  o.atlas = f.atlas;
  if (!f.recipe.empty()) o.recipe = train::read_recipe(f.recipe);
  o.changes = recipe_changes(command, {{"steps", f.steps}, {"batch", f.batch}, {"learning_rate", f.rate}, {"seed", f.seed}});
  if (f.dtype) o.changes["bf16"] = *f.dtype == "bf16" ? "true" : "false";
  TrainingLine line(f.quiet);
  o.progress = [&](const train::RunOptions::Progress& p) { line.show(p); };
  o.stop = interrupt_asked;
  const Writing writing;  // Ctrl-C: a checkpoint, then 130
  const train::RunSummary done = train::train(o);
  if (!f.quiet)
    std::fprintf(stderr, "%s: step %ld%s, %.2f M parameters; arrcoc train export --state %s --out DIR makes a model of it\n", f.out.c_str(), static_cast<long>(done.step),
                 done.stopped ? " (stopped; the same command goes on)" : "", static_cast<double>(done.parameters) / 1e6, (o.out / "state.safetensors").c_str());
  return 0;
}

struct ScorerFlags {
  train::ScorerOptions run;
  std::string model, out, from, recipe, atlas;
  std::optional<std::string> steps, batch, rate, seed;
  bool quiet = false;
};

int run_scorer(const ScorerFlags& f, const Command& command) {
  train::ScorerOptions o = f.run;
  o.model = f.model;
  o.out = f.out;
  o.from = f.from;
  o.atlas = f.atlas;
  check_output(o.out);
  o.recipe.config.steps = 600;
  o.recipe.config.batch = 4;
  o.recipe.config.warm_up = 20;
  o.recipe.config.learning_rate = 3e-3;
  o.recipe.config.lines_high = 6;
  if (!f.recipe.empty()) o.recipe = train::read_recipe(f.recipe);
  train::apply_recipe(o.recipe, recipe_changes(command, {{"steps", f.steps}, {"batch", f.batch}, {"learning_rate", f.rate}, {"seed", f.seed}}), "recipe", true);
  TrainingLine line(f.quiet);
  const auto start = std::chrono::steady_clock::now();
  o.progress = [&](Index step, Index steps, const std::string& what) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), rate = static_cast<double>(step) / seconds;
    line.show({step, steps, rate, static_cast<double>(steps - step) / rate, what});
  };
  o.stop = interrupt_asked;
  const Writing writing;  // Ctrl-C: what has been learnt is written, then 130
  const train::ScorerSummary done = train::train_scorer(o);
  if (f.quiet) return 0;
  std::fprintf(stderr, "%-20s %9s %28s %28s\n%-20s %9s %28s %28s\n", "unseen pictures", "questions", "recall at 1/4 of the tokens", "at 1/8", "", "", "random scorer oracle closed", "random scorer oracle closed");
  for (const train::ScorerScore& s : done.scores) {
    std::fprintf(stderr, "%-20s %9ld", s.scenario.c_str(), static_cast<long>(s.questions));
    for (const train::Recall& r : s.recalls) std::fprintf(stderr, "   %6.3f %6.3f %6.3f %5.0f%%", r.random, r.scorer, r.oracle, 100 * r.closed());
    std::fputc('\n', stderr);
  }
  std::fprintf(stderr, "%s: %ld parameters, step %ld%s; --scorers learned --scorers.learned.weights=%s\n", f.out.c_str(), static_cast<long>(done.parameters), static_cast<long>(done.steps),
               done.stopped ? " (stopped)" : "", f.out.c_str());
  return 0;
}

void add_scorer_training(CLI::App& train, Command& command) {
  CLI::App* verb = train.add_subcommand("scorer", "the head of --scorers learned, by answer boxes, the model frozen");
  auto f = std::make_shared<ScorerFlags>();
  train::ScorerOptions& o = f->run;
  verb->add_option("-m,--model", f->model, "a Hugging Face folder")->required();
  verb->add_option("--out", f->out, "safetensors; the log lies beside it")->required();
  verb->add_option("--loss", o.loss, "on the score map: bce, soft_iou, ranking; through the model's answers: clean, straight_through, gumbel_top_k, perturbed_top_k, reinforce")->check(CLI::IsMember(train::scorer_losses()));
  verb->add_option("--from", f->from, "a head to start from");
  verb->add_option("--recipe", f->recipe, "scenarios, sizes, lines, steps (models/recipes); every key is also a flag, --recipe.KEY=VALUE");
  verb->add_option("--hold-out", o.held_out, "scenarios that are evaluated but not trained on")->delimiter(',');
  verb->add_option("--steps", f->steps, "optimiser steps");
  verb->add_option("--batch", f->batch, "pictures of a step");
  verb->add_option("--lr,--learning-rate", f->rate, "after the warm-up");
  verb->add_option("-s,--seed", f->seed, "of initial weights and data");
  verb->add_option("--hidden", o.hidden, "width of the head");
  verb->add_option("--evaluate-pictures", o.evaluate_pictures, "unseen pictures, shared among the scenarios");
  verb->add_option("--log-every", o.log_every, "steps");
  verb->add_option("--atlas", f->atlas, "glyphs drawn earlier (needed where cairo is not built in)");
  verb->add_option("-t,--threads", o.threads, "of libtorch");
  verb->add_option("--device", o.device, "cpu, cuda, cuda:1");
  verb->add_flag("-q,--quiet", f->quiet, "nothing on stderr");
  verb->callback([f, &command] { command.run = [f, &command] { return run_scorer(*f, command); }; });
}
#endif

}  // namespace

void add_train(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("train", "trains the small model, and makes models of its checkpoints");
  const auto missing = [verb, &command](const char* sentence) {
    verb->allow_extras();
    verb->callback([&command, verb, sentence] {
      if (!verb->get_subcommands().empty()) return;
      command.run = [sentence]() -> int { fail(Code::backend_missing, "train", sentence); };
    });
  };
#ifdef ARRCOC_HAVE_SCENES
  add_export(*verb, command);
#endif
#if defined(ARRCOC_HAVE_AUTOGRAD)
  (void)missing;
  add_scorer_training(*verb, command);
  auto f = std::make_shared<TrainFlags>();
  train::RunOptions& o = f->run;
  verb->add_option("--out", f->out, "the run's folder: made, or gone on with");
  verb->add_option("--recipe", f->recipe, "a stage as JSON (models/recipes); every key is also a flag, --recipe.KEY=VALUE. Not needed to go on");
  verb->add_option("--from", f->from, "weights to start from: state.safetensors of another run");
  const char* group = "Recipe";
  verb->add_option("--steps", f->steps, "optimiser steps")->group(group);
  verb->add_option("--batch", f->batch, "pictures of one pass")->group(group);
  verb->add_option("--lr,--learning-rate", f->rate, "at the top of the schedule")->group(group);
  verb->add_option("-s,--seed", f->seed, "of initial weights and data")->group(group);
  verb->add_option("--dtype", f->dtype, "of matrix products: bf16 (autocast) or f32")->check(CLI::IsMember({"bf16", "f32"}))->group(group);
  group = "Machine";
  verb->add_option("-t,--threads", o.threads, "of libtorch")->group(group);
  verb->add_option("--device", o.device, "cpu, cuda, cuda:1")->group(group);
  verb->add_option("--minutes", o.minutes, "stop after so many, with a checkpoint; 0 = do not")->group(group);
  group = "Output";
  verb->add_option("--checkpoint-every", o.checkpoint_every, "steps")->group(group);
  verb->add_option("--evaluate-every", o.evaluate_every, "steps")->group(group);
  verb->add_option("--evaluate-pictures", o.evaluate_pictures, "unseen pictures, shared among the scenarios")->group(group);
  verb->add_option("--log-every", o.log_every, "steps")->group(group);
  verb->add_option("--atlas", f->atlas, "glyphs drawn earlier (needed where cairo is not built in)")->group(group);
  verb->add_flag("-q,--quiet", f->quiet, "nothing on stderr")->group(group);
  verb->callback([f, verb, &command] {
    if (verb->get_subcommands().empty()) command.run = [f, &command] { return run_train(*f, command); };
  });
#elif defined(ARRCOC_HAVE_SCENES)
  missing("the trainer is not built in; expected a build with libtorch (meson -Dtorch=enabled)");
#else
  missing("not built in; expected a build with libarrcoc's file support");
#endif
}

}  // namespace arrcoc::tools
