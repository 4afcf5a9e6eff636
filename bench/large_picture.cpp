// One very large picture through a vision tower on the Eigen backend: peak memory and time. `small` is a whole tower of
// width 128, `2b` the first two layers of the 2B shape with its merger, in bf16.
//   large_picture [SIDE_PX = 4096] [THREADS = 0] [small | 2b]
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "arrcoc/core/random.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/qwen3vl/patchify.hpp"
#include "arrcoc/qwen3vl/vision_tower.hpp"

int main(int argc, char** argv) {
  using namespace arrcoc;
  const Index side = argc > 1 ? std::atol(argv[1]) : 4096;
  const bool large = argc > 3 && std::string_view(argv[3]) == "2b";
  VisionConfig c;
  c.depth = large ? 2 : 4;
  c.hidden_size = large ? 1024 : 128;
  c.heads = large ? 16 : 4;
  c.intermediate_size = 4 * c.hidden_size;
  c.out_hidden_size = large ? 2048 : 128;
  c.patch_size = 16;
  c.temporal_patch_size = 2;
  c.spatial_merge_size = 2;
  c.position_embeddings = 2304;
  if (large) c.deepstack_taps = {};
  else c.deepstack_taps = {0, 1, 2};
  const Index d = c.hidden_size, w = 4 * d;
  // Shapes follow from the names, so that the list of tensors need not be written out again.
  const auto shape = [&](std::string_view n) -> std::vector<Index> {
    const auto has = [&](std::string_view part) { return n.find(part) != std::string_view::npos; };
    const bool weight = n.ends_with("weight"), merger = has("merger");
    if (has("patch_embed")) return weight ? std::vector<Index>{d, c.patch_values()} : std::vector<Index>{d};
    if (has("pos_embed")) return {c.position_embeddings, d};
    if (has("norm")) return {has("deepstack") ? w : d};
    if (has("qkv")) return weight ? std::vector<Index>{3 * d, d} : std::vector<Index>{3 * d};
    if (has("attn.proj")) return weight ? std::vector<Index>{d, d} : std::vector<Index>{d};
    const Index in = merger       ? w
                     : has("fc1") ? d
                                  : c.intermediate_size,
                out = merger       ? (has("fc1") ? w : c.out_hidden_size)
                      : has("fc1") ? c.intermediate_size
                                   : d;
    return weight ? std::vector<Index>{out, in} : std::vector<Index>{out};
  };
  const WeightLookup weights = [&](std::string_view name) -> std::optional<HostTensor> {
    HostTensor t;
    t.shape = shape(name);
    Rng rng(derive_seed(1, name));
    std::vector<float> values(static_cast<std::size_t>(t.count()));
    for (float& v : values) v = static_cast<float>(rng.uniform() - 0.5) * 0.2f;
    if (!large || t.shape.size() < 2) return host_tensor(std::move(values), t.shape);
    std::vector<std::uint16_t> halves;
    for (const float v : values) halves.push_back(f32_to_bf16(v));
    return host_tensor(std::move(halves), t.shape);
  };
  EigenBackend backend({.threads = argc > 2 ? std::atoi(argv[2]) : 0, .bf16 = large});
  const qwen3vl::VisionTower<EigenBackend> tower(backend, c, weights);
  Image picture(side, side);
  Rng rng(2);
  for (auto& p : picture.rgb) p = static_cast<std::uint8_t>(rng.next());
  const auto start = std::chrono::steady_clock::now();
  const Index patches = side / 16 * (side / 16);
  qwen3vl::VisionOut<EigenBackend> out;
  {
    const auto rows = qwen3vl::patchify(picture.view(), c, {});
    out = tower.run(backend, backend.from_host(rows, patches, c.patch_values()), {{1, side / 16, side / 16}});
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%ld patches, %ld tokens, %d threads: %.1f s, peak memory %.2f GiB\n", static_cast<long>(patches),
              static_cast<long>(backend.rows(out.tokens)), backend.threads(),
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
              static_cast<double>(usage.ru_maxrss) / 1048576);
}
