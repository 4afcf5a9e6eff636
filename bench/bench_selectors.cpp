// Greedy selectors at the width of a large model, D = 2048, each beside the roofline of its own algorithm in this run.
//   select/NAME/tokens:N/kept:K  cosines new in every pass, one thread
//   counters  gigabytes   what the algorithm must read and write, by its pseudo-code:
//                 features once (normalised), a row of similarity = all unit features once, and
//                 dpp_greedy the t rows of the factor for pick t; facility_location its kept rows of gains
//             roofline_ms that by the rate at which this thread reads the same matrix (measured before, best of five)
//             of_roofline time / roofline: 1 is as fast as reading alone
// Rows that are kept (N <= 4,096) are read once. At 16,384 tokens one row is 134 MB: selectors that ask for K rows keep
// 256; those that ask for N rows (farthest_point without a core, facility_location) would read 2.2 TB, and run on 64
// random projections instead, as `projected`; `agrees` is the share of the exact selection of 1,024 tokens that the
// projected one has too, and `random` what chance gives (K / N).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>

#include "arrcoc/allocators/select/dpp_greedy.hpp"
#include "arrcoc/allocators/select/facility_location.hpp"
#include "arrcoc/allocators/select/farthest_point.hpp"
#include "arrcoc/core/random.hpp"

using namespace arrcoc;

namespace {

constexpr Index width = 2048, narrow = 64;
/// Processor time of this program, seconds: others may be at work.
double now() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Features that lie around a few dozen directions, as those of a picture do.
struct Setting {
  Evidence evidence;
  std::vector<float> relevance;
  HostTensor wide, projected;
  double bytes_per_second = 0;

  explicit Setting(Index n) {
    Rng rng(7);
    const auto normal = [&] { return static_cast<float>(rng.uniform() + rng.uniform() + rng.uniform() - 1.5); };
    std::vector<float> centres(static_cast<std::size_t>(48 * width)), values(static_cast<std::size_t>(n * width));
    for (float& v : centres) v = normal();
    for (Index t = 0; t < n; ++t) {
      const auto of = static_cast<Index>(rng.below(48));
      for (Index d = 0; d < width; ++d)
        values[static_cast<std::size_t>(t * width + d)] =
            centres[static_cast<std::size_t>(of * width + d)] + 0.7f * normal();
      relevance.push_back(static_cast<float>(rng.uniform()));
    }
    wide = host_tensor(std::move(values), {n, width});
    projected = project(n);
    const Index rows = static_cast<Index>(std::sqrt(static_cast<double>(n)));
    evidence.tokens = Grid{rows, n / rows};
    bytes_per_second = rate();
  }
  /// [N, 64]: signs at random, the same for every token (Achlioptas 2003).
  HostTensor project(Index n) const {
    Rng rng(11);
    std::vector<float> signs(static_cast<std::size_t>(width * narrow));
    for (float& s : signs) s = rng.below(2) != 0 ? 1.f : -1.f;
    std::vector<float> out(static_cast<std::size_t>(n * narrow));
    const auto from = wide.floats();
    for (Index t = 0; t < n; ++t)
      for (Index d = 0; d < width; ++d) {
        const float x = from[static_cast<std::size_t>(t * width + d)];
        for (Index k = 0; k < narrow; ++k)
          out[static_cast<std::size_t>(t * narrow + k)] += x * signs[static_cast<std::size_t>(d * narrow + k)];
      }
    return host_tensor(std::move(out), {n, narrow});
  }
  /// How fast one thread adds up the matrix.
  double rate() const {
    const auto v = wide.floats();
    double best = 0;
    for (int round = 0; round < 5; ++round) {
      const double from = now();
      const Index times = std::max<Index>(1, (Index{1} << 26) / static_cast<Index>(v.size()));
      for (Index t = 0; t < times; ++t) {
        float lanes[64] = {};
        for (std::size_t i = 0; i + 64 <= v.size(); i += 64)
          for (std::size_t l = 0; l < 64; ++l) lanes[l] += v[i + l];
        benchmark::DoNotOptimize(lanes);
      }
      const double seconds = now() - from;
      best = std::max(best, 4.0 * static_cast<double>(v.size()) * static_cast<double>(times) / seconds);
    }
    return best;
  }
  static const Setting& of(Index n) {
    static std::map<Index, Setting> all;
    return all.try_emplace(n, n).first->second;
  }
};

template <class A>
Allocation choose(const A& allocator, const Setting& s, const HostTensor& features, Index kept) {
  Evidence e = s.evidence;
  e.vision = features;
  e.similarity = std::shared_ptr<const SimilarityRows>(std::make_shared<const Similarity>(features));
  Rng rng(1);
  return allocator.allocate(s.relevance, e, Budget{kept, 1}, rng);
}

/// Bytes of `rows` rows of similarity over n tokens, and the features' own way in: read twice, unit rows written.
double bytes_of_rows(double n, double d, double rows) { return 4 * n * d * (rows + 3); }

template <class A>
void add(const std::string& name, A allocator, Index n, Index kept, bool all_rows, double more_bytes, bool projected) {
  benchmark::RegisterBenchmark(
      ("select/" + name).c_str(),
      [=](benchmark::State& state) {
        const Setting& s = Setting::of(n);
        const HostTensor& features = projected ? s.projected : s.wide;
        double seconds = 0;
        for (auto _ : state) {
          const double from = now();
          benchmark::DoNotOptimize(choose(allocator, s, features, kept));
          seconds += now() - from;
        }
        seconds /= static_cast<double>(state.iterations());
        const double bytes = bytes_of_rows(static_cast<double>(n), projected ? narrow : width,
                                           static_cast<double>(all_rows ? n : kept)) +
                             more_bytes;
        state.counters["gigabytes"] = bytes / 1e9;
        state.counters["read_GB_s"] = s.bytes_per_second / 1e9;
        state.counters["roofline_ms"] = bytes / s.bytes_per_second * 1e3;
        state.counters["of_roofline"] = seconds / (bytes / s.bytes_per_second);
        if (projected && n <= 1024) {
          const auto exact = choose(allocator, s, s.wide, kept).kept, mine = choose(allocator, s, features, kept).kept;
          std::vector<Index> both;
          std::set_intersection(exact.begin(), exact.end(), mine.begin(), mine.end(), std::back_inserter(both));
          state.counters["agrees"] = static_cast<double>(both.size()) / static_cast<double>(kept);
          state.counters["random"] = static_cast<double>(kept) / static_cast<double>(n);
        }
      })
      ->ArgNames({"tokens", "kept"})
      ->Args({n, kept})
      ->Unit(benchmark::kMillisecond);
}

void add_all(Index n, Index kept) {
  const double tokens = static_cast<double>(n), picks = static_cast<double>(kept);
  const double factor = 4 * tokens * picks * picks / 2;  // dpp: rows 0 .. t - 1 of the factor for pick t
  FarthestPointAllocator core;
  core.config.core = 0.6;
  add("farthest_point core=0.6", core, n, kept, false, 0, false);
  add("dpp_greedy", DppGreedyAllocator{}, n, kept, false, factor, false);
  if (n <= 1024) {
    add("farthest_point", FarthestPointAllocator{}, n, kept, true, 0, false);
    add("facility_location", FacilityLocationAllocator{}, n, kept, true, 4 * tokens * tokens, false);
  }
  add("farthest_point projected", FarthestPointAllocator{}, n, kept, true, 0, true);
  add("dpp_greedy projected", DppGreedyAllocator{}, n, std::min<Index>(kept, narrow), false,
      factor * std::pow(static_cast<double>(std::min<Index>(kept, narrow)) / picks, 2), true);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  add_all(1024, 256);
  add_all(16384, 256);
  benchmark::RunSpecifiedBenchmarks();
}
