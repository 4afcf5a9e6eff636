// Named channels against their NumPy transcription (tests/oracle/texture_channels.py), worked examples, and refusals.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "arrcoc/texture/named.hpp"
#include "arrcoc/texture/repo13.hpp"
#include "arrcoc/texture/seed13.hpp"
#include "laws/material.hpp"
#include "laws/texture_laws.hpp"
#include "texture/golden.hpp"

using namespace arrcoc;

namespace {

struct Channels {
  std::vector<std::string> names;
  std::vector<std::vector<double>> rows;      // the raster's tokens, then some irregular places
  std::vector<std::vector<double>> sketches;  // seed13's tokens, then repo13's
};
Channels read_channels() {
  std::ifstream in(std::string(ARRCOC_TESTS_DIR) + "/golden/texture_channels.txt");
  std::size_t rows = 0, columns = 0, irregular = 0;
  in >> rows >> columns >> irregular;
  Channels out;
  out.names.resize(columns);
  for (auto& n : out.names) in >> n;
  const auto read = [&](auto& to, std::size_t count, std::size_t width) {
    to.assign(count, std::vector<double>(width));
    for (auto& r : to)
      for (double& v : r) in >> v;
  };
  read(out.rows, rows, columns);
  read(out.sketches, 2 * (rows - irregular), 13);
  REQUIRE(in);
  return out;
}
constexpr Grid grid{6, 9};
Image picture() { return golden::picture(150, 203); }
TokenSet irregular() {
  return {grid, std::vector<Place>{{0, 0, 2, 2}, {1.5, 2.25, 1, 3}, {0.25, 6, 0.5, 3}, {3, 0, 3, 4.5}, {4, 5, 1, 1}}};
}
Textures textures(const std::string& channels, const Image& im, const TokenSet& tokens) {
  return NamedTexture{{.channels = channels}}.generate(im.view(), tokens);
}
double one(const char* channel, const Image& im, TokenSet tokens = TokenSet(1, 1)) {
  return static_cast<double>(textures(channel, im, tokens).values[0]);
}
/// A grey picture, its levels by f(y, x).
template <class F>
Image grey(Index height, Index width, F&& f) {
  Image im(height, width);
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x)
      for (Index c = 0; c < 3; ++c) im.row(y)[3 * x + c] = static_cast<std::uint8_t>(f(y, x));
  return im;
}

}  // namespace

TEST_CASE("every channel equals its NumPy transcription, on a raster and on any places") {
  const Channels gold = read_channels();
  std::string all;
  for (const auto& n : gold.names) all += (all.empty() ? "" : "+") + n;
  const Image im = picture();
  const Textures raster = textures(all, im, grid), places = textures(all, im, irregular());
  REQUIRE(raster.channels == gold.names);
  const auto cells = static_cast<std::size_t>(grid.count());
  REQUIRE(gold.rows.size() == cells + static_cast<std::size_t>(places.count()));
  for (std::size_t c = 0; c < gold.names.size(); ++c) {
    double worst = 0;
    for (std::size_t i = 0; i < gold.rows.size(); ++i) {
      const Textures& t = i < cells ? raster : places;
      const auto token = static_cast<Index>(i < cells ? i : i - cells);
      worst = std::max(worst, std::abs(static_cast<double>(t.at(token, static_cast<Index>(c))) - gold.rows[i][c]));
    }
    CAPTURE(gold.names[c]);
    CHECK(worst < 2e-6);
  }
  // Nothing that has a name is left out: the transcription and the catalogue name the same channels.
  for (const auto& family : texture::families)
    for (const auto name : family.names) {
      const bool old = std::find(Texture13::channel_names.begin(), Texture13::channel_names.end(), name) !=
                       Texture13::channel_names.end();
      CAPTURE(name);
      CHECK((old || std::find(gold.names.begin(), gold.names.end(), name) != gold.names.end()));
    }
}

TEST_CASE("the older sketches equal their torch code, faults and all") {
  const Channels gold = read_channels();
  const Image im = picture();
  const Textures t[] = {Seed13Texture{}.generate(im.view(), grid), Repo13Texture{}.generate(im.view(), grid)};
  for (std::size_t s = 0; s < 2; ++s) {
    REQUIRE(t[s].channel_count() == 13);
    for (Index c = 0; c < 13; ++c) {
      double worst = 0;
      for (Index i = 0; i < grid.count(); ++i)
        worst =
            std::max(worst, std::abs(static_cast<double>(t[s].at(i, c)) -
                                     gold.sketches[s * 54 + static_cast<std::size_t>(i)][static_cast<std::size_t>(c)]));
      CAPTURE(t[s].channels[static_cast<std::size_t>(c)]);
      CHECK(worst < 2e-6);
    }
  }
  // The copies are copies, bit for bit; the frame of edges is there on a blank page; four samples miss a small word.
  for (Index i = 0; i < grid.count(); ++i) {
    CHECK(t[0].at(i, 8) == t[0].at(i, 7));
    CHECK(t[1].at(i, 11) == t[1].at(i, 7));
  }
  const Image white = grey(320, 320, [](Index, Index) { return 255; });
  const Textures blank = Seed13Texture{}.generate(white.view(), {10, 10});
  CHECK(blank.at(0, 7) > 0.1f);
  CHECK(blank.at(55, 7) < 1e-12f);
  Image word = white;  // a cell's corner inked: the plain mean sees it, the samples of repo13 do not
  for (Index y = 0; y < 10; ++y)
    for (Index x = 0; x < 10; ++x) word.row(32 + y)[3 * (32 + x)] = 0;
  CHECK(Repo13Texture{}.generate(word.view(), {10, 10}).at(11, 0) == 1.f);
  CHECK(textures("red", word, {10, 10}).at(11, 0) < 0.95f);
}

TEST_CASE("channels by name: chosen, ordered, of any scale, and sets among them") {
  const Image im = picture();
  const Textures t = textures("sobel_abs.3+luma+red+luma", im, grid);
  CHECK(t.channels == std::vector<std::string>{"sobel_abs.3", "luma", "red"});
  CHECK(textures("full40", im, grid).channel_count() == 40);
  CHECK(textures("d28_13", im, grid).channel_count() == 13);
  CHECK(textures("d28_17+corner", im, grid).channel_count() == 18);
  // What a scorer of texture13 reads is there under the same name, with the same numbers.
  const Textures old = Texture13{}.generate(im.view(), grid),
                 now = textures("edge_entropy+intensity_contrast", im, grid);
  for (Index i = 0; i < grid.count(); ++i) {
    CHECK(now.at(i, 0) == old.at(i, old.channel("edge_entropy")));
    CHECK(now.at(i, 1) == old.at(i, old.channel("intensity_contrast")));
  }
  // Wider boxes are cut at the rim: in the middle of 3 x 3 cells NAME.3 is the mean of all.
  const Image nine = grey(96, 96, [](Index y, Index x) { return 20 * (y / 32 * 3 + x / 32); });
  CHECK(textures("luma.3", nine, {3, 3}).at(4, 0) == doctest::Approx(80 / 255.0));
  CHECK(textures("luma.3", nine, {3, 3}).at(0, 0) == doctest::Approx((0 + 20 + 60 + 80) / 4 / 255.0).epsilon(0.2));
}

TEST_CASE("channels worked by hand") {
  const Image rule = grey(64, 64, [](Index, Index x) { return x >= 30 && x < 33 ? 0 : 255; });  // a rule 3 px wide
  CHECK(one("stroke_width", rule) == doctest::Approx(3 / 9.0));
  CHECK(one("text_likeness", rule) == 0.0);
  CHECK(one("black_hat", rule) == doctest::Approx(3 / 64.0));
  CHECK(one("top_hat", rule) == 0.0);
  CHECK(one("sobel_x", rule) == doctest::Approx(0.0));                         // signed gradients cancel,
  CHECK(one("sobel_abs", rule) == doctest::Approx(4 * 1020 / (2040.0 * 64)));  // their sizes do not
  CHECK(one("orientation", rule) == 0.0);
  CHECK(one("corner", rule) == 0.0);
  CHECK(one("gabor_0", rule) > 5 * one("gabor_90", rule));
  const Image lying = grey(64, 64, [](Index y, Index) { return y >= 30 && y < 33 ? 0 : 255; });
  CHECK(one("orientation", lying) == doctest::Approx(0.5));
  CHECK(one("gabor_90", lying) == one("gabor_0", rule));
  const Image stripes =
      grey(64, 64, [](Index y, Index x) { return (x + y) / 2 % 2 ? 255 : 0; });  // rising to the right
  CHECK(one("gabor_135", stripes) > 2 * one("gabor_45", stripes));
  const Image dots = grey(64, 64, [](Index y, Index x) { return y / 4 % 4 == 1 && x / 4 % 4 == 1 ? 0 : 255; });
  CHECK(one("text_likeness", dots) > 0.2);
  CHECK(one("corner", dots) > 0.1);
  const Image flat = grey(64, 64, [](Index, Index) { return 128; });
  for (const char* c : {"edge_distance"}) CHECK(one(c, flat) == 1.0);
  for (const char* c : {"local_variance", "intensity_entropy", "gradient_entropy", "on_dog", "off_dog", "gabor_0",
                        "spectral_residual", "text_likeness", "stroke_width", "saturation", "corner"})
    CHECK(one(c, flat) == 0.0);
  // Two halves of the grey scale in equal parts: one bit of five.
  CHECK(one("intensity_entropy", grey(64, 64, [](Index, Index x) { return x < 32 ? 0 : 255; })) ==
        doctest::Approx(0.2));
  // White's CIELAB: L 100, no colour.
  const Image white = grey(8, 8, [](Index, Index) { return 255; });
  CHECK(one("lab_l", white) == doctest::Approx(1).epsilon(1e-4));
  CHECK(one("lab_a", white) == doctest::Approx(128 / 255.0).epsilon(1e-3));
  // Position: to the right of the middle 1/2, above it 3/4; corners are as far as it goes.
  const Textures place = textures("eccentricity+polar_angle", white, {3, 3});
  CHECK(place.at(4, 0) == 0.f);
  CHECK(place.at(5, 1) == 0.5f);
  CHECK(place.at(1, 1) == doctest::Approx(0.75));
  CHECK(place.at(0, 0) == doctest::Approx(2 / 3.0));
  const Textures twice = textures("duplicate_block", white, {2, 2});
  CHECK(twice.values == std::vector<float>{0, 1, 1, 1});
}

TEST_CASE("light strokes on dark ground and dark ones on light: sizes of gradients cannot tell, hats and ON/OFF can") {
  const auto text = [](bool dark) {
    return grey(64, 64, [=](Index y, Index x) {
      const bool ink = y / 4 % 3 == 1 && (x * 5 + y / 2) / 6 % 3 == 0;
      return ink == dark ? 90 : 150;
    });
  };
  CHECK(one("sobel_abs", text(true)) == one("sobel_abs", text(false)));
  CHECK(one("text_likeness", text(true)) == doctest::Approx(one("text_likeness", text(false))).epsilon(0.05));
  CHECK(one("off_dog", text(true)) == doctest::Approx(one("on_dog", text(false))).epsilon(1e-4));
  CHECK(one("black_hat", text(true)) == doctest::Approx(one("top_hat", text(false))));
  CHECK(one("black_hat", text(true)) != doctest::Approx(one("black_hat", text(false))));
}

TEST_CASE("functions without libm are as near as doubles need") {
  for (double x = -20; x < 20; x += 0.37) {
    CHECK(texture::exp_of(x) == doctest::Approx(std::exp(x)).epsilon(1e-13));
    CHECK(texture::cos_of(x) == doctest::Approx(std::cos(x)).epsilon(1e-12));
    CHECK(texture::sin_of(x) == doctest::Approx(std::sin(x)).epsilon(1e-12));
    CHECK(texture::angle_of(x, 3) == doctest::Approx(std::atan2(x, 3)).epsilon(1e-13));
    CHECK(texture::angle_of(3, x) == doctest::Approx(std::atan2(3, x)).epsilon(1e-13));
    CHECK(texture::angle_of(x, -0.01) == doctest::Approx(std::atan2(x, -0.01)).epsilon(1e-13));
    if (x > 0) CHECK(texture::log_of(x) == doctest::Approx(std::log(x)).epsilon(1e-13));
    if (x > 0) CHECK(texture::cube_root(x) == doctest::Approx(std::cbrt(x)).epsilon(1e-13));
  }
}

TEST_CASE("what one picture cannot say comes from a file, or is refused by name") {
  const Image im = picture();
  CHECK_THROWS_WITH_AS((void)textures("luma+depth", im, grid), doctest::Contains("maps=depth=FILE.npy"), Error);
  CHECK_THROWS_WITH_AS((void)textures("lumma", im, grid), doctest::Contains("nearest: luma"), Error);
  CHECK_THROWS_WITH_AS((void)textures("luma.4", im, grid), doctest::Contains("expected .3, .5, .7 or .9"), Error);
  NamedTexture t{{.channels = "luma+depth"}};
  t.maps = std::make_shared<const TextureMaps>(
      TextureMaps{{"depth", Plane<float>(1, 2, {0.f, 1.f})}, {"luma", Plane<float>(1, 1, {7.f})}});
  const Image small(8, 8);
  const Textures filled = t.generate(small.view(), {2, 4});
  CHECK(filled.channels == std::vector<std::string>{"luma", "depth"});
  CHECK(filled.channel("depth") == 1);
  CHECK_THROWS_WITH_AS((void)filled.channel("dept"),
                       "[textures] no channel named 'dept': expected one of luma, depth (E204)", Error);
  CHECK(filled.at(0, 0) == 7.f);  // any channel may come from a file
  CHECK(filled.at(1, 1) == 0.f);
  CHECK(filled.at(2, 1) == 1.f);
  NamedTexture looked{{.channels = "attention.3"}};
  CHECK_THROWS_WITH_AS((void)looked.generate(small.view(), {2, 4}), doctest::Contains("maps=attention=FILE.npy"),
                       Error);
  looked.maps =
      std::make_shared<const TextureMaps>(TextureMaps{{"attention", Plane<float>(1, 4, {0.f, 3.f, 0.f, 0.f})}});
  CHECK(looked.generate(small.view(), {2, 4}).at(0, 0) == 1.5f);  // columns 0 and 1 of four: the rim cuts a third
  CHECK(looked.generate(small.view(), {2, 4}).at(1, 0) == doctest::Approx(1));
  D28x13Texture set;
  set.maps = std::make_shared<const TextureMaps>(TextureMaps{{"temporal_difference", Plane<float>(1, 1, {0.5f})}});
  CHECK(set.generate(im.view(), grid).channels.back() == "temporal_difference");
}

TEST_CASE("laws of the named sets") {
  CHECK(laws::broken_texture_laws<D28x13Texture>() == laws::Broken{});
  CHECK(laws::broken_texture_laws<Full40Texture>() == laws::Broken{});
  CHECK(laws::broken_texture_laws<Seed13Texture>() == laws::Broken{"copies", "box", "native"});
  CHECK(laws::broken_texture_laws<Repo13Texture>() == laws::Broken{"copies", "box", "native"});
}
