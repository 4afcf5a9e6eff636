#include "arrcoc/eigen.hpp"
#include "plugins/fixtures_backend.hpp"

TEST_CASE("every published method keeps on eigen what its transcription keeps") {
  arrcoc::EigenBackend b;
  arrcoc::tests::fixtures::decided_on(b);
}
