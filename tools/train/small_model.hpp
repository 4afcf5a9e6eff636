#pragma once
// The small Qwen3-VL that this project trains: its shape, its vocabulary, and its initial weights.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/model_config.hpp"

namespace arrcoc::train {

/// Ids: 0..255 the byte characters in the byte-level order, then the special tokens, then whole words that the
/// templates use. Words are added tokens: they match anywhere, longest first, so no merge ever touches an answer's
/// characters.
struct Vocabulary {
  static constexpr std::array<std::string_view, 8> special{"<|endoftext|>",    "<|im_start|>",   "<|im_end|>",
                                                           "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
                                                           "<|image_pad|>",    "<|video_pad|>"};
  static constexpr std::array<std::string_view, 40> words{
      "user",   "assistant", "system",  "What",    "Which",  "Where",   "Who",   "How",      " is",      " the",
      " of",    " was",      " are",    " much",   " many",  " does",   " say",  " shop",    " this",    " total",
      " name",  " date",     " there",  " colour", " shape", " shapes", " cars", " car",     " left",    " right",
      " under", " table",    " number", " page",   " text",  " box",    " here", " unusual", " formula", " or"};
  static constexpr TokenId first_special = 256;
  static constexpr TokenId first_word = first_special + static_cast<TokenId>(special.size());
  static constexpr TokenId size = first_word + static_cast<TokenId>(words.size());

  static TokenId special_id(std::string_view text);
  /// Byte-level id of one byte: printable ranges first, as in the byte-level alphabet.
  static TokenId byte_id(unsigned char c);
  /// Longest added token first, else single bytes.
  static std::vector<TokenId> encode(std::string_view text);
  static std::string decode(const std::vector<TokenId>& ids);
};

/// 3.4 M parameters: tower 128 wide, 4 blocks, 3 taps; language model 128 wide, 5 layers.
ModelConfig small_config();

/// Every tensor of a checkpoint with its shape, in byte order of names.
std::vector<std::pair<std::string, std::vector<Index>>> tensor_list(const ModelConfig& c);

/// Seeded normal weights (0.02 for embeddings, 1/sqrt(fan_in) for matrices), zero biases, unit norms.
std::vector<float> initial_values(const std::string& name, const std::vector<Index>& shape, std::uint64_t seed);

}  // namespace arrcoc::train
