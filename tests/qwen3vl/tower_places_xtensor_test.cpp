#include "qwen3vl/tower_places.hpp"

#include "arrcoc/xtensor.hpp"

using arrcoc::XtensorBackend;

TEST_CASE("tower places on xtensor: places that are the raster, and parts of it, keep its bits") {
  arrcoc::tests::tower_places_keep_bits<XtensorBackend>();
}
TEST_CASE("tower places on xtensor: a hook that keeps all changes no bit, drops are exact") {
  arrcoc::tests::tower_hooks<XtensorBackend>();
}
TEST_CASE("tower places on xtensor: segments do not see each other") {
  arrcoc::tests::tower_segments<XtensorBackend>();
}
TEST_CASE("tower places on xtensor: places that cannot be are refused") {
  arrcoc::tests::tower_places_refuse<XtensorBackend>();
}
TEST_CASE("tower places on xtensor: hooks that keep nothing, or out of order, are refused") {
  arrcoc::tests::tower_hooks_refuse<XtensorBackend>();
}
