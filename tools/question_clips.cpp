// Clips of a question: their flags, and what they become.
#include <algorithm>

#include "question.hpp"

namespace arrcoc::tools {

void add_clip_setting_flags(CLI::App& verb, QuestionFlags& f, const Command& command, bool dataset) {
  apply_clip_settings(f.clip, command.config);
  const std::vector<CLI::Option*> known = verb.get_options();
  add_clock_flags(verb, f.clip, !dataset);
  add_sampling_flags(verb, f.clip, "--sample-fps", false);
  add_context_flag(verb, f.clip);
  verb.add_option("--clip-layout", f.clip.layout,
                  "nested: a clip's own vision marks stay around its pairs (transformers 5.10 and later); flat: they "
                  "do not (4.57 to 5.9); block: Qwen2-VL's, no times in the text and a position in time for each pair")
      ->capture_default_str();
  verb.add_option("--clip-timestamps", f.clip.timestamps,
                  "times in the prompt: seconds (<207.9 seconds>, as the released processors write them) or hms "
                  "(<00:03:27>, an experiment)")
      ->capture_default_str();
  for (CLI::Option* o : verb.get_options())
    if (std::find(known.begin(), known.end(), o) == known.end()) f.of_clips.push_back(o->group("Clips"));
}

void add_clip_flags(CLI::App& verb, QuestionFlags& f, const Command& command) {
  verb.add_option("--video", f.videos,
                  "a clip: a video, an animation or a folder of frames; repeatable, in prompt order")
      ->allow_extra_args(false)
      ->group("Question");
  add_clip_setting_flags(verb, f, command, false);
  for (const char* name :
       {"--image-min-tokens", "--image-max-tokens", "--min-pixels", "--max-pixels", "--exif", "--box"})
    f.of_pictures.push_back(verb.get_option(name));
}

void take_parts(const CLI::App& verb, QuestionFlags& f) {
  for (const CLI::Option* o : verb.parse_order()) {
    if (o->check_lname("image")) f.parts.push_back({RequestPart::Kind::picture});
    if (o->check_lname("video")) f.parts.push_back({RequestPart::Kind::clip});
  }
}

void check_clip_settings(QuestionFlags& f, AnswerRequest& r, bool clips, const std::string& none) {
  r.clip_layout =
      chosen<ClipLayout>("clip-layout", f.clip.layout,
                         {{"nested", ClipLayout::nested}, {"flat", ClipLayout::flat}, {"block", ClipLayout::block}});
  r.clip_timestamps = chosen<ClipTimestamps>("clip-timestamps", f.clip.timestamps,
                                             {{"seconds", ClipTimestamps::seconds}, {"hms", ClipTimestamps::hms}});
  if (!clips) return refuse_idle(f.of_clips, none);
  if (!f.route.empty()) f.clip.route = f.route;
  settle_clip_flags(f.clip);
  check_clip_flags(f.clip);
  r.video_route = video_route(f.clip);
}

void check_clips(QuestionFlags& f, AnswerRequest& r) {
  r.parts = f.parts;
  check_clip_settings(f, r, !f.videos.empty(), "it is of clips, and the question has none");
  if (f.videos.empty()) return;
  if (f.images.empty()) refuse_idle(f.of_pictures, "it is of pictures, and the question has none");
  require_that(!f.interleave, Code::bad_usage, "answer",
               "--interleave puts pictures where the prompt says, which knows no clips: expected no --video");
}

ClipFlags resolved_clips(const QuestionFlags& f, const ModelConfig& model) {
  ClipFlags flags = f.clip;
  if (f.run.max_decoded_pixels > 0) flags.max_decoded_pixels = f.run.max_decoded_pixels;
  if (model.video) take_processor(flags, *model.video);
  flags.alpha = decode_options(f).alpha;
  return flags;
}

void add_clips(const QuestionFlags& f, const ModelConfig& model, Question& q) {
  if (f.videos.empty()) return;
  ClipFlags flags = resolved_clips(f, model);
  q.request.video_limits = flags.limits;
  const std::vector<ConfigField> settings = clip_settings(flags);
  q.run.insert(q.run.end(), settings.begin(), settings.end());
  for (const std::string& name : f.videos) {
    flags.files = {name};
    // A clock is of frames without one: beside other clips, of the folders among them.
    const bool clocked = f.videos.size() > 1 && !std::filesystem::is_directory(io::picture_path(name));
    flags.clock = clocked ? 0 : f.clip.clock;
    flags.times = clocked ? std::vector<double>{} : f.clip.times;
    q.request.clips.push_back({[flags] { return open_source(flags); }, io::picture_label(name)});
  }
}

}  // namespace arrcoc::tools
