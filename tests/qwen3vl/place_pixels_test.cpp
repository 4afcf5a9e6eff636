// Mixed scale: regions cut from the native picture. What Pillow makes of them: tests/oracle/images.py.
#include <doctest/doctest.h>

#include "arrcoc/qwen3vl/place_pixels.hpp"

using namespace arrcoc;
using namespace arrcoc::qwen3vl;

namespace {

VisionConfig small() {
  VisionConfig v;
  v.patch_size = 2;
  v.temporal_patch_size = 2;
  v.spatial_merge_size = 2;
  return v;
}

Image noise(Index height, Index width) {
  Image image(height, width);
  std::uint32_t state = 7;
  for (auto& x : image.rgb) x = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return image;
}

/// Left half black, right half white.
Image halves(Index height, Index width) {
  Image image(height, width);
  for (Index r = 0; r < height; ++r)
    for (Index c = width / 2; c < width; ++c)
      for (Index k = 0; k < 3; ++k) image.row(r)[3 * c + k] = 255;
  return image;
}

std::vector<float> rows_of(const Pixels& p, std::size_t token, const VisionConfig& v) {
  const auto size = static_cast<std::ptrdiff_t>(4 * v.patch_values());
  const auto first = p.rows.begin() + static_cast<std::ptrdiff_t>(token) * size;
  return {first, first + size};
}

}  // namespace

TEST_CASE("unit places of a picture in its own size are the rows of the whole picture") {
  const VisionConfig v = small();
  const Image image = noise(8, 12);  // 2 x 3 tokens of 4 px
  std::vector<Place> places;
  for (Index t = 0; t < 6; ++t) places.push_back(TokenSet(2, 3).at(t));
  const Pixels p = place_pixels(image.view(), {2, 3}, places, v, {});
  CHECK(p.rows == patchify(image.view(), v, {}));
  CHECK(p.patches == PatchGrid{1, 4, 6});
  CHECK(p.places == places);
  CHECK(p.segments.empty());
}

TEST_CASE("a place is made of its own region alone") {
  // A black region beside a white one, halved in size: whoever resized the whole would find grey at the border.
  const VisionConfig v = small();
  const Pixels p = place_pixels(halves(8, 16).view(), {1, 2}, {{0, 0}, {0, 1}}, v, {});
  for (const float x : rows_of(p, 0, v)) CHECK(x == -1.0f);
  for (const float x : rows_of(p, 1, v)) CHECK(x == 1.0f);
  const Image whole = resize_bicubic(halves(8, 16).view(), 4, 8);
  CHECK(whole.rgb[3 * 4] != 255);  // and it does
}

TEST_CASE("a place larger than a token, and one smaller, at whole pixels of the native picture") {
  const VisionConfig v = small();
  const Image image = noise(10, 15);  // 2 x 3 tokens of 5 px
  // Rows 0 to 1.5 of 2 tokens are pixels 0 to 7.5, so 0 to 8; columns 0.5 to 3 are 2.5 to 15, so 3 to 15.
  const Pixels p = place_pixels(image.view(), {2, 3}, {{0, 0.5f, 1.5f, 2.5f}, {1.5f, 0, 0.5f, 0.5f}}, v, {});
  const auto cut = [&](Index top, Index bottom, Index left, Index right) {
    Image out(bottom - top, right - left);
    for (Index r = 0; r < out.height; ++r) std::copy_n(image.view().row(top + r) + 3 * left, 3 * out.width, out.row(r));
    return patchify(resize_bicubic(out.view(), 4, 4).view(), v, {});
  };
  CHECK(rows_of(p, 0, v) == cut(0, 8, 3, 15));
  CHECK(rows_of(p, 1, v) == cut(8, 10, 0, 3));
  CHECK(p.rows.size() == 2 * 4 * 24);
}

TEST_CASE("places that cannot be cut are refused") {
  const VisionConfig v = small();
  const Image image = noise(8, 12);
  const auto refused = [&](ImageView from, std::vector<Place> places, Code code, const std::string& sentence) {
    try {
      place_pixels(from, {2, 3}, std::move(places), v, {});
      FAIL_CHECK("not refused: ", sentence);
    } catch (const Error& e) {
      CHECK(e.code() == code);
      CHECK(std::string(e.what()).find(sentence) != std::string::npos);
    }
  };
  refused(image.view(), {}, Code::bad_image, "expected a picture and at least one place");
  refused({}, {{0, 0}}, Code::bad_image, "expected a picture and at least one place");
  refused(image.view(), {{0, 2.5f}}, Code::bad_stage_output, "place 0 lies outside the picture");
  refused(image.view(), {{0, 0, 1, 1, 1}}, Code::bad_stage_output, "place 0 lies outside the picture");
  refused(image.view(), {{1, 0}, {0, 0}}, Code::bad_stage_output, "place 1 behind its successor");
}

TEST_CASE("unit places of a picture of another size are the stock's where its pixels are at hand") {
  const VisionConfig v = small();
  const Image image = noise(11, 17);
  const Pixels stock = picture_pixels(image.view(), {2, 3}, v, {});
  CHECK(stock.rows == patchify(resize_bicubic(image.view(), 8, 12).view(), v, {}));
  const std::vector<Place> places{{0, 0, 1, 1}, {0, 1, 1, 2}, {1, 0, 1, 1}, {1, 1, 1, 1}, {1, 2, 1, 1}};
  const Pixels mixed = place_pixels(image.view(), {2, 3}, places, v, {}, Resize::torchvision, &stock);
  const Pixels alone = place_pixels(image.view(), {2, 3}, places, v, {});
  CHECK(rows_of(mixed, 0, v) == rows_of(stock, 0, v));
  CHECK(rows_of(mixed, 3, v) == rows_of(stock, 4, v));
  CHECK(rows_of(mixed, 1, v) == rows_of(alone, 1, v));
  CHECK(rows_of(alone, 0, v) != rows_of(stock, 0, v));
}

TEST_CASE("segments of their own: rows and places go together, and each knows where it was") {
  const VisionConfig v = small();
  const Image image = noise(8, 12);
  std::vector<Place> places;
  for (Index t = 0; t < 6; ++t) places.push_back(TokenSet(2, 3).at(t));
  const Pixels p = place_pixels(image.view(), {2, 3}, places, v, {});
  std::vector<Index> order;
  const Pixels s = segmented(p, {1, 0, 1, 0, 3, 1}, order);
  CHECK(order == std::vector<Index>{1, 3, 0, 2, 5, 4});
  CHECK(s.segments == std::vector<Index>{2, 3, 1});
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto from = static_cast<std::size_t>(order[i]);
    CHECK(s.places[i] == p.places[from]);
    CHECK(rows_of(s, i, v) == rows_of(p, from, v));
  }
  CHECK_NOTHROW(check_plan({s.patches, s.places, s.segments}, 2));
  CHECK_THROWS_AS(check_plan({s.patches, s.places, {6}}, 2), Error);
  CHECK_THROWS_AS(segmented(p, {1, 0}, order), Error);
}

TEST_CASE("blurred: places larger than a token lose what a token cannot hold, the rest stays") {
  const Image image = noise(8, 12);  // tokens of 4 px
  CHECK(blurred(image.view(), {2, 3}, std::vector<Place>{{0, 0, 1, 1}}, 4).rgb == image.rgb);
  const Image soft = blurred(image.view(), {2, 3}, std::vector<Place>{{0, 0, 2, 2}}, 4);
  double before = 0, after = 0;  // steps between neighbours inside the place
  for (Index r = 0; r < 8; ++r)
    for (Index c = 1; c < 8; ++c) {
      const auto step = [&](const Image& of) {
        return std::abs(of.view().row(r)[3 * c] - of.view().row(r)[3 * c - 3]);
      };
      before += step(image);
      after += step(soft);
    }
  CHECK(after < before / 2);
  for (Index r = 0; r < 8; ++r)
    for (Index c = 8; c < 12; ++c) CHECK(soft.view().row(r)[3 * c] == image.view().row(r)[3 * c]);
}
