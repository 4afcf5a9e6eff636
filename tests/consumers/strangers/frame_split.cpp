// A budget over the frames of one prompt: each gets tokens by how much it differs from the frame before it.
#include <cstdio>

#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/injectors/early.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/pipeline/journey.hpp"
#include "arrcoc/pipeline/picture.hpp"
#include "arrcoc/texture/texture13.hpp"
#include "dark.hpp"

using namespace arrcoc;

struct ChangeSplit {
  static constexpr std::string_view name = "change";
  struct Config {
  } config{};
  std::vector<Index> split(Index total, std::span<const SplitPart> frames) const {
    std::vector<double> change(frames.size());
    std::vector<Index> most;
    for (std::size_t f = 0; f < frames.size(); ++f) {
      most.push_back(frames[f].tokens->count());
      for (std::size_t t = 0; t < frames[f].maps.size(); ++t)
        change[f] += std::abs(frames[f].maps[t] - (f == 0 ? 0.f : frames[f - 1].maps[t]));
    }
    return apportion(total, change, most);
  }
};
using Choose = Decision<ScorerSet<DarkScorer>, FixedWeightsBalancer, TopKAllocator, EarlyInjector>;

int main(int count, char** words) {  // MODEL TOKENS QUESTION FRAME ...
  const io::ModelFolder folder = io::open_model(words[1]);
  EigenBackend backend;
  const qwen3vl::Model<EigenBackend> model(backend, folder.config, folder.weights);
  std::vector<Image> frames(count - 4);
  std::vector<Picture> pictures;
  std::vector<Grid> grids;
  for (int i = 0; i < count - 4; ++i) {
    frames[i] = io::read_image(words[4 + i]);
    pictures.push_back(picture_of(frames[i].view(), folder.config.vision, folder.config.preprocess));
    grids.push_back(pictures[i].grid);
  }
  const Prompt prompt = io::build_prompt(io::question_about(frames.size(), words[3]), grids, *folder.tokenizer,
                                         folder.config, folder.chat_template);
  RunOptions options{.budget = {std::atoi(words[2])}, .scope = BudgetScope::prompt};
  options.generate.max_new_tokens = 1;
  const auto pipeline = Pipeline<EigenBackend, Texture13, Choose>{}.erase(MeanQuery{}, ChangeSplit{});
  const Outcome out = Journey<EigenBackend>(backend, model, &pipeline, pictures, prompt, options).run();
  for (std::size_t f = 0; f < frames.size(); ++f)
    for (const Index t : out.pictures[f].allocation.kept) std::printf("%d:%d ", int(f), int(t));
  std::printf("\n%d rows of %d\n", int(out.rows.size()), int(prompt.ids.size()));
}
