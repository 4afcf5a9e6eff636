// Where the memory of a mixture-of-experts model goes on the Eigen backend: a prefill of ROWS random ids, then NEW
// single ones.
//   mixture_memory MODEL [ROWS = 4] [NEW = 8] [THREADS = 0]
// One line a step: name, milliseconds, experts used, their bytes in the file, resident bytes of the mapped weights,
// resident bytes of everything else, peak resident bytes of the process. bench/real_shapes.py writes a model and reads
// these lines.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "arrcoc/core/random.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/qwen3vl/model.hpp"

namespace {

using namespace arrcoc;

struct Resident {
  Index weights = 0, other = 0, peak = 0;
};

Resident resident() {
  Resident r;
  std::ifstream maps("/proc/self/smaps");
  bool weights = false;
  for (std::string line; std::getline(maps, line);) {
    const bool header = line.find('-') != std::string::npos && line.find('-') < line.find(' ');
    if (header) weights = line.ends_with(".safetensors");
    else if (line.starts_with("Rss:")) (weights ? r.weights : r.other) += 1024 * std::atol(line.c_str() + 4);
  }
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) r.peak = 1024 * std::atol(line.c_str() + 6);
  return r;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: mixture_memory MODEL [ROWS] [NEW] [THREADS]\n");
    return 2;
  }
  const Index rows = argc > 2 ? std::atol(argv[2]) : 4, steps = argc > 3 ? std::atol(argv[3]) : 8;
  EigenBackend b({.threads = argc > 4 ? std::atoi(argv[4]) : 0});
  const auto timed = [&](const char* name, const auto& model, auto&& f) {
    const auto start = std::chrono::steady_clock::now();
    f();
    const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    const auto [experts, bytes] = model.experts_used();
    const Resident r = resident();
    std::printf("%s %.1f %ld %ld %ld %ld %ld\n", name, ms, static_cast<long>(experts), static_cast<long>(bytes),
                static_cast<long>(r.weights), static_cast<long>(r.other), static_cast<long>(r.peak));
    std::fflush(stdout);
  };
  qwen3vl::Model<EigenBackend> model;
  timed("open", model.text(), [&] {
    const io::ModelFolder folder = io::open_model(argv[1], {});
    model = qwen3vl::Model<EigenBackend>(b, folder.config, folder.weights);
  });
  Rng rng(1);
  const auto random_id = [&] {
    return static_cast<TokenId>(rng.below(static_cast<std::uint64_t>(model.config().text.vocab_size)));
  };
  Prompt prompt;
  for (Index i = 0; i < rows; ++i) prompt.ids.push_back(random_id());
  qwen3vl::KvCache<EigenBackend> state;
  const auto finite = [&](const EigenBackend::Tensor& hidden) {
    const auto logits = b.to_host(model.text().logits(b, b.slice_rows(hidden, b.rows(hidden) - 1, b.rows(hidden))));
    for (const float v : logits)
      require_that(v - v == 0.0f, Code::bad_number, "mixture_memory", "expected finite logits");
  };
  timed("prefill", model.text(), [&] {
    finite(model.text().prefill(b, qwen3vl::stock_input(b, prompt, model.encode(b, {}, prompt)), state, steps));
  });
  for (Index i = 0; i < steps; ++i)
    timed("step", model.text(), [&] { finite(model.text().step(b, random_id(), state)); });
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return e.exit_status();
}
