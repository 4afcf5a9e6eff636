#pragma once
// The shape of a Qwen3-VL checkpoint as plain data. Filled from config.json and its companions by io/model_folder.hpp,
// or by hand. Nothing here has a released model's size as default: every field is read.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"
#include "arrcoc/core/token_bans.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

struct TextConfig {
  Index vocab_size = 0, hidden_size = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, intermediate_size = 0;
  float rms_norm_eps = 1e-6f;
  double rope_theta = 0;
  std::vector<Index> mrope_section;  // 3 entries (t, h, w), sum = head_dim / 2
  Index max_positions = 0;
  bool tie_word_embeddings = false;
  bool attention_bias = false;
  // YaRN (0 = off): facts section 9
  double yarn_factor = 0, yarn_original_positions = 0, yarn_beta_fast = 32, yarn_beta_slow = 1;
  double yarn_attention_factor = 0;  // of cos and sin; 0: 0.1 ln(factor) + 1
  bool yarn_truncate = true;         // the ramp begins and ends at whole dimensions
  // Mixture of experts (0 = dense). Every sparse_step-th layer has experts, unless it is one of dense_layers.
  Index experts = 0, experts_per_token = 0, expert_intermediate_size = 0, sparse_step = 1;
  std::vector<Index> dense_layers{};
  bool sparse(Index layer) const {
    return experts > 0 && (layer + 1) % sparse_step == 0 &&
           std::find(dense_layers.begin(), dense_layers.end(), layer) == dense_layers.end();
  }
};

struct VisionConfig {
  Index depth = 0, hidden_size = 0, heads = 0, intermediate_size = 0, out_hidden_size = 0;
  Index patch_size = 0, temporal_patch_size = 0, spatial_merge_size = 0, in_channels = 3, position_embeddings = 0;
  double rope_theta = 10000.0;
  float norm_eps = 1e-6f;
  std::vector<Index> deepstack_taps;  // ascending, distinct, each < depth
  Index head_dim() const { return hidden_size / heads; }
  Index patch_values() const { return in_channels * temporal_patch_size * patch_size * patch_size; }
};

/// What a picture is resampled with (qwen3vl/resize.hpp).
enum class Resampling : std::uint8_t { bicubic, bilinear, lanczos };

struct PreprocessConfig {
  Index min_pixels = 0, max_pixels = 0;  // pixel counts of the resized picture
  std::vector<double> mean{0.5, 0.5, 0.5}, std_dev{0.5, 0.5, 0.5};
  Resampling resampling = Resampling::bicubic;
};

/// The video processor's: the pixel counts are of all frames of a clip together. Defaults: those of transformers'
/// class.
struct VideoPreprocessConfig : PreprocessConfig {
  Index frame_cap = 0;  // tokens of a frame at most (cap_pixels_per_frame); 0: no such limit
  double fps = 2;       // frames wanted a second
  Index min_frames = 4, max_frames = 768;
};

/// generation_config.json; facts section 13 for what a missing key means.
struct GenerationDefaults {
  bool sample = false;
  float temperature = 1.0f, top_p = 1.0f, repetition_penalty = 1.0f;
  float min_p = 0.0f;
  Index top_k = 50;
  std::optional<Index> max_new_tokens{};
  std::vector<TokenId> stop_ids{};
  TokenBans bans{};
};

struct ModelConfig {
  TextConfig text;
  VisionConfig vision;
  bool has_vision = false;
  TokenId image_token = -1, video_token = -1, vision_start = -1, vision_end = -1;
  PreprocessConfig preprocess;
  std::optional<VideoPreprocessConfig> video{};  // none: the folder has no video processor that can be followed
  std::string clips_refused{};                   // why not; empty where there is one, or no file of it
  GenerationDefaults generation;
  std::string stored_dtype;         // as config.json says: "bfloat16", "float32", ...
  std::vector<Index> fp8_block{};   // rows and columns that share a scale in FP8 weights; empty: there are none
  std::vector<std::string> unused;  // what the folder holds and nobody reads, a phrase each
};

/// Finds a tensor by its checkpoint name (the released spelling, facts section 8.3); nullopt when it is not there.
using WeightLookup = std::function<std::optional<HostTensor>(std::string_view name)>;

}  // namespace arrcoc
