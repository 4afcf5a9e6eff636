// Answers, intervals and token figures against numbers from elsewhere: NumPy's roots of the interval's equation,
// Python's exact binomials, counting by hand on small grids.
#include <doctest/doctest.h>

#include "arrcoc/measure/answers.hpp"
#include "arrcoc/measure/statistics.hpp"
#include "arrcoc/measure/tokens.hpp"

using namespace arrcoc;
using namespace arrcoc::measure;

TEST_CASE("exact match: case, white space and one full stop do not count; nothing else is forgiven") {
  CHECK(normalise_answer("  The\tTotal \n is 4.50. ") == "the total is 4.50");
  CHECK(normalise_answer(".") == ".");
  CHECK(normalise_answer("a..") == "a.");
  CHECK(normalise_answer("a .") == "a");
  CHECK(normalise_answer("") == "");
  CHECK(exact_match("RIVA.", {"x", "riva"}));
  CHECK(!exact_match("RIVA", {}));
  CHECK(!exact_match("4.5", {"4.50"}));
  CHECK(!exact_match("a b", {"ab"}));
  CHECK(normalise_answer("\xc3\x84") == "\xc3\x84");  // only A-Z
}

TEST_CASE("relaxed match: 5 percent of the true number, a percent sign, zero and words") {
  CHECK(relaxed_match("105", {"100"}));
  CHECK(!relaxed_match("105.1", {"100"}));
  CHECK(relaxed_match("95", {"100"}));
  CHECK(relaxed_match("-10.4", {"-10"}));
  CHECK(!relaxed_match("10", {"-10"}));
  CHECK(relaxed_match("0.12", {"12%"}));
  CHECK(!relaxed_match("12", {"12%"}));
  CHECK(!relaxed_match("0.0", {"0"}));  // a true 0 wants the same text
  CHECK(relaxed_match("Red", {"red"}));
  CHECK(!relaxed_match("nan", {"1"}));
  CHECK(!relaxed_match("10 apples", {"10"}));
}

TEST_CASE("Wilson's interval: both shares at which the score test reaches z (NumPy's roots of its equation)") {
  const auto near = [](double x) { return doctest::Approx(x).epsilon(1e-9); };
  CHECK(wilson(7, 10).low == near(0.3967781474611453));
  CHECK(wilson(7, 10).high == near(0.8922087325936988));
  CHECK(wilson(0, 20).low == 0);
  CHECK(wilson(0, 20).high == near(0.16112515805281938));
  CHECK(wilson(20, 20).low == near(0.8388748419471806));
  CHECK(wilson(20, 20).high == 1);
  CHECK(wilson(0, 0).low == 0);
  CHECK(wilson(0, 0).high == 1);
  CHECK_THROWS_AS(wilson(3, 2), Error);
}

TEST_CASE("Student's t: its 97.5 % points and shares, from SciPy's t") {
  const auto near = [](double x) { return doctest::Approx(x).epsilon(1e-9); };
  for (const auto& [count, point] : {std::pair<Index, double>{1, 12.706204736432095},
                                     {2, 4.302652729911275},
                                     {3, 3.182446305284263},
                                     {4, 2.7764451051977987},
                                     {5, 2.570581835636314},
                                     {30, 2.042272456301238},
                                     {100, 1.983971518523552}}) {
    const Index degrees = count;
    CAPTURE(degrees);
    CHECK(student95(degrees) == near(point));
    CHECK(student_within(-point, degrees) == near(0.95));
  }
  CHECK(student_within(0, 7) == 0);
  CHECK(student_within(1, 1) == near(0.5));
  CHECK(student95(100'000) == doctest::Approx(z95).epsilon(1e-4));
  CHECK_THROWS_AS(student_within(1, 0), Error);
}

TEST_CASE("scores between 0 and 1: who is better counts, and the mean difference has a normal interval") {
  // differences 0.5, -0.25, 0.3, 0, 0.2: mean 0.15, variance (0.1225 + 0.16 + 0.0225 + 0.0225 + 0.0025) / 4 = 0.0825
  const Paired p = paired_difference(std::vector<PictureScores>{{0.5}, {-0.25}, {0.3}, {0}, {0.2}});
  CHECK(p.only_first == 3);
  CHECK(p.only_second == 1);
  CHECK(p.difference == doctest::Approx(0.15));
  const double half = 1.959963984540054 * std::sqrt(0.0825 / 5);
  CHECK(p.interval.low == doctest::Approx(0.15 - half));
  CHECK(p.interval.high == doctest::Approx(0.15 + half));
  CHECK(p.p_value == doctest::Approx(std::erfc(0.15 / std::sqrt(0.0825 / 5) / std::sqrt(2.0))));
}

TEST_CASE("effective n: the design effect of pictures, by hand") {
  const auto near = [](double x) { return doctest::Approx(x).epsilon(1e-12); };
  const auto n = [](const std::vector<PictureScores>& pictures) { return spread_of(pictures).effective_n; };
  CHECK(n({{1}, {0}, {1}, {1}}) == near(4));  // one question a picture: all count
  CHECK(n({{1, 1}, {0, 0}, {1, 1}}) ==
        near(6 / 2.5));  // answers that go together: 3/2 (4/9 + 16/9 + 4/9) / 36 over (4/3 / 5) / 6
  CHECK(n({{1, 0}, {0, 1}, {1, 0}}) == near(6));  // and that do not: never more than there are
  CHECK(n({{1, 1, 1}, {1, 1}}) == near(2));       // nothing differs: the pictures
  CHECK(n({{1, 0, 1}}) == near(1));
  CHECK(n({}) == 0);
}

TEST_CASE("paired difference: exact McNemar p of Python's binomials, Bonett and Price's interval by hand") {
  const auto near = [](double x) { return doctest::Approx(x).epsilon(1e-9); };
  const auto counts = [](Index n, Index first, Index second) {  // one question a picture
    std::vector<PictureScores> out;
    for (Index i = 0; i < n; ++i) out.push_back({i < first ? 1.0 : i < first + second ? -1.0 : 0.0});
    return paired_difference(out);
  };
  const Paired p = counts(50, 9, 2);
  CHECK(p.effective_n == near(50));
  CHECK(p.difference == near(0.14));
  CHECK(p.p_value == near(0.0654296875));
  // (10 - 3) / 52 -+ 1.959963984540054 sqrt((13/52 - (7/52)^2) / 52)
  CHECK(p.interval.low == near(0.1346153846153846 - 0.1308810727506618));
  CHECK(p.interval.high == near(0.1346153846153846 + 0.1308810727506618));
  CHECK(counts(10, 3, 3).p_value == 1);
  CHECK(counts(10, 0, 0).p_value == 1);
  CHECK(counts(200, 0, 60).p_value / 1.734723475976807e-18 == near(1));
  CHECK(counts(0, 0, 0).interval.high == 1);
  const Paired m = paired_difference(std::vector<PictureScores>{{0.5}, {-0.25}, {0}, {1}});
  CHECK(m.difference == near(0.3125));
  CHECK(m.interval.high == near(0.3125 + 1.959963984540054 * 0.27716947282604315));
}

TEST_CASE("questions of one picture flip their signs together") {
  const auto p = [](const std::vector<Index>& totals) { return sign_flip_p(totals); };
  CHECK(p({3, 1}) == doctest::Approx(0.5));  // |+-3 +-1| >= 4: two of four
  CHECK(p({3, -1}) == doctest::Approx(1));
  CHECK(p({2, 2, 2}) == doctest::Approx(0.25));
  CHECK(p({1, 1, 1, 1, 1, 1}) == doctest::Approx(2.0 / 64));
  CHECK(p({0, 0}) == 1);
  const Paired together = paired_difference(std::vector<PictureScores>{{1, 1, 1}, {1, 1, 1}, {0}, {0}});
  CHECK(together.only_first == 6);
  CHECK(together.p_value == doctest::Approx(0.5));  // two pictures can say no more
  CHECK(together.interval.low < 0);
  // Beyond what is counted out: the normal tail, near the exact one.
  const std::vector<Index> many(exact_signs, 1);
  std::vector<Index> mixed(many), more(many);
  for (std::size_t i = 0; i < 960; ++i) mixed[i] = more[i] = -1;
  more.push_back(1);
  CHECK(p(more) < p(mixed));
  CHECK(p(more) > 0.85 * p(mixed));
}

TEST_CASE("covered shares: a union, cut at cells, in native pixels") {
  // 2 x 2 cells of 10 x 20 px
  const std::vector<Box> boxes{{0, 0, 10, 10}, {5, 5, 15, 25}};
  const auto s = cells::covered_shares({2, 2}, 20, 40, boxes);
  // cell (0, 0): 10 x 10 and rows 5..10, columns 5..20: 100 + 75 - 25 of 200
  CHECK(s[0] == doctest::Approx(150.0 / 200));
  CHECK(s[1] == doctest::Approx(25.0 / 200));
  CHECK(s[2] == doctest::Approx(75.0 / 200));
  CHECK(s[3] == doctest::Approx(25.0 / 200));
  CHECK(cells::covered_shares({1, 1}, 20, 40, std::vector<Box>{{0, 0, 20, 40}})[0] == 1);
  // a box that ends on a cell's edge does not touch the next cell
  const auto edge = cells::covered_shares({1, 2}, 10, 20, std::vector<Box>{{0, 0, 10, 10}});
  CHECK(edge == std::vector<double>{1, 0});
}

TEST_CASE("ink: what differs from the cell's median by more than 12 levels") {
  Image image(4, 8);
  for (auto& v : image.rgb) v = 200;
  const auto set = [&](Index y, Index x, std::uint8_t v) {
    for (int c = 0; c < 3; ++c) image.row(y)[3 * x + c] = v;
  };
  set(1, 1, 100);  // 100 - 12
  set(2, 2, 190);  // within 12
  set(3, 3, 255);  // 55 - 12
  const auto ink = ink_map(image.view(), {1, 2});
  CHECK(ink == std::vector<double>{88 + 43, 0});
  CHECK(ink_map(image.view(), {3, 3}).size() == 9);  // cells that do not divide the picture
  double sum = 0;
  for (const double v : ink_map(image.view(), {4, 8})) sum += v;
  CHECK(sum == 0);  // cells of one pixel are their own median
}

TEST_CASE("token figures, counted by hand on 2 x 5 tokens") {
  Allocation a = keep_everything({2, 5});
  a.kept = {0, 1, 7};
  a.depth.assign(3, all_levels);
  a.why.assign(3, {});
  // boxes: token 1 whole, the left half of token 2, of 20 x 50 px
  const std::vector<Box> boxes{{0, 10, 10, 20}, {0, 20, 10, 25}};
  const std::vector<float> map{0.5f, 0.4f, 0.9f, 0.1f, 0.1f, 0, 0, 0.5f, 0, 0};
  const std::vector<double> ink{0.5, 2, 3, 0, 4, 0, 0.001, 0, 0, 5};
  const TokenFigures f = token_figures(a, map, boxes, ink, 20, 50, 0.5);
  CHECK(*f.recall == doctest::Approx(0.5));
  CHECK(*f.box_coverage == doctest::Approx(1 / 1.5));
  CHECK(*f.miss == 1);
  CHECK(*f.mass_in_box == doctest::Approx((0.4 + 0.45) / 2.5));
  // token 2 beats all 8 others; token 1 beats all but 0 and 7
  CHECK(*f.auc == doctest::Approx((8 + 6) / 16.0));
  CHECK(*f.iou20 == doctest::Approx(1.0 / 3));  // tokens 2 and 0 against 1 and 2
  CHECK(*f.legibility == doctest::Approx((5 + 0) / 2.0));
  CHECK(*f.ink_kept == doctest::Approx(2.5 / 14.501));
  CHECK(*f.largest_hole == doctest::Approx(2.0 / 5));  // 4 and 9 hang together; 6 holds too little to count
  const TokenFigures without = token_figures(a, {}, {}, {}, 20, 50, 1);
  CHECK(!without.recall);
  CHECK(!without.ink_kept);
}

TEST_CASE("a hole is followed in every direction, and not across corners") {
  Allocation a = keep_everything({3, 4});
  a.kept = {0, 1, 5};
  a.depth.assign(3, all_levels);
  a.why.assign(3, {});
  // dropped: the two right columns, the last row, and one token above its left end: right, down, left, up
  const std::vector<double> ink{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  CHECK(*token_figures(a, {}, {}, ink, 3, 4, 1).largest_hole == doctest::Approx(9.0 / 12));
  a.kept = {1, 3, 4, 6, 9, 11};
  a.depth.assign(6, all_levels);
  a.why.assign(6, {});
  CHECK(*token_figures(a, {}, {}, ink, 3, 4, 1).largest_hole == doctest::Approx(1.0 / 12));
}

TEST_CASE("a flat map tells nothing: kept tokens count instead") {
  Allocation a = keep_everything({1, 5});
  a.kept = {1, 3};
  a.depth.assign(2, all_levels);
  a.why.assign(2, {});
  const std::vector<float> flat(5, 1.f);
  const TokenFigures f = token_figures(a, flat, std::vector<Box>{{0, 10, 10, 20}}, {}, 10, 50, 1);
  CHECK(*f.auc == doctest::Approx((3 + 0.5) / 4));
  CHECK(*f.mass_in_box == doctest::Approx(0.5));
  CHECK(*f.iou20 == 1);
  const TokenFigures all =
      token_figures(keep_everything({1, 5}), flat, std::vector<Box>{{0, 10, 10, 20}}, {}, 10, 50, 1);
  CHECK(*all.auc == doctest::Approx(0.5));
  CHECK(!all.iou20);
  CHECK(!token_figures(a, flat, std::vector<Box>{{0, 0, 10, 50}}, {}, 10, 50, 1).auc);  // every token is under the box
}

TEST_CASE("distance of two kept sets") {
  const std::vector<Index> a{1, 2, 3}, b{2, 3, 4}, none;
  CHECK(distance(a, b) == doctest::Approx(0.5));
  CHECK(distance(a, a) == 0);
  CHECK(distance(a, none) == 1);
  CHECK(distance(none, none) == 0);
}

TEST_CASE("rank correlation: ties have their mean rank, equal values none") {
  using measure::rank_correlation;
  CHECK(*rank_correlation({1, 2, 3, 4}, {10, 20, 30, 99}) == doctest::Approx(1));
  CHECK(*rank_correlation({1, 2, 3, 4}, {4, 3, 2, -1}) == doctest::Approx(-1));
  // Ranks 0.5 0.5 2 3 and 0 1 2 3: covariance 4.5, variances 4.5 and 5.
  CHECK(*rank_correlation({1, 1, 2, 3}, {5, 6, 7, 8}) == doctest::Approx(4.5 / std::sqrt(4.5 * 5)));
  CHECK_FALSE(rank_correlation({1, 1, 1}, {1, 2, 3}).has_value());
  CHECK_FALSE(rank_correlation({1}, {2}).has_value());
  CHECK_FALSE(rank_correlation({}, {}).has_value());
}

TEST_CASE("figures of a clip: tokens of pairs under boxes, and frame by frame") {
  // Two pairs of 1 x 3 cells of 10 x 10 px. Frame 0: cells 0 and 1. Frame 4, looked at as the third: cell 2 of pair 1.
  const std::vector<Box> boxes{{0, 5, 10, 15, 0}, {0, 20, 10, 30, 4}, {0, 0, 10, 10, 7}};
  const std::vector<Index> frames{0, 2, 4};
  const Allocation a = [] {
    Allocation all = keep_everything(TokenSet({1, 3}, 2));
    all.kept = {1, 3, 5};
    all.depth.resize(3);
    all.why.resize(3);
    return all;
  }();
  CHECK(recall_by_frame(a, boxes, frames, 2, 10, 30) == std::vector<double>{0.5, 1});
  const std::vector<Box> pairs{{0, 5, 10, 15, 0}, {0, 20, 10, 30, 1}};
  const TokenFigures f = token_figures(a, {}, pairs, {}, 10, 30, 2);
  CHECK(*f.recall == doctest::Approx(2.0 / 3));
  CHECK(*f.box_coverage == doctest::Approx(1.5 / 2));
  CHECK(*f.miss == 1);
  CHECK(*f.legibility == doctest::Approx((10 * 2 * 0.5 + 10 * 2) / 2));
  CHECK(!f.ink_kept);
}
