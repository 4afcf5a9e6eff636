#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/picks.hpp"
#include "arrcoc/primitives/regions.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct HoloVConfig {
  Index crops = 16;    ///< blocks of the picture, about; 1..4096
  double alpha = 1;    ///< weight of the relevance in a crop's score; >= 0
  double beta = 0.09;  ///< weight of the variance of cosines; >= 0
  double p = 1;        ///< quotas go by the crop's score to this power; [0, 16]
  std::string validate() const {
    if (crops < 1 || crops > 4096) return "crops: expected 1..4096, got " + std::to_string(crops);
    for (const double x : {alpha, beta})
      if (!(x >= 0 && x < 1e6)) return "alpha, beta: expected numbers in [0, 1e6), got " + std::to_string(x);
    return p >= 0 && p <= 16 ? "" : "p: expected a number in [0, 16], got " + std::to_string(p);
  }
  bool operator==(const HoloVConfig&) const = default;
};

/// A quota for each crop, filled with its most relevant tokens. Crops are even blocks, about as many down as across for
/// their shape. A token's score is alpha relevance + beta v, v the population variance of its cosines with the others
/// of its crop, over the picture scaled to the mean of the relevance; a crop's is the mean of its tokens', at least 0;
/// quotas go by its power p, by largest remainder within what a crop holds. Exactly K. O(N^2 D / crops). Value:
/// relevance. Causes: primitives/picks.hpp, by rank. Relevance counts in its own unit.
/// Source: Zou et al. 2025, "HoloV" (arXiv 2510.02912). Differs: blocks in two dimensions for its runs of
/// raster order; largest remainder for its floor and padding; its factor 1000 changes nothing and is left out.
struct HoloVAllocator {
  static constexpr std::string_view name = "holov";
  static constexpr Needs may_need{Phase::vision, Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = HoloVConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const Grid g = e.tokens.grid;
    const auto wanted = static_cast<double>(config.crops);
    const auto near = [](double x, Index most) {
      return std::clamp<Index>(static_cast<Index>(std::floor(x + 0.5)), 1, most);
    };
    const Index rows = near(std::sqrt(wanted * static_cast<double>(g.rows) / static_cast<double>(g.cols)), g.rows),
                cols = near(wanted / static_cast<double>(rows), g.cols);
    const auto crops = blocks_of(e.tokens, selection::best(relevance, e.count()), rows, cols);
    const std::vector<double> variance = variances(crops, *e.similarity);
    double relevant = 0, varied = 0;
    for (std::size_t t = 0; t < relevance.size(); ++t)
      relevant += static_cast<double>(relevance[t]), varied += variance[t];
    const double scale = varied > 0 ? relevant / varied : 0;
    std::vector<double> weights;
    for (const auto& crop : crops) {
      double sum = 0;
      for (const Index t : crop) {
        const auto at = static_cast<std::size_t>(t);
        sum += config.alpha * static_cast<double>(relevance[at]) + config.beta * scale * variance[at];
      }
      weights.push_back(crop.empty() ? 0 : std::pow(std::max(0.0, sum / static_cast<double>(crop.size())), config.p));
    }
    return selection::finish(e.tokens, greedy::by_quota(crops, weights, budget.resolve(e.count()).kept, relevance),
                             budget);
  }

 private:
  /// Of each token's cosines with the others of its crop: [N].
  static std::vector<double> variances(const std::vector<std::vector<Index>>& crops, const SimilarityRows& similarity) {
    std::vector<double> out(static_cast<std::size_t>(similarity.count()));
    std::vector<float> row;
    for (const auto& crop : crops)
      for (std::size_t t = 0; t < crop.size(); ++t) {
        constexpr std::size_t some = 16;  // tokens at a time
        if (t % some == 0) {
          const auto now = std::span(crop).subspan(t, std::min(some, crop.size() - t));
          row.resize(now.size() * crop.size());
          similarity.block(now, crop, row);
        }
        const float* own = &row[t % some * crop.size()];
        double sum = 0, squares = 0;
        for (std::size_t o = 0; o < crop.size(); ++o)
          if (o != t) sum += static_cast<double>(own[o]);
        const double count = static_cast<double>(crop.size()) - 1, mean = count > 0 ? sum / count : 0;
        for (std::size_t o = 0; o < crop.size(); ++o)
          if (o != t) {
            const double d = static_cast<double>(own[o]) - mean;
            squares += d * d;
          }
        if (count > 0) out[static_cast<std::size_t>(crop[t])] = squares / count;
      }
    return out;
  }
};
static_assert(check_allocator<HoloVAllocator>());

inline void register_holov(HostStages& r) {
  r.add_allocator<HoloVAllocator>({"Zou et al. 2025, arXiv 2510.02912",
                                   {},
                                   "a quota for each crop, by its relevance and variety",
                                   "O(N^2 D / crops)"});
  r.add_preset({"holov", "none/tower_attention:block=-1/fixed:scale=none/holov/gather",
                "a quota for each crop of the picture, by attention and variety", "Zou et al. 2025, arXiv 2510.02912"});
}

}  // namespace arrcoc
