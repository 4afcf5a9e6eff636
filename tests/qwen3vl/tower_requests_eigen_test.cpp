#include "qwen3vl/tower_requests.hpp"

#include "arrcoc/eigen.hpp"

using arrcoc::EigenBackend;

TEST_CASE("tower requests on eigen: answers equal loops in double") {
  arrcoc::tests::tower_requests_answer<EigenBackend>();
}
TEST_CASE("tower requests on eigen: the outputs keep their bits, in float32 and in bf16") {
  arrcoc::tests::tower_requests_change_nothing<EigenBackend>();
  arrcoc::tests::tower_requests_change_nothing(EigenBackend({.bf16 = true}));
}
TEST_CASE("tower requests on eigen: what cannot be answered is refused") {
  arrcoc::tests::tower_requests_refuse<EigenBackend>();
}
