// Every kernel of the contract on eigen, shapes swept (those of Qwen3-VL 2B among them). FLOP/s count a multiply and an
// add as two; bytes/s count each operand once. Wall time, because the kernels run on threads. --benchmark_filter picks
// kernels.
#include <benchmark/benchmark.h>

#include <cmath>
#include <numeric>

#include "arrcoc/core/random.hpp"
#include "arrcoc/eigen.hpp"

using namespace arrcoc;

namespace {
using B = EigenBackend;

B& backend() {
  static B b;
  return b;
}
std::vector<float> values(Index n, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = static_cast<float>(rng.uniform() * 2 - 1);
  return v;
}
B::Tensor tensor(Index r, Index c, std::uint64_t seed = 1) { return backend().from_host(values(r * c, seed), r, c); }
B::Weight weight(Index out, Index in, DType type) {
  if (type == DType::f32) return backend().import_weight(host_tensor(values(out * in, 2), {out, in}), Layout::out_in);
  std::vector<std::uint16_t> h;
  for (const float f : values(out * in, 2)) h.push_back(f32_to_bf16(f));
  return backend().import_weight(host_tensor(std::move(h), {out, in}), Layout::out_in);
}
B::Weight vector(Index n) { return backend().import_weight(host_tensor(values(n, 3), {n}), Layout::vector); }

void count(benchmark::State& s, double flops, double bytes) {
  const auto n = static_cast<double>(s.iterations());
  if (flops > 0) s.counters["FLOP/s"] = benchmark::Counter(flops * n, benchmark::Counter::kIsRate);
  if (bytes > 0)
    s.counters["B/s"] = benchmark::Counter(bytes * n, benchmark::Counter::kIsRate, benchmark::Counter::kIs1024);
}

void linear(benchmark::State& s, DType type) {
  const Index rows = s.range(0), in = s.range(1), out = s.range(2);
  const auto x = tensor(rows, in);
  const auto w = weight(out, in, type);
  const auto bias = vector(out);
  for (auto _ : s) benchmark::DoNotOptimize(backend().linear(x, w, bias));
  count(s, 2.0 * static_cast<double>(rows * in * out),
        static_cast<double>(out * in * size_of(type) + 4 * rows * (in + out)));
  s.SetComplexityN(rows);
}
void matmul(benchmark::State& s, bool transpose) {
  const Index n = s.range(0);
  const auto a = tensor(n, n), c = tensor(n, n, 2);
  for (auto _ : s) benchmark::DoNotOptimize(backend().matmul(a, c, transpose));
  count(s, 2.0 * std::pow(static_cast<double>(n), 3), 0);
  s.SetComplexityN(n);
}
/// rows = queries, keys = queries + cached; heads, kv heads, head width.
void attention(benchmark::State& s, bool causal, bool received) {
  const Index rows = s.range(0), cached = s.range(1), d = s.range(4);
  AttentionSpec spec;
  spec.heads = s.range(2);
  spec.kv_heads = s.range(3);
  spec.scale = 1.0f / std::sqrt(static_cast<float>(d));
  spec.causal = causal;
  spec.causal_offset = cached;
  spec.want_received = received;
  const auto q = tensor(rows, spec.heads * d), k = tensor(rows + cached, spec.kv_heads * d, 2),
             v = tensor(rows + cached, spec.kv_heads * d, 3);
  for (auto _ : s) benchmark::DoNotOptimize(backend().attention(q, k, v, spec).out);
  const auto pairs = static_cast<double>(causal ? rows * cached + rows * (rows + 1) / 2 : rows * (rows + cached));
  count(s, 4.0 * pairs * static_cast<double>(spec.heads * d), 0);
  s.SetComplexityN(rows);
}
void cache_append(benchmark::State& s) {
  const Index rows = s.range(0), width = 1024;
  const auto k = tensor(1, width);
  for (auto _ : s) {
    auto cache = backend().make_cache(1, width);
    for (Index i = 0; i < rows; ++i) backend().cache_append(cache, k, k);
    benchmark::DoNotOptimize(backend().cache_keys(cache));
  }
  s.SetComplexityN(rows);
  count(s, 0, static_cast<double>(rows * width * 8));
}
void conv2d(benchmark::State& s) {
  const Index side = s.range(0), in = s.range(1), out = s.range(2);
  const Conv2dSpec spec{.height = side, .width = side, .kernel_h = 3, .kernel_w = 3, .stride = 1, .padding = 1};
  const auto x = tensor(side * side, in);
  const auto w = weight(out, in * 9, DType::f32);
  const auto bias = vector(out);
  for (auto _ : s) benchmark::DoNotOptimize(backend().conv2d(x, w, bias, spec));
  count(s, 2.0 * static_cast<double>(side * side * in * 9 * out), 0);
  s.SetComplexityN(side * side);
}
void avg_pool(benchmark::State& s) {
  const Index side = s.range(0), c = s.range(1);
  const Conv2dSpec spec{.height = side, .width = side, .kernel_h = 2, .kernel_w = 2, .stride = 2};
  const auto x = tensor(side * side, c);
  for (auto _ : s) benchmark::DoNotOptimize(backend().avg_pool(x, spec));
  count(s, 0, static_cast<double>(side * side * c * 5));
  s.SetComplexityN(side * side);
}
void embedding(benchmark::State& s, bool bag) {
  const Index n = s.range(0), d = s.range(1);
  const auto w = weight(4096, d, DType::bf16);
  std::vector<Index> rows(static_cast<std::size_t>(n * 4));
  Rng rng(5);
  for (Index& r : rows) r = static_cast<Index>(rng.below(4096));
  const std::vector<TokenId> ids(rows.begin(), rows.begin() + n);
  const auto share = values(n * 4, 6);
  for (auto _ : s) {
    if (bag) benchmark::DoNotOptimize(backend().embedding_bag(w, rows, share, 4));
    else benchmark::DoNotOptimize(backend().embedding(w, ids));
  }
  count(s, 0, static_cast<double>(n * d * (bag ? 12 : 6)));
  s.SetComplexityN(n);
}
/// f(x, y) on two tensors [rows, cols].
template <class F>
void rows_kernel(benchmark::State& s, double operands, F f) {
  const Index rows = s.range(0), cols = s.range(1);
  const auto x = tensor(rows, cols), y = tensor(rows, cols, 2);
  for (auto _ : s) benchmark::DoNotOptimize(f(x, y));
  count(s, 0, operands * 4.0 * static_cast<double>(rows * cols));
  s.SetComplexityN(rows);
}

template <class F>
void add_rows_kernel(const std::string& name, double operands, F f) {
  auto* b = benchmark::RegisterBenchmark(("eigen/" + name).c_str(),
                                         [=](benchmark::State& s) { rows_kernel(s, operands, f); });
  for (const Index rows : {1, 256, 1024, 4096}) b->Args({rows, 2048});
  b->UseRealTime()->Complexity(benchmark::oN);
}

void register_all() {
  for (const auto& [type, name] : {std::pair{DType::f32, "f32"}, {DType::bf16, "bf16"}}) {
    const DType t = type;
    auto* b = benchmark::RegisterBenchmark((std::string("eigen/linear_") + name).c_str(),
                                           [t](benchmark::State& s) { linear(s, t); });
    for (const Index rows : {1, 8, 64, 298, 1066}) b->Args({rows, 2048, 6144});
    b->UseRealTime()->Unit(benchmark::kMillisecond)->Complexity(benchmark::oN);
    auto* vision = benchmark::RegisterBenchmark((std::string("eigen/linear_vision_") + name).c_str(),
                                                [t](benchmark::State& s) { linear(s, t); });
    vision->Args({1024, 1024, 4096})
        ->Args({4096, 128, 384})
        ->Args({4096, 1536, 1024})
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
  for (const bool transpose : {false, true})
    benchmark::RegisterBenchmark(transpose ? "eigen/matmul_transposed" : "eigen/matmul",
                                 [=](benchmark::State& s) { matmul(s, transpose); })
        ->RangeMultiplier(2)
        ->Range(64, 1024)
        ->UseRealTime()
        ->Complexity(benchmark::oNCubed);
  benchmark::RegisterBenchmark("eigen/attention_vision", [](benchmark::State& s) { attention(s, false, false); })
      ->Args({256, 0, 16, 16, 64})
      ->Args({1024, 0, 16, 16, 64})
      ->Args({4096, 0, 16, 16, 64})
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond)
      ->Complexity(benchmark::oNSquared);
  benchmark::RegisterBenchmark("eigen/attention_vision_received",
                               [](benchmark::State& s) { attention(s, false, true); })
      ->Args({256, 0, 16, 16, 64})
      ->Args({1024, 0, 16, 16, 64})
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("eigen/attention_prefill", [](benchmark::State& s) { attention(s, true, false); })
      ->Args({298, 0, 16, 8, 128})
      ->Args({1066, 0, 16, 8, 128})
      ->Args({2132, 0, 16, 8, 128})
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond)
      ->Complexity(benchmark::oNSquared);
  benchmark::RegisterBenchmark("eigen/attention_decode", [](benchmark::State& s) { attention(s, true, false); })
      ->Args({1, 298, 16, 8, 128})
      ->Args({1, 1066, 16, 8, 128})
      ->Args({1, 8192, 16, 8, 128})
      ->UseRealTime();
  benchmark::RegisterBenchmark("eigen/cache_append", cache_append)
      ->RangeMultiplier(4)
      ->Range(64, 4096)
      ->UseRealTime()
      ->Complexity(benchmark::oN);
  benchmark::RegisterBenchmark("eigen/conv2d", conv2d)
      ->Args({16, 64, 64})
      ->Args({32, 64, 64})
      ->Args({64, 64, 64})
      ->UseRealTime()
      ->Complexity(benchmark::oN);
  benchmark::RegisterBenchmark("eigen/avg_pool", avg_pool)
      ->Args({16, 1024})
      ->Args({32, 1024})
      ->Args({64, 1024})
      ->UseRealTime()
      ->Complexity(benchmark::oN);
  for (const bool bag : {false, true})
    benchmark::RegisterBenchmark(bag ? "eigen/embedding_bag" : "eigen/embedding",
                                 [=](benchmark::State& s) { embedding(s, bag); })
        ->Args({256, 1024})
        ->Args({1024, 1024})
        ->Args({4096, 1024})
        ->UseRealTime()
        ->Complexity(benchmark::oN);

  using T = B::Tensor;
  const auto w = vector(2048);
  const auto row = tensor(1, 2048);
  add_rows_kernel("layer_norm", 2, [w](const T& x, const T&) { return backend().layer_norm(x, w, w, 1e-6f); });
  add_rows_kernel("rms_norm", 2, [w](const T& x, const T&) { return backend().rms_norm(x, w, 1e-6f); });
  add_rows_kernel("softmax", 2, [](const T& x, const T&) { return backend().softmax(x); });
  add_rows_kernel("l2_normalize", 2, [](const T& x, const T&) { return backend().l2_normalize(x); });
  add_rows_kernel("gelu_tanh", 2, [](const T& x, const T&) { return backend().gelu(x, Gelu::tanh); });
  add_rows_kernel("gelu_erf", 2, [](const T& x, const T&) { return backend().gelu(x, Gelu::erf); });
  add_rows_kernel("silu_mul", 3, [](const T& x, const T& y) { return backend().silu_mul(x, y); });
  add_rows_kernel("add", 3, [](const T& x, const T& y) { return backend().add(x, y); });
  add_rows_kernel("add_row", 2, [row](const T& x, const T&) { return backend().add(x, row); });
  add_rows_kernel("mul", 3, [](const T& x, const T& y) { return backend().mul(x, y); });
  add_rows_kernel("scale", 2, [](const T& x, const T&) { return backend().scale(x, 0.5f); });
  add_rows_kernel("sum_rows", 1, [](const T& x, const T&) { return backend().sum_rows(x); });
  add_rows_kernel("mean_rows", 1, [](const T& x, const T&) { return backend().mean_rows(x); });
  add_rows_kernel("sum_cols", 1, [](const T& x, const T&) { return backend().sum_cols(x); });
  add_rows_kernel("max_cols", 1, [](const T& x, const T&) { return backend().max_cols(x); });
  add_rows_kernel("concat_rows", 4, [](const T& x, const T& y) { return backend().concat_rows({x, y}); });
  add_rows_kernel("slice_reshape", 0, [](const T& x, const T&) {
    return backend().reshape(backend().slice_rows(x, 0, x.rows()), x.rows() * 16, 128);
  });
  add_rows_kernel("to_host", 2, [](const T& x, const T&) { return backend().to_host(x); });
  add_rows_kernel("rope", 2, [](const T& x, const T& y) {
    const auto angles = backend().slice_cols(y, 0, 64);
    return backend().rope(x, 16, angles, angles);
  });
  const auto every_other = [](Index n) {
    std::vector<Index> idx;
    for (Index i = 0; i < n; i += 2) idx.push_back(i);
    return idx;
  };
  add_rows_kernel("gather_rows", 1,
                  [=](const T& x, const T&) { return backend().gather_rows(x, every_other(x.rows())); });
  add_rows_kernel("scatter_rows", 3, [=](const T& x, const T& y) {
    return backend().scatter_rows(x, every_other(x.rows()), backend().slice_rows(y, 0, (x.rows() + 1) / 2));
  });
  add_rows_kernel("scatter_add_rows", 3, [=](const T& x, const T& y) {
    return backend().scatter_add_rows(x, every_other(x.rows()), backend().slice_rows(y, 0, (x.rows() + 1) / 2));
  });
  benchmark::RegisterBenchmark("eigen/parallel_for", [](benchmark::State& s) {
    for (auto _ : s) backend().parallel_for(64, 1, [](Index begin, Index) { benchmark::DoNotOptimize(begin); });
  })->UseRealTime();
}
}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
