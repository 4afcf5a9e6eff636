#include <chrono>
#include <cstdio>

#include "arrcoc/engine/result_json.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/npy.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"
#include "question.hpp"
#include "tell.hpp"

namespace arrcoc::tools {
namespace {

constexpr Index token_side = 32;                                // px, of released Qwen3-VL checkpoints
constexpr Index released_min = 65536, released_max = 16777216;  // their picture sizes in px

void write_result(const QuestionFlags& f, const std::string& json) {
  io::write_file(f.json && !f.json->empty() ? *f.json : "-", json);
}

Grid parse_grid(const std::string& text) {
  Grid g;
  const auto x = text.find('x');
  const bool ok = x != std::string::npos && detail::from_text(std::string_view(text).substr(0, x), g.rows).empty() &&
                  detail::from_text(std::string_view(text).substr(x + 1), g.cols).empty() && g.rows > 0 && g.cols > 0 &&
                  g.rows <= 4096 && g.cols <= 4096;
  require_that(ok, Code::bad_usage, "grid", [&] { return "expected ROWSxCOLS tokens, got '" + text + "'"; });
  return g;
}

/// Evidence written by another program; a missing file is evidence that is not there.
int run_evidence(QuestionFlags& f, const Command& command) {
  Question q = read_question(f, command);
  read_pictures(f, q);
  require_that(!q.request.stock, Code::bad_usage, "allocate", "'stock' allocates nothing: expected a pipeline");
  require_that(q.request.pictures.size() <= 1 && f.videos.empty(), Code::bad_usage, "allocate",
               "--evidence is of one picture: expected at most one -i, and no --video");
  const std::filesystem::path folder = f.evidence;
  require_that(std::filesystem::is_directory(folder), Code::file_missing, "allocate",
               [&] { return folder.string() + ": no such folder"; });
  const auto read = [&](const std::string& name) {
    const auto file = folder / (name + ".npy");
    return std::filesystem::exists(file) ? io::read_npy(file) : HostTensor{};
  };
  EvidenceRequest r;
  r.vision = read("vision");
  r.query = read("query");
  if (r.query.shape.size() == 2 && r.query.dim(0) == 1) r.query.shape = {r.query.dim(1)};
  for (Index k = 0;; ++k) {
    HostTensor level = read("deepstack_" + std::to_string(k));
    if (level.empty()) break;
    r.deepstack.push_back(std::move(level));
  }
  const HostTensor relevance = read("relevance"), grids = read("grids");
  if (!relevance.empty()) r.relevance = to_floats(relevance);
  if (!q.request.pictures.empty()) {
    r.picture = q.request.pictures[0].image.view();
    r.boxes = q.request.pictures[0].boxes;
  }
  if (f.grid) r.grid = parse_grid(*f.grid);
  else if (relevance.shape.size() == 2) r.grid = {relevance.dim(0), relevance.dim(1)};
  else if (grids.dtype == DType::i64 && grids.shape == std::vector<Index>{1, 2})
    std::memcpy(&r.grid, grids.data, sizeof r.grid);
  else if (!r.picture.empty()) {
    const auto size =
        qwen3vl::smart_resize(r.picture.height, r.picture.width, token_side,
                              q.request.min_pixels.value_or(released_min), q.request.max_pixels.value_or(released_max));
    r.grid = {size.height / token_side, size.width / token_side};
  }
  require_that(r.grid.rows > 0 && r.grid.cols > 0 && r.grid.count() < (Index{1} << 24), Code::bad_usage, "allocate",
               "the token grid is unknown: expected --grid ROWSxCOLS, relevance.npy [rows, cols], or a picture");
  r.pipeline = q.request.pipeline;
  r.budget = q.request.budget;
  r.seed = q.request.seed;
  for (const auto& p : f.plugins) r.plugins.emplace_back(p);
  const EvidenceResult result = allocate_evidence(r);
  std::vector<Drawn> drawn;
  if (!f.heatmap.empty()) drawn = draw_heatmaps(f.heatmap, q.request.pictures, {result.realized}, Framing::native);
  const Writing writing;
  ResultNotes notes;
  notes.config = resolved_config(q, result.settings, result.pipeline);
  notes.heatmaps = write_drawn(drawn);
  write_result(f, evidence_json(r, result, notes));
  if (!f.quiet)
    std::fprintf(stderr, "kept %zu of %lld tokens\n", result.realized.allocation.kept.size(),
                 static_cast<long long>(r.grid.count()));
  return 0;
}

int run_allocate(QuestionFlags& f, const Command& command) {
  if (!f.evidence.empty()) return run_evidence(f, command);
  require_that(!f.images.empty() || !f.videos.empty(), Code::bad_usage, "allocate",
               "expected a picture or a clip: -i FILE or --video FILE");
  Question q = read_question(f, command);
  q.request.generate = false;
  Progress progress(f.quiet);
  progress.stage("loading the model");
  const auto start = std::chrono::steady_clock::now();
  const std::unique_ptr<Engine> engine = open_engine(f, true);
  ResultNotes notes;
  notes.load_milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  read_pictures(f, q);  // while the weights are imported
  settle(f, engine->model(), q.request);
  add_clips(f, engine->model().config, q);
  q.request.on_stage = [&](std::string_view what) { progress.stage(std::string(what)); };
  std::vector<std::pair<std::string, HostTensor>> arrays;
  if (!f.dump.empty())
    q.request.dump = [&](std::string_view name, const HostTensor& t) { arrays.emplace_back(name, t); };
  const AnswerResult result = engine->answer(q.request);
  notes.load_milliseconds += engine->wait_loaded();
  progress.stop();
  std::vector<Drawn> drawn;
  if (!f.heatmap.empty()) drawn = draw_heatmaps(f.heatmap, engine->model().config, q.request, result);
  const Writing writing;
  notes.config = resolved_config(q, result.settings, result.pipeline);
  notes.peak_memory_bytes = peak_memory_bytes();
  notes.heatmaps = write_drawn(drawn);
  if (!f.dump.empty()) {
    write_arrays(f.dump, arrays);
    notes.dump = f.dump;
  }
  write_result(f, result_json(engine->model(), q.request, result, notes));
  if (f.quiet) return 0;
  tell_kept(q.request, result);
  tell_pairs(result);
  for (const auto& name : notes.heatmaps) std::fprintf(stderr, "heatmap: %s\n", name.c_str());
  return 0;
}

}  // namespace

void add_allocate(CLI::App& app, Command& command) {
  CLI::App* verb =
      app.add_subcommand("allocate", "image + question -> positions and budgets as JSON, without the answer");
  auto f = std::make_shared<QuestionFlags>();
  add_question_flags(*verb, *f, command);
  verb->add_option("--evidence", f->evidence,
                   "a folder with vision, query, deepstack_k, relevance as .npy: no model is needed")
      ->group("Question");
  verb->add_option("--grid", f->grid, "ROWSxCOLS tokens of the evidence")->group("Question");
  add_clip_flags(*verb, *f, command);
  verb->callback([f, verb, &command] {
    take_parts(*verb, *f);
    command.run = [f, &command] { return run_allocate(*f, command); };
  });
}

}  // namespace arrcoc::tools
