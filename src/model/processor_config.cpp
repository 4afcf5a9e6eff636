// The processors of pictures and of clips, as transformers 4.57 and 5.x write them.
#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "config_parts.hpp"

namespace arrcoc::io {
namespace {

constexpr const char* clip_processor = "Qwen3VLVideoProcessor";

/// Settings that a video processor saves and that change no frame, or that Qwen3-VL's ignores.
constexpr std::string_view silent_keys[] = {
    "crop_size",         "data_format",   "default_to_square",      "device",
    "do_center_crop",    "do_pad",        "feature_extractor_type", "image_processor_type",
    "input_data_format", "pad_size",      "processor_class",        "return_metadata",
    "return_tensors",    "video_metadata"};
constexpr std::string_view read_keys[] = {"cap_pixels_per_frame",
                                          "do_convert_rgb",
                                          "do_normalize",
                                          "do_rescale",
                                          "do_resize",
                                          "do_sample_frames",
                                          "fps",
                                          "image_mean",
                                          "image_std",
                                          "max_frames",
                                          "max_video_tokens",
                                          "merge_size",
                                          "min_frames",
                                          "num_frames",
                                          "patch_size",
                                          "resample",
                                          "rescale_factor",
                                          "size",
                                          "temporal_patch_size",
                                          "video_processor_type"};

/// What a file says of one processor, and where.
struct Found {
  Json value;
  std::string name;
};

/// The object `part` of processor_config.json (5.x, read first), else `file` (4.57); nullopt without either.
std::optional<Found> find_part(const std::optional<Json>& both, const char* part, const std::filesystem::path& file,
                               std::vector<std::string>& problems) {
  if (both && both->contains(part)) return Found{(*both)[part], std::string("processor_config.json: ") + part};
  if (auto alone = read_object(file, problems)) return Found{std::move(*alone), file.filename().string()};
  return std::nullopt;
}

std::vector<double> three_numbers(const JsonObject& o, const char* key, bool positive) {
  const Json& v = o.at(key);
  bool good = v.is_array() && v.size() == 3;
  std::vector<double> out;
  for (std::size_t i = 0; good && i < 3; ++i) {
    good = v[i].is_number() && std::isfinite(v[i].get<double>()) && std::abs(v[i].get<double>()) <= 1e6 &&
           (!positive || v[i].get<double>() > 0);
    if (good) out.push_back(v[i].get<double>());
  }
  if (good) return out;
  o.problem(key, "expected three " + std::string(positive ? "positive numbers" : "numbers") + ", got " +
                     (v.is_null() ? "none" : shown(v)));
  return {0.5, 0.5, 0.5};
}

/// A count of pixels; one that another program wrote as 65536.0 is as good.
Index pixels(const JsonObject& from, const char* key, Index most) {
  if (from.has(key) && from.at(key).is_number_float() && from.at(key) == std::floor(from.at(key).get<double>()))
    return static_cast<Index>(from.number(key, 1.0, static_cast<double>(most)));
  return from.integer(key, 1, most);
}

/// `problems`: how many there were before the limits were read, each of which may be one itself.
void check_limits(const JsonObject& o, const PreprocessConfig& c, std::size_t problems) {
  if (o.problems().size() == problems && c.min_pixels > c.max_pixels)
    o.problem("size", "expected shortest_edge <= longest_edge (pixel counts), got " + std::to_string(c.min_pixels) +
                          " and " + std::to_string(c.max_pixels));
}

/// The steps that pictures and frames share. `complete`: what is missing is a problem, not transformers' default.
void read_steps(const JsonObject& o, const VisionConfig& vision, bool complete, PreprocessConfig& c) {
  if (complete || o.has("image_mean")) c.mean = three_numbers(o, "image_mean", false);
  if (complete || o.has("image_std")) c.std_dev = three_numbers(o, "image_std", true);
  for (const char* step : {"do_resize", "do_rescale", "do_normalize", "do_convert_rgb"})
    if (!o.boolean(step, true)) o.problem(step, "expected true, got false");
  if (std::abs(o.number("rescale_factor", 0.0, 1.0, 1.0 / 255.0) - 1.0 / 255.0) > 1e-9)
    o.problem("rescale_factor", "expected 1/255, got " + shown(o.at("rescale_factor")));
  static constexpr const char* kernels[] = {"nearest", "Lanczos", "bilinear", "bicubic", "box", "Hamming"};
  const double kernel = o.number("resample", 0.0, 5.0, 3.0);
  if (kernel == 3) c.resampling = Resampling::bicubic;
  else if (kernel == 2) c.resampling = Resampling::bilinear;
  else if (kernel == 1) c.resampling = Resampling::lanczos;
  else
    o.problem(
        "resample",
        "expected 1 (Lanczos), 2 (bilinear) or 3 (bicubic), got " + shown(o.at("resample")) +
            (kernel == std::floor(kernel) ? " (" + std::string(kernels[static_cast<std::size_t>(kernel)]) + ")" : ""));
  const auto agrees = [&](const char* key, Index expected, const char* in_config, Index otherwise) {
    const Index got = complete ? o.integer(key, 1, max_patch) : o.integer(key, 1, max_patch, otherwise);
    if ((!complete || o.has(key)) && got != expected)
      o.problem(key, "expected " + std::to_string(expected) + " as vision_config." + in_config + " says, got " +
                         std::to_string(got));
  };
  agrees("patch_size", vision.patch_size, "patch_size", 16);
  agrees("temporal_patch_size", vision.temporal_patch_size, "temporal_patch_size", 2);
  agrees("merge_size", vision.spatial_merge_size, "spatial_merge_size", 2);
}

void read_sampling(const JsonObject& o, VideoPreprocessConfig& c) {
  constexpr Index most_frames = Index{1} << 31, most_tokens = 99'999'999;
  if (!o.boolean("do_sample_frames", true)) o.problem("do_sample_frames", "expected true, got false");
  c.fps = o.number("fps", 1e-6, 1e6, c.fps);
  if (o.has("num_frames"))
    o.problem("num_frames",
              "expected none beside frames a second (transformers refuses both), got " + shown(o.at("num_frames")));
  const std::size_t before = o.problems().size();
  c.min_frames = o.integer("min_frames", 1, most_frames, c.min_frames);
  c.max_frames = o.integer("max_frames", 1, most_frames, c.max_frames);
  if (o.problems().size() == before && c.min_frames > c.max_frames)
    o.problem("max_frames", "expected at least min_frames (" + std::to_string(c.min_frames) + "), got " +
                                std::to_string(c.max_frames));
  const Index cap = o.integer("max_video_tokens", 1, most_tokens, 768);
  if (o.boolean("cap_pixels_per_frame", false)) c.frame_cap = cap;
}

void read_pictures(const Found& found, const VisionConfig& vision, PreprocessConfig& c,
                   std::vector<std::string>& problems) {
  const JsonObject o(found.value, found.name, problems);
  constexpr Index most = Index{1} << 32;
  const JsonObject size = o.child("size");
  // Without a size the limits are transformers' own. The old names win where both are given, as in transformers.
  const auto limit = [&](const char* old, const char* key, Index otherwise) {
    if (o.has(old)) return pixels(o, old, most);
    return o.has("size") ? pixels(size, key, most) : otherwise;
  };
  const std::size_t before = problems.size();
  c.min_pixels = limit("min_pixels", "shortest_edge", 56 * 56);
  c.max_pixels = limit("max_pixels", "longest_edge", 28 * 28 * 1280);
  check_limits(o, c, before);
  read_steps(o, vision, true, c);
}

VideoPreprocessConfig read_clips(const Found& found, const VisionConfig& vision, std::vector<std::string>& problems) {
  const JsonObject o(found.value, found.name, problems);
  VideoPreprocessConfig c;
  const std::string type = o.text("video_processor_type", clip_processor);
  if (type != clip_processor)
    o.problem("video_processor_type",
              "expected \"" + std::string(clip_processor) + "\", got \"" + printable(type, 60) + "\"");
  constexpr Index most = Index{1} << 48;
  const JsonObject size = o.child("size");
  const auto limit = [&](const char* key, Index otherwise) {
    return o.at("size").is_object() ? pixels(size, key, most) : otherwise;
  };
  const std::size_t before = problems.size();
  c.min_pixels = limit("shortest_edge", 128 * 32 * 32);
  c.max_pixels = limit("longest_edge", 32 * 32 * 768);
  check_limits(o, c, before);
  read_steps(o, vision, false, c);
  read_sampling(o, c);
  return c;
}

}  // namespace

void read_processors(const std::filesystem::path& folder, ModelConfig& c, std::vector<std::string>& problems) {
  const std::optional<Json> both = read_object(folder / "processor_config.json", problems);
  const std::filesystem::path of_pictures = folder / "preprocessor_config.json";
  if (const auto pictures = find_part(both, "image_processor", of_pictures, problems))
    read_pictures(*pictures, c.vision, c.preprocess, problems);
  else
    problems.push_back(
        "expected processor_config.json with an image_processor, or preprocessor_config.json, got neither");

  // Questions about pictures need none of it: what is wrong is said when a clip is asked about.
  std::vector<std::string> wrong;
  const auto clips = find_part(both, "video_processor", folder / "video_preprocessor_config.json", wrong);
  if (clips || !wrong.empty()) {
    if (clips) c.video = read_clips(*clips, c.vision, wrong);
    if (!wrong.empty()) c.video.reset();
    for (const std::string& w : wrong) c.clips_refused += (c.clips_refused.empty() ? "" : "; ") + w;
    if (!clips || !clips->value.is_object()) return;
    for (const auto& [key, value] : clips->value.items())
      if (!value.is_null() && !key.starts_with('_') && !is_among(silent_keys, key) && !is_among(read_keys, key))
        c.unused.push_back(unused_setting(clips->name, key, value));
    return;
  }
  // The pictures' settings, where they are none of Qwen2-VL's own class and say nothing that clips cannot have.
  const std::optional<Json> pictures = read_object(of_pictures, wrong);
  if (!pictures || JsonObject(*pictures, "", wrong).text("image_processor_type") == "Qwen2VLImageProcessor") return;
  VideoPreprocessConfig fallback = read_clips({*pictures, ""}, c.vision, wrong);
  if (wrong.empty()) c.video = std::move(fallback);
}

}  // namespace arrcoc::io
