#pragma once
// What the readers of a model folder's JSON files share.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/model_config.hpp"
#include "files/json_util.hpp"

namespace arrcoc::io {

/// Nothing published comes within a factor of 8 of these.
inline constexpr Index max_vocab = 1 << 24;
inline constexpr Index max_patch = 256;

inline bool is_among(std::span<const std::string_view> keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}
/// A setting that nobody reads, as ModelConfig::unused tells it.
inline std::string unused_setting(std::string_view file, std::string_view key, const Json& value) {
  return std::string(file) + "'s " + printable(key, 60) + " (" + shown(value) + ")";
}

/// An object; nullopt without such a file; an empty one, and a problem, where it holds something else.
std::optional<Json> read_object(const std::filesystem::path& file, std::vector<std::string>& problems);

/// How pictures become pixels (`preprocess`): the image_processor of processor_config.json, else
/// preprocessor_config.json. How clips do (`video`): the video_processor of the first, else
/// video_preprocessor_config.json, else preprocessor_config.json, as transformers 5.23 looks for it; none without any
/// of them, and where transformers would take Qwen2-VL's class. `unused` gains what the first two hold and nobody
/// reads.
void read_processors(const std::filesystem::path& folder, ModelConfig& c, std::vector<std::string>& problems);

/// generation_config.json; the stop ids of `text` or `top` where it names none. `unused` gains the settings that say
/// something and that nobody reads.
void read_generation(const std::filesystem::path& folder, const JsonObject& text, const JsonObject& top, Index vocab,
                     GenerationDefaults& g, std::vector<std::string>& unused, std::vector<std::string>& problems);

}  // namespace arrcoc::io
