#pragma once
// A model written in the layout that transformers reads and writes: configuration, byte-level tokenizer, chat template,
// weights.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"
#include "arrcoc/core/model_config.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "arrcoc/io/tokenizer.hpp"

namespace arrcoc::io {

struct ModelFiles {
  ModelConfig config;                    // stored_dtype is written as config.json's dtype ("bfloat16" when empty)
  std::vector<AddedToken> added_tokens;  // ids 256, 257, ... behind the 256 byte characters; there are no merges
  std::map<std::string, HostTensor, std::less<>> tensors;  // as released models name them; written as they are
  ChatTemplate chat = ChatTemplate::instruct;
  bool untrained = false;  // config.json says that the weights are random
};

/// config.json, generation_config.json, preprocessor_config.json, video_preprocessor_config.json, tokenizer.json,
/// tokenizer_config.json, chat_template.jinja, model.safetensors. The folder must be new or empty (Error{bad_output});
/// it appears whole or not at all. Error{bad_tokenizer} when <|endoftext|> or <|im_end|> is not among the added tokens
/// or an id is out of turn, Error{bad_weight} when the tensors do not fit the configuration.
void write_model_folder(const std::filesystem::path& folder, const ModelFiles& files);

}  // namespace arrcoc::io
