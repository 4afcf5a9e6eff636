// Routing by hand-computed numbers, experts that are read only where rows go to them, and weights that do not fit.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "arrcoc/eigen.hpp"
#include "qwen3vl/tiny_model.hpp"

using namespace arrcoc;
using arrcoc::tests::formula_weights;
using arrcoc::tests::tiny_moe_config;

namespace {

const std::string first = "model.language_model.layers.0.mlp.";

/// The weights with one tensor replaced; no tensor: left out.
WeightLookup with(WeightLookup all, const std::string& name, std::optional<HostTensor> t) {
  return [=](std::string_view n) { return n == name ? t : all(n); };
}

std::string message_of(const WeightLookup& weights) {
  try {
    EigenBackend b({.threads = 1});
    const qwen3vl::Model<EigenBackend> m(b, tiny_moe_config(), weights);
    qwen3vl::KvCache<EigenBackend> state;
    Prompt prompt;
    prompt.ids = {1, 2, 3, 4, 5, 6, 7};
    m.text().prefill(b, qwen3vl::stock_input(b, prompt, m.encode(b, {}, prompt)), state, 1);
  } catch (const Error& e) {
    CHECK(e.code() == Code::bad_weight);
    return e.what();
  }
  return "no error";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("routing: softmax over all experts, the k largest, divided by their sum") {
  // exp(1, 0, 2, -1) / sum = 0.2368828, 0.0871443, 0.6439143, 0.0320586
  const std::vector<float> logits{1, 0, 2, -1, /* a tie of three */ 5, 7, 5, 5, /* large */ -800, 900, 898, 0};
  const qwen3vl::Routing r = qwen3vl::route(logits, 4, 2);
  CHECK(r.experts == std::vector<Index>{0, 2, 0, 1, 1, 2});
  const std::vector<double> want{0.26894142, 0.73105858, 0.11920292, 0.88079708, 0.88079708, 0.11920292};
  REQUIRE(r.weights.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(std::abs(static_cast<double>(r.weights[i]) - want[i]) < 1e-7);
  const qwen3vl::Routing all = qwen3vl::route(std::span(logits).first(4), 4, 4);
  CHECK(all.experts == std::vector<Index>{0, 1, 2, 3});
  CHECK(std::abs(static_cast<double>(all.weights[0]) - 0.2368828) < 1e-7);
  CHECK(std::abs(static_cast<double>(all.weights[3]) - 0.0320586) < 1e-7);
  CHECK(qwen3vl::route(std::span(logits).first(4), 4, 1).weights == std::vector<float>{1.0f});
  CHECK(qwen3vl::route({}, 4, 2).experts.empty());
}

TEST_CASE("routing: what is not a number stays that, and chooses distinct experts") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& logits : {std::vector<float>{nan, nan, nan}, {1, nan, 2}, {nan, 1, 2}}) {
    const qwen3vl::Routing r = qwen3vl::route(logits, 3, 2);
    REQUIRE(r.experts.size() == 2);
    CHECK(r.experts[0] < r.experts[1]);
    CHECK(std::isnan(r.weights[0]));
  }
}

TEST_CASE("experts are read when rows go to them, and no others") {
  EigenBackend b({.threads = 1});
  const ModelConfig c = tiny_moe_config();
  const qwen3vl::Model<EigenBackend> m(b, c, formula_weights(c));
  CHECK(m.text().experts_used() == std::pair<Index, Index>{0, 0});
  Prompt prompt;
  prompt.ids = {7};
  qwen3vl::KvCache<EigenBackend> state;
  m.text().prefill(b, qwen3vl::stock_input(b, prompt, m.encode(b, {}, prompt)), state, 4);
  const Index one = (16 * 24 + 12 * 16) * 4;  // gate, up and down of one expert, in bytes
  CHECK(m.text().experts_used() == std::pair<Index, Index>{3 * 2, 3 * 2 * one});
  for (TokenId t = 0; t < 20; ++t) m.text().step(b, t, state);
  CHECK(m.text().experts_used() == std::pair<Index, Index>{3 * 4, 3 * 4 * one});

  // An expert with NaN is found by the row that goes there.
  auto spoilt = [&](float value) {
    HostTensor t = *formula_weights(c)(first + "experts.down_proj");
    std::vector<float> v = to_floats(t);
    v[v.size() - 1] = value;
    return with(formula_weights(c), first + "experts.down_proj", host_tensor(std::move(v), t.shape));
  };
  CHECK(message_of(spoilt(0.5f)) == "no error");
  CHECK(has(message_of(spoilt(std::numeric_limits<float>::infinity())),
            "layers.0.mlp.experts.down_proj[3]: expected finite values, got inf at place 191 of 192"));
}

TEST_CASE("experts in rows block by block give what they give together") {
  // 128 MiB of expert outputs at a time: with 16 columns and k = 2, a block holds 2^20 rows; one row more makes two
  // blocks.
  EigenBackend b({.threads = 1});
  ModelConfig c = tiny_moe_config();
  c.text.expert_intermediate_size = 1;
  c.has_vision = false;
  const WeightLookup weights = formula_weights(c);
  qwen3vl::WeightReader<EigenBackend> reader(b, weights);
  const qwen3vl::Experts<EigenBackend> experts(reader, first, c.text);
  const Index rows = (Index{1} << 20) + 1;
  std::vector<float> x(static_cast<std::size_t>(rows * 16), 0.25f);
  for (Index j = 0; j < 16; ++j)
    x[static_cast<std::size_t>((rows - 1) * 16 + j)] = x[static_cast<std::size_t>(j)] = static_cast<float>(j) - 7.5f;
  const auto out = experts.run(b, b.from_host(x, rows, 16));
  REQUIRE(b.rows(out) == rows);
  const auto head = b.to_host(b.slice_rows(out, 0, 1)), tail = b.to_host(b.slice_rows(out, rows - 1, rows)),
             middle = b.to_host(b.slice_rows(out, 5, 6));
  for (std::size_t j = 0; j < 16; ++j) CHECK(std::abs(head[j] - tail[j]) < 1e-5f);
  CHECK(head != middle);
}

TEST_CASE("experts give the same bits on any number of threads, and a row alone what it gives among others") {
  ModelConfig c = tiny_moe_config();
  c.text.hidden_size = 72;
  c.text.expert_intermediate_size = 40;
  c.text.experts = 9;
  c.text.experts_per_token = 3;
  const WeightLookup weights = formula_weights(c);
  std::vector<float> x(300 * 72), want;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = tests::formula(5, static_cast<Index>(i), 64.f);
  for (const int threads : {1, 2, 3}) {
    EigenBackend b({.threads = threads});
    qwen3vl::WeightReader<EigenBackend> reader(b, weights);
    const qwen3vl::Experts<EigenBackend> experts(reader, first, c.text);
    const auto got = b.to_host(experts.run(b, b.from_host(x, 300, 72)));
    if (want.empty()) want = got;
    CHECK(std::memcmp(got.data(), want.data(), want.size() * sizeof(float)) == 0);
    for (const Index row : {0, 77, 299}) {
      const auto alone =
          b.to_host(experts.run(b, b.from_host(std::span(x).subspan(static_cast<std::size_t>(row * 72), 72), 1, 72)));
      for (std::size_t j = 0; j < 72; ++j)
        CHECK(std::abs(alone[j] - want[static_cast<std::size_t>(row) * 72 + j]) < 1e-5f);
    }
  }
}

TEST_CASE("experts that do not fit are named with both layouts") {
  const ModelConfig c = tiny_moe_config();
  const auto shaped = [](std::vector<Index> shape) {
    HostTensor t;
    t.shape = shape;
    return host_tensor(std::vector<float>(static_cast<std::size_t>(t.count())), shape);
  };
  const WeightLookup good = formula_weights(c);
  CHECK(has(message_of(with(good, first + "experts.gate_up_proj", shaped({4, 16, 25}))),
            "mlp.experts.gate_up_proj: expected [4, 16, 24] or [4, 24, 16], got [4, 16, 25]"));
  CHECK(has(message_of(with(good, first + "experts.down_proj", shaped({3, 12, 16}))),
            "mlp.experts.down_proj: expected [4, 12, 16] or [4, 16, 12], got [3, 12, 16]"));
  CHECK(has(message_of(with(good, first + "gate.weight", shaped({5, 16}))),
            "mlp.gate.weight: expected [4, 16], got [5, 16]"));
  CHECK(has(message_of(with(good, first + "experts.gate_up_proj", std::nullopt)),
            "mlp.experts.gate_up_proj: expected in the checkpoint, got none"));
}

TEST_CASE("a square tensor of experts lies as its neighbour does") {
  EigenBackend b({.threads = 1});
  const auto values = [](std::vector<Index> shape) {
    std::vector<float> v;
    HostTensor t;
    t.shape = shape;
    for (Index i = 0; i < t.count(); ++i) v.push_back(tests::formula(3, i, 64.f));
    return host_tensor(std::move(v), shape);
  };
  for (const auto& [h, inner] : {std::pair<Index, Index>{6, 6}, {8, 4}, {5, 7}}) {
    ModelConfig c = tiny_moe_config();
    c.text.hidden_size = h;
    c.text.expert_intermediate_size = inner;
    const HostTensor gate_up = values({4, h, 2 * inner}), down = values({4, inner, h}), router = values({4, h});
    std::vector<std::vector<float>> results;
    for (const bool resaved : {false, true}) {
      const WeightLookup weights = [&](std::string_view n) -> std::optional<HostTensor> {
        if (n.ends_with("gate.weight")) return router;
        const HostTensor& t = n.ends_with("down_proj") ? down : gate_up;
        return resaved ? tests::turned(t) : t;
      };
      qwen3vl::WeightReader<EigenBackend> reader(b, weights);
      const qwen3vl::Experts<EigenBackend> experts(reader, first, c.text);
      results.push_back(b.to_host(experts.run(b, b.from_host(to_floats(values({9, h})), 9, h))));
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(std::abs(results[0][i] - results[1][i]) < 1e-5f);
  }
}
