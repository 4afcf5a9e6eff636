#include "qwen3vl/layer_requests.hpp"

#include "arrcoc/torch.hpp"

using arrcoc::TorchBackend;

TEST_CASE("layer requests on torch: the outputs keep their bits") {
  arrcoc::tests::layer_requests_change_nothing<TorchBackend>();
  arrcoc::tests::layer_requests_change_nothing(TorchBackend({.bf16 = true}));
}
TEST_CASE("layer requests on torch: a beginning in the cache counts") {
  arrcoc::tests::layer_requests_see_the_cache<TorchBackend>();
}
TEST_CASE("layer requests on torch: what cannot be answered is refused") {
  arrcoc::tests::layer_requests_refuse<TorchBackend>();
}
