// check_backend: the first error names the missing group. Each case breaks one member of the archetype by hiding it.
#include "core/archetype_backend.hpp"

using namespace arrcoc;
using Base = arrcoc::tests::ArchetypeBackend;

#if CASE == 0
struct Mine : Base {};
#elif CASE == 1
// expect: add copyable types `Tensor` and `Weight`, and a movable `Cache`
struct Mine : Base {
  struct Tensor {
    Tensor(const Tensor&) = delete;
  };
};
#elif CASE == 2
// expect: add copyable types `Tensor` and `Weight`, and a movable `Cache`
struct Mine {};
#elif CASE == 3
// expect: add `static constexpr std::string_view name
struct Mine : Base {
  static constexpr int name = 3;
};
#elif CASE == 4
// expect: add rows, cols, from_host, to_host, import_weight
struct Mine : Base {
  int rows(const Tensor&) { return 0; }
};
#elif CASE == 5
// expect: add rows, cols, from_host, to_host, import_weight
struct Mine : Base {
  void import_weight();
};
#elif CASE == 6
// expect: add linear (with and without bias), embedding, embedding_bag, matmul
struct Mine : Base {
  Tensor linear(const Tensor&, const Weight&) { return {}; }
};
#elif CASE == 7
// expect: add linear (with and without bias), embedding, embedding_bag, matmul
struct Mine : Base {
  Tensor matmul(const Tensor&, const Tensor&) { return {}; }
};
#elif CASE == 8
// expect: add layer_norm, rms_norm, gelu, silu_mul, add, mul, scale, softmax and the reductions
struct Mine : Base {
  void max_cols();
};
#elif CASE == 9
// expect: add slice_*, concat_rows, reshape, gather_rows, bag_rows, scatter_rows, scatter_add_rows
struct Mine : Base {
  void scatter_rows(Tensor&, std::vector<int>);
};
#elif CASE == 10
// expect: add rope, attention, make_cache, cache_append, cache_keys, cache_values
struct Mine : Base {
  Tensor attention(const Tensor&, const Tensor&, const Tensor&, const AttentionSpec&) { return {}; }
};
#elif CASE == 11
// expect: add conv2d and avg_pool
struct Mine : Base {
  void avg_pool();
};
#elif CASE == 12
// expect: add parallel_for(n, grain, f) and threads()
struct Mine : Base {
  long threads() { return 1; }
};
#elif CASE == 13
// expect: add slice_*, concat_rows, reshape, gather_rows, bag_rows, scatter_rows, scatter_add_rows
struct Mine : Base {
  void bag_rows(const Tensor&, Indices);
};
#endif

static_assert(check_backend<Mine>());
