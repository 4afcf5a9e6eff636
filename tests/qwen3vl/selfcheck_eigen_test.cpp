#include "qwen3vl/selfcheck.hpp"

#include "arrcoc/eigen.hpp"

using arrcoc::EigenBackend;

TEST_CASE("self-check on eigen: stages of the image prompt equal Hugging Face") {
  arrcoc::tests::selfcheck_stages<EigenBackend>();
}
TEST_CASE("self-check on eigen: image, video, text, two images, mixed") {
  arrcoc::tests::selfcheck_prompts<EigenBackend>();
}
TEST_CASE("self-check on eigen: greedy tokens, teacher forcing, pruned prompts") {
  arrcoc::tests::selfcheck_generation<EigenBackend>();
}
TEST_CASE("self-check on eigen: mixture of experts, both layouts") { arrcoc::tests::selfcheck_experts<EigenBackend>(); }
