#pragma once
// Strategies with one fault each: the laws must name it, and only it.
#include <limits>

#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/texture/texture13.hpp"

namespace mutants {
using namespace arrcoc;

// --- textures ---
struct TextureBase {
  static constexpr std::string_view name = "mutant";
  using Config = Texture13Config;
  Config config{};
};
struct RaggedTexture : TextureBase {  // two channels of one name
  static constexpr const char* breaks = "shape";
  Textures generate(ImageView v, Grid g) const {
    auto t = Texture13{}.generate(v, g);
    t.channels[4] = "row";
    return t;
  }
};
struct NanTexture : TextureBase {
  static constexpr const char* breaks = "finite";
  Textures generate(ImageView v, Grid g) const {
    auto t = Texture13{}.generate(v, g);
    for (Index i = 0; i < g.count(); ++i)
      t.values[std::size_t(i * 13 + 7)] = std::numeric_limits<float>::infinity() * (t.at(i, 7) > 2 ? 0.f : 1.f);
    return t;
  }
};
struct RunningTexture : TextureBase {  // remembers the largest edge it ever saw
  static constexpr const char* breaks = "alone";
  mutable float largest = 0.01f;
  Textures generate(ImageView v, Grid g) const {
    auto t = Texture13{}.generate(v, g);
    for (Index i = 0; i < g.count(); ++i) largest += 1e-4f * t.at(i, 5);
    for (Index i = 0; i < g.count(); ++i) t.values[std::size_t(i * 13 + 5)] /= largest;
    return t;
  }
};
struct CopyTexture : TextureBase {  // saliency = edges again
  static constexpr const char* breaks = "copies";
  Textures generate(ImageView v, Grid g) const {
    auto t = Texture13{}.generate(v, g);
    for (Index i = 0; i < g.count(); ++i) t.values[std::size_t(i * 13 + 8)] = 1 - 2 * t.at(i, 5);
    return t;
  }
};
struct BorderTexture : TextureBase {  // a bilinear look at the cell's middle in place of the mean of its box
  static constexpr const char* breaks = "box";
  Textures generate(ImageView v, Grid g) const {
    auto t = Texture13{}.generate(v, g);
    for (Index i = 0; i < g.count(); ++i) {
      const Index y = (2 * (i / g.cols) + 1) * v.height / (2 * g.rows),
                  x = (2 * (i % g.cols) + 1) * v.width / (2 * g.cols);
      t.values[std::size_t(i * 13)] = v.row(y)[3 * x] / 255.f;
    }
    return t;
  }
};
struct SkippingTexture : TextureBase {  // does not look at every third row, but has right means
  static constexpr const char* breaks = "native";
  Textures generate(ImageView v, Grid g) const {
    Image im(v.height, v.width);
    std::copy(v.rgb, v.rgb + im.rgb.size(), im.rgb.begin());
    for (auto& p : im.rgb) p = static_cast<std::uint8_t>(p & 0x7f);
    auto t = Texture13{}.generate(im.view(), g);
    t.channels[0] = "a";
    t.channels[1] = "b";
    t.channels[2] = "c";
    return t;
  }
};

// --- scorers ---
struct ScorerBase {
  static constexpr std::string_view name = "mutant";
  static constexpr Needs may_need{Phase::pixels, Need::textures};
  static constexpr bool row_wise = true;
  using Config = InformationConfig;
  Config config{};
};
struct ShortScorer : ScorerBase {
  static constexpr const char* breaks = "count";
  std::vector<float> score(const Evidence& e) const {
    auto s = InformationScorer{}.score(e);
    s.pop_back();
    return s;
  }
};
struct NanScorer : ScorerBase {  // min-max without a floor: 0 / 0 on a blank picture
  static constexpr const char* breaks = "finite";
  std::vector<float> score(const Evidence& e) const {
    auto s = InformationScorer{}.score(e);
    const float top = *std::max_element(s.begin(), s.end());
    for (float& x : s) x /= top;
    return s;
  }
};
struct BatchScorer : ScorerBase {  // scales by the largest value of all pictures so far
  static constexpr bool row_wise = false;
  static constexpr const char* breaks = "alone";
  mutable float largest = 0;
  std::vector<float> score(const Evidence& e) const {
    auto s = InformationScorer{}.score(e);
    for (const float x : s) largest = std::max(largest, x);
    largest += 0.01f;
    for (float& x : s) x /= largest;
    return s;
  }
};
struct PlaceScorer : ScorerBase {  // says row-wise, looks at the neighbour
  static constexpr const char* breaks = "order";
  std::vector<float> score(const Evidence& e) const {
    auto s = InformationScorer{}.score(e);
    for (std::size_t i = s.size() - 1; i > 0; --i) s[i] += s[i - 1];
    return s;
  }
};

// --- balancers ---
struct BalancerBase {
  static constexpr std::string_view name = "mutant";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  using Config = FixedWeightsConfig;
  Config config{};
};
struct WeightlessBalancer : BalancerBase {
  static constexpr const char* breaks = "count";
  Balanced balance(std::span<const float> m, const Evidence& e) const {
    auto b = FixedWeightsBalancer{}.balance(m, e);
    b.weights[0] += 1;
    return b;
  }
};
struct NanBalancer : BalancerBase {  // range without a floor
  static constexpr const char* breaks = "finite";
  Balanced balance(std::span<const float> m, const Evidence& e) const {
    auto b = FixedWeightsBalancer{}.balance(m, e);
    const auto [low, high] = std::minmax_element(m.begin(), m.end());
    if (e.count() > 1)
      for (float& x : b.relevance) x += (*low - *low) / (*high - *low);
    return b;
  }
};
struct RunningBalancer : BalancerBase {
  static constexpr const char* breaks = "alone";
  mutable float shift = 0;
  Balanced balance(std::span<const float> m, const Evidence& e) const {
    auto b = FixedWeightsBalancer{}.balance(m, e);
    shift += 0.125f;
    for (float& x : b.relevance) x += shift;
    return b;
  }
};
struct OpponentBalancer : BalancerBase {  // a pole 1 - x with more weight than x
  static constexpr const char* breaks = "order";
  Balanced balance(std::span<const float> m, const Evidence& e) const {
    auto b = FixedWeightsBalancer{}.balance(m, e);
    for (float& x : b.relevance) x = x * (1 - x);
    return b;
  }
};
struct RawSumBalancer : BalancerBase {  // adds maps as they come
  static constexpr const char* breaks = "units";
  Balanced balance(std::span<const float> m, const Evidence& e) const {
    auto b = FixedWeightsBalancer{}.balance(m, e);
    const std::size_t n = b.relevance.size();
    for (std::size_t i = 0; i < n; ++i) {
      b.relevance[i] = 0;
      for (std::size_t k = i; k < m.size(); k += n) b.relevance[i] += m[k];
    }
    return b;
  }
};

// --- allocators ---
struct AllocatorBase {
  static constexpr std::string_view name = "mutant";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = TopKConfig;
  Config config{};
};
struct GreedyAllocator : AllocatorBase {  // one too few from three on
  static constexpr const char* breaks = "spend";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng& rng) const {
    const bool clamped = b.resolve(e.count()).clamped;
    b.tokens = b.resolve(e.count()).kept;
    if (b.tokens > 3) --b.tokens;
    auto a = TopKAllocator{}.allocate(s, e, b, rng);
    a.clamped = clamped;
    return a;
  }
};
struct UnsortedAllocator : AllocatorBase {
  static constexpr const char* breaks = "ascending";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng& rng) const {
    auto a = TopKAllocator{}.allocate(s, e, b, rng);
    std::reverse(a.kept.begin(), a.kept.end());
    return a;
  }
};
struct RanklessAllocator : AllocatorBase {
  static constexpr const char* breaks = "ranks";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng& rng) const {
    auto a = TopKAllocator{}.allocate(s, e, b, rng);
    for (auto& w : a.why) w.rank = 0;
    return a;
  }
};
struct MemoryAllocator : AllocatorBase {  // counts its calls into the values
  static constexpr const char* breaks = "same";
  mutable float calls = 0;
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng& rng) const {
    auto a = TopKAllocator{}.allocate(s, e, b, rng);
    calls += 1;
    for (auto& w : a.why) w.value += calls;
    return a;
  }
};
struct LastTieAllocator : AllocatorBase {  // equal scores by the larger index
  static constexpr const char* breaks = "ties";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng& rng) const {
    std::vector<float> turned(s.rbegin(), s.rend());
    auto a = TopKAllocator{}.allocate(turned, e, b, rng);
    for (auto& t : a.kept) t = e.count() - 1 - t;
    std::reverse(a.kept.begin(), a.kept.end());
    std::reverse(a.why.begin(), a.why.end());
    return a;
  }
};
struct LyingAllocator : AllocatorBase {  // picks by place and calls it score
  static constexpr const char* breaks = "provenance";
  Allocation allocate(std::span<const float>, const Evidence& e, Budget b, Rng& rng) const {
    return TopKAllocator{}.allocate(std::vector<float>(std::size_t(e.count()), 0.f), e, b, rng);
  }
};
struct CoverAllAllocator : AllocatorBase {  // the most relevant, called coverage
  static constexpr const char* breaks = "provenance";
  Allocation allocate(std::span<const float> s, const Evidence& e, Budget b, Rng& rng) const {
    auto a = TopKAllocator{}.allocate(s, e, b, rng);
    for (auto& w : a.why) w.cause = Cause::coverage;
    return a;
  }
};

}  // namespace mutants
