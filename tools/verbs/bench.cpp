// arrcoc bench: what each stage of an answer costs, and how near it comes to what the machine gives.
#include <algorithm>
#include <cstdio>
#include <utility>

#include "arrcoc/core/random.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/jsonl.hpp"
#include "arrcoc/pipeline/costs.hpp"
#include "question.hpp"

namespace arrcoc::tools {
namespace {

struct BenchFlags : QuestionFlags {
  std::string size = "1024";
  const CLI::Option* size_flag = nullptr;
  std::vector<Index> budgets;
  Index repeat = 3;
};

/// One stage of one run. Zero flops or bytes: not counted for this stage.
struct Row {
  std::string stage;
  double milliseconds = 0, flops = 0, bytes = 0;
  double gflops() const { return flops / milliseconds / 1e6; }
  /// Of the time that arithmetic and memory would need at the measured limits, whichever is longer.
  double share(const MachineLimits& m) const {
    return std::max(flops / m.flops_per_second, bytes / m.bytes_per_second) / (milliseconds / 1e3);
  }
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

struct Measured {
  std::string name;
  std::vector<std::pair<std::string, double>> memory;  // of the run that warms up, bytes
  Costs costs;
  std::vector<Row> rows;
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

std::string number(double x) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", x);
  return text;
}

std::string weights_json(const ModelSummary& m) {
  const WeightFormats& w = m.weights;
  if (w.all_stored()) return "";
  std::string mapped;
  for (const std::string& file : m.quantised_files) mapped += (mapped.empty() ? "\"" : ", \"") + file + "\"";
  return ", \"weights\": {\"layers\": \"" + std::string(name_of(w.layers)) + "\", \"head\": \"" +
         std::string(name_of(w.head)) + "\", \"tower\": \"" + std::string(name_of(w.tower)) +
         "\"}, \"quantised_files\": [" + mapped + "]";
}

std::string speeds_json(const std::vector<PathSpeed>& measured) {
  std::string out;
  for (const PathSpeed& s : measured)
    out += std::string(out.empty() ? ", \"paths\": [" : ", ") + "{\"isa\": \"" + s.isa + "\", \"dtype\": \"" + s.dtype +
           "\", \"product_milliseconds\": " + number(s.product) + ", \"row_milliseconds\": " + number(s.row) +
           ", \"attention_milliseconds\": " + number(s.attention) + "}";
  return out.empty() ? out : out + "]";
}

std::string to_json(const ModelSummary& model, const MachineLimits& limits, const std::vector<Measured>& all,
                    Index repeat, double load_ms, double load_bytes, double highest) {
  std::string out =
      "{\"model\": " + io::string_line(model.identity) + ", \"backend\": \"" + model.backend + "\", \"dtype\": \"" +
      model.dtype + "\"" + weights_json(model) + (model.isa.empty() ? "" : ", \"isa\": \"" + model.isa + "\"") +
      speeds_json(model.measured) + (model.attention.empty() ? "" : ", \"attention\": \"" + model.attention + "\"") +
      (model.attention_times.first > 0
           ? ", \"attention_milliseconds\": {\"own\": " + number(model.attention_times.first) +
                 ", \"library\": " + number(model.attention_times.second) + "}"
           : std::string()) +
      ", \"threads\": " + std::to_string(model.threads) + ", \"repeat\": " + std::to_string(repeat) +
      ", \"load_milliseconds\": " + number(load_ms) + ", \"load_peak_memory_bytes\": " + number(load_bytes) +
      ", \"peak_memory_bytes\": " + number(highest) +
      ",\n \"limits\": {\"flops_per_second\": " + number(limits.flops_per_second) +
      ", \"bytes_per_second\": " + number(limits.bytes_per_second) + "},\n \"runs\": [";
  for (const Measured& m : all) {
    out += std::string(&m == all.data() ? "" : ",") + "\n  {\"pipeline\": " + io::string_line(m.name) +
           ", \"visual_tokens\": " + std::to_string(m.costs.visual_tokens_after) +
           ", \"positions\": " + std::to_string(m.costs.sequence_length) + ", \"stages\": [";
    for (const Row& r : m.rows)
      out += std::string(&r == m.rows.data() ? "" : ",") + "\n    {\"stage\": \"" + r.stage +
             "\", \"milliseconds\": " + number(r.milliseconds) + ", \"flops\": " + number(r.flops) +
             ", \"bytes\": " + number(r.bytes) + ", \"share\": " + number(r.flops + r.bytes > 0 ? r.share(limits) : 0) +
             "}";
    out += "], \"peak_memory_bytes\": {";
    for (const auto& [stage, bytes] : m.memory)
      out += std::string(stage == m.memory.front().first ? "" : ", ") + "\"" + stage + "\": " + number(bytes);
    out += "}}";
  }
  return out + "]}\n";
}

void print(const ModelSummary& model, const MachineLimits& limits, const std::vector<Measured>& all, double load_ms,
           double load_bytes) {
  std::printf("%s %s, %d threads; at best %.0f GFLOP/s and %.1f GB/s\n", model.backend.c_str(), model.dtype.c_str(),
              model.threads, limits.flops_per_second / 1e9, limits.bytes_per_second / 1e9);
  if (!model.weights.all_stored())
    std::printf("weights of the layers %s, the head %s, the tower %s\n", name_of(model.weights.layers).data(),
                name_of(model.weights.head).data(), name_of(model.weights.tower).data());
  for (const std::string& file : model.quantised_files) std::printf("mapped from %s\n", file.c_str());
  for (const PathSpeed& s : model.measured)
    std::printf("%c %-10s %-4s the same product %.2f ms, of one row %.3f ms, attention %.2f ms\n",
                s.isa == model.isa && s.dtype == model.dtype ? '*' : ' ', s.isa.c_str(), s.dtype.c_str(), s.product,
                s.row, s.attention);
  if (model.attention_times.first > 0)
    std::printf("the same attention by our blocks %.2f ms, by the library %.2f ms: %s\n", model.attention_times.first,
                model.attention_times.second, model.attention.c_str());
  std::printf("loaded in %.0f ms, peak memory %.1f MB\n", load_ms, load_bytes / 1e6);
  for (const Measured& m : all) {
    std::printf("\n%s: %lld visual tokens, %lld positions\n%-14s %10s %10s %10s %10s %8s\n", m.name.c_str(),
                static_cast<long long>(m.costs.visual_tokens_after), static_cast<long long>(m.costs.sequence_length),
                "stage", "ms", "GFLOP", "GFLOP/s", "MB read", "of best");
    double total = 0;
    for (const Row& r : m.rows) {
      total += r.milliseconds;
      if (r.flops > 0)
        std::printf("%-14s %10.2f %10.2f %10.1f %10.1f %7.0f%%\n", r.stage.c_str(), r.milliseconds, r.flops / 1e9,
                    r.gflops(), r.bytes / 1e6, 100 * r.share(limits));
      else std::printf("%-14s %10.2f\n", r.stage.c_str(), r.milliseconds);
    }
    std::printf("%-14s %10.2f\n", "all", total);
    for (const auto& [stage, bytes] : m.memory)
      std::printf("%s%s %.1f MB", stage == m.memory.front().first ? "peak memory: " : ", ", stage.c_str(), bytes / 1e6);
    if (!m.memory.empty()) std::printf("\n");
  }
}

int run_bench(BenchFlags& f, const Command& command) {
  require_that(f.repeat >= 1, Code::bad_config, "bench",
               [&] { return "--repeat: expected at least 1, got " + std::to_string(f.repeat); });
  require_that(f.run.max_new_tokens >= 2, Code::bad_config, "bench",
               "-n: expected at least 2, so that a token is decoded");
  if (!f.prompt && !f.prompt_file) f.prompt = "What is the total on this receipt, and who paid it?";
  f.run.ignore_eos = true;
  Question q = read_question(f, command);
  read_pictures(f, q);
  AnswerRequest& r = q.request;
  if (!r.pictures.empty() || !f.videos.empty())
    refuse_idle({f.size_flag}, "it is of a picture of noise, and there is -i or --video");
  else r.pictures.push_back(noise_picture(f.size, r.seed));
  Progress progress(f.quiet);
  progress.stage("loading the model");
  const auto start = std::chrono::steady_clock::now();
  const std::unique_ptr<Engine> engine = open_engine(f);
  const double load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  PeakMemory memory;
  memory.end();
  const double load_bytes = memory.highest();
  add_clips(f, engine->model().config, q);
  settle(f, engine->model(), r);
  std::vector<Measured> all;
  AnswerRequest stock = r;
  stock.stock = true;
  all.push_back(measure(*engine, stock, "stock", f.repeat, memory, progress));
  if (r.stock) r.pipeline = preset_pipeline("default");  // `--pipeline stock` leaves open what to prune with
  r.stock = false;
  for (const Index k : f.budgets) {
    require_that(k >= 1, Code::bad_budget, "bench",
                 [&] { return "--budgets: expected tokens, at least 1, got " + std::to_string(k); });
    r.budget = {k, 0};
    all.push_back(measure(*engine, r, full_name(r.pipeline, r.budget), f.repeat, memory, progress));
  }
  memory.end();
  progress.stage("measuring the machine");  // last: its buffers are no stage's memory
  const MachineLimits limits = engine->limits();
  progress.stop();
  if (f.json)
    io::write_file(f.json->empty() ? "-" : *f.json,
                   to_json(engine->model(), limits, all, f.repeat, load_ms, load_bytes, memory.highest()));
  else print(engine->model(), limits, all, load_ms, load_bytes);
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
  verb->add_option("--budgets", flags->budgets, "visual tokens of the pruned runs, comma-separated")->delimiter(',');
  verb->add_option("--repeat", flags->repeat, "runs after the first; medians are shown");
  add_clip_flags(*verb, *flags, command);
  verb->callback([flags, verb, &command] {
    take_parts(*verb, *flags);
    command.run = [flags, &command] { return run_bench(*flags, command); };
  });
}

}  // namespace arrcoc::tools
