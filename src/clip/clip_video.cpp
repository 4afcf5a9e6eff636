// Videos: ffprobe lists the frames, ffmpeg decodes those that were chosen.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "arrcoc/io/image_file.hpp"
#include "child.hpp"
#include "clip_parts.hpp"
#include "image/image_codecs.hpp"

namespace arrcoc::io {
namespace {

constexpr std::size_t most_frames = 50'000'000;  // of a file
constexpr std::size_t longest_selection = 4096;  // indices that fit into one argument

/// "...|key=value|..." of ffprobe's compact writer.
std::string_view value_of(std::string_view line, std::string_view key) {
  for (std::size_t at = line.find(key); at != std::string_view::npos; at = line.find(key, at + 1))
    if (at > 0 && line[at - 1] == '|' && line.substr(at + key.size()).starts_with('=')) {
      const std::string_view rest = line.substr(at + key.size() + 1);
      return rest.substr(0, rest.find('|'));
    }
  return {};
}

std::optional<Index> whole(std::string_view text) {
  Index v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return v;
}

/// Formats of ffmpeg that show what stands in other files.
constexpr std::string_view lists[] = {"concat", "hls", "dash", "imf", "sdp", "image2", "webm_dash_manifest", "vobsub"};

struct Probed {
  std::string format;                                   // ffprobe's name of the container
  bool stream = false, clocked = true, stamped = true;  // stamped: every frame has a presentation time
  Index height = 0, width = 0, numerator = 1, denominator = 1;
  std::optional<Index> promised;  // frames, by the header
  double turned = 0;              // degrees
  std::vector<Index> shown;       // times of the frames, in units of the time base
  Index end = std::numeric_limits<Index>::min(), decoded = std::numeric_limits<Index>::min();
  std::optional<std::size_t> jumps;  // frames in front of the first one whose clock goes back
};

void read_packet(std::string_view line, Probed& p) {
  if (value_of(line, "flags").find('D') != std::string_view::npos) return;  // decoded, never shown
  const std::optional<Index> decoded = whole(value_of(line, "dts"));
  std::optional<Index> at = whole(value_of(line, "pts"));
  p.stamped = p.stamped && at.has_value();
  if (!at) at = decoded;
  if (decoded && *decoded < p.decoded && !p.jumps) p.jumps = p.shown.size();
  p.decoded = decoded.value_or(p.decoded);
  p.clocked = p.clocked && at.has_value();
  p.shown.push_back(at.value_or(0));
  p.end = std::max(p.end, p.shown.back() + whole(value_of(line, "duration")).value_or(0));
}

void read_stream(std::string_view line, Probed& p) {
  p.stream = true;
  p.height = whole(value_of(line, "height")).value_or(0);
  p.width = whole(value_of(line, "width")).value_or(0);
  p.promised = whole(value_of(line, "nb_frames"));
  const std::string_view base = value_of(line, "time_base");
  const std::size_t slash = std::min(base.find('/'), base.size());
  p.numerator = whole(base.substr(0, slash)).value_or(0);
  p.denominator = slash < base.size() ? whole(base.substr(slash + 1)).value_or(0) : 0;
  p.clocked = p.clocked && p.numerator > 0 && p.denominator > 0;
  p.turned = static_cast<double>(whole(value_of(line, "rotation")).value_or(0));
}

std::string file_argument(const std::string& file) { return "file:" + file; }

Probed probe(const std::string& file, const ClipOptions& o) {
  Child ffprobe({o.ffprobe, "-v", "error", "-protocol_whitelist", "file", "-select_streams", "V:0", "-show_entries",
                 "packet=pts,dts,duration,flags:stream=width,height,time_base,nb_frames:stream_side_data=rotation:"
                 "format=format_name",
                 "-of", "compact", "-i", file_argument(file)},
                file);
  Probed p;
  std::string text;
  for (std::size_t held = 0;;) {
    text.resize(held + (1 << 16));
    const std::size_t got = ffprobe.read(text.data() + held, text.size() - held);
    const bool last = got < text.size() - held;
    text.resize(held + got);
    std::size_t at = 0;
    for (std::size_t end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
      const std::string_view line = std::string_view(text).substr(at, end - at);
      if (line.starts_with("packet|")) read_packet(line, p);
      else if (line.starts_with("stream|")) read_stream(line, p);
      else if (line.starts_with("format|")) p.format = value_of(line, "format_name");
    }
    require_that(p.shown.size() <= most_frames, Code::bad_video, file,
                 [] { return "expected at most " + std::to_string(most_frames) + " frames"; });
    text.erase(0, at);
    held = text.size();
    if (last) break;
  }
  const int status = ffprobe.wait();
  require_that(status == 0, Code::bad_video, file,
               [&] { return "expected a video, and ffprobe says: " + first_line(ffprobe.said()); });
  require_that(std::find(std::begin(lists), std::end(lists), p.format) == std::end(lists), Code::bad_video, file,
               [&] { return "expected a video, got a list of other files (" + p.format + "): name the file itself"; });
  require_that(p.stream, Code::bad_video, file, "expected a video, got a file without pictures that move");
  require_that(!p.shown.empty(), Code::bad_video, file, "expected frames, got none");
  require_that(!p.jumps, Code::bad_video, file, [&] {
    return "times: expected a clock that goes on, got one that goes back behind " + std::to_string(*p.jumps) +
           " frames";
  });
  for (const char* cut : {"ended prematurely", "partial file"})
    require_that(ffprobe.said().find(cut) == std::string::npos &&
                     (!p.promised || *p.promised <= static_cast<Index>(p.shown.size()) || ffprobe.said().empty()),
                 Code::bad_video, file, [&] {
                   return "the file is cut off behind " + std::to_string(p.shown.size()) + " frames" +
                          (p.promised ? " of " + std::to_string(*p.promised) : "");
                 });
  std::sort(p.shown.begin(), p.shown.end());
  return p;
}

/// An expression of ffmpeg that is not 0 where `variable` (n or pts) is one of the ascending numbers in [first, last).
std::string is_one_of(const char* variable, const Index* first, const Index* last) {
  const std::string name = variable;
  if (last - first == 1) return "eq(" + name + "," + std::to_string(*first) + ")";
  const Index* middle = first + (last - first) / 2;
  return "if(lt(" + name + "," + std::to_string(*middle) + ")," + is_one_of(variable, first, middle) + "," +
         is_one_of(variable, middle, last) + ")";
}

class Piped final : public InOrder {
 public:
  Piped(const std::string& file, const std::vector<std::string>& input, ClipInfo info, const std::vector<Index>& stamps,
        bool transparent, const ClipOptions& o)
      : InOrder(std::move(info)),
        selects_(info_.indices.size() <= longest_selection),
        channels_(transparent ? 4 : 3),
        alpha_(o.alpha),
        arguments_(arguments(file, input, stamps, o)) {
    const std::string h = std::to_string(info_.height), w = std::to_string(info_.width);
    header_ = transparent ? "P7\nWIDTH " + w + "\nHEIGHT " + h + "\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
                          : "P6\n" + w + " " + h + "\n255\n";
  }

 protected:
  Image frame(Index number) override { return read(number); }
  void pass(Index number) override {
    if (!selects_) read(number);
  }

 private:
  std::vector<std::string> arguments(const std::string& file, const std::vector<std::string>& input,
                                     const std::vector<Index>& stamps, const ClipOptions& o) const {
    std::vector<std::string> a{o.ffmpeg, "-nostdin", "-v", "error", "-copyts", "-protocol_whitelist", "file,pipe"};
    a.insert(a.end(), input.begin(), input.end());
    const Index *first = info_.indices.data(), *last = first + info_.indices.size();
    const Index frames = selects_ ? last - first : last[-1] + 1;
    for (std::string word : {std::string("-i"), file_argument(file), std::string("-map"), std::string("0:V:0")})
      a.push_back(std::move(word));
    // A frame of another size ends it, which ffmpeg would scale. By time where that tells frames apart: ffmpeg counts
    // anew where the format changes, and leaves out what it cannot decode.
    std::string filter = "crop='if(eq(iw," + std::to_string(info_.width) + ")*eq(ih," + std::to_string(info_.height) +
                         "),iw,nan)':ih:0:0:0:1";
    const Index* stamp = stamps.data();
    if (selects_)
      filter += ",select='" +
                (stamps.empty() ? is_one_of("n", first, last) : is_one_of("pts", stamp, stamp + stamps.size())) + "'";
    a.insert(a.end(), {"-vf", filter});
    a.insert(a.end(), {"-fps_mode", "passthrough", "-frames:v", std::to_string(frames), "-f", "image2pipe", "-c:v",
                       channels_ == 4 ? "pam" : "ppm", "-pix_fmt", channels_ == 4 ? "rgba" : "rgb24", "pipe:1"});
    return a;
  }

  Image read(Index number) {
    if (!child_) child_.emplace(arguments_, info_.name);
    std::string header(header_.size(), '\0');
    const std::size_t got = child_->read(header.data(), header.size());
    if (got == header.size() && header != header_) another_size(number);
    Image frame;
    frame.height = info_.height;
    frame.width = info_.width;
    const auto pixels = static_cast<std::size_t>(frame.height * frame.width);
    if (got == header.size()) frame.rgb.resize(pixels * channels_);
    if (got < header.size() || child_->read(frame.rgb.data(), frame.rgb.size()) < frame.rgb.size()) ends_early(number);
    if (channels_ == 4) {
      flatten_rgba(frame.rgb.data(), frame.rgb.data(), pixels, alpha_);
      frame.rgb.resize(pixels * 3);
    }
    return frame;
  }

  [[noreturn]] void another_size(Index number) {
    fail(Code::bad_video, info_.name,
         "frame " + std::to_string(number) + ": expected " + std::to_string(info_.height) + "x" +
             std::to_string(info_.width) + " px as the header says, got another size on the way to it");
  }

  [[noreturn]] void ends_early(Index number) {
    child_->wait();
    if (child_->said().find("Parsed_crop") != std::string::npos) another_size(number);
    fail(Code::bad_video, info_.name,
         "the clip ends early: expected frame " + std::to_string(number) + " (" + std::to_string(taken_) + " of " +
             std::to_string(info_.indices.size()) + " sampled), got none" +
             (child_->said().empty() ? "" : "; ffmpeg says: " + first_line(child_->said())));
  }

  bool selects_;  // ffmpeg leaves out what was not chosen
  std::size_t channels_;
  Alpha alpha_;
  std::string header_;
  std::vector<std::string> arguments_;
  std::optional<Child> child_;  // from the first frame on
};

}  // namespace

std::unique_ptr<FrameSource> open_ffmpeg(const std::string& file, const std::vector<std::string>& input, ClipInfo info,
                                         const std::vector<Index>& stamps, bool transparent, const ClipOptions& o) {
  return std::make_unique<Piped>(file, input, std::move(info), stamps, transparent, o);
}

std::unique_ptr<FrameSource> open_video(const std::string& file, const ChooseFrames& choose, const ClipOptions& o) {
  const Probed p = probe(file, o);
  Listing l{file, p.height, p.width, static_cast<Index>(p.shown.size()), {}, 0};
  if (const double rest = std::abs(std::fmod(p.turned, 180.0)); std::abs(rest - 90) < 1) std::swap(l.height, l.width);
  const auto seconds = [&](Index at) {
    return static_cast<double>(at) * static_cast<double>(p.numerator) / static_cast<double>(p.denominator);
  };
  // As torchcodec has it: from the first frame's time to the end of the last one.
  const double shown = p.clocked ? seconds(p.end) - seconds(p.shown.front()) : 0;
  if (shown > 0) {
    l.frames_per_second = static_cast<double>(l.total) / shown;
    for (const Index at : p.shown) l.seconds.push_back(seconds(at - p.shown.front()));
  }
  ClipInfo info = chosen_frames(std::move(l), choose, o);
  std::vector<Index> stamps;
  if (p.stamped && std::adjacent_find(p.shown.begin(), p.shown.end()) == p.shown.end())
    for (const Index i : info.indices) stamps.push_back(p.shown[static_cast<std::size_t>(i)]);
  return open_ffmpeg(file, {}, std::move(info), stamps, false, o);
}

/// Sizes and delays are the file's own; ffmpeg would put 15 frames a second where it has none.
std::unique_ptr<FrameSource> open_apng(std::string bytes, const std::string& file, const ChooseFrames& choose,
                                       const ClipOptions& o) {
  const auto number = [&](std::size_t at, std::size_t count) {
    Index v = 0;
    for (std::size_t i = 0; i < count; ++i) v = v << 8 | static_cast<unsigned char>(bytes[at + i]);
    return v;
  };
  Listing l{file, 0, 0, 0, {}, 0};
  std::vector<double> delays;
  Index promised = -1;
  bool ended = false;
  for (std::size_t at = 8; at + 12 <= bytes.size() && !ended;) {
    const auto size = static_cast<std::size_t>(number(at, 4));
    const std::string_view kind = std::string_view(bytes).substr(at + 4, 4);
    if (size > bytes.size() - at - 12) break;
    if (kind == "IHDR" && size == 13) l.width = number(at + 8, 4), l.height = number(at + 12, 4);
    if (kind == "acTL" && size == 8) promised = number(at + 8, 4);
    if (kind == "fcTL" && size == 26) {
      const Index over = number(at + 30, 2);
      delays.push_back(static_cast<double>(number(at + 28, 2)) / static_cast<double>(over == 0 ? 100 : over));
    }
    require_that(kind != "IDAT" || promised < 0 || !delays.empty(), Code::bad_video, file,
                 "a PNG whose first picture stands outside of its animation is not read as a clip");
    ended = kind == "IEND";
    at += size + 12;
  }
  require_that(
      promised >= 0 || !ended, Code::bad_video, file,
      "expected a video, got a picture; a clip of pictures is a folder or a list of them, with --fps or --times");
  l.total = static_cast<Index>(delays.size());
  require_that(ended && l.total == promised, Code::bad_video, file, [&] {
    return "the file is cut off behind " + std::to_string(l.total) + " frames of " + std::to_string(promised);
  });
  std::string().swap(bytes);
  clock_of_delays(l, delays);
  return open_ffmpeg(file, {"-f", "apng"}, chosen_frames(std::move(l), choose, o), {}, true, o);
}

}  // namespace arrcoc::io
