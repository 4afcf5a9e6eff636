// Host-plane strategies, names = registry names, N (tokens) swept on square pictures of 32 px a token, with the plain
//   loops beside them.
//   loops/*    the same channels as nested loops over cells and pixels in double precision (checked equal to 5e-6
//              before timing)
//   decision/* texture -> scores -> relevance -> allocation, a quarter of the tokens kept, as SELECT decides without a
//     model
// --count NAME TOKENS TIMES: one of them so often and nothing else, for a counter of instructions
//
// Complexity: textures and the decision in pixels (N * 1024), everything else in N.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <map>

#include "../tests/texture/naive_texture.hpp"
#include "arrcoc/allocators/control/centre.hpp"
#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/control/grid2d.hpp"
#include "arrcoc/allocators/control/oracle.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/control/uniform.hpp"
#include "arrcoc/allocators/depth/entry_by_relevance.hpp"
#include "arrcoc/allocators/depth/hierarchical.hpp"
#include "arrcoc/allocators/select/adaptive_k.hpp"
#include "arrcoc/allocators/select/context_floor.hpp"
#include "arrcoc/allocators/select/coverage_quota.hpp"
#include "arrcoc/allocators/select/cumulative_mass.hpp"
#include "arrcoc/allocators/select/dpp_greedy.hpp"
#include "arrcoc/allocators/select/facility_location.hpp"
#include "arrcoc/allocators/select/farthest_point.hpp"
#include "arrcoc/allocators/select/nms.hpp"
#include "arrcoc/allocators/select/threshold.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/allocators/tier/tiers.hpp"
#include "arrcoc/balancers/cautious.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/balancers/max_sum.hpp"
#include "arrcoc/balancers/policy.hpp"
#include "arrcoc/balancers/product_of_experts.hpp"
#include "arrcoc/balancers/rank_fusion.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/core/similarity.hpp"
#include "arrcoc/scorers/control/sobel.hpp"
#include "arrcoc/scorers/features/feature_norm.hpp"
#include "arrcoc/scorers/features/novelty.hpp"
#include "arrcoc/scorers/features/patch_max.hpp"
#include "arrcoc/scorers/learned/saliency_network.hpp"
#include "arrcoc/scorers/learned/texture_coupling.hpp"
#include "arrcoc/scorers/pixels/contrast.hpp"
#include "arrcoc/scorers/pixels/duplicates.hpp"
#include "arrcoc/scorers/pixels/entropy.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "arrcoc/scorers/pixels/softmax_channel_entropy.hpp"
#include "arrcoc/scorers/pixels/text_likeness.hpp"
#include "arrcoc/texture/named.hpp"
#include "arrcoc/texture/repo13.hpp"
#include "arrcoc/texture/seed13.hpp"
#include "arrcoc/texture/texture13.hpp"

using namespace arrcoc;

namespace {
/// A page-like picture: strokes on the left, photo-like grain on the right.
struct Setting {
  Grid grid;
  Image image;
  Textures textures;
  Evidence evidence;
  std::vector<float> maps, relevance;
  std::vector<std::vector<float>>
      shuffled;  // relevance in other orders: branches of one order would be learnt by heart
  HostTensor vision;
  static constexpr Index width = 256;  // of features

  explicit Setting(Index n) : grid(side(n)), image(grid.rows * 32, grid.cols * 32) {
    Rng rng(1);
    for (Index y = 0; y < image.height; ++y)
      for (Index x = 0; x < image.width; ++x) {
        const bool ink = x < image.width / 2 && (y / 5) % 3 == 1 && ((x * 7 + y / 3) / 4) % 3 == 0;
        for (Index c = 0; c < 3; ++c)
          image.row(y)[3 * x + c] = std::uint8_t(ink                   ? 20 + 20 * c
                                                 : x < image.width / 2 ? 240
                                                                       : 60 + 40 * c + Index(rng.below(70)));
      }
    textures = Texture13{}.generate(image.view(), grid);
    evidence.tokens = grid;
    evidence.rgb = image.view();
    evidence.size = FrameSize{image.height, image.width};
    evidence.textures = &textures;
    evidence.boxes = {{100, 100, 180, 400}};
    std::vector<float> features(static_cast<std::size_t>(n * width)), words(static_cast<std::size_t>(8 * width));
    for (float& v : features) v = static_cast<float>(rng.uniform()) - 0.4f;
    for (float& v : words) v = static_cast<float>(rng.uniform()) - 0.5f;
    vision = host_tensor(std::move(features), {n, width});
    evidence.vision = vision;
    evidence.question = host_tensor(std::move(words), {8, width});
    evidence.query = numbers({width}, 2);
    maps = score();
    relevance = AdaptiveTensionBalancer{}.balance(maps, evidence).relevance;
    for (Index k = 0; k < std::max<Index>(4, (1 << 18) / n); ++k) {
      shuffled.push_back(relevance);
      rng.shuffle(shuffled.back());
    }
  }
  Setting(const Setting&) = delete;
  /// Seeded weights and features in [-.1, .1].
  static HostTensor numbers(std::vector<Index> shape, std::uint64_t seed) {
    Index count = 1;
    for (const Index d : shape) count *= d;
    Rng rng(seed);
    std::vector<float> v(static_cast<std::size_t>(count));
    for (float& x : v) x = 0.2f * static_cast<float>(rng.uniform()) - 0.1f;
    return host_tensor(std::move(v), std::move(shape));
  }
  static Grid side(Index n) {
    Index rows = Index(std::sqrt(double(n)));
    while (n % rows) --rows;
    return {rows, n / rows};
  }
  std::vector<float> score() const {
    auto m = InformationScorer{}.score(evidence);
    const auto p = PerspectivalScorer{}.score(evidence);
    m.insert(m.end(), p.begin(), p.end());
    for (Index i = 0; i < grid.count(); ++i) m.push_back(float((i * 37) % 101) / 101);  // stands for query coupling
    return m;
  }
  static const Setting& of(Index n) {
    static std::map<Index, Setting> all;
    return all.try_emplace(n, n).first->second;
  }
};

void sweep(benchmark::State& state, const std::function<void(const Setting&)>& body, Index per_token = 1) {
  const Setting& s = Setting::of(state.range(0));
  for (auto _ : state) body(s);
  state.SetComplexityN(state.range(0) * per_token);
  state.counters["time_per_token"] = benchmark::Counter(
      double(state.range(0)), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert,
      benchmark::Counter::kIs1000);
}
std::map<std::string, std::function<void(const Setting&)>>& bodies() {
  static std::map<std::string, std::function<void(const Setting&)>> all;
  return all;
}
void add(const std::string& name, std::function<void(const Setting&)> body, Index per_token, Index limit = 16384,
         benchmark::BigO cost = benchmark::oN) {
  bodies()[name] = body;
  benchmark::RegisterBenchmark(name.c_str(), [body, per_token](benchmark::State& s) { sweep(s, body, per_token); })
      ->ArgName("tokens")
      ->RangeMultiplier(4)
      ->Range(64, limit)
      ->Complexity(cost)
      ->Unit(benchmark::kMicrosecond);
}
template <class T>
void add_texture(T texture) {
  add(
      "texture/" + std::string(T::name),
      [texture](const Setting& s) { benchmark::DoNotOptimize(texture.generate(s.image.view(), s.grid)); }, 1024);
}
/// Every family of named channels alone, all of its channels.
void add_families() {
  for (const texture::ChannelFamily& f : texture::families) {
    std::string channels;
    for (const auto c : f.names) channels += (channels.empty() ? "" : "+") + std::string(c);
    add(
        "family/" + std::string(f.names[0]),
        [=](const Setting& s) {
          benchmark::DoNotOptimize(NamedTexture{{.channels = channels}}.generate(s.image.view(), s.grid));
        },
        1024);
  }
}
template <class S>
void add_scorer(S scorer = S{}) {
  add(
      "scorer/" + std::string(S::name),
      [scorer](const Setting& s) { benchmark::DoNotOptimize(scorer.score(s.evidence)); }, 1);
}
template <class L>
void add_balancer(L balancer = L{}) {
  add(
      "balancer/" + std::string(L::name),
      [balancer](const Setting& s) {
        static std::size_t turn = 0;
        std::vector<float> maps;
        for (int m = 0; m < 3; ++m) {
          const auto& map = s.shuffled[turn++ % s.shuffled.size()];
          maps.insert(maps.end(), map.begin(), map.end());
        }
        benchmark::DoNotOptimize(balancer.balance(maps, s.evidence));
      },
      1, 16384, L::name == "tension" || L::name == "rank_fusion" ? benchmark::oNLogN : benchmark::oN);
}
/// Cosines are new in every pass, as they are for every picture; a quarter of the tokens.
template <class A>
void add_similar(Index limit) {
  add(
      "allocator/" + std::string(A::name) + "/256 wide",
      [](const Setting& s) {
        Evidence e = s.evidence;
        e.similarity = std::shared_ptr<const SimilarityRows>(std::make_shared<const Similarity>(s.vision));
        Rng rng(1);
        benchmark::DoNotOptimize(A{}.allocate(s.relevance, e, Budget{}, rng));
      },
      1, limit, A::name == "farthest_point" ? benchmark::oNSquared : benchmark::oNCubed);
}
template <class A>
void add_allocator() {
  add(
      "allocator/" + std::string(A::name),
      [](const Setting& s) {
        static std::size_t turn = 0;
        Rng rng(turn);  // `random` draws others each time, too
        benchmark::DoNotOptimize(A{}.allocate(s.shuffled[turn++ % s.shuffled.size()], s.evidence, Budget{}, rng));
      },
      1);
}

/// The sketches' networks with seeded weights: 13-32-16-1; 13-64-1536 and a query layer; 256-256-3.
void add_networks() {
  const auto layers = [](auto net, std::vector<std::vector<Index>> shapes) {
    for (const auto& shape : shapes) {
      net.weights.push_back(Setting::numbers(shape, shapes.size()));
      net.biases.push_back(Setting::numbers({shape[0]}, 9));
    }
    return net;
  };
  SaliencyNetworkScorer saliency;
  saliency.network =
      std::make_shared<const ConvNetwork>(layers(ConvNetwork{}, {{32, 13, 3, 3}, {16, 32, 3, 3}, {1, 16, 1, 1}}));
  add_scorer(saliency);
  TextureCouplingScorer coupling;
  coupling.network = std::make_shared<const CouplingNetwork>(
      CouplingNetwork{layers(ConvNetwork{}, {{64, 13, 3, 3}}), Setting::numbers({1536, 64}, 3),
                      Setting::numbers({1536}, 4), layers(SmallNetwork{}, {{1536, Setting::width}})});
  add_scorer(coupling);
  PolicyBalancer policy;
  policy.network = std::make_shared<const SmallNetwork>(layers(SmallNetwork{}, {{256, Setting::width}, {3, 256}}));
  add_balancer(policy);
}

Allocation decide(const Setting& s) {
  const Textures t = Texture13{}.generate(s.image.view(), s.grid);
  Evidence e = s.evidence;
  e.textures = &t;
  auto m = InformationScorer{}.score(e);
  const auto p = PerspectivalScorer{}.score(e);
  m.insert(m.end(), p.begin(), p.end());
  m.insert(m.end(), s.maps.end() - s.grid.count(), s.maps.end());
  const auto b = AdaptiveTensionBalancer{}.balance(m, e);
  Rng rng(1);
  return TopKAllocator{}.allocate(b.relevance, e, Budget{}, rng);
}

/// The loops' result against the library's, all channels but the clusters.
bool loops_agree() {
  const Setting& s = Setting::of(256);
  const auto loops = naive::texture12(s.image.view(), s.grid);
  for (std::size_t i = 0; i < loops.size(); ++i)
    if (i % 13 != 11 && std::abs(loops[i] - s.textures.values[i]) > 5e-6) return false;
  return true;
}
}  // namespace

int main(int argc, char** argv) {
  const bool counts = argc == 5 && std::strcmp(argv[1], "--count") == 0;
  if (!counts) benchmark::Initialize(&argc, argv);
  if (!counts && benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  if (!counts && !loops_agree()) {
    std::fprintf(stderr, "texture13 and the plain loops differ\n");
    return 1;
  }
  benchmark::AddCustomContext("loops_equal_texture13", "yes");
  add_texture(Texture13{});
  add_texture(D28x13Texture{});
  add_texture(D28x17Texture{});
  add_texture(Full40Texture{});
  add_texture(Seed13Texture{});
  add_texture(Repo13Texture{});
  add_families();
  add(
      "loops/texture12", [](const Setting& s) { benchmark::DoNotOptimize(naive::texture12(s.image.view(), s.grid)); },
      1024, 1024);
  add_scorer<InformationScorer>();
  add_scorer<PerspectivalScorer>();
  add_scorer<ContrastScorer>();
  add_scorer<SoftmaxChannelEntropyScorer>();
  add_scorer<EntropyScorer>();
  add_scorer<DuplicatesScorer>();
  add_scorer<TextLikenessScorer>();
  add_scorer<SobelScorer>();
  add_scorer<FeatureNormScorer>();
  add_scorer<NoveltyScorer>();
  add_scorer<PatchMaxScorer>();
  add_networks();
  add_balancer<AdaptiveTensionBalancer>();
  add_balancer<FixedWeightsBalancer>();
  add_balancer<MaxSumBalancer>();
  add_balancer<RankFusionBalancer>();
  add_balancer<ProductOfExpertsBalancer>();
  add_balancer<CautiousBalancer>();
  add_allocator<TopKAllocator>();
  add_allocator<AdaptiveKAllocator>();
  add_allocator<ThresholdAllocator>();
  add_allocator<CumulativeMassAllocator>();
  add_allocator<NmsAllocator>();
  add_allocator<CoverageQuotaAllocator>();
  add_allocator<ContextFloorAllocator>();
  add_allocator<HierarchicalAllocator>();
  add_allocator<EntryByRelevanceAllocator>();
  add_allocator<TiersAllocator>();
  add_similar<FarthestPointAllocator>(4096);
  add_similar<DppGreedyAllocator>(4096);
  add_similar<FacilityLocationAllocator>(4096);
  add_allocator<RandomAllocator>();
  add_allocator<UniformAllocator>();
  add_allocator<Grid2dAllocator>();
  add_allocator<CentreAllocator>();
  add_allocator<OracleAllocator>();
  add_allocator<FullAllocator>();
  add(
      "decision/texture13/information+perspectival+given/tension/top_k",
      [](const Setting& s) { benchmark::DoNotOptimize(decide(s)); }, 1024);
  if (!counts) return benchmark::RunSpecifiedBenchmarks(), 0;
  const auto body = bodies().find(argv[2]);
  if (body == bodies().end()) return std::fprintf(stderr, "nothing is named %s\n", argv[2]), 2;
  const Setting& s = Setting::of(std::atol(argv[3]));
  for (long i = std::atol(argv[4]); i > 0; --i) body->second(s);
}
