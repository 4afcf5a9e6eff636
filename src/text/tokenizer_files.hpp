#pragma once
// Shared by the two readers of tokenizer files.
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

#include "tokenizer_impl.hpp"

namespace arrcoc::io {

/// What the tokenizer's class in transformers says whatever the file does.
struct TokenizerClass {
  bool qwen2 = false;                            // NFC, Qwen2's expression, merges never ignored
  const nlohmann::json* added_tokens = nullptr;  // the added_tokens_decoder whose flags count; null: the file's
};

/// A tokenizer.json without the last step, finish(). Error{bad_tokenizer}.
std::shared_ptr<Tokenizer::Impl> read_tokenizer_file(std::string_view json, std::string_view where,
                                                     const TokenizerClass& by_class);

/// `token`: an object with a string "content" and the flags of an added token.
void add_added_token(Tokenizer::Impl& impl, const nlohmann::json& token, std::int64_t id, std::string_view where);

}  // namespace arrcoc::io
