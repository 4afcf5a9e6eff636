// Position ids, M-RoPE and vision tables against values printed by Hugging Face 5.23 (float32, CPU).
#include <doctest/doctest.h>

#include "arrcoc/qwen3vl/vision_positions.hpp"

using namespace arrcoc;
using namespace arrcoc::qwen3vl;

namespace {
Prompt spans(Index length, std::vector<VisionSpan> s) {
  Prompt p;
  p.ids.assign(static_cast<std::size_t>(length), 0);
  p.spans = std::move(s);
  return p;
}
void check_near(float got, double expected, double tolerance = 1.01e-6) {
  CHECK(std::abs(static_cast<double>(got) - expected) <= tolerance);
}
}  // namespace

TEST_CASE("a picture between text: 4 text, 2x3 image, 3 text") {
  const Positions p = build_positions(spans(13, {{4, {2, 3}, 0}}));
  CHECK(p.t == std::vector<float>{0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 7, 8, 9});
  CHECK(p.h == std::vector<float>{0, 1, 2, 3, 4, 4, 4, 5, 5, 5, 7, 8, 9});
  CHECK(p.w == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 7, 8, 9});
  CHECK(p.rope_delta() == -3);
}

TEST_CASE("two pictures: 4 text, 4x4, 2 text, 2x5, 2 text") {
  const Positions p = build_positions(spans(34, {{4, {4, 4}, 0}, {22, {2, 5}, 1}}));
  CHECK(p.t[22] == 10);
  CHECK(p.t[32] == 15);
  CHECK(p.t[33] == 16);
  CHECK(p.rope_delta() == -17);
}

TEST_CASE("dropping columns keeps every position and moves the delta") {
  const Positions p = gather_columns(build_positions(spans(13, {{4, {2, 3}, 0}})), {0, 1, 2, 3, 4, 8, 10, 11, 12});
  CHECK(p.h == std::vector<float>{0, 1, 2, 3, 4, 5, 7, 8, 9});
  CHECK(p.w == std::vector<float>{0, 1, 2, 3, 4, 5, 7, 8, 9});
  CHECK(p.rope_delta() == 1);
}

TEST_CASE("tokens that a plan put in place of the raster: centres of places, and a grid of its own") {
  // A 4 x 4 picture: its upper half in one token, the rest in two native columns of halves.
  const Prompt prompt = spans(21, {{2, {4, 4}, 0}});
  const std::vector<TokenSet> tiers{TokenSet({4, 4}, {{0, 0, 2, 4}, {2, 0, 2, 1}, {2, 1.5f, 2, 2.5f}})};
  const Positions p = build_positions(prompt, tiers);
  CHECK(std::vector<float>(p.t.begin(), p.t.begin() + 5) == std::vector<float>{0, 1, 2, 2, 2});
  CHECK(std::vector<float>(p.h.begin() + 2, p.h.begin() + 5) == std::vector<float>{2.5f, 4.5f, 4.5f});
  CHECK(std::vector<float>(p.w.begin() + 2, p.w.begin() + 5) == std::vector<float>{3.5f, 2, 4.25f});
  CHECK(p.t[18] == 6);  // the text behind stands where it stood
  CHECK(p.next == build_positions(prompt).next);
  const std::vector<TokenSet> smaller{TokenSet(2, 3)};  // and here behind the smaller picture
  const Positions q = build_positions(prompt, smaller);
  CHECK(std::vector<float>(q.h.begin() + 2, q.h.begin() + 8) == std::vector<float>{2, 2, 2, 3, 3, 3});
  CHECK(q.w[7] == 4);
  CHECK(q.t[18] == 5);
  CHECK(build_positions(prompt, std::vector<TokenSet>{TokenSet(4, 4)}).h == build_positions(prompt).h);
  CHECK_THROWS_AS(build_positions(prompt, std::vector<TokenSet>{TokenSet(5, 4)}), Error);
}

TEST_CASE("a portrait clip: text goes on behind each pair's longer side, tokens of frames have no time of their own") {
  // 3 text, pair of 3 x 1, 2 text, pair of 3 x 1, 2 text: get_rope_index of transformers 5.23
  const Prompt prompt = spans(13, {{3, {3, 1}, 0, 0}, {8, {3, 1}, 0, 1}});
  const Positions p = build_positions(prompt);
  CHECK(p.t == std::vector<float>{0, 1, 2, 3, 3, 3, 6, 7, 8, 8, 8, 11, 12});
  CHECK(p.h == std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(p.w == std::vector<float>{0, 1, 2, 3, 3, 3, 6, 7, 8, 8, 8, 11, 12});
  CHECK(p.next == 13);
  CHECK(build_positions(prompt, std::vector<TokenSet>{{{3, 1}, 2}}).h == p.h);
  CHECK_THROWS_AS(build_positions(prompt, std::vector<TokenSet>{{{3, 1}, std::vector<Place>{{0, 0}}, 2}}), Error);
}

TEST_CASE("a clip in one block: t grows by one a pair, text goes on behind the largest position, as in Qwen2-VL") {
  // 2 text, four pairs of 1 x 2 without text between, 2 text, a picture of 2 x 1, 1 text; get_rope_index of 4.57
  const Prompt prompt =
      spans(15, {{2, {1, 2}, 0, 0}, {4, {1, 2}, 0, 1}, {6, {1, 2}, 0, 2}, {8, {1, 2}, 0, 3}, {12, {2, 1}, 1}});
  const Positions p = build_positions(prompt);
  CHECK(p.t == std::vector<float>{0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 8, 10});
  CHECK(p.h == std::vector<float>{0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 6, 7, 8, 9, 10});
  CHECK(p.w == std::vector<float>{0, 1, 2, 3, 2, 3, 2, 3, 2, 3, 6, 7, 8, 8, 10});
  CHECK(p.next == 11);
  // Two pairs of 3 x 1, a clip of one pair at once behind them.
  const Positions q = build_positions(spans(10, {{0, {3, 1}, 0, 0}, {3, {3, 1}, 0, 1}, {6, {3, 1}, 1, 0}}));
  CHECK(q.t == std::vector<float>{0, 0, 0, 1, 1, 1, 3, 3, 3, 6});
  CHECK(q.h == std::vector<float>{0, 1, 2, 0, 1, 2, 3, 4, 5, 6});
}

TEST_CASE("spans that overlap or leave the prompt are refused") {
  CHECK_THROWS_AS(build_positions(spans(8, {{4, {2, 3}, 0}})), Error);
  CHECK_THROWS_AS(build_positions(spans(20, {{4, {2, 3}, 0}, {8, {1, 2}, 1}})), Error);
}

TEST_CASE("position-table interpolation, side 48, 4x6 patches") {
  VisionConfig c;
  c.position_embeddings = 2304;
  c.spatial_merge_size = 2;
  const PositionTaps t = interpolate_positions({{1, 4, 6}}, c);
  const auto row = [&](std::size_t r, std::vector<Index> rows, std::vector<double> weights) {
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(t.rows[r * 4 + i] == rows[i]);
      check_near(t.weights[r * 4 + i], weights[i], 2.5e-6);
    }
  };
  row(1, {9, 10, 57, 58}, {0.6, 0.4, 0, 0});
  row(3, {729, 730, 777, 778}, {0.2, 0.133333, 0.4, 0.266667});
  row(6, {738, 739, 786, 787}, {0.066667, 0.266667, 0.133333, 0.533333});
  row(13, {1497, 1498, 1545, 1546}, {0.4, 0.266667, 0.2, 0.133333});
  row(23, {2303, 2303, 2303, 2303}, {1, 0, 0, 0});
}

TEST_CASE("vision rotary of patch (3, 5), head size 64") {
  VisionConfig c;
  c.hidden_size = 64;
  c.heads = 1;
  c.spatial_merge_size = 2;
  const RotaryTable t = vision_rotary({{1, 4, 6}}, c);
  // merge-block order: block (1, 2), place (1, 1) is the last of 24
  const auto at = [&](std::size_t i) { return std::pair(t.cos[23 * 32 + i], t.sin[23 * 32 + i]); };
  const auto check = [&](std::size_t i, double cos, double sin) {
    check_near(at(i).first, cos);
    check_near(at(i).second, sin);
  };
  check(0, -0.989992, 0.141120);
  check(1, -0.115966, 0.993253);
  check(15, 1, 0.000533);
  check(16, 0.283662, -0.958924);
  check(17, -0.946079, 0.323935);
  check(31, 1, 0.000889);
}

// Half a token high from row 1/2, two tokens wide from column 1: patch rows 2 * 1/2 + 1/2 * 1/2 - 1/2 = 3/4 and 5/4,
// columns 2 + 1/2 * 2 - 1/2 = 5/2 and 9/2. In the table 11.75, 19.5833 (47 / 3 a patch) and 23.5, 42.3 (47 / 5).
TEST_CASE("a place between the raster, and one that begins before it") {
  VisionConfig c;
  c.hidden_size = 64;
  c.heads = 1;
  c.position_embeddings = 2304;
  c.spatial_merge_size = 2;
  const std::vector<PatchPlan> plans{{{1, 4, 6}, {{0, 0, 0.5f, 0.5f}, {0.5f, 1, 0.5f, 2}}, {}}};
  const PositionTaps t = interpolate_positions(plans, c);
  REQUIRE(t.rows.size() == 32);
  const auto row = [&](std::size_t r, std::vector<Index> rows, std::vector<double> weights) {
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(t.rows[r * 4 + i] == rows[i]);
      check_near(t.weights[r * 4 + i], weights[i], 2.5e-6);
    }
  };
  row(0, {0, 1, 48, 49}, {1, 0, 0, 0});  // patch (-1/4, -1/4): the table ends at 0
  row(4, {551, 552, 599, 600}, {0.125, 0.125, 0.375, 0.375});
  row(5, {570, 571, 618, 619}, {0.175, 0.075, 0.525, 0.225});
  row(7, {954, 955, 1002, 1003}, {0.291667, 0.125, 0.408333, 0.175});
  const RotaryTable r = vision_rotary(plans, c);
  CHECK(r.rows == 8);
  const auto turned = [&](std::size_t patch, std::size_t i, double cos, double sin) {
    check_near(r.cos[patch * 32 + i], cos);
    check_near(r.sin[patch * 32 + i], sin);
  };
  turned(0, 0, 0.968912, -0.247404);    // the rotation does not: it turns by -1/4
  turned(4, 0, 0.731689, 0.681639);     // 3/4
  turned(4, 16, -0.801144, 0.598472);   // 5/2
  turned(7, 0, 0.315322, 0.948985);     // 5/4
  turned(7, 16, -0.210796, -0.977530);  // 9/2
}

TEST_CASE("interleaved M-RoPE, head size 128, section 24 20 20, theta 5e6") {
  TextConfig c;
  c.head_dim = 128;
  c.rope_theta = 5e6;
  c.mrope_section = {24, 20, 20};
  const auto inv = inverse_frequencies(c);
  Positions p;
  p.push(10, 12, 15);
  p.push(1000, 1010, 1023);
  p.push(100000, 100000, 100000);
  const RotaryTable t = text_rotary(p, c, inv);
  const auto check = [&](std::size_t r, std::size_t i, double cos, double sin, double tolerance = 1.01e-6) {
    INFO("row ", r, " entry ", i);
    check_near(t.cos[r * 64 + i], cos, tolerance);
    check_near(t.sin[r * 64 + i], sin, tolerance);
  };
  check(0, 0, -0.839072, -0.544021);
  check(0, 1, -0.999987, -0.005182);
  check(0, 2, -0.986931, 0.161141);
  check(0, 3, 0.139877, -0.990169);
  check(0, 4, -0.135866, -0.990727);
  check(0, 5, -0.215635, -0.976474);
  check(0, 6, -0.706187, 0.708025);
  check(0, 7, -0.605075, 0.796168);
  check(0, 8, -0.573299, 0.819346);
  CHECK(t.sin[57] == doctest::Approx(1.080761e-5).epsilon(1e-5));
  CHECK(t.sin[58] == doctest::Approx(1.019154e-5).epsilon(1e-5));
  CHECK(t.sin[59] == doctest::Approx(1.001102e-5).epsilon(1e-5));
  CHECK(t.sin[60] == doctest::Approx(5.244639e-6).epsilon(1e-5));
  CHECK(t.sin[61] == doctest::Approx(4.121395e-6).epsilon(1e-5));
  CHECK(t.sin[63] == doctest::Approx(2.545080e-6).epsilon(1e-5));
  check(1, 0, 0.562379, 0.826880);
  check(1, 1, -0.422452, 0.906385);
  check(1, 2, -0.963303, -0.268417);
  check(1, 30, 0.749030, 0.662536);
  check(1, 31, 0.839308, 0.543657);
  check(1, 32, 0.897160, 0.441706);
  check(2, 1, 0.697684, -0.716406);
  check(2, 2, -0.158336, 0.987385);
  check(2, 3, -0.605819, 0.795602);
}

TEST_CASE("blocked M-RoPE: t for 24 frequencies, h for 20, w for 20; text turns as in the interleaved one") {
  TextConfig c;
  c.head_dim = 128;
  c.rope_theta = 5e6;
  c.mrope_section = {24, 20, 20};
  const auto inv = inverse_frequencies(c);
  Positions p;
  p.push(10, 12, 15);
  p.push(1000, 1010, 1023);
  p.push(77, 77, 77);
  const RotaryTable in_turn = text_rotary(p, c, inv);
  p.rule.axes = RotaryAxes::blocked;
  const RotaryTable t = text_rotary(p, c, inv);
  const auto check = [&](std::size_t r, std::size_t i, double cos, double sin) {  // NumPy, float32 angles by the rule
    INFO("row ", r, " entry ", i);
    check_near(t.cos[r * 64 + i], cos, 1.01e-6);
    check_near(t.sin[r * 64 + i], sin, 1.01e-6);
  };
  check(0, 0, -0.839072, -0.5440211);
  check(0, 1, -0.004319, 0.9999907);  // interleaved: h, -0.999987
  check(0, 2, 0.994185, -0.1076888);  // interleaved: w, -0.986931
  check(0, 23, 0.999234, 0.03912432);
  check(0, 24, 0.999319, 0.03689512);
  check(0, 25, 0.999580, 0.02899581);
  check(1, 23, -0.716630, -0.6974538);
  check(1, 24, -0.999368, 0.03554111);
  check(1, 43, 0.999492, 0.03186966);
  check(1, 44, 0.999678, 0.02536805);
  CHECK(t.sin[44] == doctest::Approx(3.720055e-4).epsilon(1e-5));
  CHECK(t.sin[63] == doctest::Approx(3.817619e-6).epsilon(1e-5));
  CHECK(t.sin[64 + 63] == doctest::Approx(2.603616e-4).epsilon(1e-5));
  for (std::size_t i = 2 * 64; i < 3 * 64; ++i) CHECK((t.cos[i] == in_turn.cos[i] && t.sin[i] == in_turn.sin[i]));
}

TEST_CASE("the first sketch's positions: text from 0 on w alone, every picture from (0, 0, 0)") {
  Prompt prompt;  // two words, 2 x 3, one word, 1 x 2, two words
  prompt.ids.assign(13, 0);
  prompt.spans = {{2, {2, 3}, 0}, {9, {1, 2}, 1}};
  const Positions p = seed_positions(build_positions(prompt), prompt);
  CHECK(p.t == std::vector<float>(13, 0));
  CHECK(p.h == std::vector<float>{0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0});
  CHECK(p.w == std::vector<float>{0, 1, 0, 1, 2, 0, 1, 2, 2, 0, 1, 3, 4});
  CHECK(p.next == 5);
  CHECK(p.rule.text_on_w);
  const Positions some = gather_columns(p, {0, 1, 4, 8, 11, 12});
  CHECK(some.w == std::vector<float>{0, 1, 2, 2, 3, 4});
  CHECK(some.rule == p.rule);
  Positions next;
  next.rule = some.rule;
  next.push_text(some.next);
  CHECK((next.t[0] == 0 && next.h[0] == 0 && next.w[0] == 5));

  // A clip of two patches with a word between them, and one whose patches go on in one block.
  prompt.ids.assign(9, 0);
  prompt.spans = {{1, {1, 3}, 0, 0}, {5, {1, 3}, 0, 1}};
  const Positions apart = seed_positions(build_positions(prompt), prompt);
  CHECK(apart.t == std::vector<float>(9, 0));
  CHECK(apart.w == std::vector<float>{0, 0, 1, 2, 1, 0, 1, 2, 2});
  prompt.spans[1].begin = 4;
  const Positions block = seed_positions(build_positions(prompt), prompt);
  CHECK(block.t == std::vector<float>{0, 0, 0, 0, 1, 1, 1, 0, 0});
  CHECK(block.w == std::vector<float>{0, 0, 1, 2, 0, 1, 2, 1, 2});
}

TEST_CASE("YaRN: frequency ratios and the attention factor") {
  TextConfig c;
  c.head_dim = 128;
  c.rope_theta = 5e6;
  c.mrope_section = {24, 20, 20};
  const auto plain = inverse_frequencies(c);
  c.yarn_factor = 3;
  c.yarn_original_positions = 262144;
  const auto stretched = inverse_frequencies(c);
  const auto ratio = [&](std::size_t i) { return static_cast<double>(stretched[i]) / static_cast<double>(plain[i]); };
  CHECK(ratio(28) == doctest::Approx(1));
  CHECK(ratio(29) == doctest::Approx(1));
  CHECK(ratio(30) == doctest::Approx(0.958333).epsilon(1e-5));
  CHECK(ratio(37) == doctest::Approx(0.666667).epsilon(1e-5));
  CHECK(ratio(44) == doctest::Approx(0.375).epsilon(1e-5));
  CHECK(ratio(63) == doctest::Approx(0.333333).epsilon(1e-5));
  Positions p;
  p.push(0, 0, 0);
  CHECK(text_rotary(p, c, stretched).cos[0] == doctest::Approx(1.1098612).epsilon(1e-6));
  c.yarn_attention_factor = 0.5;
  CHECK(text_rotary(p, c, stretched).cos[0] == 0.5f);
  c.yarn_truncate = false;  // transformers 5.23: 1, 1, 0.988957, 0.664427, 0.339897, 0.333333
  const auto fractional = inverse_frequencies(c);
  const auto part = [&](std::size_t i) { return static_cast<double>(fractional[i]) / static_cast<double>(plain[i]); };
  CHECK(part(29) == doctest::Approx(1));
  CHECK(part(30) == doctest::Approx(0.988957).epsilon(1e-5));
  CHECK(part(37) == doctest::Approx(0.664427).epsilon(1e-5));
  CHECK(part(44) == doctest::Approx(0.339897).epsilon(1e-5));
  CHECK(part(45) == doctest::Approx(0.333333).epsilon(1e-5));
}
