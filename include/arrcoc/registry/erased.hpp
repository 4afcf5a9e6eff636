#pragma once
// Stages erased at their edges: one virtual call per stage and picture. They satisfy the stage contracts, so the same
// Pipeline runs them.
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/injectors/injector.hpp"
#include "arrcoc/pipeline/scorer_set.hpp"

namespace arrcoc {

namespace erased {
struct Texture {
  virtual ~Texture() = default;
  virtual Textures generate(ImageView image, Grid grid) const = 0;
};
template <class B>
struct Scorer {
  virtual ~Scorer() = default;
  virtual std::vector<float> score(B& b, const SeenImage<B>& image) const = 0;
};
struct Balancer {
  virtual ~Balancer() = default;
  virtual Balanced balance(std::span<const float> maps, const Evidence& e) const = 0;
};
struct Allocator {
  virtual ~Allocator() = default;
  virtual Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng& rng) const = 0;
};
template <class B>
struct Injector {
  virtual ~Injector() = default;
  virtual VisionPlan plan(const Allocation& a, Grid grid) const = 0;
  virtual qwen3vl::Injected<B> inject(B& b, std::span<const Allocation> a, const qwen3vl::Encoded<B>& e,
                                      const Prompt& p, Trace* trace) const = 0;
};

/// What every erased stage holds: the stage behind its face, and what it says of itself.
template <class Face>
struct Held {
  std::shared_ptr<const Face> stage;
  std::string name;
  Needs needs{};
  bool host = true;             // scorers: reads Evidence rather than TensorEvidence
  Spend spend = Spend::exact;   // allocators
  Phase phase = Phase::vision;  // injectors

  const Face& get() const {
    require_that(stage != nullptr, Code::bad_usage, "registry", "an erased stage was used before one was put in");
    return *stage;
  }
};
}  // namespace erased

/// A TextureGenerator chosen at run time.
struct AnyTexture {
  static constexpr std::string_view name = "any";
  using Config = erased::Held<erased::Texture>;
  Config held{};

  AnyTexture() = default;
  explicit AnyTexture(Config c) : held(std::move(c)) {}
  template <TextureGenerator S>
  static AnyTexture of(S s) {
    struct Model final : erased::Texture {
      S s;
      explicit Model(S from) : s(std::move(from)) {}
      Textures generate(ImageView image, Grid grid) const override { return s.generate(image, grid); }
    };
    return AnyTexture(Config{std::make_shared<const Model>(std::move(s)), std::string(S::name)});
  }
  Textures generate(ImageView image, Grid grid) const { return held.get().generate(image, grid); }
  const std::string& name_now() const { return held.name; }
};
static_assert(TextureGenerator<AnyTexture>);

/// A Scorer or a TensorScorer<B> chosen at run time. Both are asked through the picture's whole evidence.
template <class B>
struct AnyScorer {
  using Config = erased::Held<erased::Scorer<B>>;
  Config held{};

  template <class S>
  static AnyScorer of(S s) {
    constexpr bool host = require::scores<S>;
    if constexpr (host) static_assert(check_scorer<S>());
    else static_assert(check_tensor_scorer<S, B>());
    struct Model final : erased::Scorer<B> {
      S s;
      explicit Model(S from) : s(std::move(from)) {}
      std::vector<float> score(B& b, const SeenImage<B>& image) const override {
        if constexpr (require::scores<S>) return s.score(image.host);
        else return b.to_host(s.score(b, image.tensor));
      }
    };
    return {Config{std::make_shared<const Model>(std::move(s)), std::string(S::name), S::needs, host}};
  }
  std::vector<float> score(B& b, const SeenImage<B>& image) const { return held.get().score(b, image); }
  Needs needs_now() const { return held.needs; }
  const std::string& name_now() const { return held.name; }
};

/// ScorerSet's interface over a list made at run time; it may be empty.
template <class B>
struct ErasedScorerSet {
  std::vector<AnyScorer<B>> scorers{};

  Index size() const { return static_cast<Index>(scorers.size()); }
  Needs needs() const { return joined(false); }
  /// What the scorers on the host plane look at.
  Needs host_needs() const { return joined(true); }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& s : scorers) out.push_back(s.name_now());
    return out;
  }
  /// [M, N], scorer by scorer. Error{bad_stage_output} unless each gives N finite values.
  std::vector<float> score_all(B& b, const SeenImage<B>& image) const {
    std::vector<float> maps;
    for (const auto& s : scorers) {
      const std::vector<float> map = s.score(b, image);
      check_map(map, image.host.grid.count(), s.name_now());
      maps.insert(maps.end(), map.begin(), map.end());
    }
    return maps;
  }

 private:
  Needs joined(bool host_only) const {
    Needs all;
    for (const auto& s : scorers) {
      if (host_only && !s.held.host) continue;
      all.evidence |= s.needs_now().evidence;
      all.phase = std::max(all.phase, s.needs_now().phase);
    }
    return all;
  }
};

/// A Balancer chosen at run time.
struct AnyBalancer {
  static constexpr std::string_view name = "any";
  static constexpr Needs needs{};  // see needs_now()
  using Config = erased::Held<erased::Balancer>;
  Config held{};

  AnyBalancer() = default;
  explicit AnyBalancer(Config c) : held(std::move(c)) {}
  template <Balancer S>
  static AnyBalancer of(S s) {
    struct Model final : erased::Balancer {
      S s;
      explicit Model(S from) : s(std::move(from)) {}
      Balanced balance(std::span<const float> maps, const Evidence& e) const override { return s.balance(maps, e); }
    };
    return AnyBalancer(Config{std::make_shared<const Model>(std::move(s)), std::string(S::name), S::needs});
  }
  Balanced balance(std::span<const float> maps, const Evidence& e) const { return held.get().balance(maps, e); }
  Needs needs_now() const { return held.needs; }
  const std::string& name_now() const { return held.name; }
};
static_assert(Balancer<AnyBalancer>);

/// An Allocator chosen at run time.
struct AnyAllocator {
  static constexpr std::string_view name = "any";
  static constexpr Needs needs{};               // see needs_now()
  static constexpr Spend spend = Spend::exact;  // see spend_now()
  using Config = erased::Held<erased::Allocator>;
  Config held{};

  AnyAllocator() = default;
  explicit AnyAllocator(Config c) : held(std::move(c)) {}
  template <Allocator S>
  static AnyAllocator of(S s) {
    struct Model final : erased::Allocator {
      S s;
      explicit Model(S from) : s(std::move(from)) {}
      Allocation allocate(std::span<const float> r, const Evidence& e, Budget budget, Rng& rng) const override {
        return s.allocate(r, e, budget, rng);
      }
    };
    Config c{std::make_shared<const Model>(std::move(s)), std::string(S::name), S::needs};
    c.spend = S::spend;
    return AnyAllocator(std::move(c));
  }
  Allocation allocate(std::span<const float> r, const Evidence& e, Budget budget, Rng& rng) const {
    return held.get().allocate(r, e, budget, rng);
  }
  Needs needs_now() const { return held.needs; }
  Spend spend_now() const { return held.spend; }
  const std::string& name_now() const { return held.name; }
};
static_assert(Allocator<AnyAllocator>);

/// An Injector<B> chosen at run time.
template <class B>
struct AnyInjector {
  static constexpr std::string_view name = "any";
  static constexpr Phase phase = Phase::layer;  // see phase_now()
  using Config = erased::Held<erased::Injector<B>>;
  Config held{};

  template <Injector<B> S>
  static AnyInjector of(S s) {
    struct Model final : erased::Injector<B> {
      S s;
      explicit Model(S from) : s(std::move(from)) {}
      VisionPlan plan(const Allocation& a, Grid grid) const override { return s.plan(a, grid); }
      qwen3vl::Injected<B> inject(B& b, std::span<const Allocation> a, const qwen3vl::Encoded<B>& e, const Prompt& p,
                                  Trace* trace) const override {
        return s.inject(b, a, e, p, trace);
      }
    };
    Config c{std::make_shared<const Model>(std::move(s)), std::string(S::name)};
    c.phase = S::phase;
    return {std::move(c)};
  }
  VisionPlan plan(const Allocation& a, Grid grid) const { return held.get().plan(a, grid); }
  qwen3vl::Injected<B> inject(B& b, std::span<const Allocation> a, const qwen3vl::Encoded<B>& e, const Prompt& p,
                              Trace* trace) const {
    return held.get().inject(b, a, e, p, trace);
  }
  Phase phase_now() const { return held.phase; }
  const std::string& name_now() const { return held.name; }
};

}  // namespace arrcoc
