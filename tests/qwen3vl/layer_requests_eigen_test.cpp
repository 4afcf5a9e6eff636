#include "qwen3vl/layer_requests.hpp"

#include "arrcoc/eigen.hpp"

using arrcoc::EigenBackend;

TEST_CASE("layer requests on eigen: the outputs keep their bits") {
  arrcoc::tests::layer_requests_change_nothing<EigenBackend>();
  arrcoc::tests::layer_requests_change_nothing(EigenBackend({.bf16 = true}));
}
TEST_CASE("layer requests on eigen: a beginning in the cache counts") {
  arrcoc::tests::layer_requests_see_the_cache<EigenBackend>();
}
TEST_CASE("layer requests on eigen: what cannot be answered is refused") {
  arrcoc::tests::layer_requests_refuse<EigenBackend>();
}
