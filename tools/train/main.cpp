// arrcoc-train: trains the small model. Data follows from the step number alone, so a resumed run sees what an unbroken one would.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "trainer.hpp"

using namespace arrcoc;
using namespace arrcoc::train;

namespace {

struct Options {
  std::filesystem::path out = "train_run";
  std::string stage = "reading";       // reading | answers
  std::string from;                    // checkpoint to start from when OUT has none
  Index steps = 20000, batch = 8, threads = 1, size = 256, questions = 5, lines = 2, checkpoint_every = 300, evaluate_every = 300;
  double learning_rate = 1.5e-3, minutes = 1e9, reading_weight = 1;
  Index cosine = 0, drop_percent = 0;
  bool bf16 = true;
  std::uint64_t seed = 1;
};

/// Which scenario a sample shows: reading is mostly wall-to-wall text; answers mix documents and shapes.
scenes::SceneParams sample(const Options& o, std::uint64_t seed) {
  scenes::SceneParams p;
  p.seed = seed;
  p.height = p.width = o.size;
  Rng rng(derive_seed(seed, "mix"));
  const auto u = rng.below(100);
  if (o.stage == "reading") {
    p.scenario = u < 70 ? "page" : u < 80 ? "shapes" : u < 86 ? "popout" : u < 92 ? "receipt" : "tiger";
    return p;
  }
  p.scenario = u < 34 ? "receipt" : u < 62 ? "form" : u < 70 ? "formula" : u < 84 ? "shapes" : u < 92 ? "popout" : "relations";
  p.lines = 1 + static_cast<Index>(rng.below(static_cast<std::uint64_t>(o.lines)));
  return p;
}

std::vector<Example> batch_of(const Options& o, const ModelConfig& c, scenes::GlyphAtlas& atlas, std::uint64_t first) {
  std::vector<Example> out;
  for (Index i = 0; i < o.batch; ++i) {
    const std::uint64_t seed = first + static_cast<std::uint64_t>(i);
    out.push_back(make_example(scenes::make_scene(sample(o, seed), atlas), c, o.questions, seed));
  }
  return out;
}

/// Keeps a random share of each picture's tokens for some pictures.
KeptTokens drops(const Options& o, const std::vector<Example>& batch, std::uint64_t seed) {
  KeptTokens kept(batch.size());
  Rng rng(derive_seed(seed, "drops"));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (rng.below(100) >= static_cast<std::uint64_t>(o.drop_percent)) continue;
    const Index n = batch[i].grid.count();
    const Index k = std::max<Index>(1, n >> (1 + rng.below(3)));
    // the tokens under the answer boxes stay, so that what is asked can be answered
    std::vector<bool> keep(static_cast<std::size_t>(n));
    for (const AskedQuestion& q : batch[i].questions)
      for (const Box& b : q.boxes)
        for (Index r = static_cast<Index>(b.row0) / 32; r <= static_cast<Index>(b.row1 - 1) / 32; ++r)
          for (Index c = static_cast<Index>(b.col0) / 32; c <= static_cast<Index>(b.col1 - 1) / 32; ++c) keep[static_cast<std::size_t>(batch[i].grid.at(r, c))] = true;
    for (const Index t : rng.sample(n, k)) keep[static_cast<std::size_t>(t)] = true;
    for (Index t = 0; t < n; ++t) if (keep[static_cast<std::size_t>(t)]) kept[i].push_back(t);
  }
  return kept;
}

int run(const Options& o) {
  const ModelConfig config = small_config();
  std::filesystem::create_directories(o.out);
  const auto state = o.out / "state.safetensors";
  Trainer trainer(config, o.seed, static_cast<int>(o.threads), o.bf16);
  if (std::filesystem::exists(state)) trainer.load(state);
  else if (!o.from.empty()) trainer.load(o.from);
  OptimizerConfig opt;
  opt.learning_rate = o.learning_rate;
  opt.total = o.cosine;
  scenes::GlyphAtlas atlas;
  std::fprintf(stderr, "%ld parameters, step %ld, %s\n", static_cast<long>(trainer.parameters()), static_cast<long>(trainer.steps_done()), scenes::GlyphAtlas::library_versions().c_str());
  std::ofstream log(o.out / "log.jsonl", std::ios::app);
  const bool answers = o.stage == "answers";
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  StepResult sum;
  Index steps_in_sum = 0;
  const Index first = trainer.steps_done();
  while (trainer.steps_done() < o.steps && elapsed() < o.minutes * 60) {
    const Index step = trainer.steps_done();
    const auto seed = static_cast<std::uint64_t>(step * o.batch) % 5'000'000;
    const auto batch = batch_of(o, config, atlas, seed);
    const StepResult r = trainer.step(batch, opt, o.reading_weight, answers ? 1 : 0, answers && o.drop_percent > 0 ? drops(o, batch, seed) : KeptTokens{});
    sum.reading_loss += r.reading_loss;
    sum.answer_loss += r.answer_loss;
    sum.gradient_norm += r.gradient_norm;
    sum.marks += r.marks;
    sum.marks_right += r.marks_right;
    sum.questions += r.questions;
    sum.questions_right += r.questions_right;
    if (++steps_in_sum == 50) {
      const double n = 50, rate = static_cast<double>(step + 1 - first) / elapsed();
      char line[512];
      std::snprintf(line, sizeof line,
                    "{\"step\": %ld, \"stage\": \"%s\", \"lines\": %ld, \"seconds\": %.0f, \"reading_loss\": %.4f, \"marks_right\": %.4f, \"answer_loss\": %.4f, \"exact\": %.4f, \"gradient_norm\": %.3f, \"lr\": %.6f}",
                    static_cast<long>(step + 1), o.stage.c_str(), static_cast<long>(o.lines), elapsed(), sum.reading_loss / n, static_cast<double>(sum.marks_right) / static_cast<double>(std::max<Index>(sum.marks, 1)),
                    sum.answer_loss / n, static_cast<double>(sum.questions_right) / static_cast<double>(std::max<Index>(sum.questions, 1)), sum.gradient_norm / n, learning_rate_at(opt, step));
      log << line << std::endl;
      std::fprintf(stderr, "[%6ld/%ld] %.2f steps/s eta %.0f min  %s\n", static_cast<long>(step + 1), static_cast<long>(o.steps), rate, static_cast<double>(o.steps - step - 1) / rate / 60, line);
      sum = {};
      steps_in_sum = 0;
    }
    if (trainer.steps_done() % o.checkpoint_every == 0) trainer.save(state);
    if (trainer.steps_done() % o.evaluate_every == 0) {
      std::map<std::string, std::pair<Index, Index>> exact;
      Index marks = 0, right = 0;
      for (std::uint64_t i = 0; i < 24; ++i) {
        const std::uint64_t dev = 5'000'000 + i * static_cast<std::uint64_t>(o.batch);
        const StepResult e = trainer.evaluate(batch_of(o, config, atlas, dev), answers);
        marks += e.marks;
        right += e.marks_right;
        exact["all"].first += e.questions_right;
        exact["all"].second += e.questions;
      }
      char line[256];
      std::snprintf(line, sizeof line, "{\"step\": %ld, \"dev_marks_right\": %.4f, \"dev_exact\": %.4f}", static_cast<long>(trainer.steps_done()),
                    static_cast<double>(right) / static_cast<double>(std::max<Index>(marks, 1)), static_cast<double>(exact["all"].first) / static_cast<double>(std::max<Index>(exact["all"].second, 1)));
      log << line << std::endl;
      std::fprintf(stderr, "%s\n", line);
    }
  }
  trainer.save(state);
  trainer.save_weights(o.out / "weights.safetensors");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const std::map<std::string, std::function<void(const char*)>> flags{
      {"--out", [&](const char* v) { o.out = v; }}, {"--stage", [&](const char* v) { o.stage = v; }}, {"--from", [&](const char* v) { o.from = v; }},
      {"--steps", [&](const char* v) { o.steps = std::atol(v); }}, {"--batch", [&](const char* v) { o.batch = std::atol(v); }},
      {"--threads", [&](const char* v) { o.threads = std::atol(v); }}, {"--size", [&](const char* v) { o.size = std::atol(v); }},
      {"--questions", [&](const char* v) { o.questions = std::atol(v); }}, {"--lines", [&](const char* v) { o.lines = std::atol(v); }},
      {"--lr", [&](const char* v) { o.learning_rate = std::atof(v); }}, {"--minutes", [&](const char* v) { o.minutes = std::atof(v); }},
      {"--cosine", [&](const char* v) { o.cosine = std::atol(v); }}, {"--drop-percent", [&](const char* v) { o.drop_percent = std::atol(v); }},
      {"--reading-weight", [&](const char* v) { o.reading_weight = std::atof(v); }}, {"--seed", [&](const char* v) { o.seed = std::strtoull(v, nullptr, 10); }},
      {"--bf16", [&](const char* v) { o.bf16 = std::atol(v) != 0; }},
      {"--evaluate-every", [&](const char* v) { o.evaluate_every = std::atol(v); }}};
  for (int i = 1; i + 1 < argc; i += 2) {
    const auto it = flags.find(argv[i]);
    if (it == flags.end()) {
      std::fprintf(stderr, "arrcoc-train: unknown flag %s\n", argv[i]);
      return 2;
    }
    it->second(argv[i + 1]);
  }
  try {
    return run(o);
  } catch (const Error& e) {
    std::fprintf(stderr, "arrcoc-train: error: %s\n", e.what());
    return e.exit_status();
  }
}
