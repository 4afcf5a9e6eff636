#pragma once
// The vision tower on a part of a picture: places, segments, and hooks that drop tokens between blocks. Values of a
// part are compared with transformers in tests/oracle/tower_places.py; here, what must be the same bits, and what is
// refused.
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "qwen3vl/tiny_model.hpp"

namespace arrcoc::tests {

using Bits = std::map<std::string, std::vector<float>>;

/// Whether `part` is `whole` at these rows, or at all, every bit.
inline bool same_rows(std::span<const float> part, std::span<const float> whole, Index whole_rows,
                      std::vector<Index> rows = {}) {
  const auto width = whole.size() / static_cast<std::size_t>(whole_rows);
  if (rows.empty())
    for (Index i = 0; i < whole_rows; ++i) rows.push_back(i);
  bool same = part.size() == rows.size() * width;
  for (std::size_t i = 0; same && i < rows.size(); ++i)
    same = std::memcmp(part.data() + i * width, whole.data() + static_cast<std::size_t>(rows[i]) * width,
                       width * sizeof(float)) == 0;
  return same;
}

/// 2 x 3 tokens, a clip of two frames of 1 x 2, and 1 x 1.
inline std::vector<qwen3vl::Pixels> place_pictures() {
  return {formula_pixels({1, 4, 6}, 1000), formula_pixels({2, 2, 4}, 2000), formula_pixels({1, 2, 2}, 1000, 24)};
}
inline qwen3vl::Pixels part_of(const qwen3vl::Pixels& whole, const std::vector<Index>& kept) {
  return qwen3vl::subset_pixels(whole, kept, 2, 24);
}
/// Rows of four patches each.
inline std::vector<Index> patches_of_tokens(const std::vector<Index>& tokens) {
  std::vector<Index> rows;
  for (const Index t : tokens)
    for (Index i = 0; i < 4; ++i) rows.push_back(4 * t + i);
  return rows;
}

template <class B>
struct TowerRun {
  qwen3vl::VisionOut<B> out;
  Bits seen;  // taps, and "tokens", "level0", "level1"
};

/// Drops by a function of the block and who is alive; remembers what it saw.
template <class B>
struct DropHook : qwen3vl::TowerHook<B> {
  std::function<std::optional<qwen3vl::TowerKeep>(Index)> decide;
  std::vector<Request> asks;
  std::vector<Index> blocks, rows;
  std::vector<qwen3vl::TowerKeep> living;
  std::vector<std::vector<std::vector<Answered>>> answers;

  std::vector<Request> requests() const override { return asks; }
  std::optional<qwen3vl::TowerKeep> before_block(B& b, Index block, const qwen3vl::TowerView<B>& view) override {
    blocks.push_back(block);
    rows.push_back(b.rows(view.hidden));
    living.push_back(view.living);
    answers.push_back(view.answers);
    return decide(block);
  }
};

template <class B>
class TowerRunner {
 public:
  explicit TowerRunner(B b) : b_(std::move(b)), model_(b_, tiny_config(), formula_weights(tiny_config())) {}

  TowerRun<B> operator()(const std::vector<qwen3vl::Pixels>& pictures, qwen3vl::TowerHook<B>* hook = nullptr,
                         const std::vector<Request>& requests = {}) {
    TowerRun<B> run;
    Trace trace;
    trace.wants = [](std::string_view) { return true; };
    trace.tap = [&](std::string_view name, std::vector<float> v, Index, Index) {
      run.seen[std::string(name)] = std::move(v);
    };
    run.out = model_.encode_images(b_, pictures, &trace, requests, hook);
    run.seen["tokens"] = b_.to_host(run.out.tokens);
    for (std::size_t l = 0; l < run.out.deepstack.size(); ++l)
      run.seen["level" + std::to_string(l)] = b_.to_host(run.out.deepstack[l]);
    return run;
  }

 private:
  B b_;
  qwen3vl::Model<B> model_;
};

inline void check_same(const Bits& one, const Bits& two) {
  REQUIRE(one.size() == two.size());
  for (const auto& entry : one) {
    const auto& [name, values] = entry;
    INFO(entry.first);
    REQUIRE(two.count(name) == 1);
    CHECK(same_rows(values, two.at(name), 1));
  }
}

inline void check_refused(const std::function<void()>& f, Code code, const std::string& sentence) {
  try {
    f();
    FAIL_CHECK("not refused: ", sentence);
  } catch (const Error& e) {
    CHECK(e.code() == code);
    CHECK(std::string(e.what()).find(sentence) != std::string::npos);
    INFO(e.what());
    CHECK(std::string(e.what()).find('\n') == std::string::npos);
  }
}

/// A whole raster written out as places is the whole raster; a part begins with the whole's rows.
template <class B>
void tower_places_keep_bits(B b = B()) {
  TowerRunner<B> run(std::move(b));
  const auto pictures = place_pictures();
  const std::vector<Request> asked{{.index = 0, .what = Request::What::k},
                                   {.index = -1, .what = Request::What::received}};
  const TowerRun<B> whole = run(pictures, nullptr, asked);
  CHECK(whole.out.count == 11);
  CHECK(whole.out.kept.empty());
  const TowerRun<B> written =
      run({part_of(pictures[0], {0, 1, 2, 3, 4, 5}), part_of(pictures[1], {0, 1, 2, 3}), part_of(pictures[2], {0})},
          nullptr, asked);
  check_same(whole.seen, written.seen);
  for (std::size_t p = 0; p < pictures.size(); ++p)
    for (std::size_t r = 0; r < asked.size(); ++r)
      CHECK(same_rows(written.out.answers[p][r].values.floats(), whole.out.answers[p][r].values.floats(), 1));

  // Tokens 1, 2, 5 of the first; of the clip the second of the first frame and both of the second: 7, 8, 9 of all.
  const TowerRun<B> part = run({part_of(pictures[0], {1, 2, 5}), part_of(pictures[1], {1, 2, 3})}, nullptr, asked);
  CHECK(part.out.count == 6);
  for (const char* name : {"vision.patch_embed", "vision.positioned"})
    CHECK(same_rows(part.seen.at(name), whole.seen.at(name), 44, patches_of_tokens({1, 2, 5, 7, 8, 9})));
  CHECK_FALSE(same_rows(part.seen.at("tokens"), whole.seen.at("tokens"), 11, {1, 2, 5, 7, 8, 9}));
  // Answers are about who lives: three tokens each, whose attention sums to 1.
  for (const auto& answers : part.out.answers) {
    CHECK(answers[0].values.shape == std::vector<Index>{3, 8});
    REQUIRE(answers[1].values.shape == std::vector<Index>{3});
    float sum = 0;
    for (const float v : answers[1].values.floats()) sum += v;
    CHECK(sum == doctest::Approx(1).epsilon(1e-5));
  }
}

/// Segments of one picture are as blind to each other as pictures are.
template <class B>
void tower_segments(B b = B()) {
  TowerRunner<B> run(std::move(b));
  const qwen3vl::Pixels whole = formula_pixels({1, 4, 6}, 1000);
  qwen3vl::Pixels raster = whole, places = part_of(whole, {0, 1, 2, 3, 4, 5});
  raster.segments = places.segments = {2, 4};
  const Bits apart = run({part_of(whole, {0, 1}), part_of(whole, {2, 3, 4, 5})}).seen;
  check_same(run({places}).seen, apart);
  check_same(run({raster}).seen, apart);
  CHECK_FALSE(same_rows(run({whole}).seen.at("tokens"), apart.at("tokens"), 1));
  // A part keeps what is left of each segment, and no empty ones.
  CHECK(part_of(raster, {1, 2, 5}).segments == std::vector<Index>{1, 2});
  CHECK(part_of(raster, {3, 4}).segments == std::vector<Index>{2});
  // One segment over both frames of a clip is another thing than a segment for each.
  qwen3vl::Pixels clip = formula_pixels({2, 2, 4}, 2000), joined = clip;
  joined.segments = {4};
  CHECK_FALSE(same_rows(run({clip}).seen.at("tokens"), run({joined}).seen.at("tokens"), 1));
  clip.segments = {2, 2};
  check_same(run({clip}).seen, run({formula_pixels({2, 2, 4}, 2000)}).seen);
}

template <class B>
void tower_places_refuse(B b = B()) {
  TowerRunner<B> run(std::move(b));
  const qwen3vl::Pixels whole = formula_pixels({1, 4, 6}, 1000), one = part_of(whole, {0, 1});
  const auto refused = [&](qwen3vl::Pixels p, Code code, const std::string& sentence) {
    check_refused([&] { run({p}); }, code, sentence);
  };
  const auto with = [&](const Place& a, const Place& z) {
    qwen3vl::Pixels p = one;
    p.places = {a, z};
    return p;
  };
  refused(with({0, 0}, {0, 3}), Code::bad_stage_output, "place 1 lies outside the picture");
  refused(with({0, 0}, {1.5f, 0}), Code::bad_stage_output, "place 1 lies outside the picture");
  refused(with({0, 0}, {0, 1, 1, 1, 1}), Code::bad_stage_output, "place 1 lies outside the picture");
  refused(with({0, 0, 0, 1}, {0, 1}), Code::bad_stage_output, "place 0 lies outside the picture");
  refused(with({0, std::nanf("")}, {0, 1}), Code::bad_stage_output, "place 0 lies outside the picture");
  refused(with({0, 1}, {0, 0}), Code::bad_stage_output, "place 1 behind its successor");
  refused(with({0, 1}, {0, 1}), Code::bad_stage_output, "place 1 behind its successor");
  qwen3vl::Pixels p = one;
  p.places.push_back({0, 2});
  refused(p, Code::shape_mismatch, "pixel rows: expected 12 of 24 values for 3 tokens, got 192 values");
  p = whole;
  p.rows.pop_back();
  refused(p, Code::shape_mismatch, "pixel rows: expected 24 of 24 values for 6 tokens, got 575 values");
  for (const std::vector<Index>& segments : {std::vector<Index>{2, 3}, {7}, {6, 0}, {7, -1}}) {
    p = whole;
    p.segments = segments;
    refused(p, Code::shape_mismatch, "segments: expected them to tile 6 tokens, at least one each");
  }
  check_refused([&] { part_of(whole, {}); }, Code::shape_mismatch, "expected at least one token, got none");
  check_refused([&] { part_of(whole, {6}); }, Code::shape_mismatch, "expected ascending ones below 6, got 6");
  check_refused([&] { part_of(whole, {-1}); }, Code::shape_mismatch, "expected ascending ones below 6, got -1");
  check_refused([&] { part_of(whole, {2, 1}); }, Code::shape_mismatch, "expected ascending ones below 6, got 1");
  check_refused([&] { part_of(one, {0}); }, Code::shape_mismatch, "expected the pixels of a whole picture");
}

template <class B>
void tower_hooks(B b = B()) {
  TowerRunner<B> run(std::move(b));
  const std::vector<qwen3vl::Pixels> pictures{formula_pixels({1, 4, 6}, 1000), formula_pixels({2, 2, 4}, 2000)};
  const TowerRun<B> plain = run(pictures);

  DropHook<B> hook;
  hook.decide = [](Index) { return std::nullopt; };
  hook.asks = {{.index = 0, .what = Request::What::received}};
  TowerRun<B> same = run(pictures, &hook);
  check_same(plain.seen, same.seen);
  CHECK(same.out.kept.empty());
  for (const auto& answers : same.out.answers) CHECK(answers.empty());  // nobody but the hook asked
  CHECK(hook.blocks == std::vector<Index>{0, 1});
  CHECK(hook.rows == std::vector<Index>{40, 40});

  const qwen3vl::TowerKeep all{{0, 1, 2, 3, 4, 5}, {0, 1, 2, 3}};
  hook = {};
  hook.decide = [&](Index) { return all; };
  same = run(pictures, &hook);
  check_same(plain.seen, same.seen);
  CHECK(same.out.kept == all);

  // Before block 0 it is a part of the picture that is encoded.
  const qwen3vl::TowerKeep some{{1, 2, 5}, {1, 2, 3}};
  hook = {};
  hook.decide = [&](Index block) { return block == 0 ? std::optional(some) : std::nullopt; };
  TowerRun<B> dropped = run(pictures, &hook),
              part = run({part_of(pictures[0], some[0]), part_of(pictures[1], some[1])});
  CHECK(dropped.out.kept == some);
  CHECK(dropped.out.count == 6);
  for (const char* name : {"vision.block0", "vision.block1", "tokens", "level0", "level1"})
    CHECK(same_rows(dropped.seen.at(name), part.seen.at(name), 1));

  // Behind block 0 its level is gathered; a second drop counts among the living of the first. The whole first frame of
  // the clip goes.
  hook = {};
  hook.asks = {{.index = 0, .what = Request::What::received}, {.index = 1, .what = Request::What::k}};
  hook.decide = [&](Index block) { return block == 0 ? some : qwen3vl::TowerKeep{{0, 2}, {1, 2}}; };
  const TowerRun<B> twice = run(pictures, &hook, {{.index = -1, .what = Request::What::hidden}});
  CHECK(twice.out.kept == qwen3vl::TowerKeep{{1, 5}, {2, 3}});
  CHECK(hook.living == std::vector<qwen3vl::TowerKeep>{all, some});
  CHECK(hook.rows == std::vector<Index>{40, 24});
  CHECK(same_rows(twice.seen.at("vision.block0"), part.seen.at("vision.block0"), 1));
  CHECK(same_rows(twice.seen.at("level0"), part.seen.at("level0"), 6, {0, 2, 4, 5}));
  CHECK(twice.out.count == 4);
  CHECK(twice.seen.at("level1").size() == 4 * 16);
  // Its answers: none before block 0, of block 0 alone before block 1, about the tokens that went through it.
  const TowerRun<B> asked = run({part_of(pictures[0], some[0]), part_of(pictures[1], some[1])}, nullptr, hook.asks);
  for (std::size_t p = 0; p < 2; ++p) {
    REQUIRE(hook.answers[1][p].size() == 2);
    CHECK(hook.answers[0][p][0].values.shape.empty());
    CHECK(same_rows(hook.answers[1][p][0].values.floats(), asked.out.answers[p][0].values.floats(), 1));
    CHECK(hook.answers[1][p][1].values.shape.empty());
    REQUIRE(twice.out.answers[p].size() == 1);
    CHECK(twice.out.answers[p][0].values.shape == std::vector<Index>{2, 16});
  }

  // A list names tokens as they were encoded: 5 is the third that lives in block 0, 1 the first; 3 was dropped.
  Request list{.index = 0, .what = Request::What::k, .rows = Request::Rows::list};
  list.list = {5, 1};
  hook = {};
  hook.decide = [&](Index block) { return block == 0 ? std::optional(qwen3vl::TowerKeep{{1, 2, 5}}) : std::nullopt; };
  const auto keys = run({pictures[0]}, &hook, {list}).out.answers[0][0].values;
  const auto alone = run({part_of(pictures[0], {1, 2, 5})}, nullptr, {{.index = 0, .what = Request::What::k}});
  CHECK(same_rows(keys.floats(), alone.out.answers[0][0].values.floats(), 3, {2, 0}));
  list.list = {5, 3};
  check_refused([&] { run({pictures[0]}, &hook, {list}); }, Code::bad_config,
                "list: expected tokens that are alive in the block, got 3");
}

template <class B>
void tower_hooks_refuse(B b = B()) {
  TowerRunner<B> run(std::move(b));
  const auto refused = [&](const qwen3vl::TowerKeep& keep, const std::string& sentence) {
    DropHook<B> hook;
    hook.decide = [&](Index block) { return block == 1 ? std::optional(keep) : std::nullopt; };
    check_refused(
        [&] {
          run({formula_pixels({1, 4, 6}, 1000), formula_pixels({1, 2, 2}, 1000)}, &hook);
        },
        Code::bad_stage_output, sentence);
  };
  refused({{0}}, "expected a list of tokens for each picture, 2, got 1");
  refused({{0, 1}, {}}, "picture 1: expected at least one token that goes on, got none");
  refused({{1, 0}, {0}}, "tokens that go on: expected strictly ascending ones below 6, got 0");
  refused({{1, 1}, {0}}, "tokens that go on: expected strictly ascending ones below 6, got 1");
  refused({{6}, {0}}, "tokens that go on: expected strictly ascending ones below 6, got 6");
  refused({{-1}, {0}}, "tokens that go on: expected strictly ascending ones below 6, got -1");
}

}  // namespace arrcoc::tests
