#pragma once
// What was given and not used, in one place: the model folder's, the pictures', the question's.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/model_config.hpp"
#include "arrcoc/engine/engine.hpp"

namespace arrcoc {

/// A phrase for each thing: tensors that nobody reads, settings of generation_config.json, a turn that EXIF asks for, a
/// picture's mark in the text. Empty: all of it was used.
inline std::vector<std::string> unused_inputs(const ModelConfig& model, const std::vector<InputPicture>& pictures,
                                              std::string_view question) {
  std::vector<std::string> out = model.unused;
  for (const InputPicture& p : pictures)
    for (const std::string& what : p.unused) out.push_back(p.name + ": " + what);
  for (const std::string_view mark : {"<image>", "<video>"})
    if (question.find(mark) != std::string_view::npos)
      out.push_back("the question's " + std::string(mark) + ", which is text like any other");
  return out;
}

inline void add_unused_events(const ModelConfig& model, const std::vector<InputPicture>& pictures,
                              std::string_view question, std::vector<std::string>& events) {
  for (const std::string& what : unused_inputs(model, pictures, question)) events.push_back("not used: " + what);
}

/// Tokens that the model was made for: max_position_embeddings, stretched where YaRN says so.
inline Index context_length(const TextConfig& text) {
  return std::max(text.max_positions, static_cast<Index>(text.yarn_factor * text.yarn_original_positions));
}

/// A prompt of more tokens than that: Error{bad_prompt}, or an event where it was asked for.
inline void check_context(Index tokens, const TextConfig& text, bool long_context, std::vector<std::string>& events) {
  const Index most = context_length(text);
  if (tokens <= most) return;
  require_that(long_context, Code::bad_prompt, "answer", [&] {
    return "the prompt is longer than the model's context: expected at most " + std::to_string(most) +
           " tokens (max_position_embeddings), got " + std::to_string(tokens) +
           "; smaller pictures (--max-pixels), or --long-context";
  });
  events.push_back("prompt: " + std::to_string(tokens) + " tokens, beyond the model's " + std::to_string(most));
}

}  // namespace arrcoc
