// What the model folder oracle runs:
//   model_folder demo OUT SEED     writes the demo model
//   model_folder config DIR        the settings that were read, a "name value" a line
//   model_folder open DIR TENSOR   opens the whole folder, and writes the tensor's values as raw float32 to stdout
#include <iostream>
#include <string>

#include "arrcoc/io/model_folder.hpp"

using namespace arrcoc;

namespace {

template <class T>
std::string list(const std::vector<T>& v) {
  std::string s = "[";
  for (std::size_t i = 0; i < v.size(); ++i) s += (i ? ", " : "") + std::to_string(v[i]);
  return s + "]";
}

void show(const ModelConfig& c) {
  const TextConfig& t = c.text;
  std::cout << std::boolalpha;
  std::cout << "vocab_size " << t.vocab_size << "\nhidden_size " << t.hidden_size << "\nnum_hidden_layers " << t.layers
            << "\nnum_attention_heads " << t.heads << "\nnum_key_value_heads " << t.kv_heads << "\nhead_dim "
            << t.head_dim << "\nintermediate_size " << t.intermediate_size << "\nrope_theta " << t.rope_theta
            << "\nmrope_section " << list(t.mrope_section) << "\nmax_position_embeddings " << t.max_positions
            << "\ntie " << t.tie_word_embeddings << "\n";
  const VisionConfig& v = c.vision;
  std::cout << "vision.depth " << v.depth << "\nvision.hidden_size " << v.hidden_size << "\nvision.num_heads "
            << v.heads << "\nvision.intermediate_size " << v.intermediate_size << "\nvision.out_hidden_size "
            << v.out_hidden_size << "\nvision.patch_size " << v.patch_size << "\nvision.num_position_embeddings "
            << v.position_embeddings << "\nvision.deepstack_visual_indexes " << list(v.deepstack_taps)
            << "\nimage_token_id " << c.image_token << "\nmin_pixels " << c.preprocess.min_pixels << "\nmax_pixels "
            << c.preprocess.max_pixels << "\neos_token_id " << list(c.generation.stop_ids) << "\ndo_sample "
            << c.generation.sample << "\ntop_k " << c.generation.top_k << "\n";
}

int run(int count, char** words) {
  const std::string mode = count > 1 ? words[1] : "";
  if (mode == "demo" && count == 4) {
    io::write_demo_model(words[2], std::stoull(words[3]));
  } else if (mode == "config" && count == 3) {
    show(io::read_model_config(words[2]));
  } else if (mode == "open" && count == 4) {
    const auto t = io::open_model(words[2], {}).weights(words[3]);
    require_that(t.has_value(), Code::bad_weight, words[3], "no such tensor");
    const auto values = to_floats(*t);
    std::cout.write(reinterpret_cast<const char*>(values.data()),
                    static_cast<std::streamsize>(values.size() * sizeof(float)));
  } else {
    std::cerr << "usage: model_folder demo OUT SEED | config DIR | open DIR TENSOR\n";
    return 2;
  }
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(count, words);
  } catch (const Error& e) {
    std::cerr << e.what() << "\n";
    return e.exit_status();
  }
}
