#pragma once
// KernelBackend: the one contract between the model and a linear-algebra library.
//
// Every Tensor is a 2-D array of real numbers [rows, cols], a value: generic code never mutates one, copies are cheap
// handles. Kernels return new tensors; slices and reshapes may share memory. Shapes are checked by every kernel (Error
// E201).
//
//   expression                              result and meaning
//   B::name                                 string_view, "eigen"
//   b.rows(t), b.cols(t)                    Index
//   b.from_host(span<const float>, r, c)    Tensor [r, c]
//   b.to_host(t)                            vector<float> [r * c], row-major
//   b.import_weight(HostTensor, Layout)     Weight; a matrix [out, in] (or [in, out] if transposed), or a vector as
//                                           [1, n].
//                                           Mapped memory is used in place where the backend can; the owner is kept
//                                             alive.
//   b.linear(x, w), b.linear(x, w, bias)    [L, in] x [out, in]^T (+ bias [out]) -> [L, out]
//   b.embedding(w, ids)                     rows of w: [n, D]
//   b.embedding_bag(w, ids, weights, k)     [n / k, D]: sum over k of weights[i*k+j] * w[ids[i*k+j]], float32, j
//                                           ascending
//   b.layer_norm(x, w, bias, eps)           over each row, biased variance
//   b.rms_norm(x, w, eps)                   x * rsqrt(mean(x^2) + eps), then times w
//   b.gelu(x, Gelu)                         tanh approximation or exact (erf)
//   b.silu_mul(gate, up)                    silu(gate) * up
//   b.add(a, b), b.mul(a, b)                elementwise; b may be [1, cols] (repeated over rows)
//   b.scale(x, s)                           x * s
//   b.softmax(x)                            over each row
//   b.matmul(a, c, transpose_c)             [m,k] x [k,n], or [m,k] x [n,k]^T
//   b.slice_rows(x, i, j), slice_cols       half open
//   b.concat_rows(vector<Tensor>)           same cols
//   b.reshape(x, r, c)                      row-major, r * c unchanged
//   b.gather_rows(x, idx)                   [idx.size(), cols]
//   b.bag_rows(x, idx, weights, k)          [n / k, cols]: sum over k of weights[i*k+j] * x[idx[i*k+j]], j ascending
//   b.scatter_rows(x, idx, src)             x with rows idx replaced by src (idx distinct)
//   b.scatter_add_rows(x, idx, src)         x with src added to rows idx (idx distinct)
//   b.rope(x, heads, cos, sin)              x [L, heads*d], cos and sin [L, d/2]: element i pairs with i + d/2 in each
//                                           head
//   b.attention(q, k, v, spec)              Attended{out [Lq, heads*dv], received [1, Lk] or empty}
//   b.make_cache(capacity, width)           Cache for `capacity` rows of keys and values, `width` = kv_heads * head_dim
//   b.cache_append(cache&, k, v)            grows by rows(k); amortised O(1) copies
//   b.cache_keys(cache), cache_values       Tensor [rows so far, width], no copy
//   b.l2_normalize(x)                       each row divided by max(norm, 1e-12)
//   b.sum_rows(x), b.mean_rows(x)           [1, cols]: over all rows
//   b.sum_cols(x), b.max_cols(x)            [rows, 1]: over each row
//   b.conv2d(x, w, bias, spec)              x [H*W, Cin] channels last, w Weight [Cout, Cin*kh*kw] -> [Ho*Wo, Cout],
//                                           zero padding
//   b.avg_pool(x, spec)                     x [H*W, C] -> [Ho*Wo, C], no padding
//   b.parallel_for(n, grain, f)             f(begin, end) over disjoint ranges covering [0, n)
//   b.threads()                             int
//
// Laws: results do not depend on the thread count (eigen); equal inputs give equal outputs within one build.
// A backend may offer more (fused kernels); generic code asks with `if constexpr (requires ...)`:
//   b.for_use(w, WeightUse, name)           a matrix in the form that the backend keeps for it (weight_format.hpp)
//   b.values_checked()                      true: all values of the model are known to be finite
#include <concepts>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

enum class Gelu : std::uint8_t { tanh, erf };
enum class Layout : std::uint8_t { out_in, in_out, vector };

/// Rows [begin, end) of q, k and v that see only each other.
struct Segment {
  Index begin = 0, end = 0;
  bool operator==(const Segment&) const = default;
};

struct AttentionSpec {
  Index heads = 1, kv_heads = 1;  // query head i reads kv head i / (heads / kv_heads)
  float scale = 1.0f;             // multiplies q k^T
  bool causal = false;            // query row i sees key row j iff j <= i + causal_offset
  Index causal_offset = 0;        // rows already cached before this call
  std::vector<Segment> segments;  // empty: one segment. Otherwise they tile the rows after `shared_prefix`, in order
  Index shared_prefix = 0;        // the first rows, seen by all segments (several questions about one picture)
  // [Lk] added to the scaled scores of each key, or empty; -infinity: a key that nobody sees. Every query sees one
  // above.
  std::span<const float> key_bias{};
  bool want_received = false;  // received[j] = sum over heads and queries of the attention probability on key j
};

template <class T>
struct Attended {
  T out;
  T received;  // [1, Lk], or a default-constructed T
};

struct Conv2dSpec {
  Index height = 0, width = 0, kernel_h = 1, kernel_w = 1, stride = 1, padding = 0;
  constexpr Index out_height() const { return (height + 2 * padding - kernel_h) / stride + 1; }
  constexpr Index out_width() const { return (width + 2 * padding - kernel_w) / stride + 1; }
};

namespace require {
template <class B>
concept backend_types = std::copyable<typename B::Tensor> && std::default_initializable<typename B::Tensor> &&
    std::copyable<typename B::Weight> && std::default_initializable<typename B::Weight> &&
    std::movable<typename B::Cache>;
template <class B>
concept backend_named = requires {
  { B::name } -> std::convertible_to<std::string_view>;
};

template <class B>
concept backend_host = backend_types<B> &&
    requires(B& b, const typename B::Tensor& t, std::span<const float> f, HostTensor h, Index n) {
  { b.rows(t) } -> std::same_as<Index>;
  { b.cols(t) } -> std::same_as<Index>;
  { b.from_host(f, n, n) } -> std::same_as<typename B::Tensor>;
  { b.to_host(t) } -> std::same_as<std::vector<float>>;
  { b.import_weight(h, Layout::out_in) } -> std::same_as<typename B::Weight>;
};
template <class B>
concept backend_linear = backend_types<B> &&
    requires(B& b, const typename B::Tensor& t, const typename B::Weight& w, std::span<const TokenId> ids,
             std::span<const Index> idx, std::span<const float> f, Index k) {
  { b.linear(t, w) } -> std::same_as<typename B::Tensor>;
  { b.linear(t, w, w) } -> std::same_as<typename B::Tensor>;
  { b.embedding(w, ids) } -> std::same_as<typename B::Tensor>;
  { b.embedding_bag(w, idx, f, k) } -> std::same_as<typename B::Tensor>;
  { b.matmul(t, t, true) } -> std::same_as<typename B::Tensor>;
};
template <class B>
concept backend_pointwise = backend_types<B> &&
    requires(B& b, const typename B::Tensor& t, const typename B::Weight& w, float s) {
  { b.layer_norm(t, w, w, s) } -> std::same_as<typename B::Tensor>;
  { b.rms_norm(t, w, s) } -> std::same_as<typename B::Tensor>;
  { b.gelu(t, Gelu::tanh) } -> std::same_as<typename B::Tensor>;
  { b.silu_mul(t, t) } -> std::same_as<typename B::Tensor>;
  { b.add(t, t) } -> std::same_as<typename B::Tensor>;
  { b.mul(t, t) } -> std::same_as<typename B::Tensor>;
  { b.scale(t, s) } -> std::same_as<typename B::Tensor>;
  { b.softmax(t) } -> std::same_as<typename B::Tensor>;
  { b.l2_normalize(t) } -> std::same_as<typename B::Tensor>;
  { b.sum_rows(t) } -> std::same_as<typename B::Tensor>;
  { b.mean_rows(t) } -> std::same_as<typename B::Tensor>;
  { b.sum_cols(t) } -> std::same_as<typename B::Tensor>;
  { b.max_cols(t) } -> std::same_as<typename B::Tensor>;
};
template <class B>
concept backend_rows = backend_types<B> &&
    requires(B& b, const typename B::Tensor& t, std::span<const Index> idx, Index i, std::span<const float> f,
             const std::vector<typename B::Tensor>& ts) {
  { b.slice_rows(t, i, i) } -> std::same_as<typename B::Tensor>;
  { b.slice_cols(t, i, i) } -> std::same_as<typename B::Tensor>;
  { b.concat_rows(ts) } -> std::same_as<typename B::Tensor>;
  { b.reshape(t, i, i) } -> std::same_as<typename B::Tensor>;
  { b.gather_rows(t, idx) } -> std::same_as<typename B::Tensor>;
  { b.bag_rows(t, idx, f, i) } -> std::same_as<typename B::Tensor>;
  { b.scatter_rows(t, idx, t) } -> std::same_as<typename B::Tensor>;
  { b.scatter_add_rows(t, idx, t) } -> std::same_as<typename B::Tensor>;
};
template <class B>
concept backend_attention = backend_types<B> &&
    requires(B& b, const typename B::Tensor& t, const AttentionSpec& spec, Index n, typename B::Cache& c) {
  { b.rope(t, n, t, t) } -> std::same_as<typename B::Tensor>;
  { b.attention(t, t, t, spec) } -> std::same_as<Attended<typename B::Tensor>>;
  { b.make_cache(n, n) } -> std::same_as<typename B::Cache>;
  b.cache_append(c, t, t);
  { b.cache_keys(c) } -> std::same_as<typename B::Tensor>;
  { b.cache_values(c) } -> std::same_as<typename B::Tensor>;
};
template <class B>
concept backend_images = backend_types<B> &&
    requires(B& b, const typename B::Tensor& t, const typename B::Weight& w, const Conv2dSpec& spec) {
  { b.conv2d(t, w, w, spec) } -> std::same_as<typename B::Tensor>;
  { b.avg_pool(t, spec) } -> std::same_as<typename B::Tensor>;
};
template <class B>
concept backend_threads = requires(B& b, Index n, const std::function<void(Index, Index)>& f) {
  b.parallel_for(n, n, f);
  { b.threads() } -> std::same_as<int>;
};
}  // namespace require

template <class B>
concept KernelBackend = require::backend_types<B> && require::backend_named<B> && require::backend_host<B> &&
    require::backend_linear<B> && require::backend_pointwise<B> && require::backend_rows<B> &&
    require::backend_attention<B> && require::backend_images<B> && require::backend_threads<B>;

/// The same rules, but the error names the group that is broken and its fix.
template <class B>
consteval bool check_backend() {
  static_assert(require::backend_types<B>,
                "KernelBackend: add copyable types `Tensor` and `Weight`, and a movable `Cache`");
  static_assert(require::backend_named<B>, "KernelBackend: add `static constexpr std::string_view name = \"...\";`");
  static_assert(
      require::backend_host<B>,
      "KernelBackend: add rows, cols, from_host, to_host, import_weight (see the list in kernel_backend.hpp)");
  static_assert(require::backend_linear<B>,
                "KernelBackend: add linear (with and without bias), embedding, embedding_bag, matmul");
  static_assert(require::backend_pointwise<B>,
                "KernelBackend: add layer_norm, rms_norm, gelu, silu_mul, add, mul, scale, softmax and the reductions");
  static_assert(
      require::backend_rows<B>,
      "KernelBackend: add slice_*, concat_rows, reshape, gather_rows, bag_rows, scatter_rows, scatter_add_rows");
  static_assert(require::backend_attention<B>,
                "KernelBackend: add rope, attention, make_cache, cache_append, cache_keys, cache_values");
  static_assert(require::backend_images<B>, "KernelBackend: add conv2d and avg_pool");
  static_assert(require::backend_threads<B>, "KernelBackend: add parallel_for(n, grain, f) and threads()");
  return true;
}

}  // namespace arrcoc
