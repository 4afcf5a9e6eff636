#pragma once
// The model against Hugging Face's own numbers (transformers 5.23, float32, CPU), stage by stage. Tolerance 1e-5
// absolute: each of about thirty known mistakes (GELU kind, tap order, rotation pairing, span length ...) moves these
// numbers by 4e-5 or more.
#include <doctest/doctest.h>

#include <map>

#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/qwen3vl/generate.hpp"
#include "qwen3vl/tiny_model.hpp"

namespace arrcoc::tests {

inline constexpr double hf_tolerance = 1e-5;

inline void check_values(std::string_view what, std::span<const float> got, std::initializer_list<double> expected) {
  REQUIRE(got.size() >= expected.size());
  std::size_t i = 0;
  for (const double e : expected) {
    INFO(std::string(what), " value ", i);
    CHECK(std::abs(static_cast<double>(got[i]) - e) <= hf_tolerance);
    ++i;
  }
}

/// ids with `image` and `video` runs marked as spans: merged grids in prompt order.
inline Prompt marked(std::vector<TokenId> ids, const std::vector<Grid>& grids) {
  Prompt p;
  p.ids = std::move(ids);
  std::size_t column = 0;
  for (std::size_t s = 0; s < grids.size(); ++s) {
    while (p.ids[column] != 28 && p.ids[column] != 29) ++column;
    p.spans.push_back({static_cast<Index>(column), grids[s], static_cast<Index>(s)});
    column += static_cast<std::size_t>(grids[s].count());
  }
  return p;
}

template <class B>
struct Tiny {
  B backend;
  qwen3vl::Model<B> model;
  explicit Tiny(const ModelConfig& c = tiny_config(), ExpertLayout layout = ExpertLayout::released)
      : model(backend, c, formula_weights(c, layout)) {}

  std::vector<float> last_logits(qwen3vl::Injected<B> in) {
    qwen3vl::KvCache<B> state;
    const auto hidden = model.text().prefill(backend, std::move(in), state, 8);
    return backend.to_host(
        model.text().logits(backend, backend.slice_rows(hidden, backend.rows(hidden) - 1, backend.rows(hidden))));
  }
  std::vector<float> stock(const Prompt& prompt, const std::vector<qwen3vl::Pixels>& pixels) {
    return last_logits(qwen3vl::stock_input(backend, prompt, model.encode(backend, pixels, prompt)));
  }
};

inline Prompt image_prompt() { return marked({1, 2, 3, 26, 28, 28, 28, 28, 28, 28, 27, 4, 5}, {{2, 3}}); }

template <class B>
void selfcheck_stages() {
  Tiny<B> t;
  Trace trace;
  std::map<std::string, std::vector<float>> seen;
  trace.wants = [](std::string_view) { return true; };
  trace.tap = [&](std::string_view name, std::vector<float> v, Index, Index) {
    seen[std::string(name)] = std::move(v);
  };
  const auto row = [&](const std::string& name, std::size_t r) {
    return std::span<const float>(seen.at(name)).subspan(r * 16, 16);
  };
  const Prompt prompt = image_prompt();
  const auto encoded = t.model.encode(t.backend, {formula_pixels({1, 4, 6}, 1000)}, prompt, &trace);
  check_values("patch embedding row 0", row("vision.patch_embed", 0), {1.297409, 0.668747, 0.212967, 0.396729});
  check_values("patch embedding row 7", row("vision.patch_embed", 7), {-0.363174, 0.051926, -0.134781, 0.417862});
  check_values("plus position row 0", row("vision.positioned", 0), {1.281784, 0.746872, 0.003983, 0.523682});
  check_values("plus position row 7", row("vision.positioned", 7), {-0.254450, -0.081929, -0.122411, 0.295987});
  check_values("block 0 row 0", row("vision.block0", 0), {-0.287685, 1.198443, 0.566439, 0.484316});
  check_values("block 1 row 0", row("vision.block1", 0), {0.427687, 0.936921, 0.681357, 0.101070});
  check_values("block 1 row 7", row("vision.block1", 7), {-0.282392, -0.943239, -0.139343, 0.728528});
  REQUIRE(encoded.vision.deepstack.size() == 2);
  const auto merged = t.backend.to_host(encoded.vision.tokens), deep0 = t.backend.to_host(encoded.vision.deepstack[0]),
             deep1 = t.backend.to_host(encoded.vision.deepstack[1]);
  check_values("merger row 0", merged, {-1.934466, 0.817997, -1.275175, 0.574559});
  check_values("merger row 5", std::span(merged).subspan(80), {-0.678310, 0.894561, 0.021246, -0.184529});
  check_values("deepstack 0 row 0", deep0, {-1.198263, 0.285581, -1.032045, 0.172880});
  check_values("deepstack 1 row 5", std::span(deep1).subspan(80), {0.265174, 0.005660, -0.386404, -0.510729});

  qwen3vl::KvCache<B> state;
  const auto hidden =
      t.model.text().prefill(t.backend, qwen3vl::stock_input(t.backend, prompt, encoded), state, 4, &trace);
  check_values("layer 0 before deepstack", row("text.layer0.before_deepstack", 4),
               {-1.920242, 1.318059, -0.820490, 0.936497});
  check_values("layer 0 after deepstack", row("text.layer0", 4), {-3.118505, 1.603640, -1.852535, 1.109376});
  check_values("layer 2", row("text.layer2", 12), {0.971058, 0.073621, -0.264371, -0.718882});
  check_values("logits at position 0", t.backend.to_host(t.model.text().logits(t.backend, hidden)),
               {-0.403710, 0.706791, -0.032669, -0.191710});
  CHECK(state.next.at == 10);
}

template <class B>
void selfcheck_prompts() {
  Tiny<B> t;
  check_values("image", t.stock(image_prompt(), {formula_pixels({1, 4, 6}, 1000)}),
               {-0.588252, -0.370884, 0.245001, -0.601746, -0.023164, -0.233112, -1.759412, -0.096085});
  // Each frame of a video stands on its own in positions; the tower sees both frames as one picture of two temporal
  // patches.
  const Prompt video = marked({1, 2, 26, 29, 29, 27, 3, 26, 29, 29, 27, 4, 5}, {{1, 2}, {1, 2}});
  const auto frames = [&](Index k) {
    return std::vector{formula_pixels({1, 2, 4}, k, 0), formula_pixels({1, 2, 4}, k, 8)};
  };
  check_values("video", t.stock(video, frames(2000)),
               {-0.388085, -0.245968, 0.199916, -0.522326, 0.060823, -0.238491, -1.252685, 0.051771});
  check_values("text", t.stock(marked({1, 2, 3, 4, 5, 6, 7}, {}), {}),
               {-0.132752, 0.455270, 0.551786, -0.979947, -0.133086, -0.037185, -1.458714, -0.360339});
  const Prompt two = marked({1, 26, 28, 28, 28, 28, 28, 28, 27, 2, 26, 28, 28, 27, 3}, {{2, 3}, {2, 1}});
  check_values("two images", t.stock(two, {formula_pixels({1, 4, 6}, 1000), formula_pixels({1, 4, 2}, 1000, 24)}),
               {0.338326, 0.846865, -0.011943, -0.900821, -0.265661, -0.328795, -1.217570, -0.366452});
  const Prompt mixed = marked({1, 26, 28, 28, 27, 2, 26, 29, 29, 27, 3, 26, 29, 29, 27, 4}, {{2, 1}, {1, 2}, {1, 2}});
  auto both = frames(2000);
  both.insert(both.begin(), formula_pixels({1, 4, 2}, 1000));
  check_values("mixed", t.stock(mixed, both),
               {0.090958, 0.453350, 0.004999, -0.662589, -1.042887, -0.776493, -0.821197, 0.046603});
}

/// Last logits with some of the image prompt's six tokens.
template <class B>
std::vector<float> pruned(Tiny<B>& t, const qwen3vl::Encoded<B>& encoded, std::vector<Index> kept) {
  Allocation a;
  a.tokens = {2, 3};
  a.depth.assign(kept.size(), all_levels);
  a.why.resize(kept.size());
  a.kept = std::move(kept);
  return t.last_logits(
      GatherInjector{}.inject(t.backend, std::span<const Allocation>(&a, 1), encoded, image_prompt(), nullptr));
}

/// The mixture of experts: the same prompts, in either layout of the experts.
template <class B>
void selfcheck_experts() {
  for (const ExpertLayout layout : {ExpertLayout::released, ExpertLayout::resaved}) {
    Tiny<B> t(tiny_moe_config(), layout);
    const Prompt prompt = image_prompt();
    const auto encoded = t.model.encode(t.backend, {formula_pixels({1, 4, 6}, 1000)}, prompt);
    qwen3vl::GenerateOptions o;
    o.max_new_tokens = 8;
    o.keep_logits = true;
    const auto g =
        qwen3vl::generate(t.backend, t.model.text(), qwen3vl::stock_input(t.backend, prompt, encoded), prompt.ids, o);
    check_values("experts: image", g.logits,
                 {-0.716843, 0.545940, 0.265861, -1.295317, 0.006223, -0.542774, -1.777799, 0.145867});
    CHECK(g.tokens == std::vector<TokenId>{18, 13, 2, 18, 22, 18, 22, 18});
    check_values("experts: logits after feeding 18 at position 10", std::span(g.logits).subspan(32),
                 {-0.204876, 0.263369, 0.366507, -0.871994, -0.744450, -1.152568, -1.388508, 0.392868});
    check_values("experts: keep tokens 0 and 4", pruned(t, encoded, {0, 4}),
                 {-0.038938, 0.314562, -0.051392, -0.956678, 0.041900, -0.842637, -1.232127, -0.197821});
    check_values("experts: keep token 5", pruned(t, encoded, {5}),
                 {-0.628396, 0.789984, 0.210416, -1.122423, 0.085194, -0.164932, -1.927558, 0.042205});
    check_values("experts: text", t.stock(marked({1, 2, 3, 4, 5, 6, 7}, {}), {}),
                 {-0.399871, 0.980850, 0.284488, -1.056694, 0.131845, -0.502786, -1.964036, -0.276147});
    const Prompt two = marked({1, 26, 28, 28, 28, 28, 28, 28, 27, 2, 26, 28, 28, 27, 3}, {{2, 3}, {2, 1}});
    check_values("experts: two images",
                 t.stock(two, {formula_pixels({1, 4, 6}, 1000), formula_pixels({1, 4, 2}, 1000, 24)}),
                 {0.172708, 0.387269, 0.224809, -1.000364, -0.456051, -0.352965, -1.484084, -0.015344});
    const Prompt video = marked({1, 2, 26, 29, 29, 27, 3, 26, 29, 29, 27, 4, 5}, {{1, 2}, {1, 2}});
    check_values("experts: video",
                 t.stock(video, {formula_pixels({1, 2, 4}, 2000, 0), formula_pixels({1, 2, 4}, 2000, 8)}),
                 {-0.525162, 0.359613, 0.105037, -0.609601, -0.201206, -0.682968, -1.162120, 0.170680});
  }
}

template <class B>
void selfcheck_generation() {
  Tiny<B> t;
  const Prompt prompt = image_prompt();
  const auto encoded = t.model.encode(t.backend, {formula_pixels({1, 4, 6}, 1000)}, prompt);
  qwen3vl::GenerateOptions o;
  o.max_new_tokens = 8;
  o.keep_logits = true;
  const auto g =
      qwen3vl::generate(t.backend, t.model.text(), qwen3vl::stock_input(t.backend, prompt, encoded), prompt.ids, o);
  CHECK(g.tokens == std::vector<TokenId>{18, 13, 2, 13, 27, 18, 13, 20});
  CHECK(g.rope_delta == -3);
  check_values("logits after feeding 18 at position 10", std::span(g.logits).subspan(32),
               {0.002553, 0.285715, 0.415662, -0.762263, -0.689917, -1.018193, -1.644970, 0.166229});
  check_values("keep tokens 0 and 4", pruned(t, encoded, {0, 4}),
               {0.055452, -0.107337, 0.318839, -0.318619, -0.156777, -0.405689, -1.070387, -0.016133});
  check_values("keep token 5", pruned(t, encoded, {5}),
               {-0.514481, 0.481457, 0.490318, -0.955024, 0.011212, -0.168082, -1.888407, -0.097006});
}

}  // namespace arrcoc::tests
