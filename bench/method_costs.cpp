// What one selection costs: all decisions of a pipeline over drawn evidence of the 2B shape, through the driver that a
// run takes, without a model.
//   method_costs PIPELINE ROWS COLS [RUNS = 1]
// A line of JSON: tokens, kept, milliseconds of the stages texture, score, balance and allocate (the median run; the
// mean of their sum over the runs), and the bytes that the run added to what was resident at most.
// bench/method_costs.py makes the table.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "../tests/registry/glimpse_head.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/pipeline/looks.hpp"
#include "arrcoc/registry/builtin.hpp"

using namespace arrcoc;

namespace {

using B = EigenBackend;
constexpr Index merged = 2048, tower = 1024, heads = 16, kv_heads = 8, width = 128, words = 12, text = 20;

/// Kilobytes of a line of /proc/self/status.
long status(const std::string& what) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(what)) return std::atol(line.c_str() + what.size() + 1);
  return 0;
}

struct Drawn {
  Rng rng{1};
  /// Rows around a common one, as merged embeddings are.
  std::vector<float> rows(Index count, Index columns) {
    std::vector<float> common, out;
    for (Index c = 0; c < columns; ++c) common.push_back(static_cast<float>(rng.uniform()) - 0.5f);
    out.reserve(static_cast<std::size_t>(count * columns));
    for (Index i = 0; i < count; ++i)
      for (const float c : common) out.push_back(c + static_cast<float>(rng.uniform()) - 0.5f);
    return out;
  }
  HostTensor tensor(Index count, Index columns) { return host_tensor(rows(count, columns), {count, columns}); }
  HostTensor answer(const Request& r, Index n) {
    using Rows = Request::Rows;
    const bool in_tower = r.site == Request::Site::tower, each = r.heads == Request::Over::each;
    const Index some = r.rows == Rows::visual     ? n
                       : r.rows == Rows::all      ? n + text + words
                       : r.rows == Rows::question ? words
                       : r.rows == Rows::text     ? words + text
                       : r.rows == Rows::list     ? std::ssize(r.list)
                                                  : 1;
    if (r.what == Request::What::received) {
      std::vector<Index> shape{n};
      if (each) shape.insert(shape.begin(), heads);
      if (r.payers == Request::Over::each) shape.insert(shape.begin(), some);
      Index count = 1;
      for (const Index s : shape) count *= s;
      std::vector<float> values;
      for (Index i = 0; i < count; ++i) values.push_back(static_cast<float>(rng.uniform()) / static_cast<float>(n));
      return host_tensor(std::move(values), std::move(shape));
    }
    if (r.what == Request::What::hidden) return tensor(some, in_tower ? tower : merged);
    const Index d = in_tower ? tower / heads : width, of = in_tower || r.what == Request::What::q ? heads : kv_heads;
    return tensor(some, each ? of * d : d);
  }
};

}  // namespace

int main(int count, char** argument) {
  if (count < 4) return 2;
  const Grid grid{std::atol(argument[2]), std::atol(argument[3])};
  const int runs = count > 4 ? std::atoi(argument[4]) : 1;
  B b;
  Registry<B> registry;
  register_builtin(registry);
  PipelineSpec spec = preset_pipeline(argument[1]);
  const auto head = std::filesystem::temp_directory_path() / ("glimpse" + std::to_string(status("Pid:")));
  for (const DecisionSpec& d : spec.decisions)
    for (const ScorerSpec& s : d.scorers)
      if (s.name == "glimpseprune") {  // as wide as the bundled model's
        spec.settings["scorers.glimpseprune.weights"] =
            tests::write_glimpse_head(head, heads, tower, merged, 32, 16, 48);
      }
  const auto made = registry.make(spec);
  std::filesystem::remove(head);
  Drawn draw;
  Image image(grid.rows * 32, grid.cols * 32);
  for (std::uint8_t& v : image.rgb) v = static_cast<std::uint8_t>(draw.rng.below(256));
  const std::vector<Picture> pictures{{image.view(), grid, {}, {{100, 100, 180, 400}}}};
  qwen3vl::VisionOut<B> vision;
  vision.count = grid.count();
  vision.tokens = b.from_host(draw.rows(grid.count(), merged), grid.count(), merged);
  for (int l = 0; l < 3; ++l) vision.deepstack.push_back(vision.tokens);
  const Query<B> query{b.from_host(draw.rows(1, merged), 1, merged),
                       b.from_host(draw.rows(words, merged), words, merged), 0};
  std::vector<Answered> answers;
  for (const Request::Site site : {Request::Site::tower, Request::Site::layer})
    for (const Request& r : made.pipeline.requests(site)) answers.push_back({r, draw.answer(r, grid.count())});
  RunOptions options;
  options.budget = spec.budget.value_or(Budget{});
  const long before = status("VmRSS:");
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  std::vector<std::pair<double, Trace>> taken;
  Index kept = 0;
  for (int run = 0; run < runs; ++run) {
    Trace trace;
    Shelf<B> shelf({TokenSet(grid)}, qwen3vl::VisionOut<B>(vision));
    Looks<B> looks(b, &made.pipeline, pictures, options, &trace, std::make_shared<TextureShelf>());
    looks.give_query(query);
    for (const Answered& a : answers) looks.hear(0, a, {});
    for (std::size_t d = 0; d < made.pipeline.decisions.size(); ++d) looks.take(d, &shelf, -1);
    kept = looks.allocations()[0].count();
    double sum = 0;
    for (const char* stage : {"texture", "score", "balance", "allocate"}) sum += trace.time_of(stage);
    taken.emplace_back(sum, std::move(trace));
  }
  std::sort(taken.begin(), taken.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  const auto& [milliseconds, trace] = taken[taken.size() / 2];
  double mean = 0;  // where the clock is coarser than a run
  for (const auto& [one, unused] : taken) mean += one / static_cast<double>(taken.size());
  std::printf(
      "{\"pipeline\": \"%s\", \"tokens\": %ld, \"kept\": %ld, \"milliseconds\": %.3f, \"mean\": %.3f, \"texture\": "
      "%.3f, "
      "\"score\": %.3f, \"balance\": %.3f, \"allocate\": %.3f, \"bytes\": %ld}\n",
      argument[1], static_cast<long>(grid.count()), static_cast<long>(kept), milliseconds, mean,
      trace.time_of("texture"), trace.time_of("score"), trace.time_of("balance"), trace.time_of("allocate"),
      1024 * std::max(0L, status("VmHWM:") - before));
}
