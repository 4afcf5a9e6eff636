#pragma once
// Flags of a clip: its files, its clock, which frames, what size.
#include <CLI/CLI.hpp>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/clip.hpp"
#include "arrcoc/core/config.hpp"
#include "arrcoc/io/clip_file.hpp"
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
  std::string layout = "nested", timestamps = "seconds";    // of a question's clips
  std::vector<const CLI::Option*> of_hf, of_qwen, of_rate;  // of one route; of frames by rate, unread beside --frames
  const CLI::Option *count_flag = nullptr, *fps_flag = nullptr, *times_flag = nullptr;
  std::set<std::string, std::less<>> configured;  // paths that a config has set
};

/// Which frames and what size; `rate` names the flag of frames wanted a second. `route`: --route too, and the released
/// checkpoints' values where nothing is given; else those of the model (take_processor).
void add_sampling_flags(CLI::App& verb, ClipFlags& flags, const std::string& rate, bool route = true);
/// What neither a flag nor a config says, as a checkpoint's video processor has it; of the route hf.
void take_processor(ClipFlags& flags, const VideoPreprocessConfig& processor);
/// --fps, and --times unless the frames are of many clips.
void add_clock_flags(CLI::App& verb, ClipFlags& flags, bool times = true);
/// FILE..., --fps, --times, --max-decoded-pixels.
void add_file_flags(CLI::App& verb, ClipFlags& flags);
/// --context, of the route qwen-vl-utils.
void add_context_flag(CLI::App& verb, ClipFlags& flags);
/// What a config holds of clips: "clip" (route, layout, timestamps, clock), "clip_sampling" and "clip_limits".
std::vector<ConfigField> clip_settings(const ClipFlags& flags);
/// Reads them back, before the flags are; Error{bad_config} or Error{unknown_setting} for all that is wrong.
void apply_clip_settings(ClipFlags& flags, const Settings& config);
/// Whether a path of a config is one of them.
bool is_clip_setting(std::string_view path);
/// Flags win over what a config says otherwise: a rate over its count, one clock over the other.
void settle_clip_flags(ClipFlags& flags);

/// Error{bad_config} for a route that is none.
qwen3vl::VideoRoute video_route(const ClipFlags& flags);
/// Error{bad_usage} for a flag that was given and has nothing to say.
void refuse_idle(const std::vector<const CLI::Option*>& flags, const std::string& why);
/// Those beside --frames, and those of the other route.
void check_clip_flags(const ClipFlags& flags);
/// What opens clips, without a clock of their frames.
io::ClipOptions clip_options(const ClipFlags& flags);
/// Which frames are looked at.
io::ChooseFrames chosen_frames(const ClipFlags& flags);
/// One file or folder as a clip, several files as frames.
std::unique_ptr<FrameSource> open_source(const ClipFlags& flags);
/// The shortest decimal number that reads back the same.
std::string decimal(double value);

}  // namespace arrcoc::tools
