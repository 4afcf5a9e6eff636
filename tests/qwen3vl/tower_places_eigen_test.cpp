#include "qwen3vl/tower_places.hpp"

#include "arrcoc/eigen.hpp"

using arrcoc::EigenBackend;

TEST_CASE("tower places on eigen: places that are the raster, and parts of it, keep its bits") {
  arrcoc::tests::tower_places_keep_bits<EigenBackend>();
  arrcoc::tests::tower_places_keep_bits(EigenBackend({.bf16 = true}));
}
TEST_CASE("tower places on eigen: a hook that keeps all changes no bit, drops are exact") {
  arrcoc::tests::tower_hooks<EigenBackend>();
  arrcoc::tests::tower_hooks(EigenBackend({.bf16 = true}));
}
TEST_CASE("tower places on eigen: segments do not see each other") { arrcoc::tests::tower_segments<EigenBackend>(); }
TEST_CASE("tower places on eigen: places that cannot be are refused") {
  arrcoc::tests::tower_places_refuse<EigenBackend>();
}
TEST_CASE("tower places on eigen: hooks that keep nothing, or out of order, are refused") {
  arrcoc::tests::tower_hooks_refuse<EigenBackend>();
}
