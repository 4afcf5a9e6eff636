// What kind of clip a file is, and its clock.
#include "arrcoc/io/clip_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string_view>

#include "arrcoc/io/atomic_file.hpp"
#include "clip_parts.hpp"

namespace arrcoc::io {
namespace {

std::string plain(double v) {
  std::string s = std::to_string(v);
  s.erase(s.find_last_not_of('0') + 1);
  if (s.ends_with('.')) s.pop_back();
  return s;
}

/// The clock by hand into the listing.
void take_clock(Listing& l, const ClipOptions& o) {
  const bool rate = o.frames_per_second != 0, times = !o.seconds.empty();
  if (!rate && !times) {
    require_that(!l.seconds.empty(), Code::bad_video, l.name,
                 "the frames have no times of their own; expected a clock: --fps or --times");
    return;
  }
  require_that(!(rate && times), Code::bad_usage, l.name, "--fps and --times exclude each other");
  require_that(l.seconds.empty(), Code::bad_usage, l.name,
               "the clip has a clock of its own: expected no --fps or --times");
  if (rate) {
    require_that(std::isfinite(o.frames_per_second) && o.frames_per_second > 0, Code::bad_config, l.name,
                 [&] { return "--fps: expected a number above 0, got " + plain(o.frames_per_second); });
    l.frames_per_second = o.frames_per_second;
    for (Index i = 0; i < l.total; ++i) l.seconds.push_back(static_cast<double>(i) / o.frames_per_second);
    return;
  }
  require_that(static_cast<Index>(o.seconds.size()) == l.total, Code::bad_config, l.name, [&] {
    return "--times: expected one for each of " + std::to_string(l.total) + " frames, got " +
           std::to_string(o.seconds.size());
  });
  for (std::size_t i = 0; i < o.seconds.size(); ++i)
    require_that(std::isfinite(o.seconds[i]) && o.seconds[i] >= 0 && (i == 0 || o.seconds[i] > o.seconds[i - 1]),
                 Code::bad_config, l.name, [&] {
                   return "--times: expected ascending seconds from 0 on, got " + plain(o.seconds[i]) +
                          (i > 0 ? " behind " + plain(o.seconds[i - 1]) : "");
                 });
  l.seconds = o.seconds;
  l.frames_per_second = l.total > 1 ? static_cast<double>(l.total - 1) / (l.seconds.back() - l.seconds.front()) : 1;
}

/// "frame9" before "frame10": digits count as numbers.
bool before(const std::string& a, const std::string& b) {
  const auto digit = [](const std::string& s, std::size_t i) {
    return i < s.size() && std::isdigit(static_cast<unsigned char>(s[i])) != 0;
  };
  const auto number = [&](const std::string& s, std::size_t& i) {
    while (i + 1 < s.size() && s[i] == '0' && digit(s, i + 1)) ++i;
    const std::size_t first = i;
    while (digit(s, i)) ++i;
    return s.substr(first, i - first);
  };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a, i) && digit(b, j)) {
      const std::string x = number(a, i), y = number(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else if (a[i] != b[j]) {
      return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
    } else {
      ++i, ++j;
    }
  }
  return a.size() - i != b.size() - j ? a.size() - i < b.size() - j : a < b;
}

class Pictures final : public FrameSource {
 public:
  Pictures(std::vector<std::filesystem::path> files, std::string name, const ChooseFrames& choose, const ClipOptions& o)
      : files_(std::move(files)), decode_{o.alpha, false, o.max_pixels, nullptr} {
    require_that(!files_.empty(), Code::bad_video, name, "expected frames, got none");
    Listing l{std::move(name), 0, 0, static_cast<Index>(files_.size()), {}, 0};
    first_ = read_image(files_.front(), decode_);
    l.height = first_.height;
    l.width = first_.width;
    info_ = chosen_frames(std::move(l), choose, o);
  }
  const ClipInfo& info() const override { return info_; }
  Image next() override {
    require_that(taken_ < info_.indices.size(), Code::bad_video, info_.name, [&] {
      return "expected at most " + std::to_string(info_.indices.size()) + " frames to be asked for, got one more";
    });
    const auto number = static_cast<std::size_t>(info_.indices[taken_++]);
    Image frame = number == 0 ? std::move(first_) : read_image(files_[number], decode_);
    first_ = {};
    require_that(
        frame.height == info_.height && frame.width == info_.width, Code::bad_video, files_[number].string(), [&] {
          return "a frame: expected " + std::to_string(info_.height) + "x" + std::to_string(info_.width) +
                 " px as the first one, got " + std::to_string(frame.height) + "x" + std::to_string(frame.width);
        });
    return frame;
  }

 private:
  std::vector<std::filesystem::path> files_;
  DecodeOptions decode_;
  Image first_;
  ClipInfo info_;
  std::size_t taken_ = 0;
};

std::vector<std::filesystem::path> pictures_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with('.')) continue;
    require_that(it->is_regular_file(error), Code::file_unreadable, it->path().string(),
                 "a folder of frames: expected pictures alone, got something else");
    files.push_back(it->path());
  }
  require_that(!error, Code::file_unreadable, folder.string(), [&] { return "cannot be read: " + error.message(); });
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return before(a.filename().string(), b.filename().string()); });
  return files;
}

/// The first bytes of a regular file.
std::string head_of(const std::filesystem::path& file) {
  const int in = open_input(file);
  std::string head(32, '\0');
  const ssize_t n = ::read(in, head.data(), head.size());
  ::close(in);
  require_that(n > 0, Code::bad_video, file.string(), "expected a video, got an empty file");
  head.resize(static_cast<std::size_t>(n));
  return head;
}

}  // namespace

ClipInfo chosen_frames(Listing l, const ChooseFrames& choose, const ClipOptions& o) {
  require_that(l.total > 0, Code::bad_video, l.name, "expected frames, got none");
  require_that(l.height > 0 && l.width > 0, Code::bad_video, l.name, "expected a video, got one without a size");
  require_that(l.width <= o.max_pixels / l.height, Code::bad_image, l.name, [&] {
    return "a frame: expected at most " + std::to_string(o.max_pixels) +
           " pixels (--max-decoded-pixels), the header says " + std::to_string(l.width) + "x" +
           std::to_string(l.height);
  });
  take_clock(l, o);
  ClipInfo info;
  info.name = l.name;
  info.height = l.height;
  info.width = l.width;
  info.frames_per_second = l.frames_per_second;
  info.indices = choose(l.total, l.frames_per_second);
  Index last = -1;
  for (const Index i : info.indices) {
    require_that(i > last && i < l.total, Code::bad_config, l.name, [&] {
      return "chosen frames: expected ascending numbers below " + std::to_string(l.total) + ", got " +
             std::to_string(i) + " behind " + std::to_string(last);
    });
    last = i;
    const double at = l.seconds[static_cast<std::size_t>(i)];
    require_that(info.seconds.empty() || at > info.seconds.back(), Code::bad_video, l.name, [&] {
      return "times: expected ascending ones, frame " + std::to_string(i) + " is shown at " + plain(at) +
             " s like one before it";
    });
    info.seconds.push_back(at);
  }
  require_that(!info.indices.empty(), Code::bad_config, l.name, "chosen frames: expected at least one, got none");
  return info;
}

void clock_of_delays(Listing& l, const std::vector<double>& delays) {
  if (delays.empty()) return;
  double at = 0;
  for (std::size_t i = 0; i < delays.size(); ++i) {
    l.seconds.push_back(at);
    at += delays[i];
    if (delays[i] <= 0 && i + 1 < delays.size()) {
      l.seconds.clear();
      return;
    }
  }
  const auto shown = static_cast<double>(l.total - (delays.back() > 0 ? 0 : 1));
  if (shown > 0 && at > 0) l.frames_per_second = shown / at;
  else l.seconds.clear();
}

std::unique_ptr<FrameSource> open_frames(const std::vector<std::filesystem::path>& pictures, const ChooseFrames& choose,
                                         const ClipOptions& o) {
  const std::string name = pictures.empty() ? "frames" : pictures.front().string() + " ...";
  return std::make_unique<Pictures>(pictures, name, choose, o);
}

std::unique_ptr<FrameSource> open_clip(const std::filesystem::path& file, const ChooseFrames& choose,
                                       const ClipOptions& o) {
  const std::string name = file.string();
  if (std::filesystem::is_directory(file)) return std::make_unique<Pictures>(pictures_in(file), name, choose, o);
  const std::string head = head_of(file);
  if (head.starts_with("GIF8")) {
#ifdef ARRCOC_HAVE_GIF
    return open_gif(read_file(file), name, choose, o);
#else
    fail(Code::bad_video, name, "a GIF: this build has no giflib");
#endif
  }
  if (head.starts_with("RIFF") && head.substr(std::min<std::size_t>(8, head.size())).starts_with("WEBP"))
    return open_webp(read_file(file), name, choose, o);
  if (head.starts_with("\x89PNG")) return open_apng(read_file(file), name, choose, o);
  require_that(
      !head.starts_with("\xff\xd8\xff") && !head.starts_with("BM"), Code::bad_video, name,
      "expected a video, got a picture; a clip of pictures is a folder or a list of them, with --fps or --times");
  return open_video(name, choose, o);
}

}  // namespace arrcoc::io
