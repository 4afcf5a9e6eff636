#pragma once
// Attention of one query, as in decoding: nothing is packed.
#include <algorithm>

#include "arrcoc/eigen/attention_plan.hpp"
#include "arrcoc/eigen/few_rows.hpp"
#include "arrcoc/eigen/gemm.hpp"
#include "arrcoc/eigen/tensor.hpp"

namespace arrcoc::eigen {

/// One task per kv head reads its keys and values once, in place.
template <class Threads>
void attend_one(Threads& threads, MemoryPool& pool, const AttentionPlan& p, const Tensor& q, const Tensor& k,
                const Tensor& v, Tensor& out, float* received) {
  if (p.blocks.empty()) return;
  const QueryRun& block = p.blocks.front();
  const Index kv = p.heads / p.group;
  const auto weights = pool.take(p.heads * p.keys), scaled = pool.take(q.cols());
  map(q.row(0), scaled.get(), q.cols(), [&](P x) { return ei::pmul(x, set(p.scale)); });
  threads.run(kv, p.keys * p.d * p.group < 16384 ? kv : 1, [&](Index begin, Index end) {
    for (Index g = begin; g < end; ++g) {
      for (Index first = g * p.group; first < (g + 1) * p.group; first += 4) {
        const Index heads = std::min<Index>(4, (g + 1) * p.group - first);
        const float* queries = scaled.get() + first * p.d;
        Index count = 0;  // keys seen, packed to the front of each head's weights
        const auto over_keys = [&](auto&& f) {
          count = 0;
          for (const Index which : {block.first, block.second}) {
            if (which < 0) continue;
            const KeyRange& r = p.ranges[static_cast<std::size_t>(which)];
            const Index n = p.visible(r, 0);
            f(r.begin, n);
            count += n;
          }
        };
        over_keys([&](Index start, Index n) {
          for (Index j = 0; j < n; ++j) {
            float s[4];
            const float* key = k.row(start + j) + g * p.d;
            with_few(heads, [&]<int R>() { dots<ReadStored<DType::f32>, R>(queries, p.d, key, p.d, s); });
            for (Index h = 0; h < heads; ++h) weights.get()[(first + h) * p.keys + count + j] = s[h];
          }
          for (Index h = 0; h < heads && !p.bias.empty(); ++h) {
            float* w = weights.get() + (first + h) * p.keys + count;
            map(w, p.bias.data() + start, w, n, [](P x, P y) { return ei::padd(x, y); });
          }
        });
        for (Index h = 0; h < heads; ++h) {
          float* w = weights.get() + (first + h) * p.keys;
          std::fill_n(out.fill() + (first + h) * p.dv, p.dv, 0.0f);
          if (count == 0) continue;
          const P m = set(max_of(w, count));
          map(w, w, count, [&](P x) { return exp(ei::psub(x, m)); });
          const P share = set(1.0f / sum_of(w, count, [](P x) { return x; }));
          map(w, w, count, [&](P x) { return ei::pmul(x, share); });
        }
        over_keys([&](Index start, Index n) {
          for (Index j = 0; j < n; j += 32) {
            const Index keys = std::min<Index>(32, n - j);
            for (Index h = 0; h < heads; ++h) {
              const float* w = weights.get() + (first + h) * p.keys + count + j;
              float* to = out.fill() + (first + h) * p.dv;
              const float* value = v.row(start + j) + g * p.dv;
              Index c = 0;
              for (; c + 4 * lanes <= p.dv; c += 4 * lanes) {
                P acc[4];
                unrolled<4>([&](auto u) __attribute__((always_inline)) { acc[u] = load(to + c + u * lanes); });
                for (Index t = 0; t < keys; ++t) {
                  const P weight = set(w[t]);
                  unrolled<4>([&](auto u) __attribute__((always_inline)) {
                    acc[u] = fma(weight, load(value + t * v.stride() + c + u * lanes), acc[u]);
                  });
                }
                unrolled<4>([&](auto u) __attribute__((always_inline)) { store(to + c + u * lanes, acc[u]); });
              }
              for (; c < p.dv; c += lanes) {
                const Index part = std::min<Index>(lanes, p.dv - c);
                P acc = load_part(to + c, part);
                for (Index t = 0; t < keys; ++t) acc = fma(set(w[t]), load_part(value + t * v.stride() + c, part), acc);
                store_part(to + c, acc, part);
              }
            }
          }
        });
      }
    }
  });
  if (received == nullptr) return;
  Index count = 0;
  for (const Index which : {block.first, block.second}) {
    if (which < 0) continue;
    const KeyRange& r = p.ranges[static_cast<std::size_t>(which)];
    const Index n = p.visible(r, 0);
    for (Index j = 0; j < n; ++j) {
      double total = 0;
      for (Index h = 0; h < p.heads; ++h) total += static_cast<double>(weights.get()[h * p.keys + count + j]);
      received[r.begin + j] = static_cast<float>(total);
    }
    count += n;
  }
}

}  // namespace arrcoc::eigen
