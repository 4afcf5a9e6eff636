#include "clip_flags.hpp"

#include <algorithm>

#include "arrcoc/io/clip_file.hpp"

namespace arrcoc::tools {
namespace {

/// What "clip" holds in a config.
struct ClipConfig {
  std::string route, layout, timestamps;
  double fps = 0;     // of frames without a clock
  std::string times;  // or their seconds, with commas
};

ClipConfig written(const ClipFlags& f) {
  ClipConfig c{video_route(f) == qwen3vl::VideoRoute::qwen_vl_utils ? "qwen-vl-utils" : "hf",
               f.layout,
               f.timestamps,
               f.clock,
               {}};
  for (const double t : f.times) c.times += (c.times.empty() ? "" : ",") + decimal(t);
  return c;
}

}  // namespace

void add_sampling_flags(CLI::App& verb, ClipFlags& f, const std::string& rate, bool route) {
  const auto known = [route](CLI::Option* o) { return route ? o->capture_default_str() : o; };
  const std::string of_model = route ? "" : "; default: the model's";
  if (route)
    verb.add_option("--route", f.route, "whose rules choose frames and size: hf (transformers) or qwen-vl-utils")
        ->capture_default_str();
  f.of_rate = {known(verb.add_option(rate, f.sampling.fps, "frames wanted a second" + of_model))};
  f.count_flag =
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
  const auto take = [&](const CLI::Option* flag, std::string_view path, auto& value, auto own) {
    if (flag->count() == 0 && !f.configured.contains(path)) value = own;
  };
  take(f.of_rate[0], "clip_sampling.fps", f.sampling.fps, c.fps);
  take(f.of_rate[1], "clip_sampling.min_frames", f.sampling.min_frames, c.min_frames);
  take(f.of_rate[2], "clip_sampling.max_frames", f.sampling.max_frames, c.max_frames);
  take(f.of_hf[0], "clip_limits.min_pixels", f.limits.min_pixels, c.min_pixels);
  take(f.of_hf[1], "clip_limits.max_pixels", f.limits.max_pixels, c.max_pixels);
  take(f.of_hf[2], "clip_limits.frame_cap", f.limits.frame_cap, c.frame_cap);
}

void add_clock_flags(CLI::App& verb, ClipFlags& f, bool times) {
  f.fps_flag = verb.add_option("--fps", f.clock, "frames that have no clock: so many a second");
  if (!times) return;
  f.times_flag = verb.add_option("--times", f.times, "frames that have no clock: the seconds of each, with commas")
                     ->delimiter(',');
}

void add_file_flags(CLI::App& verb, ClipFlags& f) {
  verb.add_option("file", f.files, "a video, an animation or a folder of frames; or frames, in order")->required();
  add_clock_flags(verb, f);
  verb.add_option("--max-decoded-pixels", f.max_decoded_pixels, "pixels of a frame at most")->capture_default_str();
}

std::vector<ConfigField> clip_settings(const ClipFlags& f) {
  std::vector<ConfigField> all = flatten(written(f), "clip");
  for (const auto& more : {flatten(f.sampling, "clip_sampling"), flatten(f.limits, "clip_limits")})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

void apply_clip_settings(ClipFlags& f, const Settings& config) {
  std::vector<ConfigProblem> problems;
  ClipConfig c = written(f);
  apply(c, "clip", config, problems);
  apply(f.sampling, "clip_sampling", config, problems);
  apply(f.limits, "clip_limits", config, problems);
  f.times.clear();
  for (std::size_t from = 0; !c.times.empty() && from <= c.times.size();) {
    const std::size_t to = std::min(c.times.find(',', from), c.times.size());
    const std::string_view text = std::string_view(c.times).substr(from, to - from);
    if (std::string wrong = detail::from_text(text, f.times.emplace_back()); !wrong.empty())
      problems.push_back({"clip.times", std::move(wrong)});
    from = to + 1;
  }
  throw_problems(problems, "config");
  f.route = c.route;
  f.layout = c.layout;
  f.timestamps = c.timestamps;
  f.clock = c.fps;
  for (const auto& [path, value] : config)
    if (is_clip_setting(path)) f.configured.insert(path);
}

bool is_clip_setting(std::string_view path) {
  return path.starts_with("clip.") || path.starts_with("clip_sampling.") || path.starts_with("clip_limits.");
}

void settle_clip_flags(ClipFlags& f) {
  const auto given = [](const CLI::Option* o) { return o != nullptr && o->count() > 0; };
  if (!given(f.count_flag) && std::any_of(f.of_rate.begin(), f.of_rate.end(), given)) f.sampling.frames = 0;
  if (given(f.fps_flag) && !given(f.times_flag)) f.times.clear();
  if (given(f.times_flag) && !given(f.fps_flag)) f.clock = 0;
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

io::ClipOptions clip_options(const ClipFlags& f) {
  io::ClipOptions o;
  o.max_pixels = f.max_decoded_pixels;
  o.alpha = f.alpha;
  require_that(o.max_pixels > 0, Code::bad_config, "clip", "--max-decoded-pixels: expected 1 or more");
  return o;
}

io::ChooseFrames chosen_frames(const ClipFlags& f) {
  return [route = video_route(f), s = f.sampling](Index total, double rate) {
    return qwen3vl::sample_frames(total, rate, s, route);
  };
}

std::unique_ptr<FrameSource> open_source(const ClipFlags& f) {
  io::ClipOptions o = clip_options(f);
  o.frames_per_second = f.clock;
  o.seconds = f.times;
  const io::ChooseFrames choose = chosen_frames(f);
  if (f.files.size() == 1) return io::open_clip(io::picture_path(f.files.front()), choose, o);
  std::vector<std::filesystem::path> frames;
  for (const std::string& name : f.files) frames.push_back(io::picture_path(name));
  return io::open_frames(frames, choose, o);
}

std::string decimal(double value) { return detail::to_text(value); }

}  // namespace arrcoc::tools
