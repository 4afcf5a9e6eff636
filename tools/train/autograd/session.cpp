#include "session.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>

#include "../event_file.hpp"
#include "../watch.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/config_json.hpp"
#include "trainer.hpp"

namespace arrcoc::train {
namespace {

namespace fs = std::filesystem;

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double share(Index part, Index whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}

/// log.jsonl and the event file. Rows start with the step, so that a resumed run can drop those behind its checkpoint.
class Log {
 public:
  Log(const fs::path& folder, Index first_step)
      : path_(folder / "log.jsonl"), events_(folder, "arrcoc", wall_time(), first_step) {
    if (fs::exists(path_)) {
      std::ifstream old(path_);
      std::string kept;
      for (std::string line; std::getline(old, line);) {
        long step = 0;
        if (std::sscanf(line.c_str(), "{\"step\": %ld,", &step) == 1 && step <= first_step && line.ends_with("}"))
          kept += line + "\n";
      }
      io::write_file(path_, kept);
    }
    rows_.open(path_, std::ios::app);
  }
  /// `labels`: further text keys of the row. Tags of the event file are `group`/name.
  void row(Index step, const std::vector<std::pair<std::string, std::string>>& labels, const std::string& group,
           const std::vector<std::pair<std::string, double>>& values) {
    std::string line = "{\"step\": " + std::to_string(step);
    for (const auto& [key, text] : labels) line += ", \"" + key + "\": \"" + text + "\"";
    const double now = wall_time();
    for (const auto& [key, value] : values) {
      line += ", \"" + key + "\": " + number(value);
      if (key != "seconds") events_.scalar(group + "/" + key, step, static_cast<float>(value), now);
    }
    rows_ << line << "}\n";
    rows_.flush();
    events_.flush();
    require_that(rows_.good(), Code::bad_output, "train", [&] { return "cannot write " + path_.string(); });
  }

 private:
  fs::path path_;
  std::ofstream rows_;
  EventFile events_;
};

class Session {
 public:
  explicit Session(const RunOptions& o)
      : o_(o), recipe_(plan()), trainer_(small_config(), trainer_options()), state_(o.out / "state.safetensors") {
    if (!o.atlas.empty()) atlas_.load(o.atlas);
    if (fs::exists(state_)) trainer_.resume(state_);
    else if (!from_.empty()) trainer_.start_from(from_);
    open_folder();
  }

  RunSummary run() {
    const StageConfig& c = recipe_.config;
    RunSummary out;
    out.parameters = trainer_.parameters();
    out.first_step = trainer_.steps_done();
    Log log(o_.out, out.first_step);
    Watch watch;
    StepResult sum;
    Index window = 0;
    bool saved = true;
    while (trainer_.steps_done() < c.steps) {
      sum.add(trainer_.step(
          c.accumulate, [&](Index pass) { return training_batch(pass); }, c));
      saved = false;
      const Index step = trainer_.steps_done();
      std::string what;
      ++window;
      if (step % o_.log_every == 0 || step == c.steps) {
        what = tell_window(log, watch, sum, window, step);
        sum = {};
        window = 0;
      }
      if (step % o_.evaluate_every == 0 || step == c.steps) what += (what.empty() ? "" : "; ") + evaluate(log, step);
      const bool late = o_.minutes > 0 && seconds() > o_.minutes * 60, asked = o_.stop && o_.stop();
      if ((step % o_.checkpoint_every == 0 || late || asked || step == c.steps) && !watch.suspicious()) {
        trainer_.save(state_);
        saved = true;
      }
      if (o_.progress) {
        const double rate = static_cast<double>(step - out.first_step) / seconds();
        o_.progress({step, c.steps, rate, static_cast<double>(c.steps - step) / rate, what});
      }
      if (late || asked) break;
    }
    if (!saved && !watch.suspicious()) trainer_.save(state_);
    out.step = trainer_.steps_done();
    out.stopped = out.step < c.steps;
    return out;
  }

 private:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

  /// The recipe of this run and what it starts from. Nothing is written yet.
  Recipe plan() {
    const fs::path file = o_.out / "run.json";
    const std::string where = o_.out.string();
    std::error_code bad;
    if (!fs::exists(file, bad)) {
      require_that(!fs::exists(o_.out, bad) || (fs::is_directory(o_.out, bad) && fs::is_empty(o_.out, bad)),
                   Code::bad_output, where,
                   "expected a new or empty folder or a run of arrcoc train, got one without run.json");
      require_that(o_.recipe.has_value(), Code::bad_usage, where, "expected a recipe for a new run, got none");
      Recipe r = *o_.recipe;
      apply_recipe(r, o_.changes, "recipe", true);
      from_ = o_.from;
      changed_ = true;
      return r;
    }
    Settings held = io::settings_from_json(io::read_file(file), file.string());
    if (const auto it = held.find("from"); it != held.end()) {
      from_ = it->second;
      held.erase(it);
    }
    require_that(o_.from.empty() || o_.from == from_, Code::bad_config, where, [&] {
      return "--from: the folder holds a run that started from " + (from_.empty() ? "seeded weights" : from_.string()) +
             ", got " + o_.from.string() + "; give another --out";
    });
    Recipe old;
    apply_recipe(old, held, file.string());
    Recipe r = o_.recipe ? *o_.recipe : old;
    apply_recipe(r, o_.changes, "recipe", true);
    Recipe same = r;
    same.config.steps = old.config.steps;
    const auto a = fields_of(old), b = fields_of(same);
    for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
      if (i < a.size() && i < b.size() && a[i] == b[i]) continue;
      const auto text = [&](const std::vector<ConfigField>& f) {
        return i < f.size() ? f[i].path + " = " + f[i].value : std::string("nothing");
      };
      fail(Code::bad_config, where,
           "the folder holds a run of another recipe: expected " + text(a) + ", got " + text(b) +
               "; give another --out (and --from " + (o_.out / "state.safetensors").string() +
               " to go on from its weights)");
    }
    changed_ = r.config.steps != old.config.steps;
    return r;
  }
  void open_folder() {
    std::error_code bad;
    if (!fs::exists(o_.out, bad)) {
      fs::create_directory(o_.out, bad);
      require_that(!bad, Code::bad_output, o_.out.string(), [&] { return "cannot be made: " + bad.message(); });
    }
    for (fs::directory_iterator it(o_.out, bad), end; !bad && it != end;
         it.increment(bad))  // of a run that was killed while it wrote
      if (it->path().filename().string().starts_with("state.safetensors.partial")) fs::remove(it->path());
    if (!changed_) return;
    std::vector<ConfigField> fields = fields_of(recipe_);
    if (!from_.empty()) fields.push_back({"from", "string", from_.string()});
    io::write_file(o_.out / "run.json", io::settings_to_json(fields) + "\n");
  }
  Trainer::Options trainer_options() const {
    const StageConfig& c = recipe_.config;
    return {c.seed,    o_.threads, o_.device, c.bf16, c.average, c.stage == "answers" && c.pointing_weight > 0,
            o_.workers};
  }

  /// A question is not asked when what it needs was dropped: that would teach to find the answer elsewhere, or to
  /// guess.
  static void only_answerable(Example& e, const Kept& kept) {
    std::vector<bool> keep;
    for (const AskedQuestion& q : e.questions) keep.push_back(answerable(e, q, kept.tokens));
    std::size_t i = 0;
    std::erase_if(e.questions, [&](const AskedQuestion&) { return !keep[i++]; });
  }

  Batch draw(const std::vector<scenes::SceneParams>& params, bool with_drops, Index drills = 0) {
    Batch batch;
    const auto levels = static_cast<Index>(trainer_.config().vision.deepstack_taps.size());
    for (const scenes::SceneParams& p : params) {
      batch.examples.push_back(
          make_example(scenes::make_scene(p, atlas_), trainer_.config(), recipe_.config.questions, p.seed, drills));
      if (!with_drops) continue;
      batch.kept.push_back(drop_of(recipe_, batch.examples.back(), levels, p.seed));
      limit_levels(batch.kept.back(), batch.examples.back().tokens().count(), levels,
                   levels_at(recipe_.config, trainer_.steps_done(), levels));
      only_answerable(batch.examples.back(), batch.kept.back());
    }
    return batch;
  }
  /// Called from the trainer's workers.
  Batch training_batch(Index pass) {
    const StageConfig& c = recipe_.config;
    const auto scene = [&](Index of_pass, Index i) {
      return scene_of(recipe_,
                      training_seed(recipe_, static_cast<std::uint64_t>(
                                                 (trainer_.steps_done() * c.accumulate + of_pass) * c.batch + i)));
    };
    const scenes::SceneParams first = scene(0, 0);
    std::vector<scenes::SceneParams> params;
    for (Index i = 0; i < c.batch; ++i) {
      params.push_back(scene(pass, i));
      params.back().height = first.height;  // one size a step: shorter sequences would be padded to the longest,
                                            // workers wait for the slowest
      params.back().width = first.width;
    }
    return draw(params, c.stage == "answers", c.stage == "answers" ? c.drills : 0);
  }

  std::string tell_window(Log& log, Watch& watch, const StepResult& sum, Index steps, Index step) {
    const StageConfig& c = recipe_.config;
    const double n = static_cast<double>(steps), gradient = sum.gradient_norm / n;
    const double answers = sum.answer_loss / static_cast<double>(std::max<Index>(1, sum.asked)),
                 pointing = sum.pointing_loss / static_cast<double>(std::max<Index>(1, sum.pointed));
    const double loss =
        c.reading_weight * sum.reading_loss / n + c.answer_weight * answers + c.pointing_weight * pointing;
    std::vector<std::pair<std::string, double>> v{{"seconds", seconds()},
                                                  {"reading_loss", sum.reading_loss / n},
                                                  {"marks_right", share(sum.marks_right, sum.marks)}};
    if (c.stage == "answers")
      v.insert(v.end(), {{"answer_loss", answers}, {"exact", share(sum.questions_right, sum.questions)}});
    if (sum.points > 0)
      v.insert(v.end(), {{"pointing_loss", pointing}, {"pointed_right", share(sum.points_right, sum.points)}});
    v.insert(v.end(), {{"gradient_norm", gradient}, {"learning_rate", learning_rate_at(c, step - 1)}});
    log.row(step, {{"stage", c.stage}}, "train", v);
    if (const auto alarm = watch.add(loss, gradient)) {
      log.row(step, {{"alarm", *alarm}}, "alarm", {{"loss", loss}});
      fail(Code::bad_number, "train",
           *alarm + " (step " + std::to_string(step) + "); the checkpoint on disk is from before");
    }
    std::string text = "loss " + number(loss) + ", marks " + number(100 * share(sum.marks_right, sum.marks)) + " %";
    if (c.stage == "answers") text += ", exact " + number(100 * share(sum.questions_right, sum.questions)) + " %";
    return text;
  }

  /// Unseen pictures of every scenario in the mix, everything kept; where the recipe drops tokens, answer boxes and
  /// random ones at a quarter too.
  std::string evaluate(Log& log, Index step) {
    const StageConfig& c = recipe_.config;
    const bool answers = c.stage == "answers";
    const bool drops = answers && (recipe_.drops.size() > 1 || !recipe_.drops.contains("none"));
    const Index each = std::max<Index>(1, o_.evaluate_pictures / static_cast<Index>(recipe_.scenarios.size()));
    std::map<std::string, StepResult> totals;
    for (const auto& [scenario, weight] : recipe_.scenarios) {
      if (weight == 0) continue;
      std::map<std::string, StepResult> sums;
      for (Index done = 0; done < each; done += c.batch) {
        std::vector<scenes::SceneParams> params;
        for (Index i = done; i < std::min(each, done + c.batch); ++i) {
          scenes::SceneParams p = scene_of(recipe_, scenes::first_dev_seed + static_cast<std::uint64_t>(i));
          p.scenario = scenario;
          params.push_back(p);
        }
        Batch batch = draw(params, false);
        sums["all"].add(trainer_.evaluate(batch, answers));
        for (const char* kind : {"boxes", "random"}) {
          if (!drops) break;
          Batch part = batch;
          for (std::size_t i = 0; i < part.examples.size(); ++i) {
            Rng rng(derive_seed(params[i].seed, kind));
            part.kept.push_back({kept_tokens(kind, part.examples[i], 4, rng), {}});
            if (kind == std::string("boxes")) only_answerable(part.examples[i], part.kept.back());
          }
          sums[std::string(kind) + "_quarter"].add(trainer_.evaluate(part, answers));
        }
      }
      for (const auto& [kept, sum] : sums) {
        tell(log, step, scenario, kept, sum, answers);
        totals[kept].add(sum);
      }
    }
    std::string text = "dev:";
    for (const auto& [kept, sum] : totals) {
      tell(log, step, "every", kept, sum, answers);
      text += " " + kept + " " +
              number(100 * (answers ? share(sum.questions_right, sum.questions) : share(sum.marks_right, sum.marks))) +
              " %";
    }
    return text;
  }
  void tell(Log& log, Index step, const std::string& scenario, const std::string& kept, const StepResult& sum,
            bool answers) const {
    std::vector<std::pair<std::string, double>> v{{"marks", static_cast<double>(sum.marks)},
                                                  {"marks_right", share(sum.marks_right, sum.marks)}};
    if (answers)
      v.insert(v.end(), {{"questions", static_cast<double>(sum.questions)},
                         {"exact", share(sum.questions_right, sum.questions)}});
    if (sum.points > 0) v.emplace_back("pointed_right", share(sum.points_right, sum.points));
    log.row(step, {{"split", "dev"}, {"scenario", scenario}, {"kept", kept}}, "dev_" + kept + "/" + scenario, v);
  }

  const RunOptions& o_;
  fs::path from_;
  bool changed_ = false;  // run.json is to be written
  Recipe recipe_;
  Trainer trainer_;
  fs::path state_;
  scenes::GlyphAtlas atlas_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

RunSummary train(const RunOptions& options) {
  for (const auto& [name, value] : {std::pair("checkpoint-every", options.checkpoint_every),
                                    {"evaluate-every", options.evaluate_every},
                                    {"log-every", options.log_every},
                                    {"evaluate-pictures", options.evaluate_pictures},
                                    {"threads", static_cast<Index>(options.threads)},
                                    {"workers", options.workers}})
    require_that(value >= 1, Code::bad_config, "train", [&, n = name, v = value] {
      return std::string("--") + n + ": expected at least 1, got " + std::to_string(v);
    });
  require_that(options.minutes >= 0, Code::bad_config, "train",
               [&] { return "--minutes: expected at least 0, got " + std::to_string(options.minutes); });
  return Session(options).run();
}

}  // namespace arrcoc::train
