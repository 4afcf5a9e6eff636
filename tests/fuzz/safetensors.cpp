// A weight file: its header, and every tensor that it names.
#include <cstring>

#include "arrcoc/io/safetensors.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  fuzz::refuse_or_take([&] {
    const auto opened = io::SafetensorsFile::open(file.with(fuzz::text_of(data, size)));
    // A read just past the end of a mapped file is no fault, so that is asked for: the tensors tile the data.
    std::uint64_t header = 0, stored = 0;
    std::memcpy(&header, data, 8);
    for (const auto& [name, entry] : opened.entries()) {
      fuzz::must(entry.begin <= entry.end && entry.end <= size - 8 - header, "a tensor outside the file");
      stored += entry.end - entry.begin;
    }
    fuzz::must(stored == size - 8 - header, "tensors that do not tile the file");
    for (const auto& one : opened.entries()) fuzz::refuse_or_take([&] { (void)to_floats(opened.tensor(one.first)); });
  });
  return 0;
}
