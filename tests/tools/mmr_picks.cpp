// mmr_picks SIMILARITY.npy RELEVANCE.npy K LAMBDA: the picks of greedy::mmr over a matrix of cosines [N, N] and a
// relevance [N], a line each: token, gain, cause.
#include <iostream>
#include <string>
#include <vector>

#include "arrcoc/io/npy.hpp"
#include "arrcoc/primitives/mmr.hpp"

using namespace arrcoc;

namespace {

struct Matrix final : SimilarityRows {
  HostTensor of;
  Index count() const override { return of.dim(0); }
  void row(Index token, std::span<float> out) const override {
    const auto n = static_cast<std::size_t>(count());
    const auto from = of.floats().subspan(static_cast<std::size_t>(token) * n, n);
    std::copy(from.begin(), from.end(), out.begin());
  }
};

int run(const std::vector<std::string>& words) {
  if (words.size() != 4) {
    std::cerr << "usage: mmr_picks SIMILARITY.npy RELEVANCE.npy K LAMBDA\n";
    return 2;
  }
  Matrix similarity;
  similarity.of = io::read_npy(words[0]);
  const HostTensor relevance = io::read_npy(words[1]);
  const auto picks = greedy::mmr(relevance.floats(), similarity, std::stoll(words[2]), std::stod(words[3]));
  std::cout.precision(9);
  for (const selection::Choice& c : greedy::reasons(picks, relevance.floats()))
    std::cout << c.token << " " << c.why.value << " " << name_of(c.why.cause) << "\n";
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
