#pragma once
// The stage contracts. One image at a time; no statistic crosses images; ties go to the smaller index.
//
//   TextureGenerator  t.generate(ImageView, const TokenSet&)  -> Textures [N, C]
//       named channels, box-integrated over each place from native pixels
//   Scorer            s.score(const Evidence&)  -> std::vector<float> [N]
//       finite, higher = more relevant
//   TensorScorer<B>   s.score(B&, const TensorEvidence<B>&)  -> B::Tensor [N, 1]
//       the same laws
//   Balancer          l.balance(span<const float> [M * N], const Evidence&)  -> Balanced
//       equal maps in, same order out
//   Allocator         a.allocate(span<const float> [N], const Evidence&, Budget, Rng&)  -> Allocation
//       spends as A::spend declares
//
// N is the number of living tokens (evidence.count()). A stage that asks the model's inside has `std::vector<Request>
// needs() const`, which may depend on its settings. Every stage has `static constexpr std::string_view name`, `using
// Config`, is default constructible and constructible from its Config, and (scorers, balancers, allocators) says
// `static constexpr Needs may_need`. A scorer whose raw maps of two pictures can be compared says `static constexpr
// bool common_scale = true`: a split (pipeline/split.hpp) sees those alone.
#include <concepts>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/allocation.hpp"
#include "arrcoc/core/evidence.hpp"
#include "arrcoc/core/random.hpp"

namespace arrcoc {

struct Tension {
  std::string name;    // "compress-particularize", ...
  float value = 0;     // in [0, 1]
  std::string said{};  // one sentence: where it stood, who set it, what it did
  bool operator==(const Tension&) const = default;
};

struct Balanced {
  std::vector<float> relevance;   // [N], finite
  std::vector<Tension> tensions;  // what was used
  std::vector<float> weights;     // [M] share of each scorer
};

/// Features that stay on the backend, so that trained strategies keep their graph.
template <class B>
struct TensorEvidence {
  TokenSet tokens;
  typename B::Tensor vision;                  // [N, D]
  std::vector<typename B::Tensor> deepstack;  // per level [N, D]
  typename B::Tensor query;                   // [1, D] what a query encoder made of the question
  typename B::Tensor question;                // [Q, D] the question's token embeddings
};

namespace require {
template <class S>
concept named = requires {
  { S::name } -> std::convertible_to<std::string_view>;
};
template <class S>
concept configured = std::default_initializable<S> && requires(typename S::Config c) {
  S{c};
};
template <class S>
concept states_needs = requires {
  { S::may_need } -> std::convertible_to<Needs>;
};
template <class S>
concept generates = requires(const S s, ImageView v, const TokenSet& g) {
  { s.generate(v, g) } -> std::same_as<Textures>;
};
template <class S>
concept scores = requires(const S s, const Evidence& e) {
  { s.score(e) } -> std::same_as<std::vector<float>>;
};
template <class S, class B>
concept tensor_scores = requires(const S s, B& b, const TensorEvidence<B>& e) {
  { s.score(b, e) } -> std::same_as<typename B::Tensor>;
};
template <class S>
concept balances = requires(const S s, std::span<const float> m, const Evidence& e) {
  { s.balance(m, e) } -> std::same_as<Balanced>;
};
template <class S>
concept spends = requires {
  { S::spend } -> std::convertible_to<Spend>;
};
template <class S>
concept allocates = requires(const S s, std::span<const float> r, const Evidence& e, Budget b, Rng& g) {
  { s.allocate(r, e, b, g) } -> std::same_as<Allocation>;
};
}  // namespace require

template <class S>
concept TextureGenerator = require::named<S> && require::configured<S> && require::generates<S>;
template <class S>
concept Scorer = require::named<S> && require::configured<S> && require::states_needs<S> && require::scores<S>;
template <class S, class B>
concept TensorScorer =
    require::named<S> && require::configured<S> && require::states_needs<S> && require::tensor_scores<S, B>;
template <class S>
concept Balancer = require::named<S> && require::configured<S> && require::states_needs<S> && require::balances<S>;
template <class S>
concept Allocator = require::named<S> && require::configured<S> && require::states_needs<S> && require::spends<S> &&
    require::allocates<S>;

template <class S>
consteval bool check_texture() {
  static_assert(require::named<S>, "TextureGenerator: add `static constexpr std::string_view name = \"...\";`");
  static_assert(require::configured<S>, "TextureGenerator: add `using Config = ...;` and make S{} and S{Config} valid");
  static_assert(require::generates<S>, "TextureGenerator: add `Textures generate(ImageView, const TokenSet&) const`");
  return true;
}
template <class S>
consteval bool check_scorer() {
  static_assert(require::named<S>, "Scorer: add `static constexpr std::string_view name = \"...\";`");
  static_assert(require::configured<S>, "Scorer: add `using Config = ...;` and make S{} and S{Config} valid");
  static_assert(require::states_needs<S>,
                "Scorer: add `static constexpr Needs may_need{Phase::pixels, Need::textures};`");
  static_assert(require::scores<S>, "Scorer: add `std::vector<float> score(const Evidence&) const`");
  return true;
}
template <class S, class B>
consteval bool check_tensor_scorer() {
  static_assert(require::named<S>, "TensorScorer: add `static constexpr std::string_view name = \"...\";`");
  static_assert(require::configured<S>, "TensorScorer: add `using Config = ...;` and make S{} and S{Config} valid");
  static_assert(require::states_needs<S>,
                "TensorScorer: add `static constexpr Needs may_need{Phase::vision, Need::vision};`");
  static_assert(require::tensor_scores<S, B>,
                "TensorScorer: add `typename B::Tensor score(B&, const TensorEvidence<B>&) const` [N, 1]");
  return true;
}
template <class S>
consteval bool check_balancer() {
  static_assert(require::named<S>, "Balancer: add `static constexpr std::string_view name = \"...\";`");
  static_assert(require::configured<S>, "Balancer: add `using Config = ...;` and make S{} and S{Config} valid");
  static_assert(require::states_needs<S>,
                "Balancer: add `static constexpr Needs may_need{Phase::pixels, Need::none};`");
  static_assert(require::balances<S>,
                "Balancer: add `Balanced balance(std::span<const float> maps, const Evidence&) const`");
  return true;
}
template <class S>
consteval bool check_allocator() {
  static_assert(require::named<S>, "Allocator: add `static constexpr std::string_view name = \"...\";`");
  static_assert(require::configured<S>, "Allocator: add `using Config = ...;` and make S{} and S{Config} valid");
  static_assert(require::states_needs<S>,
                "Allocator: add `static constexpr Needs may_need{Phase::pixels, Need::none};`");
  static_assert(require::spends<S>,
                "Allocator: add `static constexpr Spend spend = Spend::exact;` (or at_most, own_count, tiers)");
  static_assert(require::allocates<S>,
                "Allocator: add `Allocation allocate(std::span<const float>, const Evidence&, Budget, Rng&) const`");
  return true;
}

}  // namespace arrcoc
