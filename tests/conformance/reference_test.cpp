// The references that the conformance suite trusts, against PyTorch's float64 (tests/oracle/kernel_references.py writes
// the numbers).
#include <doctest/doctest.h>

#include <fstream>
#include <limits>
#include <map>
#include <string>

#include "conformance/reference.hpp"

using namespace arrcoc;
using namespace arrcoc::conformance;

namespace {

Matrix formula(Index rows, Index cols, Index seed) {
  return build(rows, cols, [&](Index r, Index c) {
    const Index i = r * cols + c;
    return static_cast<double>((31 * i * i + 17 * i + 101 * seed + 7) % 257 - 128) / 64;
  });
}

std::map<std::string, Matrix> golden() {
  std::ifstream file(std::string(ARRCOC_TESTS_DIR) + "/golden/kernels.txt");
  std::map<std::string, Matrix> out;
  std::string name;
  Index rows = 0, cols = 0;
  while (file >> name >> rows >> cols) {
    Matrix m(rows, cols);
    for (double& v : m.values) file >> v;
    out[name] = m;
  }
  return out;
}

}  // namespace

TEST_CASE("the references equal torch in float64") {
  const auto want = golden();
  REQUIRE(want.size() == 22);
  std::size_t compared = 0;
  const auto check = [&](const std::string& name, const Matrix& got) {
    REQUIRE_MESSAGE(want.count(name) == 1, name);
    const Matrix& w = want.at(name);
    REQUIRE(got.rows == w.rows);
    REQUIRE(got.cols == w.cols);
    double worst = 0;
    for (std::size_t i = 0; i < w.values.size(); ++i)
      worst = std::max(worst, std::abs(got.values[i] - w.values[i]) / std::max(1.0, std::abs(w.values[i])));
    CHECK_MESSAGE(worst < 1e-12, name << ": " << worst);
    ++compared;
  };
  const Matrix x = formula(5, 12, 1), y = formula(5, 12, 2), w = formula(1, 12, 3), b = formula(1, 12, 4);
  const auto each = [&](auto f) { return build(5, 12, [&](Index i, Index j) { return f(x.at(i, j), y.at(i, j)); }); };
  check("matmul", reference::matmul(x, formula(12, 3, 5)));
  check("layer_norm", reference::layer_norm(x, w, b, 1e-6));
  check("rms_norm", reference::rms_norm(x, w, 1e-6));
  check("gelu_tanh", each([](double v, double) { return reference::gelu(v, Gelu::tanh); }));
  check("gelu_erf", each([](double v, double) { return reference::gelu(v, Gelu::erf); }));
  check("silu_mul", each([](double v, double u) { return reference::silu(v) * u; }));
  check("softmax", reference::softmax(x));
  check("rope", reference::rope(x, 2, formula(5, 3, 6), formula(5, 3, 7)));

  const Matrix q = formula(7, 12, 8), k = formula(11, 6, 9), v = formula(11, 4, 10);
  const auto attend = [&](const std::string& name, bool causal, Index offset, std::vector<Segment> segments,
                          Index prefix, const std::vector<float>& bias = {}) {
    AttentionSpec s;
    s.key_bias = bias;
    s.heads = 4;
    s.kv_heads = 2;
    s.scale = 0.25f;
    s.causal = causal;
    s.causal_offset = offset;
    s.segments = std::move(segments);
    s.shared_prefix = prefix;
    const auto [out, received] = reference::attention(q, k, v, s);
    check("attention_" + name, out);
    check("received_" + name, received);
  };
  attend("plain", false, 0, {}, 0);
  attend("causal", true, 4, {}, 0);
  attend("segments", false, 4, {{0, 5}, {5, 6}, {6, 11}}, 0);
  attend("prefix", true, 4, {{3, 7}, {7, 11}}, 3);
  attend("prefix_rows", false, 0, {{3, 7}, {7, 11}}, 3);
  std::vector<float> bias = formula(1, 11, 14).floats();
  bias[2] = -std::numeric_limits<float>::infinity();
  attend("bias", true, 4, {}, 0, bias);
  const Conv2dSpec padded{.height = 5, .width = 6, .kernel_h = 3, .kernel_w = 2, .stride = 2, .padding = 1};
  const Conv2dSpec pool{.height = 5, .width = 6, .kernel_h = 3, .kernel_w = 2, .stride = 2};
  check("conv2d", reference::conv2d(formula(30, 2, 11), formula(3, 12, 12), formula(1, 3, 13), padded));
  check("avg_pool", reference::avg_pool(formula(30, 2, 11), pool));
  CHECK(compared == want.size());
}
