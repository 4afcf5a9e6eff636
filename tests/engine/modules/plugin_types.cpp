// The library's own strategies under other names, and one on similarity, as a module of C++ types.
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/engine/plugin.hpp"
#include "arrcoc/scorers/attention/layer_attention.hpp"
#include "arrcoc/scorers/pixels/contrast.hpp"
#include "arrcoc/texture/texture13.hpp"

using namespace arrcoc;

namespace {

template <class S, const char* Name>
struct Outer : S {
  static constexpr std::string_view name = Name;
  Outer() = default;
  explicit Outer(typename S::Config c) { this->config = c; }
};
constexpr char contrast[] = "outer_contrast", tension_name[] = "outer_tension", top_k[] = "outer_top_k",
               random_name[] = "outer_random", texture_name[] = "outer_texture", attention[] = "outer_attention";

/// The first token, then each time the one least like any that is chosen.
struct FarApart {
  static constexpr std::string_view name = "far_apart";
  static constexpr Needs may_need{Phase::vision, Need::similarity};
  static constexpr Spend spend = Spend::exact;
  struct Config {};
  Config config{};
  Allocation allocate(std::span<const float>, const Evidence& e, Budget budget, Rng&) const {
    std::vector<float> nearest(static_cast<std::size_t>(e.count()), -2.f), row(nearest.size());
    std::vector<Index> order;
    for (Index k = budget.resolve(e.count()).kept, next = 0; k > 0; --k) {
      order.push_back(next);
      e.similarity->row(next, row);
      for (std::size_t i = 0; i < row.size(); ++i) nearest[i] = std::max(nearest[i], row[i]);
      nearest[static_cast<std::size_t>(next)] = 2.f;
      next = std::min_element(nearest.begin(), nearest.end()) - nearest.begin();
    }
    return selection::finish(e.tokens, order, Cause::coverage, false, [](Index) { return 0.f; });
  }
};

/// How wide the question's rows are, of a type that looks at nothing else.
struct QuestionWidth {
  static constexpr std::string_view name = "question_width";
  static constexpr Needs may_need{Phase::pixels, Need::question};
  struct Config {};
  Config config{};
  std::vector<float> score(const Evidence& e) const {
    return std::vector<float>(static_cast<std::size_t>(e.count()), static_cast<float>(e.question->dim(1)));
  }
};

}  // namespace

using OuterContrast = Outer<ContrastScorer, contrast>;
using OuterTension = Outer<AdaptiveTensionBalancer, tension_name>;
using OuterTopK = Outer<TopKAllocator, top_k>;
using OuterRandom = Outer<RandomAllocator, random_name>;
using OuterTexture = Outer<Texture13, texture_name>;
using OuterAttention = Outer<LayerAttentionScorer, attention>;
ARRCOC_PLUGIN(OuterContrast, OuterTension, OuterTopK, OuterRandom, OuterTexture, OuterAttention, FarApart,
              QuestionWidth)
