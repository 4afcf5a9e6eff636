#include "arrcoc/xtensor.hpp"
#include "registry/phases.hpp"

TEST_CASE("keep-all at any phase, alone and together, is the stock model bit for bit: xtensor") {
  arrcoc::tests::keep_all_at_any_phase_is_stock([] { return arrcoc::XtensorBackend(); });
}
