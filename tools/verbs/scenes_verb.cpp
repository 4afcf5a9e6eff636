// arrcoc scenes: the synthetic suite as a dataset.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

#include "arrcoc/core/error.hpp"
#include "terminal.hpp"
#include "verbs.hpp"
#ifdef ARRCOC_HAVE_SCENES
#include "scenes/files/dataset.hpp"
#endif

namespace arrcoc::tools {

#ifdef ARRCOC_HAVE_SCENES
namespace {

struct ScenesFlags {
  scenes::DatasetOptions dataset;
  std::string out, scenario = "mixed", size = "256", polarity = "auto", atlas, save_atlas;
  bool no_tsv = false, list = false, quiet = false;
};

/// "512" or "512x1024", height first.
void read_size(const std::string& text, scenes::SceneParams& p) {
  const auto side = [&](const std::string& part) -> Index {
    const bool digits = !part.empty() && part.size() <= 5 &&
                        std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    require_that(digits, Code::bad_usage, "scenes",
                 [&] { return "--size: expected P or HxW in pixels, got '" + text + "'"; });
    return std::stol(part);
  };
  const auto x = text.find('x');
  p.height = side(text.substr(0, x));
  p.width = x == std::string::npos ? p.height : side(text.substr(x + 1));
}

int run_scenes(ScenesFlags f) {
  if (f.list) {
    for (const scenes::ScenarioInfo& s : scenes::scenarios())
      std::printf("%-20s %-9s %s\n", std::string(s.name).c_str(), std::string(name_of(s.group)).c_str(),
                  std::string(s.summary).c_str());
    return 0;
  }
  require_that(!f.out.empty(), Code::bad_usage, "scenes", "--out: expected a folder, got none");
  f.dataset.out = f.out;
  f.dataset.tsv = !f.no_tsv;
  read_size(f.size, f.dataset.params);
  f.dataset.params.polarity = f.polarity == "auto" ? -1 : f.polarity == "dark" ? 0 : 1;
  f.dataset.scenarios = scenes::choose_scenarios(f.scenario);
  check_threads(f.dataset.threads, "scenes");
  if (f.dataset.threads == 0) f.dataset.threads = std::max<Index>(1, std::thread::hardware_concurrency());
  scenes::GlyphAtlas atlas;
  if (!f.atlas.empty()) atlas.load(f.atlas);
  Meter meter("scenes", "scenes", f.dataset.count, f.quiet);
  f.dataset.stop = interrupt_asked;
  f.dataset.progress = [&](Index done) { meter.show(done); };
  const Writing writing;  // Ctrl-C: the unfinished folder goes, then 130
  const scenes::DatasetSummary made = scenes::write_dataset(f.dataset, atlas);
  const double seconds = meter.seconds();
  if (made.stopped) return interrupted_status();
  if (!f.save_atlas.empty()) atlas.save(f.save_atlas);
  if (!f.quiet)
    std::fprintf(stderr, "%s: %ld pictures, %ld questions, %ld boxes in %.1f s (%.1f pictures a second; text by %s)\n",
                 f.out.c_str(), static_cast<long>(made.pictures), static_cast<long>(made.questions),
                 static_cast<long>(made.boxes), seconds, static_cast<double>(made.pictures) / std::max(seconds, 1e-9),
                 scenes::GlyphAtlas::library_versions().c_str());
  return 0;
}

}  // namespace

void add_scenes(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("scenes", "draws the synthetic suite: pictures with questions, answers and boxes");
  auto f = std::make_shared<ScenesFlags>();
  scenes::DatasetOptions& d = f->dataset;
  d.threads = 0;
  verb->add_option("--out", f->out, "the folder to make");
  verb->add_option("-n,--count", d.count, "scenes");
  verb->add_option("-s,--seed", d.params.seed, "of the first scene; train < 5000000 <= dev < 6000000 <= test");
  verb->add_option("--scenario", f->scenario,
                   "name, group (document, picture, reading, control, video), mixed or all; comma-separated");
  verb->add_option("--size", f->size, "P or HxW px, 128 to 8192 a side");
  verb->add_option("--difficulty", d.params.difficulty, "1 to 10: lines, noise, contrast, clutter");
  verb->add_option("--lines", d.params.lines, "text lines or shapes");
  verb->add_option("--cells", d.params.cells, "4 to 256, across the shorter side of pictures of things");
  verb->add_option("--glyph", d.params.glyph, "font size in px");
  verb->add_option("--font-scale", d.params.font_scale, "percent");
  verb->add_option("--font", d.params.font, "0 to 5: DejaVu Sans, Serif, Sans Mono, Liberation Sans, Serif, Mono");
  verb->add_option("--noise", d.params.noise, "levels");
  verb->add_option("--blur", d.params.blur, "px");
  verb->add_option("--rotation", d.params.rotation, "1/1000 rad");
  verb->add_option("--contrast", d.params.contrast, "percent, of camouflaged text");
  verb->add_option("--clutter", d.params.clutter, "strokes per 256x256 px");
  verb->add_option("--jpeg-blocks", d.params.jpeg_quality, "1 to 100: blocks as of a JPEG, in integers");
  verb->add_option("--polarity", f->polarity, "auto, dark (on light) or light (on dark)")
      ->check(CLI::IsMember({"auto", "dark", "light"}));
  verb->add_option("--frames", d.params.frames, "of a video, 8 a second");
  verb->add_option("--jpeg-quality", d.jpeg_quality, "1 to 100: .jpg files of that quality instead of .png")
      ->check(CLI::Range(0, 100));
  verb->add_option("--png-level", d.png_level, "0 to 9")->check(CLI::Range(0, 9));
  verb->add_option("-t,--threads", d.threads, "0: as many as there are cores");
  verb->add_option("--atlas", f->atlas, "glyphs drawn earlier (needed where cairo is not built in)");
  verb->add_option("--save-atlas", f->save_atlas, "writes the glyphs used");
  verb->add_flag("--no-tsv", f->no_tsv, "no questions.tsv, which holds the pictures again");
  verb->add_flag("--characters", d.characters, "boxes.json holds every character too");
  verb->add_flag("--contact-sheet", d.contact_sheets, "also contact_sheets/SCENARIO.png");
  verb->add_flag("--list", f->list, "the scenarios, on stdout");
  verb->add_flag("-q,--quiet", f->quiet, "nothing on stderr");
  verb->callback([f, &command] { command.run = [f] { return run_scenes(*f); }; });
}

#else

void add_scenes(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("scenes", "draws the synthetic suite (not built in)");
  verb->allow_extras();
  verb->callback([&command] {
    command.run = []() -> int {
      fail(Code::backend_missing, "scenes", "not built in; expected a build with libarrcoc's file support");
    };
  });
}

#endif

}  // namespace arrcoc::tools
