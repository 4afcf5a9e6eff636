#include "arrcoc/xtensor.hpp"
#include "qwen3vl/selfcheck.hpp"
using arrcoc::XtensorBackend;
TEST_CASE("self-check on xtensor: stages of the image prompt equal Hugging Face") {
  arrcoc::tests::selfcheck_stages<XtensorBackend>();
}
TEST_CASE("self-check on xtensor: image, video, text, two images, mixed") {
  arrcoc::tests::selfcheck_prompts<XtensorBackend>();
}
TEST_CASE("self-check on xtensor: greedy tokens, teacher forcing, pruned prompts") {
  arrcoc::tests::selfcheck_generation<XtensorBackend>();
}
TEST_CASE("self-check on xtensor: mixture of experts, both layouts") {
  arrcoc::tests::selfcheck_experts<XtensorBackend>();
}
