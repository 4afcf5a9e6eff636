#include "event_file.hpp"

#include <array>
#include <bit>

#include "arrcoc/core/error.hpp"

namespace arrcoc::train {
namespace {

template <class T>
void put_fixed(std::string& out, T v) {  // little-endian on every machine
  for (std::size_t i = 0; i < sizeof v; ++i) out += static_cast<char>((v >> (8 * i)) & 0xff);
}
void put_varint(std::string& out, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7) out += static_cast<char>(v | 0x80);
  out += static_cast<char>(v);
}
enum Wire : unsigned { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
void put_key(std::string& out, unsigned field, Wire wire) { put_varint(out, field << 3 | wire); }
void put_bytes(std::string& out, unsigned field, std::string_view v) {
  put_key(out, field, Wire::bytes);
  put_varint(out, v.size());
  out += v;
}
std::string event_at(double wall_time, Index step) {
  std::string e;
  put_key(e, 1, Wire::fixed64);
  put_fixed(e, std::bit_cast<std::uint64_t>(wall_time));
  if (step > 0) {
    put_key(e, 2, Wire::varint);
    put_varint(e, static_cast<std::uint64_t>(step));
  }
  return e;
}
std::uint32_t masked(std::string_view v) {
  const std::uint32_t c = crc32c(v);
  return (c >> 15 | c << 17) + 0xa282ead8u;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> t{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t c = i;
      for (int k = 0; k < 8; ++k) c = (c & 1) ? 0x82f63b78u ^ (c >> 1) : c >> 1;
      t[i] = c;
    }
    return t;
  }();
  std::uint32_t c = 0xffffffffu;
  for (const char b : bytes) c = table[(c ^ static_cast<unsigned char>(b)) & 0xff] ^ (c >> 8);
  return ~c;
}

EventFile::EventFile(const std::filesystem::path& folder, std::string_view name, double wall_time, Index first_step) {
  // Readers take the files of a folder in the order of their names.
  std::string seconds = std::to_string(static_cast<long long>(wall_time));
  seconds.insert(0, seconds.size() < 10 ? 10 - seconds.size() : 0, '0');
  path_ = folder / ("events.out.tfevents." + seconds + "." + std::string(name));
  out_.open(path_, std::ios::binary | std::ios::app);
  std::string event = event_at(wall_time, 0);
  put_bytes(event, 3, "brain.Event:2");
  record(event);
  if (first_step > 0) {  // SessionLog{status: START}
    event = event_at(wall_time, first_step);
    put_bytes(event, 7, std::string_view("\x08\x01", 2));
    record(event);
  }
  flush();
}

void EventFile::scalar(std::string_view tag, Index step, float value, double wall_time) {
  std::string v, summary, event = event_at(wall_time, step);
  put_bytes(v, 1, tag);
  put_key(v, 2, Wire::fixed32);
  put_fixed(v, std::bit_cast<std::uint32_t>(value));
  put_bytes(summary, 1, v);
  put_bytes(event, 5, summary);
  record(event);
}

void EventFile::flush() {
  out_.flush();
  require_that(out_.good(), Code::bad_output, "train", [&] { return "cannot write " + path_.string(); });
}

void EventFile::record(const std::string& event) {
  std::string length, all;
  put_fixed(length, static_cast<std::uint64_t>(event.size()));
  all = length;
  put_fixed(all, masked(length));
  all += event;
  put_fixed(all, masked(event));
  out_.write(all.data(), static_cast<std::streamsize>(all.size()));
}

}  // namespace arrcoc::train
