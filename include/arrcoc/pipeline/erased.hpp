#pragma once
// Stages erased at their edges: one virtual call per stage and picture. Every pipeline, by type or by name, is driven
// through these faces, so that the driver exists once a backend and the stages of the host plane once in all.
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/injectors/injector.hpp"
#include "arrcoc/pipeline/split.hpp"
#include "arrcoc/pipeline/stage_facts.hpp"
#include "arrcoc/query/query_encoder.hpp"

namespace arrcoc {

namespace erased {
/// The root of all faces. One kind of shared_ptr holds them all: one for each face and each stage of it made the
/// compiler build hundreds of functions more.
struct Stage {
  virtual ~Stage() = default;
};
struct Texture : Stage {
  virtual Textures generate(ImageView image, const TokenSet& tokens) const = 0;
  /// Of one temporal patch of a clip, `before` the frame in front of it (empty: the clip begins); unless a texture says
  /// otherwise that of its first frame.
  virtual Textures generate_pair(std::span<const ImageView> frames, ImageView, const TokenSet& tokens) const {
    return generate(frames.front(), tokens);
  }
};
struct Scorer : Stage {
  virtual std::vector<float> score(const Evidence& e) const = 0;
};
template <class B>
struct TensorScorer : Stage {
  virtual std::vector<float> score(B& b, const TensorEvidence<B>& e) const = 0;
};
struct Balancer : Stage {
  virtual Balanced balance(std::span<const float> maps, const Evidence& e) const = 0;
};
struct Allocator : Stage {
  virtual Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng& rng) const = 0;
};
struct Split : Stage {
  virtual std::vector<Index> split(Index total, std::span<const SplitPart> parts) const = 0;
};
template <class B>
struct Query : Stage {
  virtual arrcoc::Query<B> encode(B& b, const qwen3vl::Model<B>& model, const Prompt& prompt,
                                  const typename B::Tensor& embeddings) const = 0;
};
/// Of phase pixels `plan`, of phase vision `inject`; the others are what their facts say.
template <class B>
struct Injector : Stage {
  virtual VisionPlan plan(const Allocation&) const {
    fail(Code::bad_usage, "injector", "only one of phase pixels plans what is encoded");
  }
  virtual qwen3vl::Injected<B> inject(B&, std::span<const Allocation>, const qwen3vl::Encoded<B>&, const Prompt&,
                                      Trace*) const {
    fail(Code::bad_usage, "injector", "only one of phase vision makes rows");
  }
  /// What its rows depend on beside the kept tokens, their depth, entry and merge; equal for equal rows.
  virtual std::vector<Index> arranged(std::span<const Allocation>) const { return {}; }
};
}  // namespace erased

/// A stage behind its face, and what it says of itself.
template <class Face>
class Any {
 public:
  StageFacts facts;

  Any() = default;
  /// Model(from...) behind its face.
  template <class Model, class... From>
  static Any made(StageFacts facts, From&&... from) {
    static_assert(std::is_base_of_v<Face, Model> && std::is_base_of_v<erased::Stage, Face>);
    const erased::Stage* held = new const Model(std::forward<From>(from)...);
    return Any(std::shared_ptr<const erased::Stage>(held), std::move(facts));
  }

  explicit operator bool() const { return stage_ != nullptr; }
  const Face& operator*() const {
    require_that(stage_ != nullptr, Code::bad_usage, "pipeline", "an erased stage was used before one was put in");
    return static_cast<const Face&>(*stage_);
  }
  const Face* operator->() const { return &**this; }

 private:
  Any(std::shared_ptr<const erased::Stage> stage, StageFacts of) : facts(std::move(of)), stage_(std::move(stage)) {}
  std::shared_ptr<const erased::Stage> stage_;  // a Face
};
using AnyTexture = Any<erased::Texture>;
using AnyBalancer = Any<erased::Balancer>;
using AnyAllocator = Any<erased::Allocator>;
using AnySplit = Any<erased::Split>;
template <class B>
using AnyQuery = Any<erased::Query<B>>;
template <class B>
using AnyInjector = Any<erased::Injector<B>>;

/// A scorer of the host plane, or one that lives on a backend: one of the two is there.
template <class B>
struct AnyScorer {
  Any<erased::Scorer> host;
  Any<erased::TensorScorer<B>> tensor;
  std::string alias;  // settings, maps and messages go by it

  const StageFacts& facts() const { return host ? host.facts : tensor.facts; }
  const std::string& label() const { return alias.empty() ? facts().name : alias; }
  bool on_host() const { return static_cast<bool>(host); }
};

template <TextureGenerator S>
AnyTexture erase_texture(S s) {
  struct Model final : erased::Texture {
    S s;
    explicit Model(S from) : s(std::move(from)) {}
    Textures generate(ImageView image, const TokenSet& tokens) const override { return s.generate(image, tokens); }
    Textures generate_pair(std::span<const ImageView> frames, ImageView before, const TokenSet& tokens) const override {
      if constexpr (requires { s.generate_pair(frames, before, tokens); })
        return s.generate_pair(frames, before, tokens);
      else return erased::Texture::generate_pair(frames, before, tokens);
    }
  };
  StageFacts facts = facts_of(s);
  facts.may_need = {Phase::pixels, Need::rgb};
  return Any<erased::Texture>::made<Model>(std::move(facts), std::move(s));
}
template <Scorer S>
Any<erased::Scorer> erase_scorer(S s) {
  struct Model final : erased::Scorer {
    S s;
    explicit Model(S from) : s(std::move(from)) {}
    std::vector<float> score(const Evidence& e) const override { return s.score(e); }
  };
  StageFacts facts = facts_of(s);
  return Any<erased::Scorer>::made<Model>(std::move(facts), std::move(s));
}
template <class B, class S>
Any<erased::TensorScorer<B>> erase_tensor_scorer(S s) {
  static_assert(check_tensor_scorer<S, B>());
  struct Model final : erased::TensorScorer<B> {
    S s;
    explicit Model(S from) : s(std::move(from)) {}
    std::vector<float> score(B& b, const TensorEvidence<B>& e) const override { return b.to_host(s.score(b, e)); }
  };
  StageFacts facts = facts_of(s);
  return Any<erased::TensorScorer<B>>::template made<Model>(std::move(facts), std::move(s));
}
template <Balancer S>
AnyBalancer erase_balancer(S s) {
  struct Model final : erased::Balancer {
    S s;
    explicit Model(S from) : s(std::move(from)) {}
    Balanced balance(std::span<const float> maps, const Evidence& e) const override { return s.balance(maps, e); }
  };
  StageFacts facts = facts_of(s);
  return Any<erased::Balancer>::made<Model>(std::move(facts), std::move(s));
}
template <Allocator S>
AnyAllocator erase_allocator(S s) {
  struct Model final : erased::Allocator {
    S s;
    explicit Model(S from) : s(std::move(from)) {}
    Allocation allocate(std::span<const float> r, const Evidence& e, Budget budget, Rng& rng) const override {
      return s.allocate(r, e, budget, rng);
    }
  };
  StageFacts facts = facts_of(s);
  return Any<erased::Allocator>::made<Model>(std::move(facts), std::move(s));
}
template <BudgetSplit S>
AnySplit erase_split(S s) {
  struct Model final : erased::Split {
    S s;
    explicit Model(S from) : s(std::move(from)) {}
    std::vector<Index> split(Index total, std::span<const SplitPart> parts) const override {
      return s.split(total, parts);
    }
  };
  StageFacts facts = facts_of(s);
  return Any<erased::Split>::made<Model>(std::move(facts), std::move(s));
}
template <class B, class S>
AnyQuery<B> erase_query(S s) {
  static_assert(check_query<S, B>());
  struct Model final : erased::Query<B> {
    S s;
    explicit Model(S from) : s(std::move(from)) {}
    Query<B> encode(B& b, const qwen3vl::Model<B>& model, const Prompt& prompt,
                    const typename B::Tensor& embeddings) const override {
      return s.encode(b, model, prompt, embeddings);
    }
  };
  StageFacts facts = facts_of(s);
  return Any<erased::Query<B>>::template made<Model>(std::move(facts), std::move(s));
}
template <class B, class S>
AnyInjector<B> erase_injector(S s) {
  static_assert(check_injector<S, B>());
  struct Model final : erased::Injector<B> {
    S s;
    explicit Model(S from) : s(std::move(from)) {}
    VisionPlan plan(const Allocation& a) const override {
      if constexpr (require::plans<S>) return s.plan(a);
      else return erased::Injector<B>::plan(a);
    }
    qwen3vl::Injected<B> inject(B& b, std::span<const Allocation> a, const qwen3vl::Encoded<B>& e, const Prompt& p,
                                Trace* trace) const override {
      if constexpr (require::injects<S, B>) return s.inject(b, a, e, p, trace);
      else return erased::Injector<B>::inject(b, a, e, p, trace);
    }
    std::vector<Index> arranged([[maybe_unused]] std::span<const Allocation> a) const override {
      if constexpr (requires { s.arranged(a); }) return s.arranged(a);
      else return {};
    }
  };
  StageFacts facts = facts_of(s);
  return Any<erased::Injector<B>>::template made<Model>(std::move(facts), std::move(s));
}

}  // namespace arrcoc
