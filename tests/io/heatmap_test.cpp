// What a reader must be able to see in a heatmap.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/heatmap.hpp"
#include "arrcoc/io/webp_animation.hpp"

using namespace arrcoc;

namespace {

/// Black strokes on white paper.
Image page(Index height, Index width) {
  Image image(height, width);
  for (Index r = 0; r < height; ++r)
    for (Index c = 0; c < width * 3; ++c) image.row(r)[c] = (r / 4 + c / 12) % 2 == 0 ? 0 : 255;
  return image;
}

struct Look {
  int darkest = 765, brightest = 0, colour = 0;
};
Look look(const Image& image, Index r0, Index c0, Index r1, Index c1) {
  Look l;
  for (Index r = r0; r < r1; ++r)
    for (Index c = c0; c < c1; ++c) {
      const std::uint8_t* p = image.view().row(r) + c * 3;
      l.darkest = std::min(l.darkest, p[0] + p[1] + p[2]);
      l.brightest = std::max(l.brightest, p[0] + p[1] + p[2]);
      l.colour = std::max(l.colour, std::max({p[0], p[1], p[2]}) - std::min({p[0], p[1], p[2]}));
    }
  return l;
}

bool orange(const Image& image, Index r, Index c) {
  const std::uint8_t* p = image.view().row(r) + c * 3;
  return p[0] > 220 && p[1] < 140 && p[2] < 90;
}

}  // namespace

TEST_CASE("sizes: the long side between 512 and 1600 px, a strip below") {
  const std::vector<float> one{1};
  const std::vector<Index> kept{0};
  for (const auto& [h, w, width] :
       {std::array<Index, 3>{64, 32, 256}, {600, 800, 800}, {1000, 3200, 1600}, {4, 512, 512}}) {
    const Image map = io::render_heatmap(page(h, w).view(), {1, 1}, one, kept);
    CHECK(map.width == width);
    CHECK(map.height > h * width / w);
    CHECK(map.height < h * width / w + 60);
  }
  CHECK(io::render_heatmap(page(900, 3).view(), {1, 1}, one, kept).width ==
        3);  // too narrow for a legend, still a picture
}

TEST_CASE("kept cells stay readable in colour, dropped cells turn grey and dark, the border is drawn") {
  const std::vector<float> relevance{0, 1, 2, 3};
  const std::vector<Index> kept{1, 2};
  const Image map = io::render_heatmap(page(512, 512).view(), {2, 2}, relevance, kept);
  const Look dropped = look(map, 20, 20, 230, 230), alive = look(map, 20, 280, 230, 490),
             other = look(map, 280, 20, 490, 230);
  for (const Look& l : {alive, other}) {
    CHECK(l.brightest - l.darkest > 300);  // ink against paper
    CHECK(l.brightest > dropped.brightest + 120);
    CHECK(l.colour > dropped.colour + 20);
  }
  CHECK(dropped.brightest - dropped.darkest > 100);  // still to be guessed
  CHECK(orange(map, 100, 256));
  CHECK(orange(map, 100, 511));
  CHECK_FALSE(orange(map, 100, 255));
  CHECK_FALSE(orange(map, 100, 300));
}

TEST_CASE("more relevance is nearer to yellow, one outlier does not flatten the rest, a flat map is drawn") {
  Image white(512, 512);
  std::fill(white.rgb.begin(), white.rgb.end(), std::uint8_t{255});
  std::vector<float> relevance(256);
  std::vector<Index> kept;
  for (Index i = 0; i < 256; ++i) {
    relevance[static_cast<std::size_t>(i)] = static_cast<float>(i);
    kept.push_back(i);
  }
  relevance[255] = 1e9f;
  const Image map = io::render_heatmap(white.view(), {16, 16}, relevance, kept);
  const auto red_minus_blue = [&](Index cell) {
    const auto* p = map.view().row(cell / 16 * 32 + 16) + (cell % 16 * 32 + 16) * 3;
    return int{p[0]} - int{p[2]};
  };
  CHECK(red_minus_blue(240) > red_minus_blue(180) + 10);
  CHECK(red_minus_blue(180) > red_minus_blue(60) + 10);
  std::fill(relevance.begin(), relevance.end(), 0.25f);
  CHECK(io::render_heatmap(white.view(), {16, 16}, relevance, kept).width == 512);
}

TEST_CASE("tokens of any size: each shows what it covers, and what none covers is dark") {
  Image white(512, 512);
  std::fill(white.rgb.begin(), white.rgb.end(), std::uint8_t{255});
  const TokenSet tokens({4, 4}, {{0, 0, 2, 4}, {2, 0, 1, 1}, {2, 1.5f, 2, 2.5f}});
  const Image map = io::render_heatmap(white.view(), tokens, std::vector<float>{0, 1, 2}, std::vector<Index>{0, 1, 2});
  const auto at = [&](Index r, Index c) {
    const auto* p = map.view().row(r) + c * 3;
    return std::array<int, 3>{p[0], p[1], p[2]};
  };
  CHECK(at(60, 60) == at(200, 450));  // one token
  CHECK(at(400, 300) != at(60, 60));  // another
  CHECK(at(400, 300) == at(300, 450));
  CHECK(at(450, 60)[0] < 150);  // none
  CHECK(at(450, 185)[0] < 150);
  CHECK(at(450, 215)[0] > 150);  // from column 1.5 on
}

TEST_CASE("wrong sizes and numbers are refused") {
  const Image image = page(64, 64);
  const std::vector<float> four{1, 2, 3, 4};
  const auto code_of = [&](ImageView picture, Grid grid, std::vector<float> v, std::vector<Index> kept) {
    try {
      io::render_heatmap(picture, grid, v, kept);
    } catch (const Error& e) { return e.code(); }
    return Code::bad_usage;
  };
  CHECK(code_of(image.view(), {3, 2}, four, {0}) == Code::shape_mismatch);
  CHECK(code_of(image.view(), {2, 2}, four, {4}) == Code::shape_mismatch);
  CHECK(code_of({}, {2, 2}, four, {0}) == Code::shape_mismatch);
  CHECK(code_of(image.view(), {2, 2}, {1, 2, 3, std::numeric_limits<float>::quiet_NaN()}, {0}) == Code::bad_number);
}

TEST_CASE("an animation: wrong sizes and times that go back are refused, equal frames prolong") {
  const auto code_of = [](auto run) {
    try {
      run();
    } catch (const Error& e) { return e.code(); }
    return Code{0};
  };
  CHECK(code_of([] { io::WebpAnimation(0, 64); }) == Code::bad_image);
  CHECK(code_of([] { io::WebpAnimation(64, 20000); }) == Code::bad_image);
  io::WebpAnimation clip(64, 64);
  clip.add(page(64, 64).view(), 0);
  clip.add(page(64, 64).view(), 500);
  CHECK(code_of([&] { clip.add(page(64, 32).view(), 800); }) == Code::shape_mismatch);
  CHECK(code_of([&] { clip.add(page(64, 64).view(), 400); }) == Code::bad_image);
  io::WebpAnimation other(64, 64);
  other.add(page(64, 64).view(), 0);
  const std::string file = other.finish(300);
  CHECK(file.substr(0, 4) == "RIFF");
  CHECK(file.substr(8, 4) == "WEBP");
}
