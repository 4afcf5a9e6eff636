#pragma once
// Keep-all equals the stock model bit for bit while everything that can be asked of a picture is asked.
#include <doctest/doctest.h>

#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/scorers/features/participatory.hpp"
#include "arrcoc/texture/texture13.hpp"
#include "pipeline/material.hpp"
#include "qwen3vl/tower_requests.hpp"

namespace arrcoc::tests {

/// Asks for all evidence and every kind of request in both blocks, and reads every value of it.
struct CuriousScorer {
  struct Config {};
  static constexpr std::string_view name = "curious";
  static constexpr Needs may_need{Phase::vision,
                                  Need::rgb | Need::textures | Need::features | Need::boxes | Need::answers};
  Config config{};
  std::vector<Request> needs() const { return every_request(); }
  std::vector<float> score(const Evidence& e) const {
    const Index n = e.count();
    std::vector<float> out(static_cast<std::size_t>(n)), row(out.size());
    double all = 0;
    const auto read = [&](std::span<const float> values) {
      CHECK(!values.empty());
      for (const float v : values) all += static_cast<double>(v);
    };
    CHECK(e.rgb->height > 0);
    CHECK(e.boxes->size() == 1);
    CHECK(e.deepstack->size() == 2);
    read(e.textures->values);
    for (const HostTensor* t : {&*e.vision, &e.deepstack->at(0), &e.deepstack->at(1), &*e.query, &*e.question})
      read(t->floats());
    for (Index t = 0; t < n; ++t) {
      e.similarity->row(t, row);
      read(row);
      out[static_cast<std::size_t>(t)] = row[0];
    }
    for (const Request& r : needs()) read(e.answer(r).floats());
    CHECK(std::isfinite(all));
    return out;
  }
};

/// In the backend's dtype, two pictures in a prompt, dense and with experts: logits of 16 decoded tokens.
template <class B>
void everything_asked_changes_nothing(B backend = B()) {
  using Everything =
      Pipeline<B, Texture13,
               Decision<ScorerSet<CuriousScorer, ParticipatoryScorer>, AdaptiveTensionBalancer, TopKAllocator>>;
  const TwoPictures t;
  for (const ModelConfig& config : {tiny_config(), tiny_moe_config()}) {
    CAPTURE(config.text.experts);
    const qwen3vl::Model<B> model(backend, config, formula_weights(config));
    RunOptions o = TinyModel<B>::options(1000);
    o.generate.max_new_tokens = 16;
    const auto encoded = model.encode(backend, t.pixels(), t.prompt);
    const auto stock = qwen3vl::generate(backend, model.text(), qwen3vl::stock_input(backend, t.prompt, encoded),
                                         t.prompt.ids, o.generate);
    REQUIRE(stock.tokens.size() == 16);
    const auto out = run(Everything{}, backend, model, t.pictures, t.prompt, o);
    CHECK(out.costs.visual_tokens_after == 8);
    CHECK(out.pictures.size() == 2);
    CHECK(out.generated.tokens == stock.tokens);
    CHECK(stock.logits.size() == 16 * static_cast<std::size_t>(config.text.vocab_size));
    CHECK(same_bits(out.generated.logits, stock.logits));
    o.budget.tokens = 5;  // of six: the comparison can fail
    CHECK_FALSE(same_bits(run(Everything{}, backend, model, t.pictures, t.prompt, o).generated.logits, stock.logits));
  }
}

}  // namespace arrcoc::tests
