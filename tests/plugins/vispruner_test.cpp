// Duplicates of VisPruner by the lists of each token's likest, beside every cosine of every round.
#include <doctest/doctest.h>

#include "../../plugins/vispruner/vispruner.hpp"
#include "arrcoc/core/similarity.hpp"

using namespace arrcoc;

namespace {

std::vector<Index> every_round(const Similarity& similarity, Index n, Index k, Index at_once) {
  std::vector<Index> rest;
  for (Index t = 0; t < n; ++t) rest.push_back(t);
  while (std::ssize(rest) > k) {
    std::vector<std::pair<float, std::size_t>> even;  // the likest first, equal ones from the back
    for (std::size_t i = 0; i < rest.size(); i += 2) {
      float most = -2;
      for (std::size_t j = 1; j < rest.size(); j += 2) most = std::max(most, similarity.at(rest[i], rest[j]));
      even.push_back({most, i});
    }
    std::sort(even.rbegin(), even.rend());
    even.resize(static_cast<std::size_t>(
        std::min({at_once, static_cast<Index>(std::ssize(rest)) - k, static_cast<Index>(std::ssize(even))})));
    std::vector<Index> left;
    for (std::size_t i = 0; i < rest.size(); ++i)
      if (std::none_of(even.begin(), even.end(), [&](const auto& e) { return e.second == i; })) left.push_back(rest[i]);
    rest = std::move(left);
  }
  return rest;
}

}  // namespace

TEST_CASE("vispruner: lists of the likest leave what all cosines of all rounds leave") {
  const Index n = 400, width = 6;
  for (const Index groups : {Index{1}, Index{3}, Index{40}}) {  // near one another: lists run out
    Rng draw(static_cast<std::uint64_t>(groups));
    std::vector<float> x, centres;
    for (Index i = 0; i < groups * width; ++i) centres.push_back(static_cast<float>(draw.uniform()) - 0.5f);
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < width; ++c)
        x.push_back(centres[static_cast<std::size_t>(i % groups * width + c)] +
                    0.1f * static_cast<float>(draw.uniform()));
    for (Index c = 0; c < 30 * width; ++c)  // bit for bit the same
      x[static_cast<std::size_t>(300 * width + c)] = x[static_cast<std::size_t>(c % (3 * width))];
    Evidence e;
    e.tokens = Grid{20, 20};
    const auto features = host_tensor(x, {n, width});
    e.similarity = std::shared_ptr<const SimilarityRows>(std::make_shared<const Similarity>(features));
    const Similarity own(features);
    for (const Index k : {Index{4}, Index{33}, Index{250}})
      for (const Index at_once : {Index{1}, Index{8}, Index{150}}) {
        CAPTURE(groups);
        CAPTURE(k);
        CAPTURE(at_once);
        Rng rng(1);
        const VisPrunerAllocator diverse{{.important_ratio = 0, .at_once = at_once}};
        CHECK(diverse.allocate(std::vector<float>(400, 0.5f), e, Budget{k, 0.25}, rng).kept ==
              every_round(own, n, k, at_once));
      }
  }
}
