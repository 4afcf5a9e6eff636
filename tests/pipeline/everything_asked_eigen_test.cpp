#include "arrcoc/eigen.hpp"
#include "pipeline/everything_asked.hpp"

using arrcoc::EigenBackend;

TEST_CASE("everything asked on eigen: keep-all is the stock model bit for bit, in float32") {
  arrcoc::tests::everything_asked_changes_nothing<EigenBackend>();
}
TEST_CASE("everything asked on eigen: keep-all is the stock model bit for bit, in bf16") {
  arrcoc::tests::everything_asked_changes_nothing(EigenBackend({.bf16 = true}));
}
