#pragma once
// Pipelines that decide at any phase, on the tiny model; what each backend has to hold.
#include <doctest/doctest.h>

#include <algorithm>

#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/flat.hpp"
#include "arrcoc/registry/builtin.hpp"
#include "pipeline/material.hpp"

namespace arrcoc::tests {

/// Asks one thing of the model's inside and scores by the sums of the answer's rows, or by what each token received.
struct AskingScorer {
  struct Config {
    std::string site = "layer", what = "received", rows = "question";
    Index index = 0;
    bool operator==(const Config&) const = default;
  };
  static constexpr std::string_view name = "asking";
  static constexpr Needs may_need{Phase::tower, Need::answers};
  Config config{};
  Request request() const {
    Request r;
    r.site = config.site == "layer" ? Request::Site::layer : Request::Site::tower;
    for (const auto w :
         {Request::What::hidden, Request::What::q, Request::What::k, Request::What::v, Request::What::received})
      if (name_of(w) == config.what) r.what = w;
    for (const auto w : {Request::Rows::visual, Request::Rows::last, Request::Rows::question})
      if (name_of(w) == config.rows) r.rows = w;
    r.index = config.index;
    return r;
  }
  std::vector<Request> needs() const { return {request()}; }
  std::vector<float> score(const Evidence& e) const {
    const HostTensor& a = e.answer(request());
    const auto n = static_cast<std::size_t>(e.count()), values = a.floats().size(), width = values / n;
    REQUIRE(values % n == 0);
    std::vector<float> out(n);
    for (std::size_t i = 0; i < values; ++i) out[a.shape.size() == 1 ? i : i / width] += a.floats()[i];
    return out;
  }
};

template <class B>
Registry<B> stages() {
  Registry<B> r;
  register_builtin(r);
  r.host.template add_scorer<AskingScorer>({});
  return r;
}

template <class B>
Outcome run_named(TinyModel<B>& tiny, const TwoPictures& t, const std::string& name, Index tokens,
                  Index new_tokens = 6) {
  static const Registry<B> all = stages<B>();
  const auto made = all.make(parse_pipeline_name(name));
  RunOptions o = TinyModel<B>::options(tokens);
  o.generate.max_new_tokens = new_tokens;
  return Journey<B>(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o).run();
}

inline const std::string early = "none/none/flat/random/early", tower = "none/flat/random/tower:before=1",
                         gather = "none/flat/random/gather", layer = "none/flat/random/layer:before=1";

/// make() -> B: a new backend.
template <class Make>
void keep_all_at_any_phase_is_stock(const Make& make) {
  using B = decltype(make());
  constexpr Index decoded = 16;
  const std::string all = "@1.0%";
  const std::vector<std::string> names{
      early,
      "none/" + tower,
      "none/" + layer,
      "none/none/flat/random/layer:before=0",
      "none/none/flat/full/layer:before=-1",
      "none/layer_attention:layer=0/fixed/top_k/again:before=1",
      "none/layer_attention:layer=0:rows=last/fixed/top_k/reversible:before=1",
      "none/" + gather + all + "none/layer_attention:layer=1/fixed/top_k/reversible",
      "none/none/flat/one_region/tier",
      "none/none/flat/one_region/tier:layout=packed",
      "none/none/flat/one_region/foveated",
      "none/none/flat/one_region/downsample",
      "none/none/flat/one_region/tier" + all + tower,
      "none/none/flat/one_region/tier" + all + gather + all + layer,
      "none/none/flat/one_region/tier:layout=packed" + all +
          "participatory+asking:site=tower:what=k:rows=visual:index=1/fixed/top_k/gather" + all + layer,
      early + all + tower,
      early + all + gather,
      early + all + layer,
      "none/" + tower + all + gather,
      "none/" + tower + all + layer,
      "none/" + gather + all + layer,
      "none/none/flat/random/merge:log_size=true",
      "none/none/flat/random/merge:log_size=true" + all + layer,
      early + all + tower + all + gather + all + layer + all + "none/flat/random/layer:before=2",
      "texture13/information/fixed/top_k/early" + all + "asking:site=tower:rows=visual/fixed/top_k/tower:before=1" +
          all + "participatory+asking:site=tower:what=k:rows=visual:index=1/fixed/top_k/gather" + all +
          "asking:index=1+own=asking:index=2:rows=last+h=asking:what=hidden:rows=visual:index=0/fixed/top_k/"
          "layer:before=2"};
  for (const bool both : {false, true}) {
    TinyModel<B> tiny(make());
    const TwoPictures t(both);
    const auto stock = tiny.stock(t, decoded);
    REQUIRE(stock.tokens.size() == decoded);
    for (const std::string& name : names) {
      CAPTURE(name);
      const Outcome out = run_named(tiny, t, name, 1000, decoded);
      CHECK(same_bits(out.generated.logits, stock.logits));
      CHECK(out.generated.tokens == stock.tokens);
      CHECK(out.generated.cached == stock.cached);
      CHECK(out.generated.rope_delta == stock.rope_delta);
      CHECK(out.costs.visual_tokens_after == out.costs.visual_tokens_before);
      const double looks = name.find("again") != std::string::npos ? 4.0 / 3 : 1;  // one of three layers twice
      CHECK(out.costs.token_layers == doctest::Approx(looks * static_cast<double>(out.costs.visual_tokens_before)));
    }
  }
}

}  // namespace arrcoc::tests
