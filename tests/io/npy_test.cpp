#include <doctest/doctest.h>

#include <cstdlib>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/heatmap.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/npy.hpp"
#include "io/temporary_folder.hpp"

using namespace arrcoc;

namespace {
std::string npy(std::string header, std::string data) {
  header.resize(86, ' ');
  std::string s("\x93NUMPY\x01\0", 8);
  s += static_cast<char>(header.size());
  s += '\0';
  return s + header + data;
}
}  // namespace

TEST_CASE("npy: what is written is read back, with its dtype and shape") {
  const test::TemporaryFolder folder;
  const auto file = folder.path / "a.npy";
  io::write_npy(file, host_tensor(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3}));
  CHECK(io::read_file(file).size() == 128 + 24);
  const HostTensor back = io::read_npy(file);
  CHECK(back.shape == std::vector<Index>{2, 3});
  CHECK(to_floats(back) == std::vector<float>{1, 2, 3, 4, 5, 6});
  io::write_npy(file, host_tensor(std::vector<std::int64_t>{7, -8}, {2}));
  CHECK(io::read_npy(file).dtype == DType::i64);
}

TEST_CASE("npy: lying files are refused") {
  const test::TemporaryFolder folder;
  const auto file = folder.path / "b.npy";
  const auto check = [&](const std::string& bytes, const char* why) {
    io::write_file(file, bytes);
    CHECK_THROWS_WITH_AS(io::read_npy(file), doctest::Contains(why), Error);
  };
  check("", "magic");
  check("\x93NUMPY\x01", "magic");
  check(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "12345678"), "fill");
  check(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2,)}", "12345678"), "C order");
  check(npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "12345678"), "dtype");
  check(npy("{'descr':'<f4','fortran_order':False,'shape':(9999999999999999,)}", "1234"), "absurd");
  check(npy("{'descr':'<f4','fortran_order':False,'shape':(999999999,999999999)}", ""), "shape");
  CHECK_THROWS_AS(io::read_npy(folder.path / "missing.npy"), Error);
}

TEST_CASE("files appear whole or not at all") {
  const test::TemporaryFolder folder;
  io::write_file(folder.path / "f", "old");
  CHECK_THROWS_WITH_AS(io::write_file(folder.path / "f" / "g", "new"), doctest::Contains("cannot write"), Error);
  CHECK(io::read_file(folder.path / "f") == "old");
  CHECK_THROWS_AS(io::write_file(folder.path, "a folder"), Error);
  CHECK_THROWS_AS(io::read_file(folder.path), Error);
  io::write_file("/dev/null", "through");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("PNG round trip and broken pictures") {
  const test::TemporaryFolder folder;
  Image image(5, 7);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(i * 37);
  const auto file = folder.path / "a.png";
  io::write_png(file, image.view());
  CHECK(io::read_image(file) == image);
  const std::string bytes = io::read_file(file);
  const auto refuse = [&](std::string_view b, const char* why) {
    CHECK_THROWS_WITH_AS(io::decode_image(std::as_bytes(std::span(b)), {}, "p"), doctest::Contains(why), Error);
  };
  refuse("", "empty");
  refuse("GIF89a", "expected JPEG, PNG or WebP");
  refuse(std::string_view(bytes).substr(0, bytes.size() / 2), "truncated");
  std::string huge = bytes;
  huge[16] = huge[20] = 0x7f;  // a header of 2 G x 2 G pixels
  CHECK_THROWS_AS(io::decode_image(std::as_bytes(std::span(huge)), {}, "p"), Error);
  refuse("\xff\xd8\xff\xe0 nothing follows", "JPEG");
  refuse("RIFF\x10\0\0\0WEBPVP8 ", "WebP");
  io::DecodeOptions small;
  small.max_pixels = 30;
  CHECK_THROWS_WITH_AS(io::decode_image(std::as_bytes(std::span(bytes)), small, "p"), doctest::Contains("at most 30 pixels"), Error);
}

TEST_CASE("heatmap: kept cells keep their colour, dropped cells fade, wrong sizes are refused") {
  Image picture(64, 64);
  std::fill(picture.rgb.begin(), picture.rgb.end(), std::uint8_t{255});
  const std::vector<float> relevance{1, 0, 0, 0};
  const std::vector<Index> kept{0};
  const Image map = io::render_heatmap(picture.view(), {2, 2}, relevance, kept);
  CHECK(map.width == 512);
  CHECK(map.height > 512);
  const auto sum = [&](Index r, Index c) { const auto* p = map.rgb.data() + (r * map.width + c) * 3; return p[0] + p[1] + p[2]; };
  CHECK(sum(128, 128) > sum(384, 384) + 150);
  CHECK_THROWS_AS(io::render_heatmap(picture.view(), {3, 2}, relevance, kept), Error);
}
