// arrcoc bench: what each stage of an answer costs, and how near it comes to what the machine gives.
#include <algorithm>
#include <cstdio>
#include <span>
#include <utility>

#include "arrcoc/core/random.hpp"
#include "arrcoc/eigen/isa.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/pipeline/costs.hpp"
#include "bench_report.hpp"
#include "question.hpp"

namespace arrcoc::tools {
namespace {

struct BenchFlags : QuestionFlags {
  std::string size = "1024";
  const CLI::Option *size_flag = nullptr, *budgets_flag = nullptr, *isa_flag = nullptr;
  std::vector<Index> budgets;
  Index repeat = 3;
  bool each_path = false;
};

/// Resident memory at its highest in each stage, pages of mapped weights among it.
class PeakMemory {
 public:
  /// Ends the stage before. Nothing is known of single stages where the system does not let a process forget its peak.
  void stage(std::string_view next) {
    end();
    if (forget_peak_memory()) name_ = next;
  }
  void end() {
    const double peak = peak_memory_bytes();
    highest_ = std::max(highest_, peak);
    if (!name_.empty()) rows_.emplace_back(std::move(name_), peak);
    name_.clear();
  }
  std::vector<std::pair<std::string, double>> take() { return std::exchange(rows_, {}); }
  double highest() const { return highest_; }

 private:
  std::string name_;
  std::vector<std::pair<std::string, double>> rows_;
  double highest_ = 0;
};

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v.empty() ? 0 : (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

/// "512" or "512x768", in pixels.
InputPicture noise_picture(const std::string& size, std::uint64_t seed) {
  char x = 0, more = 0;
  long h = 0, w = 0;
  const int read = std::sscanf(size.c_str(), "%ld%c%ld%c", &h, &x, &w, &more);
  if (read == 1) w = h;
  require_that((read == 1 || (read == 3 && x == 'x')) && h >= 32 && w >= 32 && h <= 8192 && w <= 8192, Code::bad_usage,
               "size", [&] { return "expected P or HxW pixels, 32 to 8192 a side, got '" + size + "'"; });
  InputPicture p;
  p.name = "noise";
  p.image.height = h;
  p.image.width = w;
  p.image.rgb.resize(static_cast<std::size_t>(h * w * 3));
  Rng rng(seed);
  for (std::size_t i = 0; i < p.image.rgb.size(); ++i) p.image.rgb[i] = static_cast<std::uint8_t>(rng.below(256));
  return p;
}

/// Bytes of one pass over the tower's matrices, and over the language model's with its head.
struct WeightBytes {
  double tower = 0, language = 0;
};
WeightBytes weight_bytes(const ModelSummary& m) {
  const double stored = m.stored_dtype == "bfloat16" || m.stored_dtype == "float16" ? 2 : 4;
  const auto of = [&](WeightFormat f) {
    switch (f) {
      case WeightFormat::bf16: return 2.0;
      case WeightFormat::int8: return 1.0;
      case WeightFormat::int4: return 0.5 + 2.0 / 32;  // with the scales of groups
      case WeightFormat::stored: break;
    }
    return stored;
  };
  const TextConfig& t = m.config.text;
  const double head = static_cast<double>(t.vocab_size) * static_cast<double>(t.hidden_size);
  return {vision_weights(m.config.vision) * of(m.weights.tower),
          (language_weights(t) - head) * of(m.weights.layers) + head * of(m.weights.head)};
}

Measured measure(Engine& engine, AnswerRequest request, const std::string& name, Index repeat, PeakMemory& memory,
                 Progress& progress) {
  const WeightBytes bytes = weight_bytes(engine.model());
  Measured m;
  m.name = name;
  std::vector<std::pair<std::string, std::vector<double>>> times;
  for (Index i = 0; i <= repeat; ++i) {  // the first warms up
    progress.stage(name + ", run " + std::to_string(i) + " of " + std::to_string(repeat));
    if (i == 0) request.on_stage = [&](std::string_view stage) { memory.stage(stage); };
    const AnswerResult r = engine.answer(request);
    if (i == 0) {
      memory.end();
      m.memory = memory.take();
      request.on_stage = nullptr;
      continue;
    }
    m.costs = r.costs;
    for (const StageTime& t : r.times) {
      auto at = std::find_if(times.begin(), times.end(), [&](const auto& x) { return x.first == t.stage; });
      if (at == times.end()) at = times.insert(times.end(), {t.stage, {}});
      at->second.push_back(t.milliseconds);
    }
  }
  const auto tokens =
      static_cast<double>(std::max<Index>(1, request.generation.max_new_tokens.value_or(default_new_tokens) - 1));
  for (const auto& [stage, ms] : times) {
    Row row{stage, median(ms), 0, 0};
    if (stage == "vision") row.flops = m.costs.vision_flops + m.costs.merger_flops, row.bytes = bytes.tower;
    if (stage == "prefill") row.flops = m.costs.prefill_flops, row.bytes = bytes.language + m.costs.kv_bytes;
    if (stage == "decode")
      row.flops = m.costs.decode_flops_per_token * tokens, row.bytes = (bytes.language + m.costs.kv_bytes) * tokens;
    m.rows.push_back(row);
  }
  return m;
}

/// A model opened for what the flags say: the stock run, then one at each budget. `name`: of the stock run.
Bench bench_model(const BenchFlags& f, Question q, const std::string& name, Progress& progress) {
  AnswerRequest& r = q.request;
  progress.stage("loading the model");
  const auto start = std::chrono::steady_clock::now();
  const std::unique_ptr<Engine> engine = open_engine(f);
  Bench b;
  b.load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  b.repeat = f.repeat;
  PeakMemory memory;
  memory.end();
  b.load_bytes = memory.highest();
  add_clips(f, engine->model().config, q);
  settle(f, engine->model(), r);
  AnswerRequest stock = r;
  stock.stock = true;
  b.runs.push_back(measure(*engine, stock, name, f.repeat, memory, progress));
  if (r.stock) r.pipeline = preset_pipeline("default");  // `--pipeline stock` leaves open what to prune with
  r.stock = false;
  for (const Index k : f.budgets) {
    require_that(k >= 1, Code::bad_budget, "bench",
                 [&] { return "--budgets: expected tokens, at least 1, got " + std::to_string(k); });
    r.budget = {k, 0};
    b.runs.push_back(measure(*engine, r, full_name(r.pipeline, r.budget), f.repeat, memory, progress));
  }
  memory.end();
  b.highest_bytes = memory.highest();
  progress.stage("measuring the machine");  // last: its buffers are no stage's memory
  b.limits = engine->limits();
  b.model = engine->model();
  return b;
}

/// By each instruction set that the kernels are written for; `auto` of --dtype is what a set is for.
std::vector<PathBench> bench_paths(BenchFlags f, const Question& q, Progress& progress) {
  std::vector<PathBench> out;
  const bool open_dtype = f.run.dtype == "auto";
  double reading = 0;  // of one memory, whoever reads it
  for (const std::string_view isa : std::span(isa_names).subspan(1)) {
    PathBench p{.isa = std::string(isa), .absent = {}, .bench = {}};
    f.run.isa = p.isa;
    if (open_dtype) f.run.dtype = isa_named(isa) >= Isa::avx512bf16 ? "bf16" : "f32";
    try {
      p.bench = bench_model(f, q, "stock on " + p.isa, progress);
      p.bench.load_bytes = p.bench.highest_bytes = 0;  // of the process, paths before among it
    } catch (const Error& e) {
      if (e.code() != Code::backend_missing) throw;
      p.absent = e.what();
    }
    reading = std::max(reading, p.bench.limits.read_bytes_per_second);
    out.push_back(std::move(p));
  }
  for (PathBench& p : out) p.bench.limits.read_bytes_per_second = reading;
  return out;
}

/// "-": standard output.
template <class B>
void report(const BenchFlags& f, const B& bench, Progress& progress) {
  progress.stop();
  if (f.json) io::write_file(f.json->empty() ? "-" : *f.json, to_json(bench) + "\n");
  else print(bench);
}

int run_bench(BenchFlags& f, const Command& command) {
  require_that(f.repeat >= 1, Code::bad_config, "bench",
               [&] { return "--repeat: expected at least 1, got " + std::to_string(f.repeat); });
  require_that(f.run.max_new_tokens >= 2, Code::bad_config, "bench",
               "-n: expected at least 2, so that a token is decoded");
  if (f.each_path) {
    refuse_idle({f.isa_flag, f.budgets_flag}, "--each-path keeps everything, on every instruction set");
    require_that(f.run.backend == "eigen", Code::bad_config, "bench",
                 [&] { return "--each-path: expected --backend eigen, got '" + f.run.backend + "'"; });
  }
  if (!f.prompt && !f.prompt_file) f.prompt = "What is the total on this receipt, and who paid it?";
  f.run.ignore_eos = true;
  Question q = read_question(f, command);
  read_pictures(f, q);
  AnswerRequest& r = q.request;
  if (!r.pictures.empty() || !f.videos.empty())
    refuse_idle({f.size_flag}, "it is of a picture of noise, and there is -i or --video");
  else r.pictures.push_back(noise_picture(f.size, r.seed));
  Progress progress(f.quiet);
  if (f.each_path) report(f, bench_paths(f, q, progress), progress);
  else report(f, bench_model(f, std::move(q), "stock", progress), progress);
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, Command& command) {
  auto flags = std::make_shared<BenchFlags>();
  flags->run.max_new_tokens = 8;
  CLI::App* verb = app.add_subcommand("bench", "times every stage of an answer beside what the machine gives at best");
  add_question_flags(*verb, *flags, command);
  verb->add_option("-n,--max-new-tokens", flags->run.max_new_tokens, "tokens of the answer, at least 2");
  flags->size_flag =
      verb->add_option("--size", flags->size, "P or HxW px of a picture of noise, when there is no -i or --video");
  flags->budgets_flag =
      verb->add_option("--budgets", flags->budgets, "visual tokens of the pruned runs, comma-separated")
          ->delimiter(',');
  verb->add_option("--repeat", flags->repeat, "runs after the first; medians are shown");
  verb->add_flag("--each-path", flags->each_path, "everything kept, by each instruction set that the processor has");
  flags->isa_flag = verb->get_option("--isa");
  add_clip_flags(*verb, *flags, command);
  verb->callback([flags, verb, &command] {
    take_parts(*verb, *flags);
    command.run = [flags, &command] { return run_bench(*flags, command); };
  });
}

}  // namespace arrcoc::tools
