// arrcoc clip: what becomes of a video before a model sees it.
#include <algorithm>
#include <cmath>
#include <memory>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/jsonl.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "clip_flags.hpp"
#include "outputs.hpp"
#include "scenes/files/sheet.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

struct Flags {
  ClipFlags clip;
  std::string sheet;
  bool json = false, check = false;
};

constexpr Index cell = 160;  // px of the long side of a frame on the sheet

template <class Values, class Text>
std::string list_of(const Values& values, Text text) {
  std::string out = "[";
  for (const auto& v : values) out += (out.size() > 1 ? ", " : "") + text(v);
  return out + "]";
}

std::string as_json(const ClipInfo& c, const qwen3vl::VideoShape& s, const std::string& route) {
  const auto whole = [](Index v) { return std::to_string(v); };
  const auto seconds = qwen3vl::patch_seconds(c.seconds),
             assumed = qwen3vl::patch_seconds(qwen3vl::reference_seconds(c.indices, c.frames_per_second));
  return "{\"name\": " + io::string_line(c.name) + ",\n \"height\": " + whole(c.height) +
         ", \"width\": " + whole(c.width) + ", \"frames_per_second\": " + decimal(c.frames_per_second) +
         ",\n \"route\": " + io::string_line(route) + ",\n \"indices\": " + list_of(c.indices, whole) +
         ",\n \"seconds\": " + list_of(c.seconds, decimal) + ",\n \"resized\": {\"height\": " + whole(s.frame.height) +
         ", \"width\": " + whole(s.frame.width) + "},\n \"patches\": {\"count\": " + whole(s.patches) +
         ", \"rows\": " + whole(s.grid.rows) + ", \"cols\": " + whole(s.grid.cols) +
         ",\n  \"seconds\": " + list_of(seconds, decimal) + ",\n  \"reference_seconds\": " + list_of(assumed, decimal) +
         "},\n \"tokens\": " + whole(s.tokens()) + "}\n";
}

std::string as_text(const ClipInfo& c, const qwen3vl::VideoShape& s) {
  const auto size = [](Index h, Index w) { return std::to_string(h) + "x" + std::to_string(w); };
  const auto short_of = [](double v) { return decimal(std::round(v * 1000) / 1000); };
  return "frames     " + std::to_string(c.indices.size()) + " of " + size(c.height, c.width) + " px, from " +
         short_of(c.seconds.front()) + " to " + short_of(c.seconds.back()) + " s; the file has " +
         short_of(c.frames_per_second) + " a second\nresized    " + size(s.frame.height, s.frame.width) +
         " px: " + size(s.grid.rows, s.grid.cols) + " tokens for each of " + std::to_string(s.patches) +
         " pairs\ntokens     " + std::to_string(s.tokens()) + "\n";
}

/// Pulls every frame; the sheet where one is wanted.
void pull(FrameSource& source, const std::string& file) {
  const ClipInfo& c = source.info();
  const auto n = static_cast<Index>(c.indices.size());
  const Index longest = std::max(c.height, c.width), h = std::max<Index>(1, c.height * cell / longest),
              w = std::max<Index>(1, c.width * cell / longest), columns = std::min<Index>(n, 8);
  scenes::Sheet sheet(file.empty() ? 0 : (n + columns - 1) / columns, columns, h, w);
  for (Index i = 0; i < n; ++i) {
    const Image frame = source.next();
    if (!file.empty()) sheet.put(i, qwen3vl::resize_bicubic(frame.view(), h, w).view());
  }
  if (file.empty()) return;
  const Image whole = sheet.take();
  io::write_png(file, whole.view());
}

int run(const Flags& f) {
  RunFiles files;
  for (const std::string& name : f.clip.files) files.reads("file", name);
  if (!f.sheet.empty()) files.writes_png("--sheet", f.sheet);
  check_clip_flags(f.clip);
  const auto source = open_source(f.clip);
  const ClipInfo& c = source->info();
  const auto shape =
      qwen3vl::video_shape(static_cast<Index>(c.indices.size()), c.height, c.width, f.clip.limits, video_route(f.clip));
  if (f.check || !f.sheet.empty()) pull(*source, f.sheet);
  io::write_file("-", f.json ? as_json(c, shape, f.clip.route) : as_text(c, shape));
  return 0;
}

}  // namespace

void add_clip(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("clip", "a video's sampled frames, their times, size and tokens");
  auto f = std::make_shared<Flags>();
  add_file_flags(*verb, f->clip);
  add_sampling_flags(*verb, f->clip, "--sample-fps");
  add_context_flag(*verb, f->clip);
  verb->add_flag("--json", f->json, "JSON instead of three lines");
  verb->add_flag("--check", f->check, "decode every sampled frame");
  verb->add_option("--sheet", f->sheet, "PNG of the sampled frames side by side");
  verb->callback([f, &command] { command.run = [f] { return run(*f); }; });
}

}  // namespace arrcoc::tools
