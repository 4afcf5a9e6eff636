// arrcoc explain video-plan: frames and tokens of a video that is not there.
#include <algorithm>
#include <cmath>
#include <memory>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/jsonl.hpp"
#include "clip_flags.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {
namespace {

struct PlanFlags {
  ClipFlags clip;
  double minutes = 0, rate = 30;
  std::string size = "1080x1920";
  Index context = 262'144, budget = 0;
  bool json = false;
};

qwen3vl::Size read_size(const std::string& text) {
  const std::size_t cross = text.find('x');
  const auto side = [&](std::string_view part) {
    Index v = 0;
    const bool digits = !part.empty() && part.size() <= 5 && part.find_first_not_of("0123456789") == part.npos;
    for (const char c : digits ? part : std::string_view{}) v = v * 10 + (c - '0');
    require_that(v > 0, Code::bad_usage, "--size", [&] { return "expected HEIGHTxWIDTH in px, got '" + text + "'"; });
    return v;
  };
  const std::string_view all = text;
  return {side(all.substr(0, cross)), side(cross == text.npos ? std::string_view{} : all.substr(cross + 1))};
}

struct Plan {
  Index total = 0, frames = 0, asked = 0, marks = 0, room = 0;
  double seconds = 0;
  qwen3vl::VideoShape shape;
};

Plan planned(const PlanFlags& f) {
  require_that(std::isfinite(f.minutes) && f.minutes > 0 && f.minutes <= 1e6, Code::bad_config, "video-plan",
               [&] { return "--minutes: expected a number above 0, got " + decimal(f.minutes); });
  require_that(std::isfinite(f.rate) && f.rate > 0 && f.rate <= 1e4, Code::bad_config, "video-plan",
               [&] { return "--rate: expected a number above 0, got " + decimal(f.rate); });
  require_that(f.context > 0 && f.budget >= 0, Code::bad_config, "video-plan",
               "--context: expected 1 or more; --budget: 0 or more");
  const qwen3vl::Size size = read_size(f.size);
  Plan p;
  p.seconds = f.minutes * 60;
  p.total = std::max<Index>(1, std::llround(p.seconds * f.rate));
  const auto indices = qwen3vl::sample_frames(p.total, f.rate, f.clip.sampling, video_route(f.clip));
  p.frames = static_cast<Index>(indices.size());
  p.asked = f.clip.sampling.frames > 0 ? f.clip.sampling.frames : static_cast<Index>(p.seconds * f.clip.sampling.fps);
  qwen3vl::VideoLimits limits = f.clip.limits;
  limits.context = f.context;
  p.shape = qwen3vl::video_shape(p.frames, size.height, size.width, limits, video_route(f.clip));
  // "<12.3 seconds>" is five tokens and one for each digit before the point; two stand around the patch.
  for (const double t : qwen3vl::patch_seconds(qwen3vl::reference_seconds(indices, f.rate)))
    p.marks += 7 + static_cast<Index>(std::to_string(static_cast<Index>(t + .05)).size());
  p.room = static_cast<Index>(static_cast<double>(f.context) * limits.context_share);
  return p;
}

/// Frames a second at which a context share holds the whole clip, each temporal patch (or frame) at the frame floor.
double fitting_rate(const Plan& p, Index floor, Index frames) {
  return static_cast<double>(p.room) / static_cast<double>(floor) * static_cast<double>(frames) / p.seconds;
}

std::string rounded(double v) {
  const double scale = std::pow(10, 2 - std::floor(std::log10(std::max(v, 1e-9))));  // three digits
  return decimal(std::round(v * scale) / scale);
}

int run(const PlanFlags& f) {
  const Plan p = planned(f);
  const auto& s = p.shape;
  const auto whole = [](Index v) { return std::to_string(v); };
  const Index floor = f.clip.limits.min_frame_tokens, visual = s.tokens(), left = f.context - visual - p.marks;
  const double spacing =
      p.frames > 1 ? static_cast<double>(p.total - 1) / f.rate / static_cast<double>(p.frames - 1) : 0;
  const double pairs = fitting_rate(p, floor, 2), frames = fitting_rate(p, floor, 1);
  const Index kept = std::min(f.budget > 0 ? f.budget : visual, visual), widest = p.room / s.patches;
  if (f.json) {
    io::write_file("-", "{\"route\": " + io::string_line(f.clip.route) + ", \"seconds\": " + decimal(p.seconds) +
                            ", \"total\": " + whole(p.total) + ", \"asked\": " + whole(p.asked) +
                            ", \"frames\": " + whole(p.frames) + ", \"spacing\": " + decimal(spacing) +
                            ", \"patches\": " + whole(s.patches) + ", \"height\": " + whole(s.frame.height) +
                            ", \"width\": " + whole(s.frame.width) +
                            ", \"tokens_per_patch\": " + whole(s.grid.count()) + ", \"tokens\": " + whole(visual) +
                            ", \"marks\": " + whole(p.marks) + ", \"context\": " + whole(f.context) +
                            ", \"room\": " + whole(p.room) + ", \"left\": " + whole(left) +
                            ", \"kept\": " + whole(kept) + ", \"left_of_kept\": " + whole(left + visual - kept) +
                            ", \"widest_patch\": " + whole(widest) + ", \"rate_at_floor\": " + decimal(pairs) +
                            ", \"rate_at_floor_per_frame\": " + decimal(frames) + "}\n");
    return 0;
  }
  std::string text;
  const auto line = [&](std::string what, const std::string& value) {
    what.resize(11, ' ');
    text += what + value + "\n";
  };
  line("clip", rounded(f.minutes) + " min of " + f.size + " px, " + whole(p.total) + " frames");
  line("sampled", whole(p.frames) + " frames, one every " + rounded(spacing) + " s" +
                      (p.asked != p.frames ? " (" + whole(p.asked) + " were wanted)" : ""));
  line("frame", whole(s.frame.height) + "x" + whole(s.frame.width) + " px, " + whole(s.grid.rows) + "x" +
                    whole(s.grid.cols) + " = " + whole(s.grid.count()) + " tokens for each of " + whole(s.patches) +
                    " pairs");
  line("tokens", whole(visual) + " of the video, " + whole(p.marks) + " of timestamps and marks");
  line("context", whole(f.context) + ", of it " + whole(p.room) + " for a video; left for the rest " + whole(left) +
                      (left < 0          ? ": it does not fit"
                       : visual > p.room ? ": more than its share"
                                         : ""));
  if (f.budget > 0)
    line("kept", whole(kept) + " tokens, " + rounded(static_cast<double>(kept) / static_cast<double>(s.patches)) +
                     " a pair; left for the rest " + whole(left + visual - kept));
  line("fits", "these pairs with " + whole(widest) + " tokens each; pairs of " + whole(floor) +
                   " tokens (the floor) at " + rounded(pairs) + " frames a second, " + whole(floor) +
                   " for every frame at " + rounded(frames));
  io::write_file("-", text);
  return 0;
}

}  // namespace

void add_video_plan(CLI::App& explain, Command& command) {
  CLI::App* verb = explain.add_subcommand("video-plan", "how many frames and tokens a video of some length becomes");
  auto f = std::make_shared<PlanFlags>();
  verb->add_option("--minutes", f->minutes, "its length")->required();
  verb->add_option("--rate", f->rate, "frames of the file a second")->capture_default_str();
  verb->add_option("--size", f->size, "HEIGHTxWIDTH of its frames in px")->capture_default_str();
  verb->add_option("--context", f->context, "tokens of the model")->capture_default_str();
  verb->add_option("--budget", f->budget, "tokens that are kept of the video; 0: all");
  add_sampling_flags(*verb, f->clip, "--fps");
  verb->add_flag("--json", f->json, "JSON on one line");
  verb->callback([f, &command] { command.run = [f] { return run(*f); }; });
}

}  // namespace arrcoc::tools
