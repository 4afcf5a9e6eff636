#pragma once
// Reads a tokenizer.json without building a tree of its 300,000 strings: vocabulary entries and merges go to callbacks
// as they come, all else becomes a small JSON value.
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/error.hpp"

namespace arrcoc::io {

/// What a tokenizer file, or a vocab.json (`bare_vocabulary`), says. Everything thrown is Error{bad_tokenizer}.
struct TokenizerSink {
  std::function<void(std::string_view content, std::int64_t id)> entry;
  std::function<void(std::string&& left, std::string&& right)> merge;
};

/// The rest of the file: `model.vocab` and `model.merges` are left as an empty object and an empty array.
nlohmann::json read_tokenizer_json(std::string_view text, std::string_view where, const TokenizerSink& sink,
                                   bool bare_vocabulary = false);

/// "a b" -> a, b. Error{bad_tokenizer} unless there is exactly one space with text on both sides.
std::pair<std::string, std::string> split_merge(std::string_view line, std::string_view where, std::size_t rank);

}  // namespace arrcoc::io
