// The library's attention where it may stand for ours, and how one of them is chosen.
#include "arrcoc/torch_attention_times.hpp"

#include "conformance/doctest_beside_torch.hpp"

#include <cmath>

#include "conformance/conformance.hpp"

using namespace arrcoc;

namespace {
/// The same with the library's own attention where it is offered.
struct LibraryTorch : TorchBackend {
  LibraryTorch() : TorchBackend({.attention = TorchAttention::library}) {}
};
}  // namespace

ARRCOC_CONFORMANCE_CASE(LibraryTorch, attention)
ARRCOC_CONFORMANCE_CASE(LibraryTorch, key_bias)
ARRCOC_CONFORMANCE_CASE(LibraryTorch, mistakes)

TEST_CASE("torch: the library's attention is another one, equal to ours but for rounding, and equal to itself") {
  const Index rows = 61, heads = 4, depth = 32;
  const auto random = [&](unsigned seed) { return conformance::random_matrix(rows, heads * depth, seed); };
  for (const bool bf16 : {false, true})
    for (const bool causal : {false, true}) {
      const TorchBackend own({.bf16 = bf16}), library({.bf16 = bf16, .attention = TorchAttention::library});
      AttentionSpec spec;
      spec.heads = spec.kv_heads = heads;
      spec.scale = 0.2f;
      spec.causal = causal;
      const auto attended = [&](const TorchBackend& b, bool received) {
        const auto at = [&](unsigned seed) { return b.from_host(random(seed).floats(), rows, heads * depth); };
        AttentionSpec s = spec;
        s.want_received = received;
        return b.to_host(b.attention(at(1), at(2), at(3), s).out);
      };
      const auto mine = attended(own, false), theirs = attended(library, false);
      float most = 0;
      for (std::size_t i = 0; i < mine.size(); ++i) most = std::max(most, std::abs(mine[i] - theirs[i]));
      CHECK(most > 0);                            // it was asked
      CHECK(most < (bf16 ? 4e-2f : 8e-6f));       // values below 4: weights and values of 8 bits, or of 24
      CHECK(theirs == attended(library, false));  // equal inputs, equal bits
      CHECK(mine == attended(library, true));     // what the library cannot is ours, to the bit
    }
}

TEST_CASE("torch: the faster attention is measured, and ours unless the other is faster by a tenth") {
  const AttentionTimes t = measure_attention({.threads = 1});
  CHECK(t.own > 0);
  CHECK(t.library > 0);
  CHECK(t.own < 1e3);
  CHECK(AttentionTimes{1.0, 0.95}.faster() == TorchAttention::own);
  CHECK(AttentionTimes{1.0, 0.8}.faster() == TorchAttention::library);
  CHECK(AttentionTimes{}.faster() == TorchAttention::own);
  CHECK(measure_attention({.keep_graph = true}).own == 0);
}
