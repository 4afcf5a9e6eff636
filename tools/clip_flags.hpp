#pragma once
// Flags of a clip: its files, its clock, which frames, what size.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "arrcoc/core/clip.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/qwen3vl/video_size.hpp"

namespace arrcoc::tools {

struct ClipFlags {
  std::vector<std::string> files;
  std::vector<double> times;
  double clock = 0;
  std::string route = "hf";
  qwen3vl::VideoSampling sampling;
  qwen3vl::VideoLimits limits;
  Index max_decoded_pixels = 1 << 24;
  io::Alpha alpha = io::Alpha::white;
  std::vector<const CLI::Option*> of_hf, of_qwen, of_rate;  // of one route; of frames by rate, unread beside --frames
};

/// Which frames and what size; `rate` names the flag of frames wanted a second. `route`: --route too, and the released
/// checkpoints' values where nothing is given; else those of the model (take_processor).
void add_sampling_flags(CLI::App& verb, ClipFlags& flags, const std::string& rate, bool route = true);
/// What no flag says, as a checkpoint's video processor has it; of the route hf.
void take_processor(ClipFlags& flags, const VideoPreprocessConfig& processor);
/// FILE..., --fps, --times, --max-decoded-pixels.
void add_file_flags(CLI::App& verb, ClipFlags& flags);
/// --context, of the route qwen-vl-utils.
void add_context_flag(CLI::App& verb, ClipFlags& flags);
/// Error{bad_config} for a route that is none.
qwen3vl::VideoRoute video_route(const ClipFlags& flags);
/// Error{bad_usage} for a flag that was given and has nothing to say.
void refuse_idle(const std::vector<const CLI::Option*>& flags, const std::string& why);
/// Those beside --frames, and those of the other route.
void check_clip_flags(const ClipFlags& flags);
/// One file or folder as a clip, several files as frames.
std::unique_ptr<FrameSource> open_source(const ClipFlags& flags);
/// The shortest decimal number that reads back the same.
std::string decimal(double value);

}  // namespace arrcoc::tools
