#include "arrcoc/xtensor.hpp"
#include "qwen3vl/tower_requests.hpp"

using arrcoc::XtensorBackend;

TEST_CASE("tower requests on xtensor: answers equal loops in double") {
  arrcoc::tests::tower_requests_answer<XtensorBackend>();
}
TEST_CASE("tower requests on xtensor: the outputs keep their bits") {
  arrcoc::tests::tower_requests_change_nothing<XtensorBackend>();
}
TEST_CASE("tower requests on xtensor: what cannot be answered is refused") {
  arrcoc::tests::tower_requests_refuse<XtensorBackend>();
}
