#include "train/autograd/gated.hpp"

#include "arrcoc/qwen3vl/model.hpp"
#include "train/autograd/trainer.hpp"
// ATen has a CHECK of its own, so this comes last.
#include <doctest/doctest.h>

using namespace arrcoc;
using namespace arrcoc::train;

namespace {
struct Fixture {
  GatedBackend b{{1, "cpu", true}};
  std::map<std::string, std::vector<Index>> shapes{[] {
    std::map<std::string, std::vector<Index>> m;
    for (auto& [name, shape] : tensor_list(small_config())) m[name] = shape;
    return m;
  }()};
  qwen3vl::Model<GatedBackend> model{
      b, small_config(), [this](std::string_view name) -> std::optional<HostTensor> {
        const auto it = shapes.find(std::string(name));
        return it == shapes.end() ? std::nullopt
                                  : std::optional(host_tensor(initial_values(it->first, it->second, 3), it->second));
      }};
  Example e = [] {
    Example x;
    Rng rng(7);
    x.grid = {2, 3};
    x.image_height = 64;
    x.image_width = 96;
    x.pixels.patches = {1, 4, 6};
    for (Index i = 0; i < 24 * small_config().vision.patch_values(); ++i)
      x.pixels.rows.push_back(static_cast<float>(2 * rng.uniform() - 1));
    x.labels.assign(static_cast<std::size_t>(6 * reading_slots), 0);
    AskedQuestion q;
    q.ids = Vocabulary::encode("What is the total?<|im_end|>\n<|im_start|>assistant\n");
    q.answer_begin = static_cast<Index>(q.ids.size());
    for (const TokenId id : Vocabulary::encode("12.50<|im_end|>")) q.ids.push_back(id);
    x.questions.push_back(q);
    return x;
  }();
  qwen3vl::VisionOut<GatedBackend> seen = model.encode_images(b, {e.pixels});
  double loss(const std::vector<float>& gates) {
    return gated_answer_loss(b, model.text(), e.questions[0], e.grid, seen.tokens, seen.deepstack,
                             at::tensor(gates, at::kFloat))
        .item<double>();
  }
};
}  // namespace

TEST_CASE("gates of 0 and 1 are tokens dropped and kept, as training and pruned inference drop them") {
  Fixture f;
  Trainer t(small_config(), {.seed = 3, .threads = 1, .device = "cpu", .bf16 = false, .average = 0});
  CHECK(f.loss({1, 1, 1, 1, 1, 1}) == doctest::Approx(t.evaluate({{f.e}, {}}, true).answer_loss).epsilon(1e-5));
  const double some = f.loss({1, 0, 0, 1, 1, 0});
  CHECK(some == doctest::Approx(t.evaluate({{f.e}, {{{0, 3, 4}, {}}}}, true).answer_loss).epsilon(1e-5));
  CHECK(some != doctest::Approx(f.loss({1, 1, 1, 1, 1, 1})).epsilon(1e-6));
}

TEST_CASE("the slope at every gate, 0 included, is that of finite differences") {
  Fixture f;
  const at::Tensor gates = at::tensor(std::vector<float>{1, 0, 0.5f, 1, 0, 0.2f}, at::kFloat).requires_grad_(true);
  gated_answer_loss(f.b, f.model.text(), f.e.questions[0], f.e.grid, f.seen.tokens, f.seen.deepstack, gates).backward();
  double largest = 0;
  for (Index i = 0; i < 6; ++i) {
    std::vector<float> up{1, 0, 0.5f, 1, 0, 0.2f}, down = up;
    const bool edge = up[static_cast<std::size_t>(i)] == 0;  // one-sided, second order
    constexpr float h = 0.02f;
    double want = 0;
    if (edge) {
      std::vector<float> twice = up;
      const double zero = f.loss(up);
      up[static_cast<std::size_t>(i)] += h;
      twice[static_cast<std::size_t>(i)] += 2 * h;
      want = (4 * f.loss(up) - f.loss(twice) - 3 * zero) / (2 * h);
    } else {
      up[static_cast<std::size_t>(i)] += h;
      down[static_cast<std::size_t>(i)] -= h;
      want = (f.loss(up) - f.loss(down)) / (2 * h);
    }
    const double got = gates.grad()[i].item<double>();
    largest = std::max(largest, std::abs(want));
    CHECK(std::abs(got - want) < 2e-4 + 0.03 * std::abs(want));
  }
  CHECK(largest > 2e-3);
}
