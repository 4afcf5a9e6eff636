#pragma once
// EngineOn's pictures and clips of a question, in prompt order.
#include <algorithm>

#include "engine_impl.hpp"

namespace arrcoc {

/// Error{bad_usage} where something is of pictures alone.
template <class B>
void EngineOn<B>::refuse_clips(const AnswerRequest& r, const std::string& what) {
  require_that(r.clips.empty(), Code::bad_usage, "answer",
               [&] { return what + " is of pictures alone: expected no clip, got " + r.clips.front().name; });
}

/// Error{bad_prompt} for parts that leave a picture or clip out, or name one too many.
template <class B>
std::vector<RequestPart> EngineOn<B>::parts_of(const AnswerRequest& r, std::size_t pictures, std::size_t clips) {
  std::vector<RequestPart> parts = r.parts;
  if (parts.empty()) {
    parts.resize(pictures, {RequestPart::Kind::picture});
    parts.resize(pictures + clips, {RequestPart::Kind::clip});
  }
  const auto count = [&](RequestPart::Kind kind) {
    return static_cast<std::size_t>(
        std::count_if(parts.begin(), parts.end(), [&](const RequestPart& p) { return p.kind == kind; }));
  };
  require_that(count(RequestPart::Kind::picture) == pictures && count(RequestPart::Kind::clip) == clips,
               Code::bad_prompt, "answer", [&] {
                 return "parts of a question: expected each of " + std::to_string(pictures) + " pictures and " +
                        std::to_string(clips) + " clips once";
               });
  return parts;
}

template <class B>
std::vector<io::PromptSource> EngineOn<B>::prompt_sources(const AnswerRequest& r, const AnswerResult& seen) {
  std::vector<io::PromptSource> out;
  for (std::size_t i = 0; i < seen.grids.size(); ++i)
    out.push_back({seen.grids[i], seen.sources[i].pairs, r.clip_timestamps});
  return out;
}

template <class B>
Picture EngineOn<B>::prepare_clip(const InputClip& in, const AnswerRequest& r, SeenSource& seen,
                                  qwen3vl::Size& size) const {
  const VisionConfig& v = folder_.config.vision;
  require_that(folder_.config.has_vision, Code::bad_prompt, "answer",
               "this checkpoint has no vision tower, but the question has a clip");
  const std::optional<VideoPreprocessConfig>& how = folder_.config.video;
  require_that(how.has_value(), Code::bad_model_config, folder_.path.string(), [&] {
    return folder_.config.clips_refused.empty()
               ? "no video processor of Qwen3-VL for the question's clip: expected video_preprocessor_config.json, or "
                 "a video_processor in processor_config.json"
               : folder_.config.clips_refused;
  });
  std::unique_ptr<FrameSource> frames = in.open();
  const ClipInfo& clip = frames->info();
  check_clip(clip);
  size = qwen3vl::video_shape(static_cast<Index>(clip.seconds.size()), clip.height, clip.width,
                              r.video_limits.value_or(qwen3vl::limits_of(*how)), r.video_route,
                              v.patch_size * v.spatial_merge_size, v.temporal_patch_size)
             .frame;
  seen = {
      in.name,     clip.height, clip.width, clip.seconds, qwen3vl::patch_seconds(clip.seconds, v.temporal_patch_size),
      clip.indices};
  Picture out = clip_of(std::move(frames), v, *how, size, r.resize);
  out.frames = in.open;
  out.boxes = boxes_of_pairs(in.boxes, seen.indices, v.temporal_patch_size);
  return out;
}

/// Answer boxes as the pipeline sees them: of a clip in its temporal patches.
template <class B>
std::vector<Box> EngineOn<B>::boxes_in(const Picture& picture, const SeenSource& seen,
                                       const std::vector<Box>& boxes) const {
  return picture.is_clip() ? boxes_of_pairs(boxes, seen.indices, folder_.config.vision.temporal_patch_size) : boxes;
}

template <class B>
std::vector<Picture> EngineOn<B>::prepare(const AnswerRequest& r, AnswerResult& out, Trace& trace) const {
  std::vector<Picture> pictures;
  auto picture = r.pictures.begin();
  auto clip = r.clips.begin();
  for (const RequestPart& part : parts_of(r, r.pictures.size(), r.clips.size())) {
    if (part.kind == RequestPart::Kind::text) continue;
    SeenSource seen;
    qwen3vl::Size size;
    if (part.kind == RequestPart::Kind::picture) {
      const InputPicture& in = *picture++;
      trace.add_time("decode_image", in.decode_milliseconds);
      const StageTimer timer(&trace, "resize");
      size = size_of(in, r);
      pictures.push_back(prepare_one(in, size, r.resize));
      seen = {in.name, in.image.height, in.image.width};
    } else {
      const StageTimer timer(&trace, "frames");
      pictures.push_back(prepare_clip(*clip++, r, seen, size));
    }
    out.grids.push_back(pictures.back().grid);
    out.sizes.push_back(size);
    out.sources.push_back(std::move(seen));
  }
  return pictures;
}

}  // namespace arrcoc
