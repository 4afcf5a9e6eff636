// An array of NumPy.
#include "arrcoc/io/npy.hpp"
#include "fuzz.hpp"

using namespace arrcoc;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  fuzz::refuse_or_take([&] {
    const HostTensor array = io::read_npy(file.with(fuzz::text_of(data, size)));
    Index count = 1;
    for (const Index n : array.shape) count *= n;
    fuzz::must(count == array.count(), "a shape that does not hold the values");
  });
  return 0;
}
