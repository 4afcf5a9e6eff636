#include "train/export.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/random.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "io/temporary_folder.hpp"
#include "train/examples.hpp"
#include "train/small_model.hpp"

using namespace arrcoc;
using namespace arrcoc::train;
namespace fs = std::filesystem;

namespace {

using Tensors = std::map<std::string, HostTensor, std::less<>>;

Tensors initial_state() {
  Tensors all;
  for (const auto& [name, shape] : tensor_list(small_config()))
    all[name] = host_tensor(initial_values(name, shape, 5), shape);
  all["step"] = host_tensor(std::vector<std::int64_t>{41}, {1});
  all["reading_head.bias"] = host_tensor(std::vector<float>(7), {7});  // thrown away
  return all;
}

struct Made {
  test::TemporaryFolder temporary;
  fs::path folder = temporary.path / "model";
  Exported exported;
  explicit Made(const Tensors& state, bool latest = false) {
    io::write_safetensors(temporary.path / "state.safetensors", state);
    exported = export_model(temporary.path / "state.safetensors", folder, latest);
  }
};

Code code_of(const Tensors& state) {
  try {
    const Made m(state);
  } catch (const Error& e) { return e.code(); }
  return Code{};
}

std::vector<TokenId> rendered(const io::ModelFolder& f, const std::string& question, Grid grid) {
  using Part = io::ContentPart;
  const std::vector<io::Message> messages{{"user", {Part{Part::Kind::image, {}}, Part{Part::Kind::text, question}}}};
  return io::build_prompt(messages, {grid}, *f.tokenizer, f.config, f.chat_template).ids;
}

std::vector<TokenId> trained(const std::string& question, Grid grid) {
  std::vector<TokenId> ids = prefix_ids(grid.count());
  for (const TokenId id : Vocabulary::encode(question + "<|im_end|>\n<|im_start|>assistant\n")) ids.push_back(id);
  return ids;
}

}  // namespace

TEST_CASE("an exported state opens as a model of the trained shape") {
  const Tensors state = initial_state();
  const Made m(state);
  CHECK(m.exported.step == 41);
  CHECK_FALSE(m.exported.averaged);
  const io::ModelFolder f = io::open_model(m.folder.string(), {});
  const ModelConfig c = small_config();
  CHECK_FALSE(f.untrained);
  CHECK(f.config.text.tie_word_embeddings);
  CHECK(f.config.text.vocab_size == 304);
  CHECK(f.config.text.rope_theta == c.text.rope_theta);
  CHECK(f.config.text.mrope_section == c.text.mrope_section);
  CHECK(f.config.vision.deepstack_taps == c.vision.deepstack_taps);
  CHECK(f.config.vision.position_embeddings == c.vision.position_embeddings);
  CHECK(f.config.preprocess.min_pixels == 256 * 256);  // a picture of 256x256 keeps its size
  CHECK(f.config.preprocess.max_pixels == 2048 * 2048);
  CHECK(f.config.preprocess.mean == std::vector<double>{0.5, 0.5, 0.5});
  CHECK(f.config.image_token == c.image_token);
  CHECK(f.config.vision_end == c.vision_end);
  CHECK(f.config.generation.stop_ids == c.generation.stop_ids);
  CHECK_FALSE(f.config.generation.sample);
  CHECK(f.weight_bytes == 2 * m.exported.parameters);
  for (const auto& [name, shape] : tensor_list(c)) {
    const auto t = f.weights(name);
    REQUIRE(t);
    CHECK(t->dtype == DType::bf16);
    REQUIRE(t->shape == shape);
    const auto was = to_floats(state.at(name)), is = to_floats(*t);
    for (std::size_t i = 0; i < was.size(); i += 97) {
      CHECK(std::abs(is[i] - was[i]) <= std::abs(was[i]) / 256);  // 8 bits of significand, nearest
    }
  }
}

TEST_CASE("the prompt that is trained is the prompt that is asked") {
  const Made m(initial_state());
  const io::ModelFolder f = io::open_model(m.folder.string(), {});
  CHECK(f.tokenizer->size() == Vocabulary::size);
  const std::vector<std::string> questions{"What is the total?",
                                           "Which shape is left of the table?",
                                           "How much does the shop say? user assistant shapes shape",
                                           "x",
                                           " is is  the the\n\n page",
                                           "Read: 12.50 $ #&*",
                                           "What colour is the car or the cars under here?"};
  for (const auto& q : questions)
    for (const Grid grid : {Grid{8, 8}, Grid{1, 3}}) CHECK(rendered(f, q, grid) == trained(q, grid));
  using Part = io::ContentPart;
  Example clip;
  clip.grid = {2, 3};
  clip.seconds = {0.0625, 3.5, 207.9};
  for (const auto& q : questions) {
    Prompt own = prefix_of(clip);
    for (const TokenId id : Vocabulary::encode(q + "<|im_end|>\n<|im_start|>assistant\n")) own.ids.push_back(id);
    const Prompt asked =
        io::build_prompt_with_clips({{"user", {Part{Part::Kind::video, {}}, Part{Part::Kind::text, q}}}},
                                    {{clip.grid, clip.seconds}}, *f.tokenizer, f.config, f.chat_template);
    CHECK(asked.ids == own.ids);
    CHECK(asked.spans == own.spans);
  }
  Rng rng(3);
  for (int i = 0; i < 400; ++i) {  // words, bytes and specials run into one another
    std::string text;
    for (int k = 0; k < 12; ++k) {
      const auto u = rng.below(10);
      if (u < 5) text += Vocabulary::words[rng.below(Vocabulary::words.size())];
      else if (u < 6) text += Vocabulary::special[rng.below(Vocabulary::special.size())];
      else if (u < 9) text += static_cast<char>(32 + rng.below(95));
      else text += Vocabulary::words[rng.below(Vocabulary::words.size())].substr(0, 2);
    }
    const auto ids = Vocabulary::encode(text);
    CHECK(f.tokenizer->encode(text) == ids);
    CHECK(f.tokenizer->decode(ids) == text);
    CHECK(Vocabulary::decode(ids) == text);
  }
}

TEST_CASE("ids of prompts as transformers made them") {
  std::ifstream golden(fs::path(ARRCOC_TESTS_DIR) / "golden" / "train" /
                       "prompt_ids.txt");  // question TAB rows TAB cols TAB ids
  int lines = 0;
  for (std::string line; std::getline(golden, line); ++lines) {
    std::vector<std::string> part(1);
    for (const char c : line) {
      if (c == '\t') part.emplace_back();
      else part.back() += c;
    }
    REQUIRE(part.size() == 4);
    std::string ids;
    for (const TokenId id : trained(part[0], {std::stol(part[1]), std::stol(part[2])}))
      ids += (ids.empty() ? "" : " ") + std::to_string(id);
    CHECK(ids == part[3]);
  }
  CHECK(lines >= 10);
}

TEST_CASE("the moving average is what is exported, unless the latest weights are asked for") {
  Tensors state = initial_state();
  const std::string name = "model.language_model.norm.weight";
  for (const auto& [n, shape] : tensor_list(small_config())) state["average." + n] = state.at(n);
  state["average." + name] = host_tensor(std::vector<float>(128, 0.25f), {128});
  const Made averaged(state), latest(state, true);
  CHECK(averaged.exported.averaged);
  CHECK_FALSE(latest.exported.averaged);
  CHECK(to_floats(*io::open_model(averaged.folder.string(), {}).weights(name)) == std::vector<float>(128, 0.25f));
  CHECK(to_floats(*io::open_model(latest.folder.string(), {}).weights(name)) == std::vector<float>(128, 1.0f));
}

TEST_CASE("a state that is no state of the small model is refused") {
  const std::string name = "model.visual.blocks.2.norm1.weight";
  Tensors missing = initial_state(), shaped = initial_state(), nan = initial_state();
  missing.erase(name);
  shaped[name] = host_tensor(std::vector<float>(64, 1.0f), {64});
  nan[name] = host_tensor(std::vector<float>(128, std::numeric_limits<float>::quiet_NaN()), {128});
  CHECK(code_of(missing) == Code::bad_weight);
  CHECK(code_of(shaped) == Code::bad_weight);
  CHECK(code_of(nan) == Code::bad_number);

  const Made m(initial_state());
  CHECK_THROWS_AS(export_model(m.temporary.path / "state.safetensors", m.folder), Error);  // it exists
  CHECK_THROWS_AS(export_model(m.temporary.path / "absent", m.temporary.path / "x"), Error);
  CHECK_FALSE(fs::exists(m.temporary.path / "x"));
}
