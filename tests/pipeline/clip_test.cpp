// Clips: one source over several spans, its temporal patches pulled one at a time; a frame may lose all its tokens.
#include <doctest/doctest.h>

#include "arrcoc/allocators/control/full.hpp"
#include "arrcoc/allocators/control/grid2d.hpp"
#include "arrcoc/allocators/control/random.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/eigen.hpp"
#include "arrcoc/injectors/before.hpp"
#include "arrcoc/injectors/early.hpp"
#include "arrcoc/injectors/entry.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/injectors/merge.hpp"
#include "arrcoc/injectors/order.hpp"
#include "arrcoc/pipeline/clip.hpp"
#include "arrcoc/pipeline/clip_textures.hpp"
#include "arrcoc/scorers/attention/layer_attention.hpp"
#include "arrcoc/scorers/attention/tower_attention.hpp"
#include "arrcoc/scorers/control/uniform.hpp"
#include "arrcoc/scorers/pixels/entropy.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/texture/texture13.hpp"
#include "pipeline/material.hpp"

using namespace arrcoc;
using namespace arrcoc::tests;

namespace {

using B = EigenBackend;

template <class AllocatorT, class InjectorT = GatherInjector, class ScorersT = ScorerSet<UniformScorer>>
using With = Pipeline<B, Texture13, Decision<ScorersT, FixedWeightsBalancer, AllocatorT, InjectorT>>;

/// Pixels that are at hand, as a clip brings them.
struct Held final : PairSource {
  std::vector<qwen3vl::Pixels> left;
  explicit Held(std::vector<qwen3vl::Pixels> pairs) : left(std::move(pairs)) {}
  qwen3vl::Pixels next() override {
    REQUIRE(!left.empty());
    qwen3vl::Pixels out = std::move(left.front());
    left.erase(left.begin());
    return out;
  }
};

/// Spans over the runs of pads (28, 29): {grid, source, frame} in order.
struct Mark {
  Grid grid;
  Index source, frame;
};
Prompt marked(std::vector<TokenId> ids, const std::vector<Mark>& marks) {
  Prompt p;
  p.ids = std::move(ids);
  std::size_t column = 0;
  for (const Mark& m : marks) {
    while (p.ids[column] != 28 && p.ids[column] != 29) ++column;
    p.spans.push_back({static_cast<Index>(column), m.grid, m.source, m.frame});
    column += static_cast<std::size_t>(m.grid.count());
  }
  for (std::size_t i = column; i < p.ids.size(); ++i)
    if (p.ids[i] < 26) p.question.push_back(static_cast<Index>(i));
  return p;
}

/// Two clips with a picture between them: 3 pairs of 3 x 2 tokens (portrait), 1 x 2, 2 pairs of 2 x 1.
struct Mixed {
  Prompt prompt;
  std::vector<qwen3vl::Pixels> pixels;
  Image picture;
  Mixed() {
    const std::vector<Mark> marks{{{3, 2}, 0, 0}, {{3, 2}, 0, 1}, {{3, 2}, 0, 2},
                                  {{1, 2}, 1, 0}, {{2, 1}, 2, 0}, {{2, 1}, 2, 1}};
    prompt = marked({1,  26, 29, 29, 29, 29, 29, 29, 27, 2,  3, 26, 29, 29, 29, 29, 29, 29, 27, 4,  26, 29, 29,
                     29, 29, 29, 29, 27, 5,  26, 28, 28, 27, 6, 26, 29, 29, 27, 7,  26, 29, 29, 27, 8,  9},
                    marks);
    pixels.push_back(formula_pixels({3, 6, 4}, 2000));
    pixels.push_back(formula_pixels({1, 2, 4}, 1000));
    pixels.push_back(formula_pixels({2, 4, 2}, 2000, 72));
    picture = noise_image(32, 64, 3);
  }

  /// `held`: pixels of clips at hand; else pulled.
  std::vector<Picture> pictures(bool held) const {
    std::vector<Picture> out;
    for (const qwen3vl::Pixels& whole : pixels) {
      Picture p;
      p.grid = whole.patches.tokens(2);
      p.pixels = whole;
      if (whole.patches.frames == 1) p.native = picture.view();
      if (!held && whole.patches.frames > 1) {
        std::vector<qwen3vl::Pixels> pairs;
        const auto each = static_cast<std::ptrdiff_t>(whole.rows.size()) / whole.patches.frames;
        for (Index f = 0; f < whole.patches.frames; ++f)
          pairs.push_back({{whole.rows.begin() + f * each, whole.rows.begin() + (f + 1) * each},
                           {1, whole.patches.rows, whole.patches.cols}});
        p.pixels.rows.clear();
        p.pairs = std::make_shared<Held>(std::move(pairs));
      }
      out.push_back(std::move(p));
    }
    return out;
  }
};

qwen3vl::Generated stock_of(TinyModel<B>& tiny, const Mixed& m) {
  const auto encoded = tiny.model.encode(tiny.backend, m.pixels, m.prompt);
  return qwen3vl::generate(tiny.backend, tiny.model.text(), qwen3vl::stock_input(tiny.backend, m.prompt, encoded),
                           m.prompt.ids, TinyModel<B>::options().generate);
}

template <class P>
Outcome run_on(const P& pipeline, Index budget, bool held = false) {
  TinyModel<B> tiny;
  const Mixed m;
  const std::vector<Picture> pictures = m.pictures(held);
  return run(pipeline, tiny.backend, tiny.model, pictures, m.prompt, TinyModel<B>::options(budget));
}

/// The stock model by the same steps: without a pipeline.
qwen3vl::Generated stock_by_pairs(TinyModel<B>& tiny, const Mixed& m) {
  const std::vector<Picture> pictures = m.pictures(false);
  const RunOptions options = TinyModel<B>::options();
  return Journey<B>(tiny.backend, tiny.model, nullptr, pictures, m.prompt, options).run().generated;
}

/// `alone`: the pipeline neither decides nor asks in the tower or before it, so that pairs are encoded one at a time.
template <class P>
void equals_stock(const P& pipeline, Index budget, bool alone = true) {
  TinyModel<B> tiny;
  const Mixed m;
  const auto together = stock_of(tiny, m), by_pairs = stock_by_pairs(tiny, m);
  for (std::size_t i = 0; i < together.logits.size(); ++i)
    CHECK(std::abs(together.logits[i] - by_pairs.logits[i]) <= 1e-5f);
  for (const bool held : {false, true}) {
    const Outcome out = run_on(pipeline, budget, held);
    CHECK(same_bits(out.generated.logits, (held || !alone ? together : by_pairs).logits));
    CHECK(out.generated.rope_delta == together.rope_delta);
    CHECK(out.costs.visual_tokens_after == 24);
    CHECK(out.costs.visual_tokens_before == 24);
  }
}

template <class F>
Code code_of(F&& f) {
  try {
    f();
  } catch (const Error& e) { return e.code(); }
  return Code{0};
}

/// The tokens of each second pair are wanted least, of the others the later ones most.
struct EmptiesSecond {
  struct Config {};
  static constexpr std::string_view name = "empties_second";
  static constexpr Needs may_need{};
  Config config{};
  std::vector<float> score(const Evidence& e) const {
    std::vector<float> out;
    for (Index t = 0; t < e.count(); ++t) out.push_back(e.tokens.at(t).frame == 1 ? 0.f : 1.f + static_cast<float>(t));
    return out;
  }
};

}  // namespace

TEST_CASE("a clip as one source over its spans: Hugging Face's numbers") {
  TinyModel<B> tiny;
  const auto logits = [&](const Prompt& p, const std::vector<qwen3vl::Pixels>& pixels) {
    const auto encoded = tiny.model.encode(tiny.backend, pixels, p);
    return qwen3vl::generate(tiny.backend, tiny.model.text(), qwen3vl::stock_input(tiny.backend, p, encoded), p.ids,
                             TinyModel<B>::options().generate)
        .logits;
  };
  const auto near = [](const std::vector<float>& got, std::initializer_list<double> expected) {
    std::size_t i = 0;
    for (const double e : expected) CHECK(std::abs(static_cast<double>(got[i++]) - e) <= 1e-5);
  };
  near(logits(marked({1, 2, 26, 29, 29, 27, 3, 26, 29, 29, 27, 4, 5}, {{{1, 2}, 0, 0}, {{1, 2}, 0, 1}}),
              {formula_pixels({2, 2, 4}, 2000)}),
       {-0.388085, -0.245968, 0.199916, -0.522326, 0.060823, -0.238491, -1.252685, 0.051771});
  near(logits(marked({1, 26, 28, 28, 27, 2, 26, 29, 29, 27, 3, 26, 29, 29, 27, 4},
                     {{{2, 1}, 0, 0}, {{1, 2}, 1, 0}, {{1, 2}, 1, 1}}),
              {formula_pixels({1, 4, 2}, 1000), formula_pixels({2, 2, 4}, 2000)}),
       {0.090958, 0.453350, 0.004999, -0.662589, -1.042887, -0.776493, -0.821197, 0.046603});
}

TEST_CASE("keep-all is the stock model bit for bit, a pair at a time or all at once, at every phase") {
  equals_stock(With<FullAllocator>{}, 1);
  equals_stock(With<TopKAllocator>{}, 1000);
  equals_stock(With<Grid2dAllocator>{}, 18);
  equals_stock(With<FullAllocator, EarlyInjector>{}, 1, false);
  equals_stock(
      With<TopKAllocator, TowerDropInjector, ScorerSet<TowerAttentionScorer>>{
          {}, {{{{{TowerAttentionConfig{.block = 0}}}}, {}, {}, {{1}}, {}}}},
      1000, false);
  equals_stock(With<FullAllocator, LayerDropInjector>{}, 1);
  equals_stock(With<FullAllocator, EntryInjector>{}, 1);
  equals_stock(With<FullAllocator, MergeInjector>{}, 1);
  equals_stock(With<FullAllocator, OrderInjector>{}, 1);
}

TEST_CASE("pairs of 16 tokens and more: one at a time gives the bits of all at once") {
  TinyModel<B> tiny;
  const qwen3vl::Pixels whole = formula_pixels({3, 8, 10}, 2000);
  std::vector<qwen3vl::Pixels> pairs;
  for (Index f = 0; f < 3; ++f) pairs.push_back(formula_pixels({1, 8, 10}, 2000, f * 80));
  Picture clip;
  clip.grid = {4, 5};
  clip.pixels.patches = whole.patches;
  clip.pairs = std::make_shared<Held>(std::move(pairs));
  const auto one = encode_by_pairs(tiny.backend, tiny.model, {clip}, nullptr);
  const auto all = tiny.model.encode_images(tiny.backend, {whole});
  CHECK(one.count == 60);
  CHECK(same_bits(tiny.backend.to_host(one.tokens), tiny.backend.to_host(all.tokens)));
  for (std::size_t l = 0; l < 2; ++l)
    CHECK(same_bits(tiny.backend.to_host(one.deepstack[l]), tiny.backend.to_host(all.deepstack[l])));
}

TEST_CASE("a budget is of the whole clip, a pair may lose all its tokens, and no text moves") {
  const Mixed m;
  const Outcome out = run_on(With<TopKAllocator, GatherInjector, ScorerSet<EmptiesSecond>>{}, 5, true);
  CHECK(out.pictures[0].allocation.kept == std::vector<Index>{13, 14, 15, 16, 17});
  CHECK(out.pictures[1].allocation.kept == std::vector<Index>{0, 1});
  CHECK(out.pictures[2].allocation.kept == std::vector<Index>{0, 1, 2, 3});
  std::vector<Index> visual, text;
  for (const auto& row : out.rows) (row.text() ? text : visual).push_back(row.column);
  CHECK(visual == std::vector<Index>{22, 23, 24, 25, 26, 30, 31, 35, 36, 40, 41});
  CHECK(text.size() == m.prompt.ids.size() - 24);
  const qwen3vl::Positions full = qwen3vl::build_positions(m.prompt);
  CHECK(out.generated.rope_delta == full.next - static_cast<Index>(out.rows.size()));
  CHECK(out.costs.visual_tokens_before == 24);
  CHECK(out.costs.visual_tokens_after == 11);

  // The same rows, put together by hand.
  TinyModel<B> tiny;
  const auto e = tiny.model.encode(tiny.backend, m.pixels, m.prompt);
  auto in = qwen3vl::stock_input(tiny.backend, m.prompt, e);
  std::vector<Index> keep, features{13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}, places;
  for (const auto& row : out.rows) keep.push_back(row.column);
  for (std::size_t i = 0; i < out.rows.size(); ++i)
    if (!out.rows[i].text()) places.push_back(static_cast<Index>(i));
  in.embeddings = tiny.backend.gather_rows(in.embeddings, keep);
  in.positions = qwen3vl::gather_columns(full, keep);
  for (std::size_t l = 0; l < in.levels.size(); ++l)
    in.levels[l] = {places, tiny.backend.gather_rows(e.vision.deepstack[l], features)};
  in.rows = out.rows;
  const auto by_hand =
      qwen3vl::generate(tiny.backend, tiny.model.text(), std::move(in), m.prompt.ids, TinyModel<B>::options().generate);
  CHECK(same_bits(by_hand.logits, out.generated.logits));
}

TEST_CASE("every injector keeps a clip's tokens in their frames") {
  for (const Index budget : {1, 4, 9}) {
    const auto gather = run_on(With<RandomAllocator>{}, budget);
    const auto order = run_on(With<RandomAllocator, OrderInjector>{}, budget);
    const auto merge = run_on(With<RandomAllocator, MergeInjector>{}, budget);
    const auto entry = run_on(With<RandomAllocator, EntryInjector>{}, budget);
    for (const Outcome* other : {&order, &merge, &entry})
      CHECK(same_bits(other->generated.logits, gather.generated.logits));
    CHECK(gather.pictures[0].allocation.count() == budget);
    const auto reversed =
        run_on(With<RandomAllocator, OrderInjector>{{}, {{{}, {}, {}, {{.by = "random"}}, {}}}}, budget);
    const Mixed m;
    for (std::size_t i = 0; i < reversed.rows.size(); ++i) {
      const auto span = [&](Index column) {
        for (std::size_t s = 0; s < m.prompt.spans.size(); ++s)
          if (column >= m.prompt.spans[s].begin && column < m.prompt.spans[s].end()) return static_cast<Index>(s);
        return Index{-1};
      };
      CHECK(span(reversed.rows[i].column) == span(gather.rows[i].column));
    }
  }
}

TEST_CASE("early, tower and layers drop tokens of a clip where they stand") {
  const auto gather = run_on(With<TopKAllocator, GatherInjector, ScorerSet<EmptiesSecond>>{}, 5);
  const auto early = run_on(With<TopKAllocator, EarlyInjector, ScorerSet<EmptiesSecond>>{}, 5);
  const auto tower = run_on(With<TopKAllocator, TowerDropInjector, ScorerSet<EmptiesSecond>>{}, 5);
  const auto layer = run_on(With<TopKAllocator, LayerDropInjector, ScorerSet<EmptiesSecond>>{}, 5);
  for (const Outcome* o : {&early, &tower}) {
    CHECK(o->pictures[0].allocation.kept == gather.pictures[0].allocation.kept);
    CHECK(o->rows == gather.rows);
    CHECK(!same_bits(o->generated.logits, gather.generated.logits));
  }
  CHECK(layer.pictures[0].allocation.kept == gather.pictures[0].allocation.kept);
  CHECK(layer.generated.cached == std::vector<Index>{45, 45, 32});
  const auto by_layer = run_on(
      With<TopKAllocator, LayerDropInjector, ScorerSet<LayerAttentionScorer>>{
          {}, {{{{{LayerAttentionConfig{.layer = 0}}}}, {}, {}, {{1}}, {}}}},
      5);
  CHECK(by_layer.pictures[0].allocation.count() == 5);
}

TEST_CASE("stages that look at a picture's pixels refuse a clip by name") {
  const auto sentence = [](auto&& f) {
    try {
      f();
    } catch (const Error& e) { return std::string(e.what()); }
    return std::string();
  };
  CHECK(code_of([] { run_on(With<TopKAllocator, GatherInjector, ScorerSet<EntropyScorer>>{}, 5); }) ==
        Code::missing_evidence);
  CHECK(sentence([] {
          run_on(With<TopKAllocator, GatherInjector, ScorerSet<EntropyScorer>>{}, 5);
        }).starts_with("[entropy]"));
  // Textures are made of frames: those of this clip cannot be pulled.
  CHECK(sentence([] {
          run_on(With<TopKAllocator, GatherInjector, ScorerSet<InformationScorer>>{}, 5);
        }).starts_with("[textures] expected a clip whose frames can be pulled once more"));
}

TEST_CASE("prompts and clips must agree") {
  TinyModel<B> tiny;
  const Prompt one = marked({1, 26, 29, 29, 27, 3}, {{{1, 2}, 0, 0}});
  CHECK(code_of([&] { tiny.model.encode(tiny.backend, {formula_pixels({2, 2, 4}, 2000)}, one); }) == Code::bad_prompt);
  Prompt gap = marked({1, 26, 29, 29, 27, 3, 26, 29, 29, 27}, {{{1, 2}, 0, 0}, {{1, 2}, 0, 2}});
  CHECK(code_of([&] { sources_of(gap); }) == Code::bad_prompt);
  gap.spans[1].frame = 1;
  CHECK(sources_of(gap) == std::vector<TokenSet>{TokenSet({1, 2}, 2)});
  gap.spans[1].grid = {2, 1};
  CHECK(code_of([&] { sources_of(gap); }) == Code::bad_prompt);
}

namespace {

struct Frames final : FrameSource {
  ClipInfo about;
  Index at = 0;
  explicit Frames(std::vector<double> seconds) : about{32, 48, std::move(seconds), 2, {}, "frames"} {}
  const ClipInfo& info() const override { return about; }
  Image next() override { return noise_image(32, 48, static_cast<std::uint64_t>(at++)); }
};

}  // namespace

TEST_CASE("frames become pairs: the last of an odd number is repeated, and no more is pulled than there is") {
  VisionConfig v = tiny_config().vision;
  v.patch_size = 8;
  const Picture clip = clip_of(std::make_unique<Frames>(std::vector<double>{0, 1, 2}), v, {}, {16, 32});
  CHECK(clip.is_clip());
  CHECK(clip.tokens() == TokenSet({1, 2}, 2));
  std::vector<Image> frames;
  for (std::uint64_t i = 0; i < 3; ++i)
    frames.push_back(qwen3vl::resize_bicubic(noise_image(32, 48, i).view(), 16, 32));
  // Patch 0, channel 1, second frame, row 2, column 3: ((1 * 2 + 1) * 8 + 2) * 8 + 3.
  const auto value = [](const Image& i) { return (static_cast<float>(i.rgb[(2 * 32 + 3) * 3 + 1]) - 127.5f) / 127.5f; };
  const qwen3vl::Pixels first = clip.pairs->next(), second = clip.pairs->next();
  CHECK(first.rows.size() == 8 * 3 * 2 * 64);
  CHECK(first.rows[(3 * 8 + 2) * 8 + 3] == value(frames[1]));
  CHECK(first.rows[(2 * 8 + 2) * 8 + 3] == value(frames[0]));
  CHECK(second.rows[(3 * 8 + 2) * 8 + 3] == value(frames[2]));
  CHECK(second.rows[(2 * 8 + 2) * 8 + 3] == value(frames[2]));
  CHECK(code_of([&] { clip.pairs->next(); }) == Code::bad_video);
  CHECK(code_of([&] { clip_of(std::make_unique<Frames>(std::vector<double>{}), v, {}, {16, 32}); }) == Code::bad_video);
  CHECK(code_of([&] {
          clip_of(std::make_unique<Frames>(std::vector<double>{1, 0.5}), v, {}, {16, 32});
        }) == Code::bad_video);
}

TEST_CASE("textures see the frames of a temporal patch, as many as the model's has, and the one in front of it") {
  struct Counts : erased::Texture {
    mutable std::vector<std::size_t> frames;
    mutable std::vector<bool> before;
    Textures generate(ImageView, const TokenSet&) const override { return {}; }
    Textures generate_pair(std::span<const ImageView> all, ImageView last, const TokenSet& tokens) const override {
      frames.push_back(all.size());
      before.push_back(last.rgb != nullptr);
      return {{"n"}, std::vector<float>(static_cast<std::size_t>(tokens.count()), static_cast<float>(all.size()))};
    }
  };
  VisionConfig v = tiny_config().vision;
  v.patch_size = 8;
  v.temporal_patch_size = 3;  // four frames are three and one, not two and two
  const auto open = [] { return std::make_unique<Frames>(std::vector<double>{0, 1, 2, 3}); };
  Picture clip = clip_of(open(), v, {}, {16, 32});
  clip.frames = open;
  const Counts texture;
  CHECK(clip_textures(texture, clip).values == std::vector<float>{3, 3, 1, 1});
  CHECK(texture.frames == std::vector<std::size_t>{3, 1});
  CHECK(texture.before == std::vector<bool>{false, true});
}
