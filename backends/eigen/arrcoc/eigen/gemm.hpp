#pragma once
// Matrix products. C [M, N] = A [M, K] * B [K, N] in register tiles of `tile_rows` x 2 packets, both operands packed
// into contiguous panels. Every element of C is a sum over k in ascending order, one chain of fused multiply-adds per
// block of `k_block`, whatever the tile, the partition or the thread that computes it: a row's bits depend on nothing
// but that row and B. With `Pairs` for the operation an element of A and B is two bf16 values, neighbours in k, and a
// step adds both products.
#include <algorithm>
#include <array>

#include "arrcoc/eigen/bf16.hpp"
#include "arrcoc/eigen/memory.hpp"
#include "arrcoc/eigen/packet.hpp"
#include "arrcoc/eigen/thread_pool.hpp"

namespace arrcoc::eigen {

/// Rows of a register tile: as many as leave room for two packets of B and one of A (and no more than a packet
/// transposes).
inline constexpr int tile_rows = lanes == 16 ? 14 : lanes == 8 ? 6 : 3;
inline constexpr int tile_cols = 2 * lanes;
/// Columns of A and rows of B that are packed at a time.
inline constexpr Index k_block = 256;

/// Packed A: groups of rows, each group [k][rows in group]. Groups are as high as fits: tile_rows, then 8, 4, 2, 1.
inline int group_rows(Index left) {
  if (left >= tile_rows) return tile_rows;
  for (const int r : {8, 4, 2})
    if (left >= r && r < tile_rows) return r;
  return 1;
}

/// Calls f.template operator()<R>() for the group height at hand.
template <class F>
EIGEN_ALWAYS_INLINE void with_rows(int rows, F&& f) {
  if (rows == tile_rows) return f.template operator()<tile_rows>();
  if constexpr (tile_rows > 8)
    if (rows == 8) return f.template operator()<8>();
  if constexpr (tile_rows > 4)
    if (rows == 4) return f.template operator()<4>();
  if (rows == 2) return f.template operator()<2>();
  f.template operator()<1>();
}

/// c[R, Q packets] = (accumulate ? c : init ? init[j] : 0) + a * b over `depth` steps. Element (i, k) of A is a[i *
/// row_step + k * k_step]; row k of B is b[k * Q * lanes].
template <int R, int Q, Index row_step, Index k_step, class Op = Floats>
EIGEN_ALWAYS_INLINE void tile(const float* a, const float* b, Index depth, const float* init, bool accumulate, float* c,
                              Index stride) {
  P acc[R * Q];
  unrolled<R * Q>([&](auto t) __attribute__((always_inline)) { acc[t] = set(0.0f); });
  for (Index k = 0; k < depth; ++k) {
    P row[Q];
    unrolled<Q>([&](auto q) __attribute__((always_inline)) { row[q] = load(b + q * lanes); });
    unrolled<R>([&](auto i) __attribute__((always_inline)) {
      const P value = set(a[i * row_step]);
      unrolled<Q>([&](auto q)
                      __attribute__((always_inline)) { acc[i * Q + q] = Op::step(value, row[q], acc[i * Q + q]); });
    });
    a += k_step;
    b += Q * lanes;
  }
  if (accumulate) {
    unrolled<R * Q>([&](auto t) __attribute__((always_inline)) {
      acc[t] = ei::padd(acc[t], load(c + (t / Q) * stride + (t % Q) * lanes));
    });
  } else if (init != nullptr) {
    unrolled<R * Q>([&](auto t)
                        __attribute__((always_inline)) { acc[t] = ei::padd(acc[t], load(init + (t % Q) * lanes)); });
  }
  unrolled<R * Q>([&](auto t)
                      __attribute__((always_inline)) { store(c + (t / Q) * stride + (t % Q) * lanes, acc[t]); });
}

/// A tile whose last columns may lie outside C: they go through a buffer. `columns` <= Q * lanes are real.
template <int R, int Q, Index row_step, Index k_step, class Op>
void edge_tile(const float* a, const float* b, Index depth, const float* init, bool accumulate, float* c, Index stride,
               Index columns) {
  if (columns == Q * lanes) return tile<R, Q, row_step, k_step, Op>(a, b, depth, init, accumulate, c, stride);
  alignas(64) float buffer[R * Q * lanes] = {}, start[Q * lanes] = {};
  if (accumulate)
    for (Index i = 0; i < R; ++i) std::copy_n(c + i * stride, columns, buffer + i * Q * lanes);
  if (init != nullptr) std::copy_n(init, columns, start);
  tile<R, Q, row_step, k_step, Op>(a, b, depth, init != nullptr ? start : nullptr, accumulate, buffer, Q * lanes);
  for (Index i = 0; i < R; ++i) std::copy_n(buffer + i * Q * lanes, columns, c + i * stride);
}

/// One packed group of rows against one panel of B of at most two packets.
template <int Q, class Op>
inline void group_tile(int rows, const float* a, const float* b, Index depth, const float* init, bool accumulate,
                       float* c, Index stride, Index columns) {
  with_rows(rows, [&]<int R>() { edge_tile<R, Q, 1, R, Op>(a, b, depth, init, accumulate, c, stride, columns); });
}

/// How stored values are read: a packet's worth of them, or the first n.
template <DType D>
struct ReadStored {
  using T = stored_t<D>;
  static constexpr Index per = 1;  // values in a lane
  static EIGEN_ALWAYS_INLINE P whole(const T* p) { return widen<D>(p); }
  static EIGEN_ALWAYS_INLINE P part(const T* p, Index n) { return widen_part<D>(p, n); }
};

/// Transposes `rows` <= lanes rows of `depth` lanes' worth of values into out[k * step + i]. With `pad`, rows up to
/// `lanes` are written as zeros; without, only `rows` values of each k are written.
template <class Read>
inline void transpose_rows(const typename Read::T* x, Index stride, int rows, Index depth, float* out, Index step,
                           bool pad) {
  Index k = 0;
  P block[lanes];
  const auto flush = [&](Index count) {
    transpose(block);
    for (Index i = 0; i < count; ++i) {
      if (pad) store(out + (k + i) * step, block[i]);
      else store_part(out + (k + i) * step, block[i], rows);
    }
  };
  for (; k + lanes <= depth; k += lanes) {
    for (int i = 0; i < lanes; ++i) {
      block[i] = i < rows ? Read::whole(x + i * stride + k * Read::per) : set(0.0f);
      // Rows are far apart and short: the hardware's own prefetching comes too late. Into L2, since at strides of a
      // power of two the lines of a block share a set of L1, which has fewer places.
      __builtin_prefetch(x + (i + lanes) * stride + k * Read::per, 0, 2);
    }
    if (!pad && (depth - k - lanes + 1) * step >= lanes) {
      // Whole packets: what runs over is written again by the next k, and stays inside this group.
      transpose(block);
      for (Index i = 0; i < lanes; ++i) store(out + (k + i) * step, block[i]);
    } else {
      flush(lanes);
    }
  }
  if (k < depth) {
    for (int i = 0; i < lanes; ++i)
      block[i] = i < rows ? Read::part(x + i * stride + k * Read::per, depth - k) : set(0.0f);
    flush(depth - k);
  }
}

/// A [rows, depth] into groups; out holds rows * depth floats.
inline void pack_rows(const float* x, Index stride, Index rows, Index depth, float* out) {
  for (Index i = 0; i < rows;) {
    const int r = group_rows(rows - i);
    if (r == 1) std::copy_n(x + i * stride, depth, out);
    else transpose_rows<ReadStored<DType::f32>>(x + i * stride, stride, r, depth, out, r, false);
    out += r * depth;
    i += r;
  }
}

/// The width in packets of the panel that starts at column j of n.
inline int panel_packets(Index j, Index n) { return n - j > lanes ? 2 : 1; }

/// B given as rows of outputs, [n, K] (the layout of weights), packed into panels [k][Q * lanes] one after the other.
template <DType D>
struct PackOutputs {
  const stored_t<D>* data;
  Index stride;
  void operator()(Index k, Index depth, Index column, Index columns, float* out) const {
    for (Index j = 0; j < columns;) {
      const int q = panel_packets(j, columns);
      for (int h = 0; h < q; ++h) {
        const auto rows = static_cast<int>(std::min<Index>(lanes, columns - j - h * lanes));
        transpose_rows<ReadStored<D>>(data + (column + j + h * lanes) * stride + k, stride, rows, depth,
                                      out + h * lanes, q * lanes, true);
      }
      out += depth * q * lanes;
      j += q * lanes;
    }
  }
};

/// B given as it multiplies, [K, n].
template <DType D>
struct PackInputs {
  const stored_t<D>* data;
  Index stride;
  void operator()(Index k, Index depth, Index column, Index columns, float* out) const {
    for (Index j = 0; j < columns;) {
      const int q = panel_packets(j, columns);
      for (Index i = 0; i < depth; ++i) {
        const stored_t<D>* from = data + (k + i) * stride + column + j;
        for (int h = 0; h < q; ++h, out += lanes) {
          const Index n = columns - j - h * lanes;
          store(out, n >= lanes ? widen<D>(from + h * lanes) : widen_part<D>(from + h * lanes, n));
        }
      }
      j += q * lanes;
    }
  }
};

/// The same in bf16, for `Pairs`: k and `depth` count pairs of rows.
struct PackInputPairs {
  const std::uint16_t* data;
  Index stride;
  void operator()(Index k, Index depth, Index column, Index columns, float* out) const {
    for (Index j = 0; j < columns;) {
      const int q = panel_packets(j, columns);
      for (Index i = 0; i < depth; ++i) {
        const std::uint16_t *first = data + 2 * (k + i) * stride + column + j, *second = first + stride;
        for (int h = 0; h < q; ++h, out += lanes) {
          const Index n = std::min<Index>(lanes, columns - j - h * lanes), at = h * lanes;
          if (n == lanes) store(out, join(widen<DType::bf16>(first + at), widen<DType::bf16>(second + at)));
          else store(out, join(widen_part<DType::bf16>(first + at, n), widen_part<DType::bf16>(second + at, n)));
        }
      }
      j += q * lanes;
    }
  }
};

/// Floats that packing `columns` columns of `depth` takes.
inline Index packed_size(Index depth, Index columns) { return depth * ((columns + lanes - 1) / lanes) * lanes; }

/// A [rows, depth] packed whole: blocks of k_block columns one after the other, each in groups of rows. Read by every
/// task of a product.
inline std::shared_ptr<float> pack_all(ThreadPool& threads, MemoryPool& pool, const float* a, Index stride, Index rows,
                                       Index depth) {
  constexpr Index high = 8 * tile_rows;  // whole groups, so that the layout is that of all rows at once
  auto out = pool.take(rows * depth + lanes);
  const Index chunks = (rows + high - 1) / high;
  const auto chunk = [&](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) {
      const Index k = t / chunks * k_block, i = t % chunks * high, steps = std::min(k_block, depth - k);
      pack_rows(a + i * stride + k, stride, std::min(high, rows - i), steps, out.get() + rows * k + i * steps);
    }
  };
  const Index blocks = chunks * ((depth + k_block - 1) / k_block);
  if (rows * depth < 16384) chunk(0, blocks);
  else threads.run(blocks, 1, chunk);
  return out;
}

/// One block of c = a * b + init in the calling thread: `rows` rows and columns [column, column + columns). `a` points
/// to the first of these rows in what pack_all made of `packed` rows.
template <class Op, class PackB>
void gemm_block(MemoryPool& pool, const float* a, Index packed, Index first, Index rows, Index depth, Index column,
                Index columns, const PackB& pack_b, const float* init, float* c, Index c_stride) {
  const auto packed_b = pool.take(packed_size(std::min(depth, k_block), columns));
  for (Index k = 0; k < depth; k += k_block) {
    const Index steps = std::min(k_block, depth - k);
    pack_b(k, steps, column, columns, packed_b.get());
    const float* group = a + packed * k + first * steps;
    for (Index i = 0; i < rows;) {
      const int r = group_rows(rows - i);
      const float *panel = packed_b.get(), *next = group + r * steps;
      const Index share =
          (r * steps * tile_cols + columns - 1) / columns;  // of the next group, asked for while a panel is at work
      for (Index j = 0; j < columns;) {
        for (Index n = 0; n < share; n += 16) __builtin_prefetch(next + n, 0, 2);
        next += share;
        const int q = panel_packets(j, columns);
        const Index real = std::min<Index>(q * lanes, columns - j);
        const float* start = k == 0 && init != nullptr ? init + column + j : nullptr;
        float* to = c + i * c_stride + column + j;
        if (q == 2) group_tile<2, Op>(r, group, panel, steps, start, k > 0, to, c_stride, real);
        else group_tile<1, Op>(r, group, panel, steps, start, k > 0, to, c_stride, real);
        panel += steps * q * lanes;
        j += q * lanes;
      }
      group += r * steps;
      i += r;
    }
  }
}

/// How A is packed and blocks are multiplied; eigen/tiles.hpp does it in tiles.
template <class Op>
struct Blocks {
  static std::shared_ptr<float> pack(ThreadPool& threads, MemoryPool& pool, const float* a, Index stride, Index rows,
                                     Index depth) {
    return pack_all(threads, pool, a, stride, rows, depth);
  }
  template <class PackB>
  static void multiply(MemoryPool& pool, const float* a, Index packed, Index first, Index rows, Index depth,
                       Index column, Index columns, const PackB& pack_b, const float* init, float* c, Index c_stride) {
    gemm_block<Op>(pool, a, packed, first, rows, depth, column, columns, pack_b, init, c, c_stride);
  }
};

/// C [rows, columns] = A [rows, depth] * B + init (a row, or null). A is packed once, a slab of rows at a time; blocks
/// of C go to the threads.
template <class Op = Floats, class PackB>
void gemm(ThreadPool& threads, MemoryPool& pool, const float* a, Index a_stride, Index rows, Index depth, Index columns,
          const PackB& pack_b, const float* init, float* c, Index c_stride) {
  if (rows == 0 || columns == 0) return;
  if (depth == 0) {
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < columns; ++j) c[i * c_stride + j] = init != nullptr ? init[j] : 0.0f;
    return;
  }
  constexpr Index slab = 160 * tile_rows;
  for (Index first = 0; first < rows; first += slab) {
    const Index packed = std::min(slab, rows - first);
    const auto a_packed = Blocks<Op>::pack(threads, pool, a + first * a_stride, a_stride, packed, depth);
    // Enough blocks for every thread; high ones pack B less often, wide ones read A less often. Bits do not depend on
    // it.
    const Index enough = 4 * threads.size();
    Index wide = 256;
    const Index high = (columns + wide - 1) / wide >= enough ? 80 * tile_rows : 32 * tile_rows,
                row_blocks = (packed + high - 1) / high;
    while (wide > tile_cols && row_blocks * ((columns + wide - 1) / wide) < enough) wide /= 2;
    const Index column_blocks = (columns + wide - 1) / wide;
    const auto block = [&](Index begin, Index end) {
      for (Index t = begin; t < end; ++t) {
        const Index i = t % row_blocks * high, j = t / row_blocks * wide;
        Blocks<Op>::multiply(pool, a_packed.get(), packed, i, std::min(high, packed - i), depth, j,
                             std::min(wide, columns - j), pack_b, init, c + (first + i) * c_stride, c_stride);
      }
    };
    const Index blocks = row_blocks * column_blocks;
    if (packed * columns * depth < 32768) block(0, blocks);
    else threads.run(blocks, 1, block);
  }
}

}  // namespace arrcoc::eigen
