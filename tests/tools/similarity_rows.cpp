// similarity_rows raw|centred IN.npy OUT.npy: the cosines of the rows of IN [N, D] f32 as [N, N], row by row.
#include <iostream>
#include <string>
#include <vector>

#include "arrcoc/core/similarity.hpp"
#include "arrcoc/io/npy.hpp"

using namespace arrcoc;

namespace {

int run(const std::vector<std::string>& words) {
  if (words.size() != 3 || (words[0] != "raw" && words[0] != "centred")) {
    std::cerr << "usage: similarity_rows raw|centred IN.npy OUT.npy\n";
    return 2;
  }
  const Similarity similarity(io::read_npy(words[1]), words[0] == "centred");
  const auto n = static_cast<std::size_t>(similarity.count());
  std::vector<float> all(n * n);
  for (std::size_t i = 0; i < n; ++i) similarity.row(static_cast<Index>(i), std::span(all).subspan(i * n, n));
  io::write_npy(words[2], host_tensor(std::move(all), {similarity.count(), similarity.count()}));
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run({words + 1, words + count});
  } catch (const Error& e) {
    std::cerr << e.what() << "\n";
    return e.exit_status();
  }
}
