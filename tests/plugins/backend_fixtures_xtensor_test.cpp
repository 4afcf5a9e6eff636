#include "arrcoc/xtensor.hpp"
#include "plugins/fixtures_backend.hpp"

TEST_CASE("every published method keeps on xtensor what its transcription keeps") {
  arrcoc::XtensorBackend b;
  arrcoc::tests::fixtures::decided_on(b);
}
