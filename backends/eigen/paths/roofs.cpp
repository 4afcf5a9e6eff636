// The loops of eigen/roofs.hpp, compiled for ARRCOC_PATH as path.cpp is.
#include "arrcoc/eigen/roofs.hpp"

#include "arrcoc/eigen/register_loops.hpp"

namespace arrcoc::eigen {
namespace {

RegisterWork floats(Index steps) { return in_vectors_alone<Floats>(steps, set(0.5f), set(1.0f), 1); }
[[maybe_unused]] RegisterWork pairs(Index steps) {
  return in_vectors_alone<Pairs>(steps, pair(set(0.5f), set(0.5f)), pair(set(1.0f), set(1.0f)), 2);
}

#if defined(__x86_64__) && defined(__linux__)
[[maybe_unused]] RegisterWork tiles(Index steps) { return in_tiles_alone<HardwareTiles>(steps); }
#endif

/// Memory is asked for some lines ahead, as products of few rows ask for it.
std::uint32_t read(std::span<const std::uint32_t> words) {
  constexpr std::size_t step = 4 * lanes, ahead = 2048;
  Word all[4] = {};
  std::size_t i = 0;
  for (; i + step <= words.size(); i += step) {
    const std::uint32_t* p = words.data() + i;
    for (std::size_t line = 0; line < step; line += 16) __builtin_prefetch(p + ahead + line, 0, 2);
    unrolled<4>([&](auto u) __attribute__((always_inline)) { all[u] ^= word_at(p + u * lanes); });
  }
  std::uint32_t out = 0;
  const Word both = (all[0] ^ all[1]) ^ (all[2] ^ all[3]);
  for (int l = 0; l < lanes; ++l) out ^= both[l];
  for (; i < words.size(); ++i) out ^= words[i];
  return out;
}

}  // namespace

#define ARRCOC_NAME(a, b) a##b
#define ARRCOC_ROOFS_NAME(isa) ARRCOC_NAME(roofs_, isa)

extern const Roofs ARRCOC_ROOFS_NAME(ARRCOC_PATH);

const Roofs ARRCOC_ROOFS_NAME(ARRCOC_PATH) = {
    .floats = floats,
    .pairs = bf16_products ? pairs : nullptr,
#if defined(__x86_64__) && defined(__linux__)
    .tiles = tile_products && bf16_products ? tiles : nullptr,
#endif
    .read = read,
};

}  // namespace arrcoc::eigen
