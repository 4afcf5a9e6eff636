// Clips as the library reads and plans them, for comparison with other programs.
//   clip_frames frames ROUTE FPS CLOCK OUT FILE...
//     sampled at FPS a second (0: every frame); CLOCK: 0, frames a second or times with commas; RGB bytes in OUT
//     stdout: "HEIGHT WIDTH RATE", then "INDEX SECONDS" for each frame
//   clip_frames sampling < lines of "ROUTE TOTAL RATE FPS FRAMES LEAST MOST"
//     the indices, or "error", a line each
//   clip_frames sizes < lines of "ROUTE FRAMES H W MIN MAX CAP FRAME_MIN FRAME_MAX CONTEXT SHARE"
//     "H W PATCHES TOKENS", or "error", a line each
//   clip_frames times < lines of "RATE INDEX..."
//     the seconds of each temporal patch, a line each
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "arrcoc/io/clip_file.hpp"
#include "arrcoc/qwen3vl/video_size.hpp"

using namespace arrcoc;

namespace {

qwen3vl::VideoRoute route_named(const std::string& name) {
  return name == "qwen-vl-utils" ? qwen3vl::VideoRoute::qwen_vl_utils : qwen3vl::VideoRoute::transformers;
}

void frames(const std::vector<std::string>& a) {
  io::ClipOptions o;
  if (a[3].find(',') == std::string::npos) o.frames_per_second = std::stod(a[3]);
  else
    for (std::istringstream in(a[3]); in.good();) {
      std::string one;
      std::getline(in, one, ',');
      o.seconds.push_back(std::stod(one));
    }
  qwen3vl::VideoSampling s;
  s.fps = std::stod(a[2]);
  const auto choose = [&](Index total, double rate) {
    qwen3vl::VideoSampling every = s;
    if (s.fps == 0) every.fps = 2, every.frames = total;
    return qwen3vl::sample_frames(total, rate, every, route_named(a[1]));
  };
  const std::vector<std::filesystem::path> files(a.begin() + 5, a.end());
  const auto source = files.size() == 1 ? io::open_clip(files[0], choose, o) : io::open_frames(files, choose, o);
  const ClipInfo& info = source->info();
  std::FILE* out = std::fopen(a[4].c_str(), "wb");
  if (out == nullptr) return;
  std::printf("%ld %ld %.17g\n", static_cast<long>(info.height), static_cast<long>(info.width), info.frames_per_second);
  for (std::size_t i = 0; i < info.indices.size(); ++i) {
    const Image frame = source->next();
    std::fwrite(frame.rgb.data(), 1, frame.rgb.size(), out);
    std::printf("%ld %.17g\n", static_cast<long>(info.indices[i]), info.seconds[i]);
  }
  std::fclose(out);
}

std::string planned(const std::string& what, std::istringstream& in) {
  std::ostringstream out;
  out.precision(17);
  if (what == "times") {
    double rate = 0;
    std::vector<Index> indices;
    in >> rate;
    for (Index i = 0; in >> i;) indices.push_back(i);
    for (const double t : qwen3vl::patch_seconds(qwen3vl::reference_seconds(indices, rate))) out << t << ' ';
    return out.str();
  }
  std::string route;
  in >> route;
  if (what == "sampling") {
    Index total = 0;
    double rate = 0;
    qwen3vl::VideoSampling s;
    in >> total >> rate >> s.fps >> s.frames >> s.min_frames >> s.max_frames;
    for (const Index i : qwen3vl::sample_frames(total, rate, s, route_named(route))) out << i << ' ';
    return out.str();
  }
  Index count = 0, h = 0, w = 0;
  qwen3vl::VideoLimits l;
  in >> count >> h >> w >> l.min_pixels >> l.max_pixels >> l.frame_cap >> l.min_frame_tokens >> l.max_frame_tokens >>
      l.context >> l.context_share;
  const auto shape = qwen3vl::video_shape(count, h, w, l, route_named(route));
  out << shape.frame.height << ' ' << shape.frame.width << ' ' << shape.patches << ' ' << shape.tokens();
  return out.str();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> a(argv + 1, argv + argc);
  try {
    if (a.size() >= 6 && a[0] == "frames") {
      frames(a);
      return 0;
    }
    if (a.size() != 1) return 2;
    for (std::string line; std::getline(std::cin, line);) {
      std::istringstream in(line);
      try {
        std::puts(planned(a[0], in).c_str());
      } catch (const Error&) { std::puts("error"); }
    }
  } catch (const Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return e.exit_status();
  }
}
