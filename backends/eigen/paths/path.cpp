// The kernels once more, compiled for ARRCOC_PATH. With -fno-weak every function of this unit is its own: none may take
// the place of a namesake in a program that runs on other processors.
#include "arrcoc/eigen/path.hpp"

namespace arrcoc::eigen {

#define ARRCOC_NAME(a, b) a##b
#define ARRCOC_PATH_NAME(isa) ARRCOC_NAME(path_, isa)

extern const Path ARRCOC_PATH_NAME(ARRCOC_PATH);

using K = EigenBackend;
using T = Path::T;
using W = Path::W;

// No code of this unit may run before a processor that has its instructions is known.
constinit const Path ARRCOC_PATH_NAME(ARRCOC_PATH) = {
    .isa = compiled_isa(),
    .bf16 = bf16_products,
    .roofs = compiled_roofs(),
    .linear = [](const K& k, const T& x, const W& w) { return k.linear(x, w); },
    .linear_bias = [](const K& k, const T& x, const W& w, const W& bias) { return k.linear(x, w, bias); },
    .for_use = [](const K& k, const W& w, WeightUse use, std::string_view matrix) { return k.for_use(w, use, matrix); },
    .matmul = [](const K& k, const T& a, const T& c, bool transpose_c) { return k.matmul(a, c, transpose_c); },
    .embedding = [](const K& k, const W& w, std::span<const TokenId> ids) { return k.embedding(w, ids); },
    .embedding_bag = [](const K& k, const W& w, Path::Indices ids, Path::Floats weights,
                        Index n) { return k.embedding_bag(w, ids, weights, n); },
    .layer_norm = [](const K& k, const T& x, const W& w, const W& bias,
                     float eps) { return k.layer_norm(x, w, bias, eps); },
    .rms_norm = [](const K& k, const T& x, const W& w, float eps) { return k.rms_norm(x, w, eps); },
    .softmax = [](const K& k, const T& x) { return k.softmax(x); },
    .l2_normalize = [](const K& k, const T& x) { return k.l2_normalize(x); },
    .sum_rows = [](const K& k, const T& x) { return k.sum_rows(x); },
    .mean_rows = [](const K& k, const T& x) { return k.mean_rows(x); },
    .sum_cols = [](const K& k, const T& x) { return k.sum_cols(x); },
    .max_cols = [](const K& k, const T& x) { return k.max_cols(x); },
    .gelu = [](const K& k, const T& x, Gelu kind) { return k.gelu(x, kind); },
    .silu_mul = [](const K& k, const T& gate, const T& up) { return k.silu_mul(gate, up); },
    .add = [](const K& k, const T& a, const T& b) { return k.add(a, b); },
    .mul = [](const K& k, const T& a, const T& b) { return k.mul(a, b); },
    .scale = [](const K& k, const T& x, float s) { return k.scale(x, s); },
    .bag_rows = [](const K& k, const T& x, Path::Indices idx, Path::Floats weights,
                   Index n) { return k.bag_rows(x, idx, weights, n); },
    .scatter_add_rows = [](const K& k, const T& x, Path::Indices idx,
                           const T& src) { return k.scatter_add_rows(x, idx, src); },
    .rope = [](const K& k, const T& x, Index heads, const T& cos, const T& sin) { return k.rope(x, heads, cos, sin); },
    .attention = [](const K& k, const T& q, const T& keys, const T& v,
                    const AttentionSpec& spec) { return k.attention(q, keys, v, spec); },
    .conv2d = [](const K& k, const T& x, const W& w, const W& bias,
                 const Conv2dSpec& s) { return k.conv2d(x, w, bias, s); },
    .avg_pool = [](const K& k, const T& x, const Conv2dSpec& s) { return k.avg_pool(x, s); },
};

}  // namespace arrcoc::eigen
