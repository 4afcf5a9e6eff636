#include "train/autograd/trainer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "io/temporary_folder.hpp"

using namespace arrcoc;
using namespace arrcoc::train;

namespace {

/// Pixels, labels and questions from a seed: nothing that needs fonts.
Example example(Index rows, Index cols, std::uint64_t seed, int questions, std::vector<double> seconds = {}) {
  const ModelConfig c = small_config();
  Rng rng(seed);
  Example e;
  e.grid = {rows, cols};
  e.image_height = 32 * rows;
  e.image_width = 32 * cols;
  e.seconds = std::move(seconds);
  e.pixels.patches = {e.tokens().frames, 2 * rows, 2 * cols};
  e.pixels.rows.resize(static_cast<std::size_t>(e.pixels.patches.count() * c.vision.patch_values()));
  for (float& x : e.pixels.rows) x = static_cast<float>(2 * rng.uniform() - 1);
  e.labels.assign(static_cast<std::size_t>(e.tokens().count() * reading_slots), 0);
  for (int i = 0; i < 30; ++i)
    e.labels[rng.below(e.labels.size())] = 1 + static_cast<std::int64_t>(rng.below(reading_classes - 1));
  for (int q = 0; q < questions; ++q) {
    AskedQuestion a;
    a.ids = Vocabulary::encode(std::string(q == 0 ? "What is the total?" : "How many shapes?") +
                               "<|im_end|>\n<|im_start|>assistant\n");
    a.answer_begin = static_cast<Index>(a.ids.size());
    for (const TokenId id : Vocabulary::encode(q == 0 ? "12.50<|im_end|>" : "7<|im_end|>")) a.ids.push_back(id);
    e.questions.push_back(a);
  }
  return e;
}
Index targets(const AskedQuestion& q) { return static_cast<Index>(q.ids.size()) - q.answer_begin; }

const Trainer::Options plain{.seed = 3, .threads = 1, .device = "cpu", .bf16 = false, .average = 0};

StageConfig config() {
  StageConfig c;
  c.learning_rate = 1e-3;
  c.warm_up = 0;
  return c;
}

struct State {
  test::TemporaryFolder folder;
  std::map<std::string, std::vector<float>> tensors;
  explicit State(const Trainer& t) {
    t.save(folder.path / "state");
    const auto f = io::SafetensorsFile::open(folder.path / "state");
    for (const auto& [name, entry] : f.entries())
      if (name != "step") tensors[name] = to_floats(f.tensor(name));
  }
};

}  // namespace

TEST_CASE("several questions in one packed pass are as if each were asked alone") {
  Trainer t(small_config(), plain);
  const Example both = example(3, 4, 7, 2), other = example(2, 5, 8, 1);
  Example first = both, second = both;
  first.questions.resize(1);
  second.questions.erase(second.questions.begin());
  const double n1 = static_cast<double>(targets(first.questions[0])),
               n2 = static_cast<double>(targets(second.questions[0])),
               n3 = static_cast<double>(targets(other.questions[0]));
  const double apart =
      (t.evaluate({{first}, {}}, true).answer_loss * n1 + t.evaluate({{second}, {}}, true).answer_loss * n2 +
       t.evaluate({{other}, {}}, true).answer_loss * n3) /
      (n1 + n2 + n3);
  CHECK(t.evaluate({{both, other}, {}}, true).answer_loss == doctest::Approx(apart).epsilon(1e-5));
}

TEST_CASE("the training pass is the pass of pruned inference: kept tokens, positions, DeepStack levels") {
  std::vector<double> seconds;
  Kept kept{{0, 3, 4, 9, 11}, {0b111, 0b100, 0b000, 0b110, 0b011}};
  SUBCASE("of a picture") {}
  SUBCASE("of a clip, whose second pair loses all") { seconds = {0, 1, 11.5}, kept.tokens = {0, 3, 4, 25, 35}; }
  Trainer t(small_config(), plain);
  const Example e = example(3, 4, 7, 1, seconds);
  // Inference: the same initial weights, the injector's own gather, one question in an unpacked prompt.
  TorchBackend b({1, "cpu", false});
  std::map<std::string, std::vector<Index>> shapes;
  for (auto& [name, shape] : tensor_list(small_config())) shapes[name] = shape;
  const qwen3vl::Model<TorchBackend> model(b, small_config(), [&](std::string_view name) -> std::optional<HostTensor> {
    const auto it = shapes.find(std::string(name));
    return it == shapes.end()
               ? std::nullopt
               : std::optional(host_tensor(initial_values(it->first, it->second, plain.seed), it->second));
  });
  Prompt prompt = prefix_of(e);
  for (const TokenId id : e.questions[0].ids) prompt.ids.push_back(id);
  const auto encoded = model.encode(b, {e.pixels}, prompt);
  Allocation a;
  a.tokens = e.tokens();
  a.kept = kept.tokens;
  a.depth.assign(kept.levels.begin(), kept.levels.end());
  a.why.resize(a.kept.size());
  const auto loss_of = [&](const Allocation& allocation) {
    qwen3vl::KvCache<TorchBackend> state;
    const auto logits = b.to_host(model.text().logits(
        b, model.text().prefill(b, GatherInjector{}.inject(b, std::span(&allocation, 1), encoded, prompt, nullptr),
                                state, 0)));
    const auto width = static_cast<std::size_t>(Vocabulary::size), rows = logits.size() / width,
               asked = e.questions[0].ids.size();
    double sum = 0;
    for (std::size_t i = static_cast<std::size_t>(e.questions[0].answer_begin); i < asked; ++i) {
      const float* row = logits.data() + (rows - asked + i - 1) * width;
      double total = 0;
      for (std::size_t v = 0; v < width; ++v) total += std::exp(static_cast<double>(row[v]));
      sum += std::log(total) - static_cast<double>(row[e.questions[0].ids[i]]);
    }
    return sum / static_cast<double>(targets(e.questions[0]));
  };
  CHECK(t.evaluate({{e}, {kept}}, true).answer_loss == doctest::Approx(loss_of(a)).epsilon(1e-5));
  CHECK(t.evaluate({{e}, {}}, true).answer_loss == doctest::Approx(loss_of(keep_everything(e.tokens()))).epsilon(1e-5));
  Kept shallow = kept;
  shallow.levels.assign(5, 0b111);
  CHECK(t.evaluate({{e}, {shallow}}, true).answer_loss != doctest::Approx(loss_of(a)).epsilon(1e-5));
}

TEST_CASE("one AdamW step, by its formula; the average follows") {
  Trainer::Options o = plain;
  o.average = 0.999;
  Trainer t(small_config(), o);
  StageConfig c = config();
  c.clip = 1e9;
  const State before(t);
  const Example e = example(2, 3, 5, 1);
  t.step({{{e}, {}}}, c);
  const State after(t);
  for (const std::string name : {"model.visual.merger.linear_fc1.weight", "model.language_model.norm.weight",
                                 "model.visual.patch_embed.proj.bias"}) {
    const bool matrix = name.find("fc1.weight") != std::string::npos;
    const auto &w0 = before.tensors.at(name), &w1 = after.tensors.at(name), &m = after.tensors.at("moment." + name),
               &s = after.tensors.at("square." + name), &a = after.tensors.at("average." + name);
    double worst = 0, worst_average = 0, worst_square = 0;
    for (std::size_t i = 0; i < w0.size(); ++i) {
      const double g = m[i] / 0.1;  // the first moment is (1 - 0.9) g
      worst_square = std::max(worst_square, std::abs(s[i] - 0.02 * g * g) / (1e-12 + 0.02 * g * g));
      const double want =
          w0[i] * (1 - (matrix ? c.learning_rate * c.weight_decay : 0)) - c.learning_rate * g / (std::abs(g) + 1e-8);
      worst = std::max(worst, std::abs(w1[i] - want));
      worst_average = std::max(
          worst_average, std::abs(a[i] - (w0[i] + (w1[i] - w0[i]) * (1 - 2.0 / 11))));  // decay min(0.999, 2 / 11)
    }
    CHECK(worst < 2e-6);
    CHECK(worst_average < 1e-6);
    CHECK(worst_square < 1e-3);
  }
}

TEST_CASE("two equal passes make the step of one") {
  Trainer a(small_config(), plain), b(small_config(), plain);
  const Example e = example(2, 3, 5, 2);
  const StepResult one = a.step({{{e}, {}}}, config()), two = b.step({{{e}, {}}, {{e}, {}}}, config());
  CHECK(two.gradient_norm == doctest::Approx(one.gradient_norm).epsilon(1e-5));
  CHECK(two.answer_loss == doctest::Approx(one.answer_loss).epsilon(1e-6));
  CHECK(two.questions == 2 * one.questions);
  Trainer c(small_config(), plain);
  const StepResult mixed = c.step({{{e}, {}}, {{example(2, 3, 6, 1)}, {}}}, config());
  CHECK(mixed.gradient_norm != doctest::Approx(one.gradient_norm).epsilon(1e-3));
}

TEST_CASE("passes side by side leave the bytes of one after the other") {
  Trainer::Options beside = plain;
  beside.workers = 2;
  Trainer a(small_config(), plain), b(small_config(), beside);
  const std::vector<Batch> passes{
      {{example(2, 3, 5, 2)}, {}}, {{example(3, 3, 6, 1)}, {}}, {{example(2, 2, 7, 2)}, {}}};
  for (int i = 0; i < 2; ++i) {
    const StepResult one = a.step(passes, config()), two = b.step(passes, config());
    CHECK(one.gradient_norm == two.gradient_norm);
    CHECK(one.answer_loss == two.answer_loss);
  }
  CHECK(State(a).tensors == State(b).tensors);
  // What stops one pass stops the step, whoever ran it.
  const auto before = State(b).tensors;
  for (const Index bad : {0, 1, 2})
    CHECK_THROWS_AS(b.step(
                        3,
                        [&](Index pass) -> Batch {
                          return pass == bad ? throw std::runtime_error("no picture")
                                             : passes[static_cast<std::size_t>(pass)];
                        },
                        config()),
                    std::runtime_error);
  CHECK(State(b).tensors == before);
  CHECK(b.steps_done() == 2);
  a.step(passes, config());
  b.step(passes, config());
  CHECK(State(a).tensors == State(b).tensors);  // nothing of the broken steps is left
}

TEST_CASE("training lowers the loss, and the weights of the average are what is evaluated") {
  Trainer::Options o = plain;
  o.average = 0.5;
  Trainer t(small_config(), o);
  const Batch batch{{example(2, 3, 5, 2)}, {}};
  const double before = t.evaluate(batch, true).answer_loss;
  StageConfig c = config();
  c.learning_rate = 3e-3;
  double last = 0;
  for (int i = 0; i < 20; ++i) last = t.step({batch}, c).answer_loss;
  const double averaged = t.evaluate(batch, true).answer_loss;
  CHECK(averaged < before / 2);
  CHECK(last < before / 2);
  test::TemporaryFolder f;
  t.save(f.path / "s");
  Trainer::Options without = plain;
  Trainer latest(small_config(), without), start(small_config(), without);
  latest.resume(f.path / "s");
  start.start_from(f.path / "s");
  CHECK(latest.steps_done() == 20);
  CHECK(start.steps_done() == 0);
  CHECK(start.evaluate(batch, true).answer_loss == averaged);
  CHECK(latest.evaluate(batch, true).answer_loss != averaged);
}

TEST_CASE("heads_only: what the model keeps stays, bit by bit, and the heads that are thrown away learn") {
  Trainer::Options o = plain;
  o.pointing = true;
  Trainer t(small_config(), o);
  Example e = example(2, 3, 5, 2);
  e.questions[0].words = {{3, 2, 5}};
  e.questions[0].answers = {{e.questions[0].answer_begin, 5, 1}};
  StageConfig c = config();
  c.pointing_weight = 1;
  c.heads_only = true;
  const State before(t);
  const double at_first = t.evaluate({{e}, {}}, true).reading_loss;
  for (int i = 0; i < 3; ++i) t.step({{{e}, {}}}, c);
  const State after(t);
  for (const auto& entry : before.tensors) {
    const std::string& name = entry.first;
    const bool of_a_head =
        name.find("reading_head.") != std::string::npos || name.find("pointing_head.") != std::string::npos;
    CHECK_MESSAGE((after.tensors.at(name) != entry.second) == of_a_head, name);
  }
  CHECK(t.evaluate({{e}, {}}, true).reading_loss < at_first);
  c.heads_only = false;
  t.step({{{e}, {}}}, c);  // from here on everything learns
  CHECK(State(t).tensors.at("model.visual.pos_embed.weight") != before.tensors.at("model.visual.pos_embed.weight"));
}

TEST_CASE("a number that is none stops the step before it touches the weights") {
  Trainer t(small_config(), plain);
  Example e = example(2, 3, 5, 1);
  test::TemporaryFolder f;
  t.save(f.path / "before");
  e.pixels.rows[100] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(t.step({{{e}, {}}}, config()), Error);
  t.save(f.path / "after");
  CHECK(io::read_file(f.path / "before") == io::read_file(f.path / "after"));
  CHECK(t.steps_done() == 0);
}

TEST_CASE("bf16: every part of the pass takes it, and it stays near float32") {
  Trainer::Options o = plain;
  o.bf16 = true;
  Trainer half(small_config(), o), full(small_config(), plain);
  const Batch batch{{example(3, 4, 7, 2), example(2, 2, 8, 1)}, {{{0, 3, 5}, {0b111, 0b010, 0b100}}, {}}};
  const double a = half.step({batch}, config()).answer_loss, b = full.step({batch}, config()).answer_loss;
  CHECK(a == doctest::Approx(b).epsilon(0.02));
  CHECK(a != b);
}

TEST_CASE("learning rate: warm-up, cosine, floor") {
  StageConfig c;
  c.learning_rate = 2;
  c.warm_up = 10;
  c.cosine = 100;
  c.final_share = 0.1;
  CHECK(learning_rate_at(c, 0) == doctest::Approx(0.2));
  CHECK(learning_rate_at(c, 9) == doctest::Approx(2));
  CHECK(learning_rate_at(c, 10) == doctest::Approx(2));
  CHECK(learning_rate_at(c, 60) == doctest::Approx(2 * (0.1 + 0.9 * 0.5)));
  CHECK(learning_rate_at(c, 35) == doctest::Approx(2 * (0.1 + 0.9 * 0.5 * (1 + std::numbers::sqrt2 / 2))));
  CHECK(learning_rate_at(c, 110) == doctest::Approx(0.2));
  CHECK(learning_rate_at(c, 5000) == doctest::Approx(0.2));
  c.cosine = 0;
  CHECK(learning_rate_at(c, 5000) == 2);
}

TEST_CASE("the pointing loss, by its formula: what two heads do not give to the token, and the cell") {
  // Two pictures of 3 + 2 and 2 + 1 rows (prefix, one question); 4 heads of 2 over 2 groups; width 5.
  const Index d = 2, width = 5, rows = 8;
  Rng rng(4);
  const auto random = [&](Index n, Index m) {
    std::vector<float> v(static_cast<std::size_t>(n * m));
    for (float& x : v) x = static_cast<float>(2 * rng.uniform() - 1);
    return at::tensor(v, at::kFloat).view({n, m});
  };
  const Looked looked{random(rows, 4 * d), random(rows, 2 * d), 4, 2, 0.7};
  const at::Tensor hidden = random(rows, width), cell = random(reading_slots, width),
                   bias = random(1, reading_slots).flatten();
  const float no = -std::numeric_limits<float>::infinity();
  const std::vector<float> mask{0,  no, no, no, no, 0,  0,  no, no, no, 0,  0,  0,  no, no, 0,  0,
                                0,  0,  no, 0,  0,  0,  0,  0,  0,  no, no, no, no, 0,  0,  no, no,
                                no, 0,  0,  0,  no, no, no, no, no, 0,  no, no, no, no, no, 0};
  const PackedLayout layout{at::tensor(std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 0, 0}, at::kLong).view({2, 5}),
                            at::tensor(mask, at::kFloat).view({2, 1, 5, 5}),
                            at::tensor(std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7}, at::kLong)};
  const PointingTargets t{{3, 4, 7}, {1, 2, 5}, {3, 0, 23}};
  const Pointed got = point_loss(layout, looked, hidden, cell, bias, t);
  const auto at2 = [](const at::Tensor& x, Index i, Index j) {
    return static_cast<double>(x.index({i, j}).item<float>());
  };
  const auto cross_entropy = [](const std::vector<double>& scores, std::size_t target) {
    double sum = 0;
    for (const double s : scores) sum += std::exp(s);
    return std::log(sum) - scores[target];
  };
  double want = 0;
  Index right = 0;
  for (std::size_t p = 0; p < t.rows.size(); ++p) {
    const Index row = t.rows[p], first = row < 5 ? 0 : 5;
    for (const Index h : {0, 2}) {
      std::vector<double> scores;
      for (Index j = first; j <= row; ++j) {
        double dot = 0;
        for (Index i = 0; i < d; ++i) dot += at2(looked.q, row, h * d + i) * at2(looked.k, j, h / 2 * d + i);
        scores.push_back(0.7 * dot);
      }
      const auto target = static_cast<std::size_t>(t.keys[p] - first);
      want += cross_entropy(scores, target) / 2 / 3;
      right += h == 0 &&
               std::max_element(scores.begin(), scores.end()) - scores.begin() == static_cast<std::ptrdiff_t>(target);
    }
    double mean = 0, square = 0;
    for (Index i = 0; i < width; ++i) mean += at2(hidden, row, i) / static_cast<double>(width);
    for (Index i = 0; i < width; ++i)
      square += (at2(hidden, row, i) - mean) * (at2(hidden, row, i) - mean) / static_cast<double>(width);
    std::vector<double> cells;
    for (Index c = 0; c < reading_slots; ++c) {
      double dot = static_cast<double>(bias.index({c}).item<float>());
      for (Index i = 0; i < width; ++i)
        dot += at2(cell, c, i) * (at2(hidden, row, i) - mean) / std::sqrt(square + 1e-5);
      cells.push_back(dot);
    }
    want += cross_entropy(cells, static_cast<std::size_t>(t.cells[p])) / 3;
  }
  CHECK(got.loss.item<float>() == doctest::Approx(want).epsilon(1e-5));
  CHECK(got.right == right);
  CHECK(looking_heads(4, 2) == std::vector<Index>{0, 2});
  CHECK(looking_heads(16, 8) == std::vector<Index>{0, 2});
  CHECK(looking_heads(2, 1) == std::vector<Index>{0});
}

TEST_CASE("pointing: dropped tokens are not asked for, it is learned, and no model keeps it") {
  Trainer::Options o = plain;
  o.pointing = true;
  StageConfig c = config();
  c.pointing_weight = 1;
  c.learning_rate = 3e-3;
  Example e = example(2, 3, 5, 2);
  e.questions[0].words = {{3, 2, 5}};
  e.questions[0].answers = {{e.questions[0].answer_begin - 1, 4, 7}, {e.questions[0].answer_begin, 5, 1}};
  Trainer t(small_config(), o), without(small_config(), plain);
  CHECK(t.parameters() == without.parameters());
  CHECK(t.evaluate({{e}, {}}, true).points == 3);
  CHECK(t.evaluate({{e}, {{{0, 2, 4}, {}}}}, true).points == 2);
  CHECK(t.evaluate({{e}, {{{0, 1}, {}}}}, true).points == 0);
  CHECK(without.evaluate({{e}, {}}, true).points == 0);
  CHECK(t.evaluate({{e}, {}}, true).answer_loss == without.evaluate({{e}, {}}, true).answer_loss);
  // A second picture in the pack changes nothing for the first.
  Example silent = example(3, 4, 9, 1);
  CHECK(t.evaluate({{silent, e}, {}}, true).pointing_loss ==
        doctest::Approx(t.evaluate({{e}, {}}, true).pointing_loss).epsilon(1e-5));
  const double before = t.evaluate({{e}, {}}, true).pointing_loss;
  StepResult last;
  for (int i = 0; i < 40; ++i) last = t.step({{{e}, {}}}, c);
  CHECK(last.pointing_loss < before / 4);
  CHECK(last.points_right == 3);
  // A pass without a question, or without anything to point at, is no loss of zero.
  Example mute = e, plain_one = e;
  mute.questions.clear();
  for (auto& q : plain_one.questions) q.words.clear(), q.answers.clear();
  Trainer u(small_config(), o), v(small_config(), o);
  const StepResult half = u.step({{{e}, {}}, {{mute}, {}}, {{plain_one}, {}}}, c), whole = v.step({{{e}, {}}}, c);
  CHECK((half.asked == 1 && half.pointed == 1));
  CHECK(half.answer_loss == doctest::Approx(whole.answer_loss));
  CHECK(half.pointing_loss == doctest::Approx(whole.pointing_loss));
  test::TemporaryFolder f;
  t.save(f.path / "s");
  without.start_from(f.path / "s");  // and a run with the heads starts from one without them
  CHECK(without.evaluate({{e}, {}}, true).answer_loss == doctest::Approx(t.evaluate({{e}, {}}, true).answer_loss));
  without.save(f.path / "plain");
  t.start_from(f.path / "plain");
}
