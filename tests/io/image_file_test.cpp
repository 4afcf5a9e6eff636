// Pictures against values stored from Pillow 13, torch and transformers 5.23 (tests/oracle/images.py --goldens), and
// broken files.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/npy.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "io/temporary_folder.hpp"

using namespace arrcoc;

namespace {

const std::filesystem::path pictures = std::filesystem::path(ARRCOC_TESTS_DIR) / "golden" / "pictures";

/// Largest difference from the stored array; 256 when the sizes differ.
int distance(const Image& got, const std::string& stored) {
  const HostTensor want = io::read_npy(pictures / stored);
  if (want.dtype != DType::u8 || want.shape != std::vector<Index>{got.height, got.width, 3}) return 256;
  int largest = 0;
  for (std::size_t i = 0; i < got.rgb.size(); ++i)
    largest = std::max(largest, std::abs(int{got.rgb[i]} - std::to_integer<int>(want.data[i])));
  return largest;
}

Image decode(std::string_view bytes, io::DecodeOptions options = {}) {
  return io::decode_image(std::as_bytes(std::span(bytes)), options, "picture");
}

void refuse(std::string_view bytes, const char* why) {
  CHECK_THROWS_WITH_AS(decode(bytes), doctest::Contains(why), Error);
  try {
    decode(bytes);
  } catch (const Error& e) { CHECK(e.code() == Code::bad_image); }
}

}  // namespace

TEST_CASE("every kind becomes what Pillow and transformers make of it") {
  for (const char* name :
       {"rgb.png", "rgba.png", "la.png", "palette2_alphas.png", "palette4_trns.png", "grey_key.png", "grey2_key170.png",
        "grey16.png", "rgba16.png", "interlaced_rgba.png", "q75_2.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg",
        "ycck.jpg", "lossy.webp", "alpha_lossy.webp", "alpha.webp", "animated.webp"}) {
    CAPTURE(name);
    const std::string file = name;
    const int allowed = file.ends_with(".jpg") ? 1 : 0;
    CHECK(distance(io::read_image(pictures / file), file + ".white.npy") <= allowed);
    CHECK(distance(io::read_image(pictures / file, {.alpha = io::Alpha::drop}), file + ".drop.npy") <= allowed);
  }
}

TEST_CASE("the containers that a library was found for, or are read without one") {
  const std::string formats = io::picture_formats();
  for (const auto& entry : {std::pair("BMP", "palette.bmp"),
                            {"BMP", "rle8.bmp"},
                            {"BMP", "fields_565.bmp"},
                            {"BMP", "fields_bgra124.bmp"},
                            {"GIF", "key.gif"},
                            {"GIF", "animated.gif"},
                            {"GIF", "made_interlaced.gif"},
                            {"GIF", "made_inside_key.gif"},
                            {"TIFF", "rgb_tiff_lzw.tif"},
                            {"TIFF", "raw_rgba16_be.tif"},
                            {"TIFF", "turned6.tif"},
                            {"TIFF", "raw_tiles.tif"},
                            {"AVIF", "rgb.avif"},
                            {"HEIC", "rgb.heic"}}) {
    const auto& [format, name] = entry;
    CAPTURE(entry.second);
    const std::string file = name;
    if (formats.find(format) == std::string::npos) {
      CHECK_THROWS_WITH_AS(io::read_image(pictures / file), doctest::Contains("this build has no"), Error);
      continue;
    }
    const int allowed = file.ends_with(".avif") || file.ends_with(".heic") ? 3 : 0;  // another decoder than Pillow's
    CHECK(distance(io::read_image(pictures / file), file + ".white.npy") <= allowed);
    CHECK(distance(io::read_image(pictures / file, {.alpha = io::Alpha::drop}), file + ".drop.npy") <= allowed);
  }
}

TEST_CASE("a picture is named by a path, a file: URL or a data: URL") {
  const Image rgb = io::read_image(pictures / "rgb.png");
  const std::string path = (pictures / "rgb.png").string();
  CHECK(io::read_picture(path) == rgb);
  CHECK(io::read_picture("file://" + path) == rgb);
  CHECK(io::read_picture("FILE://localhost" + path + "?x#y") == rgb);
  CHECK(io::picture_path("file:///a%20b%2fc") == "/a b/c");
  // A PNG of one red pixel, as base64 and percent-encoded.
  const std::string red =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
  for (const std::string& url :
       {"data:image/png;base64," + red, "DATA:;base64," + red.substr(0, 40) + "\n" + red.substr(40),
        "data:,%89PNG%0d%0a%1a%0a%00%00%00%0dIHDR%00%00%00%01%00%00%00%01%08%02%00%00%00%90wS%de"
        "%00%00%00%0cIDATx%9cc%f8%cf%c0%00%00%03%01%01%00%c9%fe%92%ef%00%00%00%00IEND%aeB%60%82" +
            std::string()}) {
    CAPTURE(url);
    CHECK(io::read_picture(url).rgb == std::vector<std::uint8_t>{255, 0, 0});
  }
  CHECK(io::picture_label("data:image/png;base64," + red) == "data:image/png;base64,... (114 characters)");
  CHECK(io::picture_label("a.png") == "a.png");
  const auto code_of = [](const std::string& name) {
    try {
      io::read_picture(name);
    } catch (const Error& e) { return e.code(); }
    return Code{};
  };
  CHECK(code_of("data:image/png;base64") == Code::bad_image);
  CHECK(code_of("data:;base64,ab*d") == Code::bad_image);
  CHECK(code_of("data:;base64,abcde") == Code::bad_image);
  CHECK(code_of("data:;base64,ab=d") == Code::bad_image);
  CHECK(code_of("data:,%9") == Code::bad_usage);
  CHECK(code_of("https://example.org/a.png") == Code::file_missing);
  CHECK(code_of("file://elsewhere/a.png") == Code::file_missing);
  CHECK(code_of("file:///a%00b") == Code::bad_usage);
}

TEST_CASE("EXIF turns when asked, and only then") {
  const Image upright = io::read_image(pictures / "turned2.png");
  for (int k = 2; k <= 8; ++k) {
    CAPTURE(k);
    const std::string file = "turned" + std::to_string(k) + ".png";
    CHECK(distance(io::read_image(pictures / file, {.exif = true}), file + ".exif.npy") == 0);
    CHECK(io::read_image(pictures / file) == upright);
  }
}

TEST_CASE("resize equals torch and both Pillows") {
  const Image noise = io::read_image(pictures / "noise.png");
  for (const auto& [h, w] : {std::pair<Index, Index>{9, 12}, {40, 64}, {22, 33}, {23, 90}}) {
    const std::string size = std::to_string(h) + "x" + std::to_string(w) + ".npy";
    CHECK(distance(qwen3vl::resize_bicubic(noise.view(), h, w, qwen3vl::Resize::torchvision),
                   "noise.torchvision." + size) == 0);
    CHECK(distance(qwen3vl::resize_bicubic(noise.view(), h, w, qwen3vl::Resize::pillow), "noise.pillow." + size) == 0);
    CHECK(distance(qwen3vl::resize_bicubic(noise.view(), h, w, qwen3vl::Resize::pillow13), "noise.pillow13." + size) ==
          0);
  }
}

TEST_CASE("cut files are refused at every length, trailing bytes are not") {
  for (const char* name : {"rgb.png", "interlaced_rgba.png", "palette2_alphas.png", "q75_2.jpg", "progressive.jpg",
                           "cmyk.jpg", "lossy.webp", "alpha.webp", "animated.webp"}) {
    CAPTURE(name);
    const std::string bytes = io::read_file(pictures / name);
    // The last bytes of a PNG close the file and hold no pixels.
    const std::size_t needed =
        std::string_view(name).ends_with(".png") ? bytes.rfind("IEND") - 4 - 4 - 6 : bytes.size() - 2;
    for (std::size_t n = 0; n < needed; n += 1 + n / 16) {
      CAPTURE(n);
      CHECK_THROWS_AS(decode(std::string_view(bytes).substr(0, n)), Error);
    }
    CHECK(decode(bytes + std::string(1000, '\x7e')) == decode(bytes));
  }
}

TEST_CASE("what is no picture, and headers that lie") {
  refuse("", "empty");
  refuse("FAX89a", "expected a picture (PNG, JPEG, WebP");
  refuse("BM is no header", "BMP");
  refuse("\xff\xd8\xff\xe0 nothing follows", "JPEG");
  refuse("RIFF\x10\0\0\0WEBPVP8 ", "expected a picture");  // the string ends at the first zero byte
  refuse(std::string_view("RIFF\x10\0\0\0WEBPVP8 \x04\0\0\0abcd", 24), "WebP");

  std::string jpeg = io::read_file(pictures / "q75_2.jpg");
  const auto frame = jpeg.find("\xff\xc0") + 5;
  jpeg.replace(frame, 4, "\xea\x60\xea\x60", 4);
  refuse(jpeg, "60000x60000");

  io::DecodeOptions small;
  small.max_pixels = 116;  // the picture has 117
  const std::string png = io::read_file(pictures / "rgb.png");
  CHECK_THROWS_WITH_AS(decode(png, small), doctest::Contains("at most 116 pixels"), Error);
  small.max_pixels = 117;
  CHECK(decode(png, small).width == 13);
  small.max_pixels = 0;  // 100 MP, or more for a longer file
  std::string large = png;
  large.replace(16, 8, std::string("\0\0\x27\x11\0\0\x27\x10", 8));  // 10001 x 10000
  refuse(large, "CRC");
  std::string broken = png;
  broken[broken.size() - 20] = static_cast<char>(broken[broken.size() - 20] ^ 0x55);
  refuse(broken, "PNG");
}

TEST_CASE("the file itself") {
  const test::TemporaryFolder folder;
  const auto code_of = [](auto&& f) {
    try {
      f();
    } catch (const Error& e) { return e.code(); }
    return Code::bad_usage;
  };
  CHECK(code_of([&] { io::read_image(folder.path / "absent.png"); }) == Code::file_missing);
  CHECK(code_of([&] { io::read_image(folder.path); }) == Code::file_unreadable);
  CHECK(code_of([&] { io::write_png(folder.path / "no" / "where.png", Image(2, 2).view()); }) == Code::bad_output);
  CHECK(code_of([&] { io::write_png(folder.path / "a.png", Image().view()); }) == Code::bad_image);
  Image image(40, 31);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(i * i / 7);
  io::write_png(folder.path / "a.png", image.view());
  io::write_png(folder.path / "a.png", image.view());  // over itself
  CHECK(io::read_image(folder.path / "a.png") == image);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}
