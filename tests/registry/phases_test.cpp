// Decisions before the tower, in it, after it and in layers: keep-all is the stock model bit for bit through the same
// path; who is dropped is gone from there on, and nobody else moves.
#include "registry/phases.hpp"
#include "arrcoc/eigen.hpp"
#include "registry/errors.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;
using B = EigenBackend;

TEST_CASE("keep-all at any phase, alone and together, is the stock model bit for bit") {
  keep_all_at_any_phase_is_stock([] { return B(); });
  keep_all_at_any_phase_is_stock([] { return B({.bf16 = true}); });
}

TEST_CASE("dropped before layer 0 is dropped by the gather; before a later one, the rows stay until there") {
  TinyModel<B> tiny;
  const TwoPictures t;
  const Outcome gathered = run_named(tiny, t, "none/" + gather, 2),
                at_once = run_named(tiny, t, "none/none/flat/random/layer:before=0", 2),
                later = run_named(tiny, t, "none/" + layer, 2);
  CHECK(same_bits(at_once.generated.logits, gathered.generated.logits));
  CHECK(at_once.generated.cached == gathered.generated.cached);
  CHECK_FALSE(same_bits(later.generated.logits, gathered.generated.logits));
  CHECK(later.generated.cached == std::vector<Index>{16, 12, 12});  // 8 text, 6 + 2 tokens, then 2 + 2
  CHECK(later.generated.rope_delta == 16 + tiny.stock(t).rope_delta - later.generated.sequence_length);
  CHECK(later.costs.layers[0].visual == 8);
  CHECK(later.costs.layers[2].visual == 4);
  CHECK(later.costs.token_layers == doctest::Approx(16.0 / 3));
  CHECK(later.decisions.at(0).layer == 1);
}

TEST_CASE("what is dropped before the tower costs nothing in it, and the places of the others do not move") {
  TinyModel<B> tiny;
  const TwoPictures t;
  const auto made = stages<B>().make(parse_pipeline_name(early));
  const RunOptions o = TinyModel<B>::options(2);
  Journey<B> journey(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o);
  journey.begin_decisions(nullptr);
  CHECK(journey.shelf()->vision().count == 4);
  journey.inject();
  const auto& kept = journey.looks().allocations()[0].kept;
  const qwen3vl::Positions full = qwen3vl::build_positions(t.prompt);
  CHECK(journey.input().rows.size() == 12);
  for (std::size_t i = 0; i < journey.input().rows.size(); ++i) {
    const auto column = static_cast<std::size_t>(journey.input().rows[i].column);
    CHECK(journey.input().positions.h[i] == full.h[column]);
    CHECK(journey.input().positions.w[i] == full.w[column]);
  }
  CHECK(kept.size() == 2);
  const Costs early_costs = journey.costs(), late = run_named(tiny, t, "none/" + gather, 2).costs;
  CHECK(early_costs.visual_tokens_encoded == 4);
  CHECK(early_costs.vision_flops < 0.5 * late.vision_flops);
  CHECK(early_costs.prefill_flops == late.prefill_flops);
}

TEST_CASE("features of tokens that went through the tower together do not know who was dropped elsewhere") {
  TinyModel<B> tiny;
  const TwoPictures t;
  B& b = tiny.backend;
  std::vector<qwen3vl::Pixels> some = t.pixels();
  const std::vector<Index> kept{1, 4};
  some[0] = qwen3vl::subset_pixels(some[0], kept, 2, tiny_config().vision.patch_values());
  const auto all = tiny.model.encode_images(b, t.pixels()), part = tiny.model.encode_images(b, some);
  CHECK(part.count == 4);
  const auto second = b.to_host(b.slice_rows(part.tokens, 2, 4)), whole = b.to_host(b.slice_rows(all.tokens, 6, 8));
  CHECK(same_bits(second, whole));
  CHECK_FALSE(same_bits(b.to_host(b.slice_rows(part.tokens, 0, 2)), b.to_host(b.gather_rows(all.tokens, kept))));
}

TEST_CASE("later decisions see the answers of those who live, and a prompt's total can be split by relevance") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const auto maps = [&](const std::string& name, Index tokens) {
    return run_named(tiny, t, name, tokens).decisions.back().pictures[0];
  };
  const Realized whole = maps("none/asking:index=0/fixed/top_k/layer:before=1", 2);
  const Realized after = maps("none/none/flat/random/gather@3%asking:index=0/fixed/top_k/layer:before=1", 2);
  CHECK(whole.maps.size() == 6);
  CHECK(after.maps.size() == 3);
  CHECK(after.allocation.count() == 2);
  // The same request of the very layer, computed from the rows in front of the decision.
  const Realized own = maps("none/asking:index=1/fixed/top_k/layer:before=1", 2);
  CHECK(own.maps.size() == 6);
  CHECK_FALSE(own.maps == whole.maps);

  const TwoPictures two;
  RunOptions o = TinyModel<B>::options(4);
  o.scope = BudgetScope::prompt;
  const auto split = [&](const std::string& name) {
    const auto made = stages<B>().make(parse_pipeline_name(name));
    const Outcome out = Journey<B>(tiny.backend, tiny.model, &made.pipeline, two.pictures, two.prompt, o).run();
    CHECK(out.costs.visual_tokens_after == 4);
    return out.pictures[1].allocation.count();
  };
  for (const std::string scorer : {"information", "contrast", "participatory"}) {
    CAPTURE(scorer);
    const Index kept = split("texture13/" + scorer + "/fixed/top_k/gather:split=relevance");
    CHECK(kept >= 1);
    CHECK(kept <= 2);
  }
  const auto made = stages<B>().make(parse_pipeline_name("texture13/perspectival/fixed/top_k/gather:split=relevance"));
  CHECK_THROWS_WITH_AS(Journey<B>(tiny.backend, tiny.model, &made.pipeline, two.pictures, two.prompt, o).run(),
                       doctest::Contains("expected raw maps of scorers with a common scale"), Error);
}

TEST_CASE("decisions outside the model, out of order, and requests behind their decision are refused") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const auto refused = [&](const std::string& name, const std::string& sentence) {
    CAPTURE(name);
    CHECK_THROWS_WITH_AS(run_named(tiny, t, name, 2), doctest::Contains(sentence.c_str()), Error);
  };
  refused("none/none/flat/random/layer:before=3", "layer it acts before: expected -3 to 2, got 3");
  refused("none/none/flat/random/tower:before=-3", "block it acts before: expected -2 to 1, got -3");
  refused("none/none/flat/random/layer:before=2%none/flat/random/layer:before=1", "acts before the decision");
  refused("none/asking:index=2/fixed/top_k/layer:before=1", "expected 0 to 1 of a decision that acts before 1");
  refused("none/asking:site=tower:rows=visual:index=1/fixed/top_k/tower:before=1", "expected 0 to 0");
  refused("none/none/flat/random/gather%none/flat/random/early", "acts before the decision in front of it");
  refused("none/none/flat/random/again:before=4", "layer it acts before: expected 1 to 3, got 4");
  refused("none/layer_attention:layer=3/fixed/top_k/again:before=3", "expected 0 to 2 of a decision");
  refused("none/none/flat/entry_by_relevance/entry@4%none/flat/random/layer:before=1",
          "tokens that join before a later layer and decisions in layers exclude each other");
  refused("none/participatory/flat/top_k/early", "a stage decides at phase 'vision'");
  refused("none/asking/fixed/top_k/gather", "which the 'vision' phase does not have");
}

TEST_CASE("two looks: the second begins again with the tokens that the first chose, and the first is paid for") {
  TinyModel<B> tiny;
  const TwoPictures t;
  const auto made = stages<B>().make(parse_pipeline_name("none/layer_attention:layer=0:layers=3/fixed/top_k/again"));
  const RunOptions o = TinyModel<B>::options(2);
  Journey<B> journey(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o);
  const Outcome out = journey.run();
  CHECK(out.costs.visual_tokens_after == 4);
  CHECK(out.costs.layers[0].visual == 4);
  CHECK(out.costs.token_layers == doctest::Approx(8 + 4));  // all three layers over 8, then over 4
  CHECK(out.costs.evidence_flops > language_flops(tiny_config().text, 16, 0) * 0.9);
  CHECK(out.decisions.at(0).again);
  // The same tokens gathered at once give the same bits.
  const auto encoded = tiny.model.encode(tiny.backend, t.pixels(), t.prompt);
  const auto& kept = journey.looks().allocations();
  const auto rows =
      GatherInjector{}.inject(tiny.backend, std::span<const Allocation>(kept), encoded, t.prompt, nullptr);
  const auto plain = qwen3vl::generate(tiny.backend, tiny.model.text(), rows, t.prompt.ids, o.generate);
  CHECK(same_bits(out.generated.logits, plain.logits));
  // Rows dropped on the way of the first look, then a layer of the second.
  const Outcome mixed = run_named(
      tiny, t,
      "none/none/flat/random/layer:before=1@5%layer_attention:layer=0:layers=2/fixed/top_k/again:before=2@3%none/flat/"
      "random/layer:before=1",
      2);
  CHECK(mixed.costs.layers[0].visual == 5);  // 3 of the first picture, both of the second
  CHECK(mixed.costs.layers[1].visual == 4);
  // What the first look dropped on its way counts there alone: the second drops nothing.
  const Outcome whole = run_named(
      tiny, t, "none/none/flat/random/layer:before=1@5%layer_attention:layer=0:layers=2/fixed/top_k/again:before=2", 2);
  for (const LayerCost& l : whole.costs.layers) CHECK(l.visual == 4);
  CHECK(whole.costs.visual_tokens_after == 4);
  CHECK(whole.costs.deepstack_additions == 4 * static_cast<Index>(tiny_config().vision.deepstack_taps.size()));
}

TEST_CASE("with another question that scores, decisions in layers are taken about it and carried out on the answer") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  Prompt other = t.prompt;
  other.ids[11] = 17;
  other.ids[12] = 3;
  const RunOptions o = TinyModel<B>::options(2);
  for (const std::string injector : {"again:before=2", "layer:before=2"}) {
    CAPTURE(injector);
    const auto made = stages<B>().make(
        parse_pipeline_name("none/layer_attention:layer=0:layers=2:heads=max:payers=max/fixed/top_k/" + injector));
    Journey<B> own(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o),
        scored(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o),
        asked(tiny.backend, tiny.model, &made.pipeline, t.pictures, other, o),
        same(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o);
    scored.score_with(other);
    same.score_with(t.prompt);
    const Outcome a = own.run(), b = scored.run(), c = asked.run(), d = same.run();
    CHECK_FALSE(same_bits(a.pictures[0].maps, b.pictures[0].maps));
    CHECK(same_bits(b.pictures[0].maps, c.pictures[0].maps));
    CHECK(b.pictures[0].allocation == c.pictures[0].allocation);
    CHECK(same_bits(d.generated.logits, a.generated.logits));  // the replay is the decision itself
    CHECK(d.generated.cached == a.generated.cached);
  }
}

TEST_CASE("a decision in layers finds its tokens wherever their rows stand") {
  TinyModel<B> tiny;
  const TwoPictures t;
  // What the last row pays in layer 0 does not depend on the order of the rows in front of it.
  const std::string drop = "@1.0%none/layer_attention:layer=0:rows=last/fixed/top_k/layer:before=1";
  const Outcome stands = run_named(tiny, t, "none/none/flat/full/gather" + drop, 2);
  for (const std::string order : {"order:by=random", "order:by=z"}) {
    CAPTURE(order);
    const Outcome moved = run_named(tiny, t, "none/none/flat/full/" + order + drop, 2);
    CHECK(moved.rows != stands.rows);
    for (std::size_t p = 0; p < 2; ++p) CHECK(moved.pictures[p].allocation.kept == stands.pictures[p].allocation.kept);
  }
}

TEST_CASE("reversible: everything stays cached, and each token that is fed back chooses anew") {
  TinyModel<B> tiny;
  const TwoPictures t;
  const auto stock = tiny.stock(t);
  const Outcome out = run_named(tiny, t, "none/layer_attention:layer=0:rows=last/fixed/top_k/reversible:before=1", 2);
  const std::size_t vocabulary = static_cast<std::size_t>(tiny_config().text.vocab_size), fed = out.reselected.size();
  REQUIRE(fed == out.generated.logits.size() / vocabulary - 1);
  REQUIRE(fed > 1);
  for (const Reselected& r : out.reselected) {
    CHECK(r.kept.at(0).size() == 2);
    CHECK(r.kept.at(1).size() == 2);
  }
  CHECK(out.generated.cached == stock.cached);
  CHECK(out.costs.token_layers == 8);
  CHECK(out.costs.decode_visual_tokens == doctest::Approx((8 + 4 + 4) / 3.0));
  CHECK(out.decisions.empty());
  // The prompt sees everything; the tokens behind it do not.
  const auto row = [&](const std::vector<float>& logits, std::size_t i) {
    return std::vector<float>(logits.begin() + static_cast<std::ptrdiff_t>(i * vocabulary),
                              logits.begin() + static_cast<std::ptrdiff_t>((i + 1) * vocabulary));
  };
  CHECK(same_bits(row(out.generated.logits, 0), row(stock.logits, 0)));
  CHECK_FALSE(same_bits(row(out.generated.logits, 1), row(stock.logits, 1)));
  const Outcome random = run_named(tiny, t, "none/none/flat/random/reversible:before=0", 2);
  CHECK(random.reselected.at(0).kept != random.reselected.at(1).kept);  // another draw for each token
  CHECK(random.costs.decode_visual_tokens == doctest::Approx(4));
}

TEST_CASE("reversible: what cannot be chosen is refused") {
  TinyModel<B> tiny;
  const TwoPictures t;
  const auto refused = [&](const std::string& name, const std::string& sentence) {
    expect_error(Code::bad_config, sentence, [&] { run_named(tiny, t, name, 2); });
  };
  refused("none/none/flat/random/layer:before=1@3%none/flat/random/reversible", "expected the last decision, and none");
  refused("none/layer_attention:layer=2/fixed/top_k/reversible", "expected 0 to 1 of a decision that acts before 2");
  refused("none/layer_attention:layer=0:rows=text/fixed/top_k/reversible", "rows: expected at least one, got none");
  const auto made = stages<B>().make(parse_pipeline_name("none/none/flat/random/reversible"));
  const RunOptions o = TinyModel<B>::options(2);
  Journey<B> alone(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o),
      scored(tiny.backend, tiny.model, &made.pipeline, t.pictures, t.prompt, o);
  alone.begin_decisions(nullptr);
  expect_error(Code::bad_config, "expected an answer, got an allocation alone", [&] { alone.take_layer_decisions(); });
  scored.score_with(t.prompt);
  expect_error(Code::bad_config, "another question cannot score", [&] { scored.run(); });

  struct Sees final : qwen3vl::LayerHook<B> {
    std::vector<Index> rows;
    std::optional<qwen3vl::RowEdit> before_layer(B&, Index, const qwen3vl::LayerView<B>&) override { return {}; }
    std::optional<std::vector<Index>> seen(Index, const std::vector<qwen3vl::SequenceRow>&) override { return rows; }
  } hook;
  for (const auto& [rows, sentence] : {std::pair{std::vector<Index>{1, 2, 3}, "row 0 is text: expected it to be seen"},
                                       std::pair{std::vector<Index>{0, 0}, "expected strictly ascending rows below 16"},
                                       std::pair{std::vector<Index>{0, 99}, "below 16, got 99"}}) {
    hook.rows = rows;
    Journey<B> by_hand(tiny.backend, tiny.model, nullptr, t.pictures, t.prompt, o);
    expect_error(Code::bad_stage_output, sentence, [&] { by_hand.run(nullptr, &hook); });
  }
}
