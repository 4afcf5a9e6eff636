#pragma once
// Questions of scenes as a frozen model sees them, and how well scores find what they ask for: what every trained stage
// starts from.
#include <ATen/ATen.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../recipe.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "gated.hpp"

namespace arrcoc::train {

/// One question of one picture, encoded by the frozen base.
struct Asked {
  Grid grid;
  std::shared_ptr<const Image> picture;
  at::Tensor vision, query;        // [N, D], [1, D]
  at::Tensor target;               // [N] share of each token that the boxes cover
  std::vector<bool> touched;       // [N]
  std::vector<at::Tensor> levels;  // DeepStack rows, [N, D] each
  AskedQuestion question;
};

class FrozenModel {
 public:
  FrozenModel(const std::filesystem::path& model, int threads, const std::string& device,
              const std::filesystem::path& atlas);

  const io::ModelFolder& folder() const { return folder_; }
  const qwen3vl::LanguageModel<GatedBackend>& text() const { return model_.text(); }
  /// The questions that have boxes of each picture, at most `questions` of one.
  std::vector<Asked> ask(const std::vector<scenes::SceneParams>& params, Index questions);
  /// The weights of the last `layers` layers of the language model become leaves that ask for gradients: {name, leaf}.
  /// Error{bad_config}.
  std::vector<std::pair<std::string, at::Tensor>> unfreeze(Index layers);

 private:
  io::ModelFolder folder_;
  GatedBackend backend_;
  qwen3vl::Model<GatedBackend> model_;
  scenes::GlyphAtlas atlas_;
};

/// How much of what the boxes touch is among the K = round(ratio N) highest scores, mean over questions; and the same
/// of K random tokens (its expectation) and of the best possible choice.
struct Recall {
  double ratio = 0, scorer = 0, random = 0, oracle = 0;
  double closed() const { return oracle > random ? (scorer - random) / (oracle - random) : 0; }  // of the gap
};
struct HeadScore {
  std::string scenario;
  Index questions = 0;
  std::vector<Recall> recalls;  // at 1/4 and 1/8
};

/// Per scenario of the recipe, then "every", on `pictures` scenes of the dev split shared among them.
std::vector<HeadScore> recall_of(FrozenModel& model, const Recipe& recipe, Index pictures,
                                 const std::function<at::Tensor(const Asked&)>& score);

}  // namespace arrcoc::train
