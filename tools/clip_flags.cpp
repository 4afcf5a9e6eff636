#include "clip_flags.hpp"

#include <array>
#include <charconv>

#include "arrcoc/io/clip_file.hpp"

namespace arrcoc::tools {

void add_sampling_flags(CLI::App& verb, ClipFlags& f, const std::string& rate, bool route) {
  const auto known = [route](CLI::Option* o) { return route ? o->capture_default_str() : o; };
  const std::string of_model = route ? "" : "; default: the model's";
  if (route)
    verb.add_option("--route", f.route, "whose rules choose frames and size: hf (transformers) or qwen-vl-utils")
        ->capture_default_str();
  f.of_rate = {known(verb.add_option(rate, f.sampling.fps, "frames wanted a second" + of_model))};
  verb.add_option("--frames", f.sampling.frames, "this many frames instead, whatever the time between them");
  f.of_rate.push_back(known(verb.add_option("--min-frames", f.sampling.min_frames, "at least" + of_model)));
  f.of_rate.push_back(known(verb.add_option("--max-frames", f.sampling.max_frames, "at most" + of_model)));
  const std::string clip = "of a clip, all frames together (hf)" + of_model,
                    frame = "tokens of a frame (qwen-vl-utils)";
  f.of_hf = {known(verb.add_option("--video-min-pixels", f.limits.min_pixels, "pixels " + clip)),
             known(verb.add_option("--video-max-pixels", f.limits.max_pixels, "pixels " + clip)),
             verb.add_option("--frame-cap", f.limits.frame_cap,
                             "tokens of a frame at most (hf's cap_pixels_per_frame); 0: none" + of_model)};
  f.of_qwen = {
      verb.add_option("--frame-min-tokens", f.limits.min_frame_tokens, frame)->capture_default_str(),
      verb.add_option("--frame-max-tokens", f.limits.max_frame_tokens, frame)->capture_default_str(),
      verb.add_option("--context-share", f.limits.context_share, "share of the context for one clip (qwen-vl-utils)")
          ->capture_default_str()};
}

void add_context_flag(CLI::App& verb, ClipFlags& f) {
  f.of_qwen.push_back(
      verb.add_option("--context", f.limits.context, "tokens of the model (qwen-vl-utils)")->capture_default_str());
}

void take_processor(ClipFlags& f, const VideoPreprocessConfig& c) {
  if (video_route(f) != qwen3vl::VideoRoute::transformers) return;
  const auto take = [](const CLI::Option* flag, auto& value, auto own) {
    if (flag->count() == 0) value = own;
  };
  take(f.of_rate[0], f.sampling.fps, c.fps);
  take(f.of_rate[1], f.sampling.min_frames, c.min_frames);
  take(f.of_rate[2], f.sampling.max_frames, c.max_frames);
  take(f.of_hf[0], f.limits.min_pixels, c.min_pixels);
  take(f.of_hf[1], f.limits.max_pixels, c.max_pixels);
  take(f.of_hf[2], f.limits.frame_cap, c.frame_cap);
}

void add_file_flags(CLI::App& verb, ClipFlags& f) {
  verb.add_option("file", f.files, "a video, an animation or a folder of frames; or frames, in order")->required();
  verb.add_option("--fps", f.clock, "frames that have no clock: so many a second");
  verb.add_option("--times", f.times, "frames that have no clock: the seconds of each, with commas")->delimiter(',');
  verb.add_option("--max-decoded-pixels", f.max_decoded_pixels, "pixels of a frame at most")->capture_default_str();
}

qwen3vl::VideoRoute video_route(const ClipFlags& f) {
  if (f.route == "qwen-vl-utils") return qwen3vl::VideoRoute::qwen_vl_utils;
  require_that(f.route == "hf" || f.route == "hf-path" || f.route == "hf-pil", Code::bad_config, "route",
               [&] { return "expected hf or qwen-vl-utils, got '" + f.route + "'"; });
  return qwen3vl::VideoRoute::transformers;
}

void refuse_idle(const std::vector<const CLI::Option*>& flags, const std::string& why) {
  for (const CLI::Option* o : flags)
    require_that(o->count() == 0, Code::bad_usage, "clip",
                 [&] { return o->get_name() + " says nothing here: " + why; });
}

void check_clip_flags(const ClipFlags& f) {
  const bool qwen = video_route(f) == qwen3vl::VideoRoute::qwen_vl_utils;
  if (f.sampling.frames > 0) refuse_idle(f.of_rate, "--frames says how many");
  refuse_idle(qwen ? f.of_hf : f.of_qwen,
              qwen ? "--route qwen-vl-utils has limits of its own" : "it is of --route qwen-vl-utils");
}

std::unique_ptr<FrameSource> open_source(const ClipFlags& f) {
  io::ClipOptions o;
  o.frames_per_second = f.clock;
  o.seconds = f.times;
  o.max_pixels = f.max_decoded_pixels;
  o.alpha = f.alpha;
  require_that(o.max_pixels > 0, Code::bad_config, "clip", "--max-decoded-pixels: expected 1 or more");
  const auto choose = [route = video_route(f), s = f.sampling](Index total, double rate) {
    return qwen3vl::sample_frames(total, rate, s, route);
  };
  if (f.files.size() == 1) return io::open_clip(io::picture_path(f.files.front()), choose, o);
  std::vector<std::filesystem::path> frames;
  for (const std::string& name : f.files) frames.push_back(io::picture_path(name));
  return io::open_frames(frames, choose, o);
}

std::string decimal(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

}  // namespace arrcoc::tools
