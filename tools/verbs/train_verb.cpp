// arrcoc train: the small model, its checkpoints, and models made of them.
#include <cstdio>
#include <memory>

#include "arrcoc/core/error.hpp"
#include "terminal.hpp"
#include "verbs.hpp"
#ifdef ARRCOC_HAVE_SCENES
#include "train/export.hpp"
#endif
#ifdef ARRCOC_HAVE_AUTOGRAD
#include "train/autograd/session.hpp"
#include "train_line.hpp"
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
  std::fprintf(stderr, "%s: %.2f M parameters in bf16, %s after step %ld\n", f.out.c_str(),
               static_cast<double>(made.parameters) / 1e6, made.averaged ? "the moving average" : "the weights",
               made.step);
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

int run_train(const TrainFlags& f, const Command& command) {
  require_that(!f.out.empty(), Code::bad_usage, "train", "--out: expected a folder, got none");
  check_threads(f.run.threads, "train");
  train::RunOptions o = f.run;
  o.out = f.out;
  o.from = f.from;
  o.atlas = f.atlas;
  if (!f.recipe.empty()) o.recipe = train::read_recipe(f.recipe);
  o.changes =
      recipe_changes(command, {{"steps", f.steps}, {"batch", f.batch}, {"learning_rate", f.rate}, {"seed", f.seed}});
  if (f.dtype) o.changes["bf16"] = *f.dtype == "bf16" ? "true" : "false";
  TrainingLine line(f.quiet);
  o.progress = [&](const train::RunOptions::Progress& p) { line.show(p); };
  o.stop = interrupt_asked;
  const Writing writing;  // Ctrl-C: a checkpoint, then 130
  const train::RunSummary done = train::train(o);
  if (!f.quiet)
    std::fprintf(
        stderr, "%s: step %ld%s, %.2f M parameters; arrcoc train export --state %s --out DIR makes a model of it\n",
        f.out.c_str(), static_cast<long>(done.step), done.stopped ? " (stopped; the same command goes on)" : "",
        static_cast<double>(done.parameters) / 1e6, (o.out / "state.safetensors").c_str());
  return 0;
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
  add_head_training(*verb, command);
  auto f = std::make_shared<TrainFlags>();
  train::RunOptions& o = f->run;
  verb->add_option("--out", f->out, "the run's folder: made, or gone on with");
  verb->add_option(
      "--recipe", f->recipe,
      "a stage as JSON (models/recipes); every key is also a flag, --recipe.KEY=VALUE. Not needed to go on");
  verb->add_option("--from", f->from, "weights to start from: state.safetensors of another run");
  const char* group = "Recipe";
  verb->add_option("--steps", f->steps, "optimiser steps")->group(group);
  verb->add_option("--batch", f->batch, "pictures of one pass")->group(group);
  verb->add_option("--lr,--learning-rate", f->rate, "at the top of the schedule")->group(group);
  verb->add_option("-s,--seed", f->seed, "of initial weights and data")->group(group);
  verb->add_option("--dtype", f->dtype, "of matrix products: bf16 (autocast) or f32")
      ->check(CLI::IsMember({"bf16", "f32"}))
      ->group(group);
  group = "Machine";
  verb->add_option("-t,--threads", o.threads, "of libtorch, for each worker")->group(group);
  verb->add_option("--workers", o.workers,
                   "passes of a step (recipe key accumulate) that run side by side; the weights come out the same")
      ->group(group);
  verb->add_option("--device", o.device, "cpu, cuda, cuda:1")->group(group);
  verb->add_option("--minutes", o.minutes, "stop after so many, with a checkpoint; 0 = do not")->group(group);
  group = "Output";
  verb->add_option("--checkpoint-every", o.checkpoint_every, "steps")->group(group);
  verb->add_option("--evaluate-every", o.evaluate_every, "steps")->group(group);
  verb->add_option("--evaluate-pictures", o.evaluate_pictures, "unseen pictures, shared among the scenarios")
      ->group(group);
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
