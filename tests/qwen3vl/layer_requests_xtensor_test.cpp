#include "qwen3vl/layer_requests.hpp"

#include "arrcoc/xtensor.hpp"

using arrcoc::XtensorBackend;

TEST_CASE("layer requests on xtensor: the outputs keep their bits") {
  arrcoc::tests::layer_requests_change_nothing<XtensorBackend>();
}
TEST_CASE("layer requests on xtensor: a beginning in the cache counts") {
  arrcoc::tests::layer_requests_see_the_cache<XtensorBackend>();
}
TEST_CASE("layer requests on xtensor: what cannot be answered is refused") {
  arrcoc::tests::layer_requests_refuse<XtensorBackend>();
}
