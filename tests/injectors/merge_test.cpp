#include "arrcoc/injectors/merge.hpp"

#include "injectors/material.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

TEST_CASE("nothing merged is gather bit for bit, decoding too") {
  InjectorCase c;
  c.keep(0, {1, 2, 5});
  c.plan[0].depth = {3, 0, 1};
  const auto gathered = c.run(GatherInjector{});
  CHECK(same_bits(c.run(MergeInjector{}).logits, gathered.logits));
  c.plan[0].merge = {{{1, 1.f}}, {{2, 1.f}}, {{5, 1.f}}};
  const auto merged = c.run(MergeInjector{});
  CHECK(same_bits(merged.logits, gathered.logits));
  CHECK(merged.tokens == gathered.tokens);
}

TEST_CASE("a 2x3 example: 1 with half of itself, 0 and 2 with a quarter each; 5 stands for 4 alone") {
  InjectorCase c;
  c.keep(0, {1, 3, 5});
  c.plan[0].depth = {2, 3, 3};
  c.plan[0].merge = {{{1, .5f}, {0, .25f}, {2, .25f}}, {{3, 1.f}}, {{4, 1.f}}};
  const auto in = c.rows(MergeInjector{});
  const auto values = [&](const auto& t) { return c.tiny.backend.to_host(t); };
  const auto rows = values(in.embeddings), tokens = values(c.encoded.vision.tokens),
             level = values(c.encoded.vision.deepstack[1]), added = values(in.levels[1].features);
  CHECK(in.levels[0].rows == std::vector<Index>{3, 4, 8, 9});
  CHECK(in.levels[1].rows == std::vector<Index>{2, 3, 4, 8, 9});
  for (std::size_t i = 0; i < 16; ++i) {
    const auto sum = [&](const std::vector<float>& of) { return .5f * of[16 + i] + .25f * of[i] + .25f * of[32 + i]; };
    CHECK(rows[2 * 16 + i] == doctest::Approx(sum(tokens)).epsilon(1e-6));
    CHECK(added[i] == doctest::Approx(sum(level)).epsilon(1e-6));
    CHECK(rows[3 * 16 + i] == tokens[3 * 16 + i]);
    CHECK(rows[4 * 16 + i] == tokens[4 * 16 + i]);
  }
  CHECK(in.rows[4] == qwen3vl::SequenceRow{7, 0, 5});  // where its kept token is
  CHECK(in.positions.w[4] == 4);
}

TEST_CASE("log sizes: row 1 stands for three tokens, 5 for two, text and the others for one; they stay in the cache") {
  InjectorCase c;
  c.keep(0, {1, 3, 5});
  c.plan[0].merge = {{{1, .5f}, {0, .25f}, {2, .25f}}, {{3, 1.f}}, {{4, .5f}, {5, .5f}}};
  CHECK(c.rows(MergeInjector{}).key_bias.empty());
  std::vector<float> sizes(c.t.prompt.ids.size() - 3, 0.0f);
  sizes[2] = std::log(3.0f);
  sizes[4] = std::log(2.0f);
  CHECK(c.rows(MergeInjector{{true}}).key_bias == sizes);

  auto options = TinyModel<EigenBackend>::options().generate;
  qwen3vl::KvCache<EigenBackend> state;
  struct Drop final : qwen3vl::LayerHook<EigenBackend> {  // before layer 1, row 1 of picture 0
    std::optional<qwen3vl::RowEdit> before_layer(EigenBackend&, Index layer,
                                                 const qwen3vl::LayerView<EigenBackend>& view) override {
      if (layer != 1) return std::nullopt;
      qwen3vl::RowEdit edit;
      for (std::size_t i = 0; i < view.rows.size(); ++i)
        if (view.rows[i].picture != 0 || view.rows[i].token != 1) edit.keep.push_back(static_cast<Index>(i));
      return edit;
    }
  } drop;
  const auto& text = c.tiny.model.text();
  (void)text.prefill(c.tiny.backend, c.rows(MergeInjector{{true}}), state, options.max_new_tokens, nullptr, &drop);
  CHECK(state.key_bias[0] == sizes);
  std::vector<float> without = sizes;
  without.erase(without.begin() + 2);
  CHECK(state.key_bias[1] == without);
  CHECK(state.key_bias[2] == without);
  (void)text.step(c.tiny.backend, 3, state);
  without.push_back(0);
  CHECK(state.key_bias[2] == without);
  CHECK(text.fork(c.tiny.backend, state, 4).key_bias == state.key_bias);
  (void)text.prefill(c.tiny.backend, c.rows(MergeInjector{}), state, options.max_new_tokens);
  CHECK(state.key_bias == std::vector<std::vector<float>>(3));
}

TEST_CASE("log sizes: of rows of themselves alone they change no bit, of merged ones they do") {
  InjectorCase c;
  c.keep(0, {1, 2, 5});
  CHECK(same_bits(c.run(MergeInjector{{true}}).logits, c.run(GatherInjector{}).logits));
  c.plan[0].merge = {{{1, .5f}, {0, .25f}, {3, .25f}}, {{2, 1.f}}, {{5, 1.f}}};
  CHECK_FALSE(same_bits(c.run(MergeInjector{{true}}).logits, c.run(MergeInjector{}).logits));
}

TEST_CASE("merges that make no sense are refused in a sentence") {
  InjectorCase c;
  c.keep(0, {1, 5});
  for (const float weight : {0.f, -0.5f}) {
    c.plan[0].merge = {{{1, 1.f}, {0, weight}}, {{5, 1.f}}};
    c.refused(MergeInjector{},
              "[injector.merge] a merged row: expected living tokens with weights above 0, got token 0 "
              "with " +
                  std::to_string(weight) + " (E203)");
  }
  c.plan[0].merge = {{{1, 1.f}}, {}};
  c.refused(MergeInjector{}, "[injector.merge] a merged row: expected at least one member, got none (E203)");
  c.plan[0].merge = {{{1, 1.f}}};
  c.refused(MergeInjector{}, "[injector.merge] expected the members of each kept row, or none (E203)");
}

TEST_CASE("matched tiers: an example of two columns, halfway; a row alone and the finest stay") {
  // Tier 2: columns (0, 2) and (4, 4), means 1 and 4, deviations 1 and 0. The finest: means 3 and 5, deviations 3
  // and 1.
  std::vector<float> rows{0, 4, 7, 7, 2, 4, 8, 8};
  const std::vector<float> all{0, 4, 6, 6};
  match_tiers(rows, {{0, 2}, {1, 1}, {2, 2}, {3, 3}}, 1, all, {0, 1}, 2, .5);
  CHECK(rows == std::vector<float>{0, 4.5f, 7, 7, 4, 4.5f, 8, 8});
}

TEST_CASE("matched wholly, merged rows have the mean and deviation of all tokens, in every level; apart by picture") {
  InjectorCase c;
  c.keep(0, {0, 3, 5});
  c.plan[0].merge = {{{0, .5f}, {1, .5f}}, {{3, .5f}, {2, .5f}}, {{5, .5f}, {4, .5f}}};
  MergeInjector matched;
  matched.config.match = 1;
  const auto in = c.rows(matched), plain = c.rows(MergeInjector{});
  const auto moments = [&](const std::vector<float>& of, std::size_t first, std::size_t count, std::size_t column) {
    double mean = 0, square = 0;
    for (std::size_t i = first; i < first + count; ++i)
      mean += static_cast<double>(of[16 * i + column]) / double(count);
    for (std::size_t i = first; i < first + count; ++i)
      square += std::pow(static_cast<double>(of[16 * i + column]) - mean, 2) / double(count);
    return std::pair(mean, std::sqrt(square));
  };
  const auto values = [&](const auto& t) { return c.tiny.backend.to_host(t); };
  const auto rows = values(in.embeddings), before = values(plain.embeddings), all = values(c.encoded.vision.tokens),
             level = values(in.levels[1].features), levels = values(c.encoded.vision.deepstack[1]);
  for (std::size_t column = 0; column < 16; ++column) {
    const auto [mean, deviation] = moments(all, 0, 6, column);
    const auto [own, spread] = moments(rows, 2, 3, column);
    CHECK(own == doctest::Approx(mean).epsilon(1e-4));
    CHECK(spread == doctest::Approx(deviation).epsilon(1e-4));
    CHECK(moments(level, 0, 3, column).second == doctest::Approx(moments(levels, 0, 6, column).second).epsilon(1e-4));
    CHECK(moments(before, 2, 3, column).second < deviation);
  }
  c.plan[0].merge = {};
  CHECK(same_bits(c.run(matched).logits, c.run(GatherInjector{}).logits));
  CHECK(matched.arranged({}) != MergeInjector{}.arranged({}));
  matched.config.match = 1.5;
  c.refused(matched, "[merge] match: expected a number from 0 to 1, got 1.500000 (E101)");
}
