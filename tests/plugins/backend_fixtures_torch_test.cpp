#include "arrcoc/torch.hpp"
#include "conformance/doctest_beside_torch.hpp"
#include "plugins/fixtures_backend.hpp"

TEST_CASE("every published method keeps on torch what its transcription keeps") {
  arrcoc::TorchBackend b;
  arrcoc::tests::fixtures::decided_on(b);
}
