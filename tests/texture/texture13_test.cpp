#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "arrcoc/texture/texture13.hpp"
#include "laws/material.hpp"
#include "texture/golden.hpp"
#include "texture/naive_texture.hpp"

using namespace arrcoc;

TEST_CASE("a 2x3 grid worked by hand") {
  // 4 x 6 pixels, cells of 2 x 2. Left column of cells black, middle grey 100, right white; the lower right cell pure
  // red.
  Image im(4, 6);
  for (Index y = 0; y < 4; ++y)
    for (Index x = 0; x < 6; ++x)
      for (Index c = 0; c < 3; ++c) im.row(y)[3 * x + c] = x < 2 ? 0 : x < 4 ? 100 : (y >= 2 && c > 0) ? 0 : 255;
  const Textures t = Texture13{}.generate(im.view(), {2, 3});
  CHECK(t.channels.size() == 13);
  CHECK(t.at(1, t.channel("green")) == doctest::Approx(100 / 255.0));
  CHECK(t.at(5, t.channel("red")) == 1.f);
  CHECK(t.at(5, t.channel("blue")) == 0.f);
  CHECK(t.at(4, t.channel("row")) == 0.75f);
  CHECK(t.at(2, t.channel("col")) == doctest::Approx(5 / 6.0));
  // Cell 0: its columns are x = 0 (gradient 0) and x = 1, where 0 | 100: gx = 4 * 100. Mean 200 of 1020. Nothing
  // vertical.
  CHECK(t.at(0, t.channel("edge_x")) == doctest::Approx(200 / 1020.0));
  CHECK(t.at(0, t.channel("edge_y")) == 0.f);
  // Edge strengths there: 0 and 400 >> 3 = 50: flat and strong, half each: one bit of log2 3.
  CHECK(t.at(0, t.channel("edge_entropy")) == doctest::Approx(1 / std::log2(3.0)));
  // Only vertical edges: J = (80000, 0; 0, 0), floor 16 * 8^2.
  CHECK(t.at(0, t.channel("coherence")) == doctest::Approx(80000.0 / (80000.0 + 1024.0)));
}

TEST_CASE("equals the NumPy transcription") {
  const auto gold = golden::read();
  REQUIRE(gold.values.size() == std::size_t(gold.grid.count() * gold.columns));
  const Image im = golden::picture(gold.height, gold.width);
  const Textures t = Texture13{}.generate(im.view(), gold.grid);
  for (Index c = 0; c < 13; ++c) {
    double worst = 0;
    for (Index i = 0; i < gold.grid.count(); ++i) worst = std::max(worst, std::abs(t.at(i, c) - gold.at(i, c)));
    INFO(t.channels[std::size_t(c)]);
    CHECK(worst < (c == 12 ? 5e-6 : 1e-6));  // the entropy's logarithm is a table
  }
}

TEST_CASE("equals plain loops over the pixels for square, wide, ragged and tiny pictures") {
  for (const laws::Shape& s : {laws::Shape{256, 256, {8, 8}}, laws::Shape{75, 501, {3, 16}},
                               laws::Shape{333, 77, {10, 2}}, laws::Shape{200, 33, {1, 1}}, laws::Shape{5, 7, {8, 8}},
                               laws::Shape{1, 1, {1, 1}}, laws::Shape{700, 40, {2, 1}}}) {
    const Image im = laws::page(s.height, s.width, 2);
    const Textures t = Texture13{}.generate(im.view(), s.grid);
    const auto expected = naive::texture12(im.view(), s.grid);
    double worst = 0;
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (i % 13 != 11) worst = std::max(worst, std::abs(expected[i] - t.values[i]));
    INFO(s.height, " x ", s.width);
    CHECK(worst < 5e-6);
    for (const float v : t.values) CHECK((v >= 0.f && v <= 1.f));
  }
}

TEST_CASE("the parallel runner changes nothing") {
  const Image im = laws::page(500, 300, 1);
  Texture13 threaded;
  threaded.parallel_for = [](Index n, const std::function<void(Index)>& body) {
    std::vector<std::jthread> pool;
    for (Index k = 0; k < 3; ++k)
      pool.emplace_back([&, k] {
        for (Index i = n - 1 - k; i >= 0; i -= 3) body(i);
      });
  };
  CHECK(threaded.generate(im.view(), {16, 9}).values == Texture13{}.generate(im.view(), {16, 9}).values);
}

TEST_CASE("light on dark gives the edges of dark on light") {
  Image im = laws::page(128, 128, 1);
  for (std::size_t i = 0; i < im.rgb.size(); i += 3) im.rgb[i + 1] = im.rgb[i + 2] = im.rgb[i];  // grey
  Image turned = im;
  for (auto& p : turned.rgb) p = std::uint8_t(255 - p);
  const Textures a = Texture13{}.generate(im.view(), {4, 4}), b = Texture13{}.generate(turned.view(), {4, 4});
  for (const char* channel : {"edge_x", "edge_y", "coherence", "edge_entropy"})
    for (Index i = 0; i < 16; ++i) CHECK(a.at(i, a.channel(channel)) == b.at(i, b.channel(channel)));
}

TEST_CASE("a blank picture is finite and has no edges") {
  const Image im(64, 96);
  const Textures t = Texture13{}.generate(im.view(), {2, 3});
  for (Index i = 0; i < 6; ++i)
    for (const char* channel : {"red", "edge_x", "coherence", "colour_contrast", "intensity_contrast",
                                "orientation_contrast", "cluster_distance", "edge_entropy"})
      CHECK(t.at(i, t.channel(channel)) == 0.f);
}

TEST_CASE("cluster distance worked by hand") {
  // One feature: 0 0 1 10, k = 2. The mean is 2.75; nearest is 1, farthest from it 10. Members {0 0 1} and {10}:
  // centres 1/3 and 10, shares 3/4 and 1/4. Distance of 0: 3/4 * 1/3 + 1/4 * 10 = 2.75; of 1: 3/4 * 2/3 + 1/4 * 9
  // = 2.75; of 10: 3/4 * 29/3 = 7.25.
  std::array<std::vector<float>, texture::cluster_dims> features;
  for (auto& f : features) f.assign(4, 0.f);
  features[2] = {0, 0, 1, 10};
  const auto d = texture::cluster_distance(features, 2, 1);
  const double expected[] = {2.75, 2.75, 2.75, 7.25};
  for (std::size_t i = 0; i < 4; ++i) CHECK(d[i] == doctest::Approx(expected[i]));
  CHECK(texture::cluster_distance(features, 60, 3).size() == 4);  // more clusters than cells
}

TEST_CASE("log2 by table") {
  for (std::uint64_t n = 1; n < 70000; n = n * 9 / 8 + 1) {
    CHECK(texture::log2_of(n) == doctest::Approx(std::log2(double(n))).epsilon(3e-6));
    CHECK(texture::log2_of(n) < texture::log2_of(n + 1));
  }
  CHECK(texture::log2_of(1024) == 10.0);
}

TEST_CASE("errors name what is wrong") {
  const Image im(32, 32);
  CHECK_THROWS_WITH_AS((void)Texture13{}.generate(im.view(), {0, 3}), doctest::Contains("got 0 x 3"), Error);
  CHECK_THROWS_WITH_AS((void)Texture13{}.generate({}, {1, 1}), doctest::Contains("empty"), Error);
  CHECK_THROWS_WITH_AS((void)Texture13{{.clusters = 0}}.generate(im.view(), {1, 1}), doctest::Contains("clusters"),
                       Error);
}
