#include "train/event_file.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <string>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "io/temporary_folder.hpp"

using namespace arrcoc;
using namespace arrcoc::train;

namespace {
std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto b = static_cast<unsigned char>(c);
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}
std::uint64_t fixed(const std::string& s, std::size_t at, std::size_t n) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < n; ++i) v |= std::uint64_t{static_cast<unsigned char>(s.at(at + i))} << (8 * i);
  return v;
}
/// Written for the test, bit by bit, from RFC 3720's polynomial 0x1EDC6F41: messages are read lowest bit first.
std::uint32_t slow_crc(std::string_view bytes) {
  std::uint32_t c = 0xffffffffu;
  for (const char b : bytes)
    for (int k = 0; k < 8; ++k) {
      const bool bit = (static_cast<unsigned char>(b) >> k & 1) != 0, top = (c >> 31) != 0;
      c = c << 1 ^ (bit != top ? 0x1edc6f41u : 0u);
    }
  std::uint32_t reversed = 0;
  for (int k = 0; k < 32; ++k) reversed |= (c >> k & 1u) << (31 - k);
  return ~reversed;
}
}  // namespace

TEST_CASE("CRC-32C: the examples of RFC 3720, B.4") {
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
  std::string up, down;
  for (int i = 0; i < 32; ++i) up += static_cast<char>(i), down += static_cast<char>(31 - i);
  CHECK(crc32c(up) == 0x46dd794eu);
  CHECK(crc32c(down) == 0x113fdb5cu);
  CHECK(crc32c("123456789") == 0xe3069283u);
}

TEST_CASE("records and events, byte for byte") {
  test::TemporaryFolder t;
  std::filesystem::path path;
  {
    EventFile f(t.path, "arrcoc", 1.5, 0);
    f.scalar("train/loss", 300, 0.25f, 2.0);
    f.flush();
    path = f.path();
  }
  CHECK(path.filename() == "events.out.tfevents.0000000001.arrcoc");
  const std::string s = io::read_file(path);
  std::vector<std::string> events;
  for (std::size_t at = 0; at < s.size();) {
    const std::uint64_t n = fixed(s, at, 8);
    const auto masked = [](std::uint32_t c) { return (c >> 15 | c << 17) + 0xa282ead8u; };
    CHECK(fixed(s, at + 8, 4) == masked(slow_crc(s.substr(at, 8))));
    events.push_back(s.substr(at + 12, n));
    CHECK(fixed(s, at + 12 + n, 4) == masked(slow_crc(events.back())));
    at += 16 + n;
  }
  REQUIRE(events.size() == 2);
  // wall_time (1, fixed64) 1.5; file_version (3, bytes) "brain.Event:2"
  CHECK(hex(events[0]) ==
        "09000000000000f83f"
        "1a0d" +
            hex("brain.Event:2"));
  // wall_time 2.0; step (2, varint) 300; summary (5){value (1){tag (1) "train/loss", simple_value (2, fixed32) 0.25}}
  CHECK(hex(events[1]) ==
        "090000000000000040"
        "10ac02"
        "2a13"
        "0a11"
        "0a0a" +
            hex("train/loss") + "150000803e");
}

TEST_CASE("a resumed run says so") {
  test::TemporaryFolder t;
  const std::string s = io::read_file(EventFile(t.path, "arrcoc", 1.0, 7).path());
  CHECK(hex(s).find("1007"
                    "3a02"
                    "0801") != std::string::npos);  // step 7, session_log (7){status (1) START}
}

TEST_CASE("a folder that is not there") { CHECK_THROWS_AS(EventFile("/nonexistent/arrcoc", "a", 1, 0), Error); }
