#include "arrcoc/injectors/entry.hpp"

#include "injectors/material.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

TEST_CASE("entry 0 is gather bit for bit, decoding too") {
  InjectorCase c;
  c.keep(0, {0, 2, 5});
  c.plan[0].depth = {1, 2, 3};
  const auto gathered = c.run(GatherInjector{});
  c.plan[0].entry = {0, 0, 0};
  const auto entered = c.run(EntryInjector{});
  CHECK(same_bits(entered.logits, gathered.logits));
  CHECK(entered.tokens == gathered.tokens);
}

TEST_CASE("a 2x3 example: tokens 0 and 4 at once, 2 before layer 1, 3 before layer 2") {
  InjectorCase c;  // pads at columns 2..7 and 11..12; levels go to layers 0 and 1
  c.keep(0, {0, 2, 3, 4});
  c.plan[0].entry = {0, 1, 2, 0};
  c.plan[0].depth = {3, 1, 2, 3};
  c.plan[1].entry = {2, 0};
  const auto in = c.rows(EntryInjector{});
  REQUIRE(in.waiting.size() == 2);
  CHECK(in.rows.size() == 16 - 2 - 3);
  const auto &one = in.waiting[0], &two = in.waiting[1];
  CHECK(one.layer == 1);
  CHECK(one.rows == std::vector<qwen3vl::SequenceRow>{{4, 0, 2}});
  CHECK(two.rows == std::vector<qwen3vl::SequenceRow>{{5, 0, 3}, {11, 1, 0}});
  CHECK(two.positions.h == std::vector<float>{3, 8});  // row 1 of a picture at 2; 5 to 7 are text
  // Token 2: embedding + level 0, and nothing of level 1. Token 3: + level 1 alone; token 0 of picture 1: + both.
  const auto values = [&](const auto& t) { return c.tiny.backend.to_host(t); };
  const auto tokens = values(c.encoded.vision.tokens), zero = values(c.encoded.vision.deepstack[0]),
             level1 = values(c.encoded.vision.deepstack[1]), first = values(one.embeddings),
             last = values(two.embeddings);
  for (std::size_t i = 0; i < 16; ++i) {
    CHECK(first[i] == tokens[2 * 16 + i] + zero[2 * 16 + i]);
    CHECK(last[i] == tokens[3 * 16 + i] + level1[3 * 16 + i]);
    CHECK(last[16 + i] == tokens[6 * 16 + i] + zero[6 * 16 + i] + level1[6 * 16 + i]);
  }
  CHECK(one.levels[1].rows.empty());
  const auto out = c.run(EntryInjector{});
  CHECK(out.cached == std::vector<Index>{11, 12, 14});
  CHECK(out.sequence_length == 14);
  CHECK(out.rope_delta == c.encoded.positions.next - 14);
  CHECK(out.tokens.size() == 16);
}

TEST_CASE("tokens that enter and are dropped again before the same layer are never there") {
  InjectorCase c;
  c.keep(0, {0, 2, 5});
  const auto without = [&] {
    InjectorCase other;
    other.keep(0, {0, 5});
    return other.run(EntryInjector{});
  }();
  c.plan[0].entry = {0, 1, 0};
  struct Drop final : qwen3vl::LayerHook<EigenBackend> {
    std::optional<qwen3vl::RowEdit> before_layer(EigenBackend&, Index layer,
                                                 const qwen3vl::LayerView<EigenBackend>& view) override {
      if (layer != 1) return std::nullopt;
      qwen3vl::RowEdit edit;
      for (std::size_t i = 0; i < view.rows.size(); ++i)
        if (view.rows[i].column != 4) edit.keep.push_back(static_cast<Index>(i));
      return edit;
    }
  } hook;
  CHECK(same_bits(c.run(EntryInjector{}, &hook).logits, without.logits));
}

TEST_CASE("what cannot enter is refused in a sentence") {
  InjectorCase c;
  c.plan[1].entry = {0, 3};
  c.refused(EntryInjector{}, "[language_model] a token enters before layer 3: expected 0 to 2 (E203)");
  c.plan[1].entry = {0, -1};
  c.refused(EntryInjector{}, "[injector.entry] entry of kept token 1: expected a layer of 0 or above, got -1 (E203)");
  c.plan[1].entry = {0, 1};
  c.refused(GatherInjector{},
            "[injector.gather] the allocation asks for later entry, which this injector cannot carry out (E203)");
}
