#include "qwen3vl/selfcheck.hpp"

#include "arrcoc/torch.hpp"

using arrcoc::TorchBackend;

TEST_CASE("self-check on torch: stages of the image prompt equal Hugging Face") {
  arrcoc::tests::selfcheck_stages<TorchBackend>();
}
TEST_CASE("self-check on torch: image, video, text, two images, mixed") {
  arrcoc::tests::selfcheck_prompts<TorchBackend>();
}
TEST_CASE("self-check on torch: greedy tokens, teacher forcing, pruned prompts") {
  arrcoc::tests::selfcheck_generation<TorchBackend>();
}
TEST_CASE("self-check on torch: mixture of experts, both layouts") { arrcoc::tests::selfcheck_experts<TorchBackend>(); }
