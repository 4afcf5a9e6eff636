#include "arrcoc/torch.hpp"
#include "pipeline/everything_asked.hpp"

using arrcoc::TorchBackend;

TEST_CASE("everything asked on torch: keep-all is the stock model bit for bit, in float32") {
  arrcoc::tests::everything_asked_changes_nothing<TorchBackend>();
}
TEST_CASE("everything asked on torch: keep-all is the stock model bit for bit, in bf16") {
  arrcoc::tests::everything_asked_changes_nothing(TorchBackend({.bf16 = true}));
}
