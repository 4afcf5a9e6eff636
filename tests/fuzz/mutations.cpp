// Damaged inputs through the decoders: usage: mutations SEED COUNT [SECONDS [TARGET INDEX]]
//
// COUNT inputs, split evenly over safetensors files, pictures of every container and tokenizer.json, each a valid file
// made here (or a golden one) and then changed at random. A decoder may accept an input or throw arrcoc::Error; any
// other exception, a crash, or more than ten seconds is a finding. Build it with -fsanitize=address,undefined. The last
// line is the verdict; TARGET INDEX runs one input again.
#include <cstdio>  // jpeglib.h needs it first

#include <jpeglib.h>
#include <png.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "arrcoc/core/random.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "arrcoc/io/tokenizer.hpp"
#include "io/temporary_folder.hpp"

extern "C" void __sanitizer_set_death_callback(void (*)(void)) __attribute__((weak));

using namespace arrcoc;
namespace fs = std::filesystem;

namespace {

using Bytes = std::string;

struct Target {
  const char* name;
  std::vector<Bytes> seeds;
  std::vector<Bytes> words;                  // spliced in
  std::function<void(Bytes&, Rng&)> repair;  // makes checksums and lengths right again
  std::function<void(const Bytes&)> decode;
  bool text = false;  // JSON
};

// ---- valid files ---------------------------------------------------------------------------------------------------

Bytes jpeg(int height, int width, int components, J_COLOR_SPACE space, bool progressive, unsigned restart,
           int sampling) {
  jpeg_compress_struct c;
  jpeg_error_mgr errors;
  c.err = jpeg_std_error(&errors);
  jpeg_create_compress(&c);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&c, &memory, &size);
  c.image_height = static_cast<JDIMENSION>(height);
  c.image_width = static_cast<JDIMENSION>(width);
  c.input_components = components;
  c.in_color_space = space;
  jpeg_set_defaults(&c);
  if (progressive) jpeg_simple_progression(&c);
  c.restart_interval = restart;
  c.comp_info[0].h_samp_factor = c.comp_info[0].v_samp_factor = sampling;
  jpeg_start_compress(&c, TRUE);
  const unsigned char exif[] = "Exif\0\0II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\6\0\0\0\0\0\0";  // orientation 6
  jpeg_write_marker(&c, JPEG_APP0 + 1, exif, sizeof exif - 1);
  std::vector<unsigned char> row(static_cast<std::size_t>(width * components));
  for (int y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < row.size(); ++x)
      row[x] = static_cast<unsigned char>((x * 37 + static_cast<std::size_t>(y) * 11) & 255);
    JSAMPROW rows = row.data();
    jpeg_write_scanlines(&c, &rows, 1);
  }
  jpeg_finish_compress(&c);
  Bytes out(reinterpret_cast<char*>(memory), size);
  jpeg_destroy_compress(&c);
  std::free(memory);
  return out;
}

Bytes png(unsigned height, unsigned width, int depth, int colour, bool interlaced, bool transparent) {
  Bytes out;
  png_structp p = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(p);
  png_set_write_fn(
      p, &out,
      [](png_structp w, png_bytep data, png_size_t n) {
        static_cast<Bytes*>(png_get_io_ptr(w))->append(reinterpret_cast<char*>(data), n);
      },
      nullptr);
  png_set_IHDR(p, info, width, height, depth, colour, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_color palette[4] = {{1, 2, 3}, {200, 100, 50}, {9, 9, 9}, {255, 255, 255}};
  png_byte alpha[4] = {0, 128, 255, 255};
  png_color_16 key{};
  if (colour == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(p, info, palette, 4);
  if (transparent) png_set_tRNS(p, info, alpha, colour == PNG_COLOR_TYPE_PALETTE ? 4 : 0, &key);
  png_set_gAMA(p, info, 0.45455);
  png_write_info(p, info);
  std::vector<png_byte> pixels(png_get_rowbytes(p, info) * height);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<png_byte>(colour == PNG_COLOR_TYPE_PALETTE ? (depth == 8 ? i % 4 : 0x1b) : i * 31);
  std::vector<png_bytep> rows;
  for (unsigned y = 0; y < height; ++y) rows.push_back(pixels.data() + y * png_get_rowbytes(p, info));
  png_write_image(p, rows.data());
  png_write_end(p, info);
  png_destroy_write_struct(&p, &info);
  return out;
}

std::uint32_t big_endian(const Bytes& b, std::size_t at) {
  std::uint32_t v = 0;
  for (std::size_t i = 0; i < 4; ++i) v = (v << 8) | static_cast<unsigned char>(b[at + i]);
  return v;
}

/// Makes the chunk checksums right again, so that most changes reach past them.
void repair_png(Bytes& b, Rng& rng) {
  if (rng.below(8) == 0) return;
  for (std::size_t at = 8; at + 12 <= b.size();) {
    const std::size_t length = big_endian(b, at);
    if (length > b.size() - at - 12) return;
    std::uint32_t crc = 0xffffffffu;
    for (std::size_t i = at + 4; i < at + 8 + length; ++i) {
      crc ^= static_cast<unsigned char>(b[i]);
      for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
    }
    crc = ~crc;
    for (unsigned i = 0; i < 4; ++i) b[at + 8 + length + i] = static_cast<char>((crc >> (24 - 8 * i)) & 255);
    at += 12 + length;
  }
}

/// Makes the header length fit the place where the header's braces end.
void repair_safetensors(Bytes& b, Rng& rng) {
  const auto end = b.rfind('}');
  if (rng.below(8) == 0 || end == Bytes::npos || end < 8) return;
  for (unsigned i = 0; i < 8; ++i) b[i] = static_cast<char>((std::uint64_t{end - 7} >> (8 * i)) & 255);
}

// ---- changes -------------------------------------------------------------------------------------------------------

const char* const numbers[] = {"0",
                               "-1",
                               "1",
                               "255",
                               "4294967295",
                               "9223372036854775807",
                               "18446744073709551615",
                               "18446744073709551616",
                               "1e999",
                               "0.5",
                               "-0",
                               "1000000000"};

void change(Bytes& b, const Target& target, Rng& rng) {
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(rng.below(n)); };
  if (b.empty()) b = "x";
  const std::size_t at = pick(b.size()), length = 1 + pick(std::min<std::size_t>(b.size() - at, 32));
  switch (rng.below(target.text ? 16 : 10)) {
    case 0: b[at] = static_cast<char>(b[at] ^ (1 << rng.below(8))); break;
    case 1: b[at] = static_cast<char>(rng.below(256)); break;
    case 2: b[at] = "\x00\x01\x7f\x80\xff\"{}[],:"[pick(13)]; break;
    case 3: b.erase(at, length); break;
    case 4: b.insert(pick(b.size()), b.substr(at, length)); break;
    case 5: b.resize(at); break;
    case 6: b.insert(at, target.words[pick(target.words.size())]); break;
    case 7: {  // part of another file
      const Bytes& other = target.seeds[pick(target.seeds.size())];
      const std::size_t from = pick(other.size());
      b.replace(at, length, other.substr(from, 1 + pick(std::min<std::size_t>(other.size() - from, 64))));
      break;
    }
    case 8: {  // another number where one stands
      const std::size_t first = b.find_first_of("0123456789", at);
      if (first == Bytes::npos) break;
      const std::size_t last = std::min(b.find_first_not_of("0123456789", first), b.size());
      b.replace(first, last - first, numbers[pick(std::size(numbers))]);
      break;
    }
    case 9:  // a big or small 16-bit length
      if (at + 1 < b.size())
        b[at] = static_cast<char>(rng.below(2) ? 0xff : 0), b[at + 1] = static_cast<char>(rng.below(256));
      break;
    default: {  // one JSON string in the place of another: what is left still parses
      const auto string_at = [&](std::size_t from) {
        const std::size_t begin = b.find('"', from), end = begin == Bytes::npos ? begin : b.find('"', begin + 1);
        return end == Bytes::npos ? std::pair<std::size_t, std::size_t>{0, 0} : std::pair{begin, end + 1 - begin};
      };
      const auto [from, from_length] = string_at(pick(b.size()));
      const auto [to, to_length] = string_at(at);
      if (from_length > 0 && to_length > 0) b.replace(to, to_length, b.substr(from, from_length));
    }
  }
}

// ---- decoders ------------------------------------------------------------------------------------------------------

volatile unsigned sink = 0;  // what is decoded is read, so that the sanitizer sees it

void decode_picture(const Bytes& b) {
  io::DecodeOptions options;
  options.max_pixels = 1 << 20;
  options.exif = true;
  const Image image = io::decode_image({reinterpret_cast<const std::byte*>(b.data()), b.size()}, options, "mutation");
  if (image.height <= 0 || image.width <= 0 ||
      image.rgb.size() != static_cast<std::size_t>(image.height * image.width * 3))
    throw std::logic_error("a picture without its pixels");
  for (const auto v : image.rgb) sink = sink + v;
}

void decode_safetensors(const Bytes& b, int memory) {
  if (::ftruncate(memory, 0) != 0 || ::pwrite(memory, b.data(), b.size(), 0) != static_cast<ssize_t>(b.size()))
    throw std::logic_error("no memory file");
  const fs::path file = "/proc/self/fd/" + std::to_string(memory);
  const auto opened = io::SafetensorsFile::open(file);
  // A read just past the end of a mapped file is no fault, so that is asked for: the tensors tile what follows the
  // header.
  std::uint64_t header = 0, stored = 0;
  std::memcpy(&header, b.data(), 8);
  for (const auto& [name, entry] : opened.entries()) {
    if (entry.end < entry.begin || entry.end > b.size() - 8 - header)
      throw std::logic_error("a tensor outside the file");
    stored += entry.end - entry.begin;
  }
  if (stored != b.size() - 8 - header) throw std::logic_error("tensors that do not tile the file");
  for (const auto& [name, entry] : opened.entries()) {
    if (entry.dtype != "F32" && entry.dtype != "BF16" && entry.dtype != "F16") continue;
    for (const float f : to_floats(opened.tensor(name))) sink = sink + (f > 0);
  }
}

void decode_tokenizer(const Bytes& b) {
  const auto tokenizer = io::Tokenizer::from_json(b, "mutation");
  const auto ids = tokenizer.encode("<|im_start|>user\nIt's 123 \xe6\x97\xa5 e\xcc\x81   x\r\n\r\n<|image_pad|>");
  sink = sink + static_cast<unsigned>(tokenizer.decode(ids).size());
  for (Index id = 0; id < std::min<Index>(tokenizer.size(), 300); ++id) {
    try {
      sink = sink + static_cast<unsigned>(tokenizer.decode({static_cast<TokenId>(id)}, true).size());
    } catch (const Error&) {  // an id without a token
    }
  }
}

/// The demo tokenizer with a few merges, as "a b" strings or as pairs.
Bytes merging_tokenizer(const Bytes& plain, bool pairs) {
  auto j = nlohmann::ordered_json::parse(plain);
  auto& model = j["model"];
  int id = 300;
  for (const auto& [left, right] : {std::pair("t", "'s"), std::pair("'", "s"), std::pair("u", "s"),
                                    std::pair("us", "e"), std::pair("use", "r"), std::pair("Ġ", "x")}) {
    if (!model["vocab"].contains(right)) continue;
    model["vocab"][std::string(left) + right] = id++;
    if (pairs) model["merges"].push_back({left, right});
    else model["merges"].push_back(std::string(left) + " " + right);
  }
  return j.dump();
}

std::vector<Target> targets(const fs::path& folder) {
  io::write_demo_model(folder / "demo", 1);
  std::vector<Target> out;
  std::vector<Bytes> files;
  io::write_safetensors(folder / "s", {{"a.weight", host_tensor(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3})},
                                       {"b", host_tensor(std::vector<std::uint16_t>{1, 2}, {2})},
                                       {"e", host_tensor(std::vector<float>{}, {0, 3})}});
  files.push_back(io::read_file(folder / "s"));
  io::write_safetensors(folder / "s", {{"w", host_tensor(std::vector<std::int64_t>{7}, {})}});
  files.push_back(io::read_file(folder / "s"));
  const int memory = ::memfd_create("mutation", 0);  // a file that costs no disk
  out.push_back({"safetensors",
                 files,
                 {"{", "}", "[", "]", ",", "\"dtype\":\"F16\"", "\"F8_E4M3\"", "\"shape\":[0]",
                  "\"data_offsets\":[0,8]", "\"__metadata__\":{}", "\\u0000", " "},
                 repair_safetensors,
                 [memory](const Bytes& b) { decode_safetensors(b, memory); },
                 true});
  const auto untouched = [](Bytes&, Rng&) {};
  out.push_back({"jpeg",
                 {jpeg(17, 23, 3, JCS_RGB, false, 0, 2), jpeg(17, 23, 3, JCS_RGB, true, 0, 2),
                  jpeg(16, 16, 1, JCS_GRAYSCALE, false, 2, 1), jpeg(9, 33, 4, JCS_CMYK, false, 0, 1),
                  jpeg(40, 8, 3, JCS_RGB, true, 1, 1)},
                 {"\xff\xd8", "\xff\xd9", "\xff\xda", "\xff\xc4", "\xff\xdb", "\xff\xc0", "\xff\xc2", "\xff\xe1",
                  "\xff\xee", "\xff\xdd", "\xff\xd0", "\xff\xff"},
                 untouched,
                 decode_picture});
  out.push_back(
      {"png",
       {png(11, 13, 8, PNG_COLOR_TYPE_RGB, false, false), png(11, 13, 8, PNG_COLOR_TYPE_RGBA, true, false),
        png(7, 9, 8, PNG_COLOR_TYPE_PALETTE, false, true), png(7, 9, 2, PNG_COLOR_TYPE_PALETTE, true, false),
        png(5, 17, 16, PNG_COLOR_TYPE_RGBA, false, false), png(5, 17, 1, PNG_COLOR_TYPE_GRAY, false, true),
        png(5, 5, 16, PNG_COLOR_TYPE_GRAY, true, true), png(6, 6, 8, PNG_COLOR_TYPE_GRAY_ALPHA, false, false)},
       {"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "iCCP", "eXIf", "acTL", "\xff\xff\xff\xff"},
       repair_png,
       decode_picture});
  const auto golden = [&](const char* name, std::initializer_list<const char*> endings, std::vector<Bytes> words) {
    std::vector<Bytes> seeds;
    for (const auto& file : fs::directory_iterator(ARRCOC_TESTS_DIR "/golden/pictures"))
      for (const char* ending : endings)
        if (file.path().extension() == ending) seeds.push_back(io::read_file(file.path()));
    std::sort(seeds.begin(), seeds.end());
    out.push_back({name, seeds, std::move(words), untouched, decode_picture});
  };
  const Bytes formats = io::picture_formats();
  golden("webp", {".webp"}, {"RIFF", "VP8X", "VP8L", "VP8 ", "ALPH", "ANIM", "ANMF", "EXIF", "\xff\xff\xff"});
  golden("bmp", {".bmp"}, {"BM", "\x28", "\x7c", "\xff\xff\xff\xff", "\x01", "\x02", "\x03"});
  if (formats.find("GIF") != Bytes::npos) golden("gif", {".gif"}, {"GIF89a", ",", "!", ";", "!\xf9\x04", "\xff\xff"});
  if (formats.find("TIFF") != Bytes::npos)
    golden("tiff", {".tif"}, {"II*", "MM", "\x01\x01", "\x02\x01", "\x11\x01", "\x3d\x01", "\xff\xff\xff\xff"});
  if (formats.find("AVIF") != Bytes::npos)
    golden("heif", {".avif", ".heic"},
           {"ftyp", "meta", "iloc", "iinf", "iprp", "ispe", "av1C", "hvcC", "mdat", "irot", "grid", "auxC"});
  const Bytes plain = io::read_file(folder / "demo" / "tokenizer.json");
  out.push_back({"tokenizer",
                 {plain, merging_tokenizer(plain, false), merging_tokenizer(plain, true)},
                 {"{", "}", "[", "]", ",", "null", "\"a b\"", "\"merges\":", "\"type\":\"BPE\"", "\"NFC\"", "(",
                  "(?=", "*", "+", "\\\\p{L}", "{1000}", "\"content\":\"\"", "\"special\":true", "\"\\ud800\""},
                 untouched,
                 decode_tokenizer,
                 true});
  return out;
}

char current[128] = "nothing yet";
void say_current() { std::fprintf(stderr, "mutations: died on %s\n", current); }

}  // namespace

int main(int count, char** words) {
  if (count < 3 || count == 5 || count > 6) {
    std::cerr << "usage: mutations SEED COUNT [SECONDS [TARGET INDEX]]\n";
    return 2;
  }
  const std::uint64_t seed = std::strtoull(words[1], nullptr, 10), total = std::strtoull(words[2], nullptr, 10);
  const double seconds = count > 3 ? std::strtod(words[3], nullptr) : 1e9;
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(say_current);
  const test::TemporaryFolder folder;
  const auto all = targets(folder.path);
  const auto clock = [] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };
  const double start = clock();
  std::uint64_t findings = 0, done = 0;
  std::string summary;

  for (std::size_t k = 0; k < all.size(); ++k) {
    const Target& target = all[k];
    for (const auto& valid : target.seeds) {
      try {
        target.decode(valid);
      } catch (const std::exception& e) {
        std::cout << target.name << ": a valid file is refused: " << e.what() << "\n";
        ++findings;
      }
    }
    const std::uint64_t share = total / all.size() + (k < total % all.size());
    const double until = start + seconds * static_cast<double>(k + 1) / static_cast<double>(all.size());
    std::uint64_t accepted = 0, refused = 0;
    for (std::uint64_t i = 0; i < share && clock() < until; ++i) {
      if (count == 6 && (words[4] != std::string(target.name) || i != std::strtoull(words[5], nullptr, 10))) continue;
      std::snprintf(current, sizeof current, "%s %llu of seed %llu", target.name, static_cast<unsigned long long>(i),
                    static_cast<unsigned long long>(seed));
      Rng rng(derive_seed(seed, std::string(target.name) + std::to_string(i)));
      Bytes input = target.seeds[static_cast<std::size_t>(rng.below(target.seeds.size()))];
      for (std::uint64_t n = rng.below(2) ? 1 : 1 + rng.below(4); n > 0; --n) change(input, target, rng);
      target.repair(input, rng);
      const double began = clock();
      try {
        target.decode(input);
        ++accepted;
      } catch (const Error&) { ++refused; } catch (const std::exception& e) {
        ++findings;
        std::cout << current << ": " << e.what() << "\n";
      }
      if (clock() - began > 10.0) {
        ++findings;
        std::cout << current << ": took " << clock() - began << " s\n";
      }
    }
    done += accepted + refused;
    summary += std::string(summary.empty() ? "" : ", ") + target.name + " " + std::to_string(refused) + " refused " +
               std::to_string(accepted) + " accepted";
  }
  std::cout << "mutations: seed " << seed << ", " << done << " inputs (" << summary << "), " << findings
            << " findings\n";
  return findings == 0 ? 0 : 1;
}
