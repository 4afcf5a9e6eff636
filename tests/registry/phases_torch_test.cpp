#include "arrcoc/torch.hpp"
#include "registry/phases.hpp"

TEST_CASE("keep-all at any phase, alone and together, is the stock model bit for bit: torch") {
  using B = arrcoc::TorchBackend;
  arrcoc::tests::keep_all_at_any_phase_is_stock([] { return B(); });
  arrcoc::tests::keep_all_at_any_phase_is_stock([] { return B({.bf16 = true}); });
}
