// FastV by hand: before layer 2 all but the 16 tokens go that the last row paid most attention to in layer 1.
#include <algorithm>
#include <cstdio>

#include "arrcoc/eigen.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/pipeline/journey.hpp"
#include "arrcoc/pipeline/picture.hpp"
#include "arrcoc/primitives/selection.hpp"

using namespace arrcoc;

struct FastV final : qwen3vl::LayerHook<EigenBackend> {
  std::vector<Index> kept;
  std::vector<Request> requests(Index layer) const override {
    if (layer != 1) return {};
    return {{.site = Request::Site::layer, .index = layer, .rows = Request::Rows::last}};
  }
  void answered(Index, qwen3vl::ByPicture of) override { kept = selection::best(of[0][0].values.floats(), 16); }
  std::optional<qwen3vl::RowEdit> before_layer(EigenBackend&, Index layer,
                                               const qwen3vl::LayerView<EigenBackend>& view) override {
    if (layer != 2) return std::nullopt;
    qwen3vl::RowEdit edit;
    for (std::size_t i = 0; i < view.rows.size(); ++i)
      if (view.rows[i].text() || std::count(kept.begin(), kept.end(), view.rows[i].token)) edit.keep.push_back(i);
    return edit;
  }
};

int main(int, char** words) {  // MODEL PICTURE QUESTION
  const io::ModelFolder folder = io::open_model(words[1]);
  const Image image = io::read_image(words[2]);
  EigenBackend backend;
  const qwen3vl::Model<EigenBackend> model(backend, folder.config, folder.weights);
  const std::vector<Picture> pictures{picture_of(image.view(), folder.config.vision, folder.config.preprocess)};
  const Prompt prompt = io::build_prompt(io::question_about(1, words[3]), {pictures[0].grid}, *folder.tokenizer,
                                         folder.config, folder.chat_template);
  RunOptions options;
  options.generate.keep_logits = true;
  options.generate.stop_ids = folder.config.generation.stop_ids;
  Journey<EigenBackend> journey(backend, model, nullptr, pictures, prompt, options);
  journey.encode();
  journey.inject();
  FastV hook;
  const qwen3vl::Generated out = journey.generate(&hook);
  std::puts(folder.tokenizer->decode(out.tokens).c_str());
  for (const Index t : hook.kept) std::printf("%d ", int(t));
  std::puts("");
  for (Index i = 0; i < folder.config.text.vocab_size; ++i) std::printf("%.9g ", double(out.logits[i]));
}
