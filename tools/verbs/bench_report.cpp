#include "bench_report.hpp"

#include <algorithm>
#include <cstdio>

#include "arrcoc/io/jsonl.hpp"

namespace arrcoc::tools {
namespace {

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

}  // namespace

std::string to_json(const Bench& b) {
  const ModelSummary& model = b.model;
  const MachineLimits& limits = b.limits;
  std::string out = "{\"model\": " + io::string_line(model.identity) + ", \"backend\": \"" + model.backend +
                    "\", \"dtype\": \"" + model.dtype + "\"" + weights_json(model) +
                    (model.isa.empty() ? "" : ", \"isa\": \"" + model.isa + "\"") + speeds_json(model.measured) +
                    (model.attention.empty() ? "" : ", \"attention\": \"" + model.attention + "\"") +
                    (model.attention_times.first > 0
                         ? ", \"attention_milliseconds\": {\"own\": " + number(model.attention_times.first) +
                               ", \"library\": " + number(model.attention_times.second) + "}"
                         : std::string()) +
                    ", \"threads\": " + std::to_string(model.threads) + ", \"repeat\": " + std::to_string(b.repeat) +
                    ", \"load_milliseconds\": " + number(b.load_ms) +
                    (b.highest_bytes > 0 ? ", \"load_peak_memory_bytes\": " + number(b.load_bytes) +
                                               ", \"peak_memory_bytes\": " + number(b.highest_bytes)
                                         : std::string()) +
                    ",\n \"limits\": {\"flops_per_second\": " + number(limits.flops_per_second) +
                    ", \"bytes_per_second\": " + number(limits.bytes_per_second) +
                    (limits.register_flops_per_second > 0
                         ? ", \"register_flops_per_second\": " + number(limits.register_flops_per_second) +
                               ", \"read_bytes_per_second\": " + number(limits.read_bytes_per_second)
                         : std::string()) +
                    "},\n \"runs\": [";
  for (const Measured& m : b.runs) {
    out += std::string(&m == b.runs.data() ? "" : ",") + "\n  {\"pipeline\": " + io::string_line(m.name) +
           ", \"visual_tokens\": " + std::to_string(m.costs.visual_tokens_after) +
           ", \"positions\": " + std::to_string(m.costs.sequence_length) + ", \"stages\": [";
    for (const Row& r : m.rows)
      out += std::string(&r == m.rows.data() ? "" : ",") + "\n    {\"stage\": \"" + r.stage +
             "\", \"milliseconds\": " + number(r.milliseconds) + ", \"flops\": " + number(r.flops) +
             ", \"bytes\": " + number(r.bytes) + ", \"share\": " + number(r.flops + r.bytes > 0 ? r.share(limits) : 0) +
             (r.of_roof(limits) > 0 ? ", \"of_roof\": " + number(r.of_roof(limits)) : "") + "}";
    out += "], \"peak_memory_bytes\": {";
    for (const auto& [stage, bytes] : m.memory)
      out += std::string(stage == m.memory.front().first ? "" : ", ") + "\"" + stage + "\": " + number(bytes);
    out += "}}";
  }
  return out + "]}";
}

void print(const Bench& b) {
  const ModelSummary& model = b.model;
  const MachineLimits& limits = b.limits;
  std::printf("%s %s, %d threads; at best %.0f GFLOP/s and %.1f GB/s\n", model.backend.c_str(), model.dtype.c_str(),
              model.threads, limits.flops_per_second / 1e9, limits.bytes_per_second / 1e9);
  if (limits.register_flops_per_second > 0)
    std::printf("in registers alone %.0f GFLOP/s, reading alone %.1f GB/s: the roof\n",
                limits.register_flops_per_second / 1e9, limits.read_bytes_per_second / 1e9);
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
  std::printf("loaded in %.0f ms, peak memory %.1f MB\n", b.load_ms, b.load_bytes / 1e6);
  for (const Measured& m : b.runs) {
    std::printf("\n%s: %lld visual tokens, %lld positions\n%-14s %10s %10s %10s %10s %8s %8s\n", m.name.c_str(),
                static_cast<long long>(m.costs.visual_tokens_after), static_cast<long long>(m.costs.sequence_length),
                "stage", "ms", "GFLOP", "GFLOP/s", "MB read", "of best",
                limits.register_flops_per_second > 0 ? "of roof" : "");
    double total = 0;
    for (const Row& r : m.rows) {
      total += r.milliseconds;
      std::printf("%-14s %10.2f", r.stage.c_str(), r.milliseconds);
      if (r.flops > 0)
        std::printf(" %10.2f %10.1f %10.1f %7.0f%%", r.flops / 1e9, r.gflops(), r.bytes / 1e6, 100 * r.share(limits));
      if (r.of_roof(limits) > 0) std::printf(" %7.0f%%", 100 * r.of_roof(limits));
      std::printf("\n");
    }
    std::printf("%-14s %10.2f\n", "all", total);
    for (const auto& [stage, bytes] : m.memory)
      std::printf("%s%s %.1f MB", stage == m.memory.front().first ? "peak memory: " : ", ", stage.c_str(), bytes / 1e6);
    if (!m.memory.empty()) std::printf("\n");
  }
}

std::string to_json(const std::vector<PathBench>& all) {
  std::string out = "{\"paths\": [";
  for (const PathBench& p : all) {
    out += &p == all.data() ? "\n" : ",\n";
    out += p.absent.empty() ? to_json(p.bench)
                            : "{\"isa\": \"" + p.isa + "\", \"absent\": " + io::string_line(p.absent) + "}";
  }
  return out + "]}";
}

void print(const std::vector<PathBench>& all) {
  std::printf(
      "GFLOP/s, and GB/s in decoding; shares: of what registers alone and reading alone give\n"
      "%-10s %-5s %10s %16s %16s %16s %10s %16s\n",
      "", "", "registers", "large product", "vision", "prefill", "reading", "decode");
  for (const PathBench& p : all) {
    if (!p.absent.empty()) {
      std::printf("%-10s not run: %s\n", p.isa.c_str(), p.absent.c_str());
      continue;
    }
    const auto row = [&](std::string_view stage) {
      const auto& rows = p.bench.runs.front().rows;
      const auto at = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.stage == stage; });
      return at == rows.end() ? Row{} : *at;
    };
    const auto cell = [&](double rate, double share) { std::printf(" %9.1f (%3.0f%%)", rate, 100 * share); };
    const double roof = p.bench.limits.register_flops_per_second;
    std::printf("%-10s %-5s %10.0f", p.isa.c_str(), p.bench.model.dtype.c_str(), roof / 1e9);
    cell(p.bench.limits.flops_per_second / 1e9, p.bench.limits.flops_per_second / roof);
    for (const char* stage : {"vision", "prefill"}) cell(row(stage).gflops(), row(stage).of_roof(p.bench.limits));
    std::printf(" %10.1f", p.bench.limits.read_bytes_per_second / 1e9);
    const Row decode = row("decode");
    cell(decode.bytes / decode.milliseconds / 1e6, decode.of_roof(p.bench.limits));
    std::printf("\n");
  }
}

}  // namespace arrcoc::tools
