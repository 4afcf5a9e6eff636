// Picture preparation: decode, resize, patchify. Sizes are height x width in px; bytes a second count decoded RGB.
//   decode/*    a generated page with a photo, as PNG and as JPEG of quality 85, from memory
//   resize/*    bicubic with antialias in the three kinds, down and up
//   patchify/*  pixels to rows of 1536 floats
//   heatmap/*   a quarter of the tokens kept
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "arrcoc/core/random.hpp"
#include "arrcoc/io/heatmap.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/qwen3vl/patchify.hpp"
#include "arrcoc/qwen3vl/resize.hpp"

using namespace arrcoc;

namespace {

/// Strokes on the left, grain over a slope on the right.
Image picture(Index height, Index width) {
  Rng rng(1);
  Image image(height, width);
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x)
      for (Index c = 0; c < 3; ++c) {
        const bool ink = (y / 6) % 3 == 1 && ((x * 7 + y / 3) / 5) % 3 == 0;
        const Index photo = (y * (c + 1) + x) * 160 / (height + width) % 200 + static_cast<Index>(rng.below(24));
        image.row(y)[3 * x + c] = static_cast<std::uint8_t>(x < width / 2 ? (ink ? 30 : 245) : photo);
      }
  return image;
}

void bytes_and_size(benchmark::State& state, Index height, Index width) {
  state.SetBytesProcessed(state.iterations() * height * width * 3);
  state.SetLabel(std::to_string(height) + "x" + std::to_string(width));
}

void resize(benchmark::State& state, qwen3vl::Resize kind) {
  const Image in = picture(state.range(0), state.range(1));
  for (auto _ : state)
    benchmark::DoNotOptimize(qwen3vl::resize_bicubic(in.view(), state.range(2), state.range(3), kind).rgb.data());
  bytes_and_size(state, in.height, in.width);
}
void sizes(benchmark::internal::Benchmark* b) {
  b->Args({2160, 3840, 1024, 1824})
      ->Args({2160, 3840, 576, 1024})
      ->Args({3024, 4032, 3008, 4032})
      ->Args({480, 640, 1024, 1376})
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(resize, torchvision, qwen3vl::Resize::torchvision)->Apply(sizes);
BENCHMARK_CAPTURE(resize, pillow, qwen3vl::Resize::pillow)->Apply(sizes);
BENCHMARK_CAPTURE(resize, pillow13, qwen3vl::Resize::pillow13)->Apply(sizes);

void patchify(benchmark::State& state) {
  VisionConfig v;
  v.patch_size = 16;
  v.temporal_patch_size = 2;
  v.spatial_merge_size = 2;
  const Image in = picture(state.range(0), state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(qwen3vl::patchify(in.view(), v, {}).data());
  bytes_and_size(state, in.height, in.width);
  state.SetComplexityN(in.height * in.width);
}
BENCHMARK(patchify)->Arg(256)->Arg(512)->Arg(1024)->Arg(2048)->Unit(benchmark::kMillisecond)->Complexity(benchmark::oN);

void decode(benchmark::State& state, bool jpeg) {
  const Image in = picture(state.range(0), state.range(1));
  const std::string bytes = jpeg ? io::encode_jpeg(in.view(), 85) : io::encode_png(in.view());
  for (auto _ : state)
    benchmark::DoNotOptimize(io::decode_image(std::as_bytes(std::span(bytes)), {}, "bench").rgb.data());
  bytes_and_size(state, in.height, in.width);
}
BENCHMARK_CAPTURE(decode, png, false)->Args({1024, 768})->Args({2160, 3840})->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, jpeg, true)->Args({1024, 768})->Args({2160, 3840})->Unit(benchmark::kMillisecond);

void heatmap(benchmark::State& state) {
  const Image in = picture(state.range(0), state.range(0));
  const Grid grid{in.height / 32, in.width / 32};
  std::vector<float> relevance;
  std::vector<Index> kept;
  for (Index i = 0; i < grid.count(); ++i) {
    relevance.push_back(static_cast<float>(i * 37 % 101));
    if (i % 4 == 0) kept.push_back(i);
  }
  for (auto _ : state) benchmark::DoNotOptimize(io::render_heatmap(in.view(), grid, relevance, kept).rgb.data());
  bytes_and_size(state, in.height, in.width);
}
BENCHMARK(heatmap)->Arg(512)->Arg(1024)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
