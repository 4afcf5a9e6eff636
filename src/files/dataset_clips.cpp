// Clips of datasets: by the name of a file or folder, or as frames with a clock; their frames before one is asked
// about.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "files/dataset_parts.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

constexpr double latest_second = 1e9;  // as a prompt can say it

/// "clip" as published tables name it, where the folder holds clip.mp4.
fs::path found_clip(const fs::path& folder, std::string name) {
  if (name.starts_with("file://")) name.erase(0, 7);
  std::replace(name.begin(), name.end(), '\\', '/');
  std::error_code e;
  for (const char* ending : {"", ".mp4", ".webm", ".mkv", ".avi", ".mov", ".gif"})
    if (const fs::path file = folder / (name + ending); fs::exists(file, e)) return file;
  bad_item("no such clip: " + printable((folder / name).string(), 300), Code::file_missing);
}

}  // namespace

void Reading::add_clip(Sample& s, const std::string& name) const {
  if (name.starts_with("http://") || name.starts_with("https://"))
    bad_item("videos: nothing is downloaded: " + printable(name, 200), Code::file_missing);
  s.images = {{found_clip(pictures_, name)}};
  s.image_names = {name};
  s.clip = SampleClip{name};
}

std::unique_ptr<FrameSource> open_clip(const Sample& s, const ChooseFrames& choose, ClipOptions options) {
  if (s.clip->frames_per_second > 0 || !s.clip->seconds.empty()) {
    options.frames_per_second = s.clip->frames_per_second;
    options.seconds = s.clip->seconds;
  } else if (std::error_code e; s.images.size() == 1 && !fs::is_directory(s.images[0].file, e)) {
    options.frames_per_second = 0;  // of frames without a clock
    options.seconds.clear();
  }
  if (s.images.size() == 1) return open_clip(s.images[0].file, choose, options);
  std::vector<fs::path> frames;
  for (const DatasetPicture& p : s.images) {
    require_that(p.base64.empty() && p.offset < 0, Code::bad_video, s.clip->name,
                 "frames inside a file of questions are not read: expected files of their own");
    frames.push_back(p.file);
  }
  return open_frames(frames, choose, options);
}

ClipInfo every_frame(const Sample& s, bool decode, const ClipOptions& options) {
  const auto all = [](Index total, double) {
    std::vector<Index> out(static_cast<std::size_t>(total));
    std::iota(out.begin(), out.end(), Index{0});
    return out;
  };
  const std::unique_ptr<FrameSource> frames = open_clip(s, all, options);
  const std::size_t count = frames->info().seconds.size();
  require_that(count >= 2, Code::bad_video, s.clip->name,
               [&] { return "expected at least two frames, got " + std::to_string(count); });
  require_that(frames->info().seconds.back() < latest_second, Code::bad_video, s.clip->name, [&] {
    return "expected frames before " + std::to_string(static_cast<Index>(latest_second)) + " s, got one at " +
           std::to_string(frames->info().seconds.back()) + " s";
  });
  for (std::size_t i = 0; decode && i < count; ++i) frames->next();
  return frames->info();
}

std::string place_in_frames(Sample& s, const ClipInfo& clip) {
  const auto count = static_cast<Index>(clip.seconds.size());
  for (std::size_t i = 0; i < s.boxes[0].size(); ++i) {
    Box& b = s.boxes[0][i];
    if (!s.clip->box_seconds.empty()) {  // the frame that is nearest in time
      const double t = s.clip->box_seconds[i];
      const auto behind = std::lower_bound(clip.seconds.begin(), clip.seconds.end(), t);
      Index frame = std::min<Index>(behind - clip.seconds.begin(), count - 1);
      if (frame > 0 &&
          t - clip.seconds[static_cast<std::size_t>(frame) - 1] <= clip.seconds[static_cast<std::size_t>(frame)] - t)
        --frame;
      if (b.frame < 0) b.frame = frame;
      if (b.frame < count && std::abs(clip.seconds[static_cast<std::size_t>(b.frame)] - t) >
                                 std::abs(clip.seconds[static_cast<std::size_t>(frame)] - t) + 1e-3)
        return "box_images and box_seconds: expected the same frame, got " + std::to_string(b.frame) + " and " +
               std::to_string(frame) + " by the time";
    }
    if (b.frame >= count)
      return "box_images: expected below " + std::to_string(count) + ", got " + std::to_string(b.frame);
    if (std::string wrong = box_outside(b, clip.height, clip.width); !wrong.empty()) return wrong;
  }
  s.clip->box_seconds.clear();
  return {};
}

}  // namespace arrcoc::io
