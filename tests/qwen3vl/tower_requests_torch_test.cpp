#include "qwen3vl/tower_requests.hpp"

#include "arrcoc/torch.hpp"

using arrcoc::TorchBackend;

TEST_CASE("tower requests on torch: answers equal loops in double") {
  arrcoc::tests::tower_requests_answer<TorchBackend>();
}
TEST_CASE("tower requests on torch: the outputs keep their bits, in float32 and in bf16") {
  arrcoc::tests::tower_requests_change_nothing<TorchBackend>();
  arrcoc::tests::tower_requests_change_nothing(TorchBackend({.bf16 = true}));
}
TEST_CASE("tower requests on torch: what cannot be answered is refused") {
  arrcoc::tests::tower_requests_refuse<TorchBackend>();
}
