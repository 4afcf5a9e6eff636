// In-model pruning: rows dropped between layers, and a cache length of its own in each layer.
#include <doctest/doctest.h>

#include "arrcoc/eigen.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "pipeline/material.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

using B = EigenBackend;

/// Drops the given columns before a layer.
struct DropBefore final : qwen3vl::LayerHook<B> {
  std::map<Index, std::vector<Index>> dropped;  // layer -> full-prompt columns

  explicit DropBefore(std::map<Index, std::vector<Index>> d) : dropped(std::move(d)) {}
  std::optional<qwen3vl::RowEdit> before_layer(B&, Index layer, const qwen3vl::LayerView<B>& view) override {
    const auto it = dropped.find(layer);
    if (it == dropped.end()) return std::nullopt;
    qwen3vl::RowEdit edit;
    for (std::size_t i = 0; i < view.rows.size(); ++i)
      if (std::find(it->second.begin(), it->second.end(), view.rows[i].column) == it->second.end())
        edit.keep.push_back(static_cast<Index>(i));
    return edit;
  }
};

qwen3vl::Generated run(TinyModel<B>& tiny, const TwoPictures& t, DropBefore hook) {
  const auto encoded = tiny.model.encode(tiny.backend, t.pixels(), t.prompt);
  return qwen3vl::generate(tiny.backend, tiny.model.text(), qwen3vl::stock_input(tiny.backend, t.prompt, encoded),
                           t.prompt.ids, TinyModel<B>::options().generate, nullptr, &hook);
}

}  // namespace

TEST_CASE("each layer's cache has its own length") {
  TinyModel<B> tiny;
  const TwoPictures t(false);  // 13 columns, pads 4..9
  const auto g = run(tiny, t, DropBefore({{1, {4, 5}}, {2, {9}}}));
  CHECK(g.cached == std::vector<Index>{13, 11, 10});
  CHECK(g.tokens.size() == 6);
  CHECK_FALSE(same_bits(g.logits, tiny.stock(t).logits));
}

TEST_CASE("a hook that drops nothing changes no bit") {
  TinyModel<B> tiny;
  const TwoPictures t;
  CHECK(same_bits(run(tiny, t, DropBefore({{0, {}}, {1, {}}, {2, {}}})).logits, tiny.stock(t).logits));
}

TEST_CASE("dropping before layer 0 is what the gather injector does, bit for bit, DeepStack included") {
  TinyModel<B> tiny;
  const TwoPictures t;  // pads 2..7 and 11..12
  const auto hooked = run(tiny, t, DropBefore({{0, {2, 4, 5, 12}}}));
  const auto encoded = tiny.model.encode(tiny.backend, t.pixels(), t.prompt);
  std::vector<Allocation> a{keep_everything({2, 3}), keep_everything({2, 1})};
  const auto keep = [](Allocation& one, std::vector<Index> kept) {
    one.depth.resize(kept.size());
    one.why.resize(kept.size());
    one.kept = std::move(kept);
  };
  keep(a[0], {1, 4, 5});
  keep(a[1], {0});
  auto in = GatherInjector{}.inject(tiny.backend, std::span<const Allocation>(a), encoded, t.prompt, nullptr);
  const auto gathered =
      qwen3vl::generate(tiny.backend, tiny.model.text(), std::move(in), t.prompt.ids, TinyModel<B>::options().generate);
  CHECK(same_bits(hooked.logits, gathered.logits));
  CHECK(hooked.cached == gathered.cached);
}

TEST_CASE("rows dropped after a layer still shaped it: later is not the same as earlier") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  CHECK_FALSE(same_bits(run(tiny, t, DropBefore(std::map<Index, std::vector<Index>>{{0, {4}}})).logits,
                        run(tiny, t, DropBefore(std::map<Index, std::vector<Index>>{{1, {4}}})).logits));
}

TEST_CASE("a hook that breaks a rule is refused in a sentence") {
  TinyModel<B> tiny;
  const TwoPictures t(false);
  const auto refused = [&](const char* part, std::vector<Index> dropped) {
    CHECK_THROWS_WITH_AS(run(tiny, t, DropBefore({{1, std::move(dropped)}})), doctest::Contains(part), Error);
  };
  refused("row 0 is text: expected it to go on", {0});
  refused("row 12 is text", {12});
  struct Upside final : qwen3vl::LayerHook<B> {
    std::optional<qwen3vl::RowEdit> before_layer(B&, Index, const qwen3vl::LayerView<B>&) override {
      return qwen3vl::RowEdit{{0, 2, 1}};
    }
  } upside;
  const auto encoded = tiny.model.encode(tiny.backend, t.pixels(), t.prompt);
  CHECK_THROWS_WITH_AS(
      (void)qwen3vl::generate(tiny.backend, tiny.model.text(), qwen3vl::stock_input(tiny.backend, t.prompt, encoded),
                              t.prompt.ids, TinyModel<B>::options().generate, nullptr, &upside),
      doctest::Contains("row 1 is text"), Error);
}
