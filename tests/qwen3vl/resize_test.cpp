// Picture preparation against vectors made with transformers 5.23, torch and Pillow 13.
#include <doctest/doctest.h>

#include "arrcoc/core/random.hpp"
#include "arrcoc/qwen3vl/patchify.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"

using namespace arrcoc;
using namespace arrcoc::qwen3vl;

namespace {
Image grey(Index h, Index w, std::vector<int> values) {
  Image out(h, w);
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t k = 0; k < 3; ++k) out.rgb[i * 3 + k] = static_cast<std::uint8_t>(values[i]);
  return out;
}
std::vector<int> red(const Image& image) {
  std::vector<int> out;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) out.push_back(image.rgb[i]);
  return out;
}
}  // namespace

TEST_CASE("smart_resize: released limits") {
  const auto size = [](Index h, Index w) { return smart_resize(h, w, 32, 65536, 16777216); };
  CHECK(size(1365, 2048) == Size{1376, 2048});
  CHECK(size(480, 640) == Size{480, 640});
  CHECK(size(720, 1280) == Size{704, 1280});  // 22.5 rounds to 22
  CHECK(size(1080, 1920) == Size{1088, 1920});
  CHECK(size(3024, 4032) == Size{3008, 4032});
  CHECK(size(6000, 8000) == Size{3520, 4704});
  CHECK(size(5000, 5000) == Size{4096, 4096});
  CHECK(size(240, 272) == Size{256, 256});
  CHECK(size(16, 16) == Size{256, 256});
  CHECK(size(48, 1000) == Size{64, 1184});
  CHECK(size(1, 200) == Size{32, 3648});
  CHECK(size(15, 3000) == Size{32, 3648});
  CHECK_THROWS_WITH_AS(size(1, 201), doctest::Contains("aspect ratio"), Error);
  CHECK_THROWS_AS(size(0, 10), Error);
}

TEST_CASE("bicubic row vectors, all three kinds") {
  const Image row = grey(1, 10, {0, 255, 17, 200, 3, 90, 128, 64, 255, 1});
  for (const Resize kind : {Resize::torchvision, Resize::pillow, Resize::pillow13}) {
    CHECK(red(resize_bicubic(row.view(), 1, 4, kind)) == std::vector<int>{116, 95, 96, 124});
    CHECK(red(resize_bicubic(row.view(), 1, 7, kind)) == std::vector<int>{91, 127, 125, 43, 109, 151, 89});
    CHECK(red(resize_bicubic(row.view(), 1, 16, kind)) ==
          std::vector<int>{0, 113, 253, 77, 56, 198, 90, 2, 73, 116, 126, 69, 120, 255, 111, 0});
  }
}

TEST_CASE("integer taps of the torchvision kind") {
  const auto taps = [](Index in, Index out) { return detail::resize_taps(in, out, Resize::torchvision); };
  const auto a = taps(10, 4), b = taps(10, 7), c = taps(10, 16);
  CHECK(a.precision == 16);
  CHECK(std::vector<std::int32_t>(a.weights.begin(), a.weights.begin() + 6) ==
        std::vector<std::int32_t>{23056, 27608, 15903, 1937, -2078, -891});
  CHECK(b.precision == 15);
  CHECK(std::vector<std::int32_t>(b.weights.begin(), b.weights.begin() + 4) ==
        std::vector<std::int32_t>{22684, 11794, -1681, -28});
  CHECK(c.precision == 14);
  CHECK(std::vector<std::int32_t>(c.weights.begin(), c.weights.begin() + 2) == std::vector<std::int32_t>{17563, -1179});
}

TEST_CASE("pass order: width first, and Pillow 13's height first") {
  const Image in = grey(4, 4, {0, 255, 0, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 0, 255, 0});
  const std::vector<int> width_first{78,  179, 244, 11,  76, 177, 128, 128, 128,
                                     128, 128, 128, 177, 76, 11,  244, 179, 78};
  CHECK(red(resize_bicubic(in.view(), 3, 6, Resize::pillow)) == width_first);
  CHECK(red(resize_bicubic(in.view(), 3, 6, Resize::pillow13)) ==
        std::vector<int>{66, 176, 233, 22, 79, 189, 128, 128, 128, 128, 128, 128, 189, 79, 22, 233, 176, 66});
  CHECK(resize_bicubic(in.view(), 4, 4) == in);
}

TEST_CASE("patchify: merge-block order, channel slowest, still pictures fill both frames") {
  VisionConfig v;
  v.patch_size = 2;
  v.temporal_patch_size = 2;
  v.spatial_merge_size = 2;
  Image in(8, 8);  // 4x4 patches: the first value of each patch names it
  for (Index r = 0; r < 8; ++r)
    for (Index c = 0; c < 8; ++c)
      for (Index k = 0; k < 3; ++k)
        in.row(r)[c * 3 + k] = static_cast<std::uint8_t>((r / 2 * 4 + c / 2) * 8 + k + (r % 2) * 4);
  const auto rows = patchify(in.view(), v, {});
  REQUIRE(rows.size() == 16 * 24);
  const auto code = [&](std::size_t i) { return static_cast<int>(std::lround(rows[i] * 127.5f + 127.5f)); };
  const std::vector<int> raster{0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15};
  for (std::size_t p = 0; p < 16; ++p) {
    CHECK(code(p * 24) == raster[p] * 8);          // channel 0, frame 0
    CHECK(code(p * 24 + 2) == raster[p] * 8 + 4);  // next row of the patch
    CHECK(code(p * 24 + 4) == raster[p] * 8);      // frame 1
    CHECK(code(p * 24 + 8) == raster[p] * 8 + 1);  // channel 1
  }
  Image codes(2 * 2 * 2, 4);
  std::fill(codes.rgb.begin(), codes.rgb.end(), std::uint8_t{181});
  CHECK(patchify(codes.view(), v, {})[0] == 0.41960785f);
  CHECK_THROWS_AS(patchify(Image(6, 8).view(), v, {}), Error);
}

TEST_CASE("patch rows and the tower agree on the order") {
  VisionConfig v;
  v.patch_size = 16;
  v.temporal_patch_size = 2;
  v.spatial_merge_size = 2;
  CHECK(merged_grid(704, 1280, v) == Grid{22, 40});
  std::vector<Index> order;
  for_each_patch({1, 4, 6}, 2, [&](Index r, Index c) { order.push_back(r * 6 + c); });
  CHECK(order ==
        std::vector<Index>{0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11, 12, 13, 18, 19, 14, 15, 20, 21, 16, 17, 22, 23});
}
