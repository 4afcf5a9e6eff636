// A rule by type: a quarter of the picture first, all of it when the model is not sure.
//   look_again MODEL PICTURE QUESTION
#include <cstdio>

#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/eigen/dispatch.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/pipeline/linked.hpp"
#include "arrcoc/pipeline/passes.hpp"
#include "arrcoc/pipeline/picture.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/texture/texture13.hpp"

ARRCOC_LINKED_JOURNEYS(arrcoc::EigenDispatch)  // the driver is in libarrcoc

using namespace arrcoc;
using Ink = Decision<ScorerSet<InformationScorer>, FixedWeightsBalancer, TopKAllocator>;

int main(int count, char** words) {
  if (count < 4) return 2;
  EigenDispatch backend(eigen::with_isa({}, Isa::automatic));
  const io::ModelFolder folder = io::open_model(words[1], {});
  const qwen3vl::Model<EigenDispatch> model(backend, folder.config, folder.weights);
  const Image page = io::read_image(words[2]);
  const auto looked_at = [&](const std::optional<Budget>& size) {
    PassInput in;
    in.pictures = {picture_at(page.view(), folder.config, size)};
    in.prompt =
        io::build_prompt({{"user", {{io::ContentPart::Kind::image, {}}, {io::ContentPart::Kind::text, words[3]}}}},
                         {in.pictures[0].grid}, *folder.tokenizer, folder.config, folder.chat_template);
    return in;
  };
  RunOptions options;
  options.budget.keep_ratio = 0.5;
  options.generate.max_new_tokens = 16;
  options.generate.stop_ids = folder.config.generation.stop_ids;
  const Index native = looked_at(std::nullopt).pictures[0].grid.count();
  for (const PassRecord& look : run_passes(Pipeline<EigenDispatch, Texture13, Ink>{}, EscalatePasses{{.below = 0.95}},
                                           backend, model, native, looked_at, options))
    std::printf("%s: %lld tokens, sure to %.2f\n", look.pass.what.c_str(),
                static_cast<long long>(look.outcome.costs.visual_tokens_after), look.seen.probability);
}
