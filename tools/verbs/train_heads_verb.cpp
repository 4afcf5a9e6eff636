// arrcoc train scorer, balancer and depth: single stages, trained on scenes.
#ifdef ARRCOC_HAVE_AUTOGRAD
#include <memory>

#include "train/autograd/balancer_training.hpp"
#include "train/autograd/depth_training.hpp"
#include "train/autograd/scorer_training.hpp"
#include "train/gradients/map_losses.hpp"
#include "train_line.hpp"

namespace arrcoc::tools {
namespace {

struct HeadFlags {
  std::string model, out, from, recipe, atlas;
  std::optional<std::string> steps, batch, rate, seed;
  bool quiet = false;
};

void add_head_options(CLI::App& verb, HeadFlags& f, train::HeadOptions& o) {
  verb.add_option("-m,--model", f.model, "a Hugging Face folder")->required();
  verb.add_option("--out", f.out, "safetensors; the log lies beside it")->required();
  verb.add_option("--from", f.from, "a head to start from");
  verb.add_option("--recipe", f.recipe,
                  "scenarios, sizes, lines, steps (models/recipes); every key is also a flag, --recipe.KEY=VALUE");
  verb.add_option("--hold-out", o.held_out, "scenarios that are evaluated but not trained on")->delimiter(',');
  verb.add_option("--steps", f.steps, "optimiser steps");
  verb.add_option("--batch", f.batch, "pictures of a step");
  verb.add_option("--lr,--learning-rate", f.rate, "after the warm-up");
  verb.add_option("-s,--seed", f.seed, "of initial weights and data");
  verb.add_option("--hidden", o.hidden, "width of the head");
  verb.add_option("--evaluate-pictures", o.evaluate_pictures, "unseen pictures, shared among the scenarios");
  verb.add_option("--log-every", o.log_every, "steps");
  verb.add_option("--atlas", f.atlas, "glyphs drawn earlier (needed where cairo is not built in)");
  verb.add_option("-t,--threads", o.threads, "of libtorch");
  verb.add_option("--device", o.device, "cpu, cuda, cuda:1");
  verb.add_flag("-q,--quiet", f.quiet, "nothing on stderr");
}

/// Fills in `o`, trains, and shows the recalls. `use`: how the file is used.
template <class Options, class Train>
int run_head(const HeadFlags& f, Options o, const Command& command, std::vector<std::string> prefixes, const char* use,
             Train train) {
  o.model = f.model;
  o.out = f.out;
  o.from = f.from;
  o.atlas = f.atlas;
  check_output(o.out);
  check_threads(o.threads, "train");
  o.recipe.config.steps = 600;
  o.recipe.config.batch = 4;
  o.recipe.config.warm_up = 20;
  o.recipe.config.learning_rate = 3e-3;
  o.recipe.config.lines_high = 6;
  if (!f.recipe.empty()) o.recipe = train::read_recipe(f.recipe);
  train::apply_recipe(
      o.recipe,
      recipe_changes(command, {{"steps", f.steps}, {"batch", f.batch}, {"learning_rate", f.rate}, {"seed", f.seed}},
                     std::move(prefixes)),
      "recipe", true);
  TrainingLine line(f.quiet);
  const auto start = std::chrono::steady_clock::now();
  o.progress = [&](Index step, Index steps, const std::string& what) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                 rate = static_cast<double>(step) / seconds;
    line.show({step, steps, rate, static_cast<double>(steps - step) / rate, what});
  };
  o.stop = interrupt_asked;
  const Writing writing;  // Ctrl-C: what has been learnt is written, then 130
  const train::HeadSummary done = train(o);
  if (f.quiet) return 0;
  if (!done.depths.empty()) std::fprintf(stderr, "unseen pictures: %10s %8s\n", "levels", "loss");
  for (const train::DepthScore& d : done.depths)
    std::fprintf(stderr, "%-16s %10.2f %8.4f\n", d.rule.c_str(), d.levels, d.loss);
  if (!done.scores.empty())
    std::fprintf(stderr, "%-20s %9s %28s %28s\n%-20s %9s %28s %28s\n", "unseen pictures", "questions",
                 "recall at 1/4 of the tokens", "at 1/8", "", "", "random scorer oracle closed",
                 "random scorer oracle closed");
  for (const train::HeadScore& s : done.scores) {
    std::fprintf(stderr, "%-20s %9ld", s.scenario.c_str(), static_cast<long>(s.questions));
    for (const train::Recall& r : s.recalls)
      std::fprintf(stderr, "   %6.3f %6.3f %6.3f %5.0f%%", r.random, r.scorer, r.oracle, 100 * r.closed());
    std::fputc('\n', stderr);
  }
  std::fprintf(stderr, "%s: %ld parameters, step %ld%s; %s=%s\n", f.out.c_str(), static_cast<long>(done.parameters),
               static_cast<long>(done.steps), done.stopped ? " (stopped)" : "", use, f.out.c_str());
  return 0;
}

void add_scorer(CLI::App& train, Command& command) {
  CLI::App* verb =
      train.add_subcommand("scorer", "the head of --scorers learned, the model frozen or lightly unfrozen");
  auto f = std::make_shared<HeadFlags>();
  auto o = std::make_shared<train::ScorerOptions>();
  auto unfrozen = std::make_shared<std::string>();
  verb->add_option("--loss", o->loss,
                   "on the score map: bce, soft_iou, ranking; through the model's answers: clean, straight_through, "
                   "gumbel_top_k, perturbed_top_k, reinforce")
      ->check(CLI::IsMember(train::scorer_losses()));
  add_head_options(*verb, *f, *o);
  verb->add_option("--unfreeze", o->unfreeze,
                   "last layers of the language model that are trained too, through the answers");
  verb->add_option("--unfreeze-share", o->unfreeze_share,
                   "their learning rate, as a share of the head's (default 0.1)");
  verb->add_option("--unfrozen-out", *unfrozen,
                   "safetensors: the model's weights after that, for `arrcoc train export --state`");
  verb->callback([f, o, unfrozen, &command] {
    command.run = [f, o, unfrozen, &command] {
      o->unfrozen_out = *unfrozen;
      if (!unfrozen->empty()) check_output(*unfrozen);
      return run_head(*f, *o, command, {}, "--scorers learned --scorers.learned.weights", train::train_scorer);
    };
  });
}

void add_balancer(CLI::App& train, Command& command) {
  CLI::App* verb = train.add_subcommand(
      "balancer", "the head of --balancer learned, by answer boxes; scorers and model stay as they are");
  auto f = std::make_shared<HeadFlags>();
  auto o = std::make_shared<train::BalancerOptions>();
  auto texture = std::make_shared<std::string>("texture13"),
       scorers = std::make_shared<std::string>("information+perspectival+participatory");
  o->hidden = 8;
  verb->add_option("--loss", o->loss, "bce, soft_iou or ranking")->check(CLI::IsMember(train::map_losses()));
  verb->add_option("--scorers", *scorers, "whose maps it balances, joined by +; the order counts");
  verb->add_option("--texture", *texture, "texture stage");
  add_head_options(*verb, *f, *o);
  verb->callback([f, o, texture, scorers, &command] {
    command.run = [f, o, texture, scorers, &command] {
      o->pipeline = parse_pipeline_name(*texture + "/" + *scorers + "/flat/full/gather");
      for (const auto& [path, text] : command.settings)
        if (!path.starts_with("recipe.")) o->pipeline.settings[path] = text;
      return run_head(*f, *o, command, {"texture", "scorers"}, "--balancer learned --balancer.weights",
                      train::train_balancer);
    };
  });
}

void add_depth(CLI::App& train, Command& command) {
  CLI::App* verb = train.add_subcommand(
      "depth",
      "the head of --allocator learned_depth, through the model's answers, with a price on every DeepStack level");
  auto f = std::make_shared<HeadFlags>();
  auto o = std::make_shared<train::DepthOptions>();
  o->loss = "answers";
  verb->add_option("--price", o->price,
                   "of one level on every kept token, in nats of an answer's token (default 0.02)");
  verb->add_option("--coherence", o->coherence, "weight of the loss on high relevance at little depth (default 0)");
  add_head_options(*verb, *f, *o);
  verb->callback([f, o, &command] {
    command.run = [f, o, &command] {
      return run_head(*f, *o, command, {}, "--allocator learned_depth --allocator.weights", train::train_depth);
    };
  });
}

}  // namespace

void add_head_training(CLI::App& train, Command& command) {
  add_scorer(train, command);
  add_balancer(train, command);
  add_depth(train, command);
}

}  // namespace arrcoc::tools
#endif
