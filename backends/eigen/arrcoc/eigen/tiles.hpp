#pragma once
// Products of bf16 pairs in tile registers (AMX: TDPBF16PS, Intel SDM vol. 2), written over a policy, so that a test
// can stand in for the hardware. A tile of A is 16 rows of `tile_pairs` pairs, one of B `tile_pairs` rows of a packed
// panel (eigen/gemm.hpp) of `tile_width` columns, one of C 16 rows of as many float32.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "arrcoc/eigen/gemm.hpp"

namespace arrcoc::eigen {

inline constexpr int tile_height = 16;
inline constexpr int tile_pairs = std::min(16, lanes);
inline constexpr int tile_width = std::min(16, tile_cols);

/// What LDTILECFG reads. Tiles 0 to 3 are of C, 4 and 5 of A, 6 and 7 of B.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1, start_row = 0;
  std::array<std::uint8_t, 14> reserved{};
  std::array<std::uint16_t, 16> row_bytes{};
  std::array<std::uint8_t, 16> rows{};
};
static_assert(sizeof(TileConfig) == 64);

constexpr TileConfig tile_config() {
  TileConfig c;
  for (std::size_t t = 0; t < 8; ++t) {
    c.rows[t] = t < 6 ? tile_height : tile_pairs;
    c.row_bytes[t] = 4 * (t < 4 || t >= 6 ? tile_width : tile_pairs);
  }
  return c;
}

#if defined(__x86_64__) && defined(__linux__)
/// The calling thread's tile registers, from construction to destruction. Only where processor_has(Isa::amx). Assembly,
/// since GCC 12's own headers let the compiler move stores behind the instructions that read what was stored.
class HardwareTiles {
 public:
  HardwareTiles() {
    const TileConfig config = tile_config();
    asm volatile("ldtilecfg %0" : : "m"(config));
  }
  HardwareTiles(const HardwareTiles&) = delete;
  HardwareTiles& operator=(const HardwareTiles&) = delete;
  ~HardwareTiles() { asm volatile("tilerelease" : : : "memory"); }

  template <int T>
  EIGEN_ALWAYS_INLINE void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(T) : "memory");
  }
  /// Rows `stride` floats apart.
  template <int T>
  EIGEN_ALWAYS_INLINE void load(const float* from, Index stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride * 4), "i"(T) : "memory");
  }
  template <int T>
  EIGEN_ALWAYS_INLINE void store(float* to, Index stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride * 4), "i"(T) : "memory");
  }
  /// C += A * B
  template <int C, int A, int B>
  EIGEN_ALWAYS_INLINE void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B) : "memory");
  }
};
inline constexpr bool tile_products = lanes == 16;
#else
struct HardwareTiles {};
inline constexpr bool tile_products = false;
#endif

/// For the operation of a product: bf16 pairs in tiles.
template <class Tiles>
struct TilePairs {};
template <class Op>
inline constexpr bool in_tiles = false;
template <class Tiles>
inline constexpr bool in_tiles<TilePairs<Tiles>> = true;
struct NoTiles {};
template <class Op>
struct TilesOf {
  using type = NoTiles;
};
template <class Tiles>
struct TilesOf<TilePairs<Tiles>> {
  using type = Tiles;
};
template <class Op>
using tiles_of = typename TilesOf<Op>::type;
/// Whether an element of A and B is two bf16 values.
template <class Op>
inline constexpr bool of_pairs = std::is_same_v<Op, Pairs> || in_tiles<Op>;

/// f(Op{}) for the operation of bf16 products.
template <class F>
void with_pairs(Arithmetic a, F&& f) {
  if constexpr (tile_products)
    if (a == Arithmetic::tiles) return f(TilePairs<HardwareTiles>{});
  f(Pairs{});
}

constexpr Index whole_tiles(Index n, int tile) { return (n + tile - 1) / tile * tile; }

/// R tiles of A, over each other.
struct TileRows {
  const float* data;
  Index tile;    ///< from one tile to the next below it
  Index step;    ///< from one to the next in k
  Index stride;  ///< between rows of a tile
};

/// c[16 R, tile_width Q] = (accumulate ? c : 0) + a * b over `steps` tiles of k, ascending. Row k of B is b[k *
/// b_stride]; its last tile lies at `last` unless that is null. `a` by value: by reference each load reads it again.
template <int R, int Q, class Tiles>
EIGEN_ALWAYS_INLINE void multiply_tiles(Tiles& t, TileRows a, const float* b, Index b_stride, Index steps,
                                        const float* last, bool accumulate, float* c, Index c_stride) {
  unrolled<R * Q>([&](auto i) __attribute__((always_inline)) {
    if (accumulate) t.template load<i>(c + i / Q * tile_height * c_stride + i % Q * tile_width, c_stride);
    else t.template zero<i>();
  });
  for (Index s = 0; s < steps; ++s) {
    const float* from = last != nullptr && s == steps - 1 ? last : b + s * tile_pairs * b_stride;
    unrolled<Q>([&](auto q)
                    __attribute__((always_inline)) { t.template load<6 + q>(from + q * tile_width, b_stride); });
    unrolled<R>([&](auto r) __attribute__((always_inline)) {
      t.template load<4 + r>(a.data + r * a.tile + s * a.step, a.stride);
      unrolled<Q>([&](auto q) __attribute__((always_inline)) { t.template multiply<r * Q + q, 4 + r, 6 + q>(); });
    });
  }
  unrolled<R * Q>([&](auto i) __attribute__((always_inline)) {
    t.template store<i>(c + i / Q * tile_height * c_stride + i % Q * tile_width, c_stride);
  });
}

/// The same with R and Q at hand: `rows` (1 or 2) tiles of A, a panel `width` columns wide.
template <class Tiles>
void multiply_panel(Tiles& t, int rows, Index width, const TileRows& a, const float* b, Index steps, const float* last,
                    bool accumulate, float* c, Index c_stride) {
  const auto run = [&]<int R, int Q>() __attribute__((always_inline)) {
    multiply_tiles<R, Q>(t, a, b, width, steps, last, accumulate, c, c_stride);
  };
  if constexpr (tile_cols > tile_width)
    if (width > tile_width) return rows == 2 ? run.template operator()<2, 2>() : run.template operator()<1, 2>();
  if (rows == 2) run.template operator()<2, 1>();
  else run.template operator()<1, 1>();
}

/// A in tiles that lie one after the other, k first, so that no two rows of one are a power of two apart; zeros beyond
/// its rows and columns. B as gemm packs it. The last tile of k, where it is not whole, is copied with zeros behind it:
/// what follows there may hold a NaN.
template <class Tiles>
struct Blocks<TilePairs<Tiles>> {
  static constexpr Index tile_floats = tile_height * tile_pairs;

  static std::shared_ptr<float> pack(ThreadPool& threads, MemoryPool& pool, const float* a, Index stride, Index rows,
                                     Index depth) {
    const Index tall = whole_tiles(rows, tile_height) / tile_height, deep = whole_tiles(depth, tile_pairs) / tile_pairs;
    auto out = pool.take(tall * deep * tile_floats);
    constexpr Index block = k_block / tile_pairs;
    threads.run(tall, std::max<Index>(1, 1024 / std::max<Index>(deep, 1)), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        for (Index s = 0; s < deep; ++s) {
          const Index first = s / block * block, width = std::min(block, deep - first),
                      n = std::min<Index>(tile_pairs, depth - s * tile_pairs);
          float* to = out.get() + (first * tall + i * width + s - first) * tile_floats;
          for (Index r = 0; r < tile_height; ++r, to += tile_pairs) {
            const Index row = i * tile_height + r;
            const float* from = a + std::min(row, rows - 1) * stride + s * tile_pairs;
            const Index real = row < rows ? n : 0;
            if (real == tile_pairs) {
              std::memcpy(to, from, sizeof(float) * tile_pairs);
            } else {
              std::copy_n(from, real, to);
              std::fill(to + real, to + tile_pairs, 0.0f);
            }
          }
        }
    });
    return out;
  }

  /// As gemm_block; `first` is a multiple of tile_height.
  template <class PackB>
  static void multiply(MemoryPool& pool, const float* a, Index packed, Index first, Index rows, Index depth,
                       Index column, Index columns, const PackB& pack_b, const float* init, float* c, Index c_stride) {
    const Index tall = whole_tiles(packed, tile_height);
    const auto packed_b = pool.take(packed_size(std::min(depth, k_block), columns) + lanes),
               ends = pool.take(packed_size(tile_pairs, columns) + lanes);
    alignas(64) float edge[2 * tile_height * tile_cols];
    Tiles tiles;
    for (Index k = 0; k < depth; k += k_block) {
      const Index pairs = std::min(k_block, depth - k), deep = whole_tiles(pairs, tile_pairs),
                  rest = pairs % tile_pairs;
      pack_b(k, pairs, column, columns, packed_b.get());
      for (Index j = 0, n = 0; rest > 0 && j < columns; j += n) {
        n = panel_packets(j, columns) * lanes;
        float* to = ends.get() + j * tile_pairs;
        std::copy_n(packed_b.get() + j * pairs + (pairs - rest) * n, rest * n, to);
        std::fill(to + rest * n, to + tile_pairs * n, 0.0f);
      }
      for (Index i = 0; i < rows; i += 2 * tile_height) {
        const int high = rows - i > tile_height ? 2 : 1;
        const TileRows from{a + tall * k + (first + i) * deep, tile_height * deep, tile_floats, tile_pairs};
        for (Index j = 0, n = 0; j < columns; j += n) {
          n = panel_packets(j, columns) * lanes;
          const float *panel = packed_b.get() + j * pairs, *last = rest > 0 ? ends.get() + j * tile_pairs : nullptr;
          const Index real_rows = std::min<Index>(high * tile_height, rows - i), real = std::min(n, columns - j);
          float* to = c + i * c_stride + column + j;
          if (real_rows == high * tile_height && real % tile_width == 0) {
            multiply_panel(tiles, high, n, from, panel, deep / tile_pairs, last, k > 0, to, c_stride);
          } else {
            for (Index r = 0; k > 0 && r < real_rows; ++r) std::copy_n(to + r * c_stride, real, edge + r * tile_cols);
            multiply_panel(tiles, high, n, from, panel, deep / tile_pairs, last, k > 0, edge, tile_cols);
            for (Index r = 0; r < real_rows; ++r) std::copy_n(edge + r * tile_cols, real, to + r * c_stride);
          }
          for (Index r = 0; k == 0 && init != nullptr && r < real_rows; ++r)
            map(to + r * c_stride, init + column + j, to + r * c_stride, real, [](P x, P y) { return ei::padd(x, y); });
        }
      }
    }
  }
};

}  // namespace arrcoc::eigen
