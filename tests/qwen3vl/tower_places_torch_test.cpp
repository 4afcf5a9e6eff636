#include "qwen3vl/tower_places.hpp"

#include "arrcoc/torch.hpp"

using arrcoc::TorchBackend;

TEST_CASE("tower places on torch: places that are the raster, and parts of it, keep its bits") {
  arrcoc::tests::tower_places_keep_bits<TorchBackend>();
  arrcoc::tests::tower_places_keep_bits(TorchBackend({.bf16 = true}));
}
TEST_CASE("tower places on torch: a hook that keeps all changes no bit, drops are exact") {
  arrcoc::tests::tower_hooks<TorchBackend>();
  arrcoc::tests::tower_hooks(TorchBackend({.bf16 = true}));
}
TEST_CASE("tower places on torch: segments do not see each other") { arrcoc::tests::tower_segments<TorchBackend>(); }
TEST_CASE("tower places on torch: places that cannot be are refused") {
  arrcoc::tests::tower_places_refuse<TorchBackend>();
}
TEST_CASE("tower places on torch: hooks that keep nothing, or out of order, are refused") {
  arrcoc::tests::tower_hooks_refuse<TorchBackend>();
}
