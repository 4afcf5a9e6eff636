#pragma once
// A model as Hugging Face keeps it on disk: a folder, or `org/name` in the local Hub cache.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "arrcoc/core/model_config.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "arrcoc/io/tokenizer.hpp"

namespace arrcoc::io {

struct ModelFolder {
  std::filesystem::path path;  // the folder that holds config.json
  std::string identity;        // changes when any weight file does (names, sizes, times)
  ModelConfig config;
  std::shared_ptr<const Tokenizer> tokenizer;
  ChatTemplate chat_template;
  WeightLookup weights;                // keeps the mapped files alive
  std::function<void()> forget_pages;  // of the files: they leave resident memory until they are read again
  Index weight_bytes = 0;
  bool untrained = false;  // the folder says its weights are random (arrcoc_untrained in config.json)
};

/// The folder that `open_model` would read. Error{file_missing}.
std::filesystem::path find_model_folder(const std::string& name_or_path, const std::filesystem::path& hub_cache);

/// `hub_cache`: where Hub snapshots lie (may be empty). `template_choice`: "auto" refuses an unknown chat template,
/// "builtin" takes ours. Throws Error 401..407, 404 for weights named in the index but missing. Reads headers only;
/// weights are mapped, not read.
ModelFolder open_model(const std::string& name_or_path, const std::filesystem::path& hub_cache = {},
                       const std::string& template_choice = "auto");

/// config.json + generation_config.json + [video_]preprocessor_config.json | processor_config.json, both the 4.57 and
/// the 5.x spelling.
ModelConfig read_model_config(const std::filesystem::path& folder);

/// Writes a small Qwen3-VL in Hugging Face layout with seeded random weights and a byte-level tokenizer (256 bytes +
/// special tokens). Every part of the architecture is in use: 3 DeepStack taps, GQA, QK-norm, interleaved M-RoPE. bf16
/// weights of standard deviation 2/sqrt(fan_in), so that attention is not flat. The folder must be new or empty
/// (Error{bad_output}), and appears whole or not at all.
void write_demo_model(const std::filesystem::path& folder, std::uint64_t seed);

}  // namespace arrcoc::io
