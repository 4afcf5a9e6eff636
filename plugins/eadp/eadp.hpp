#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/facility_location.hpp"
#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct EadpConfig {
  double clear = 0.2;         ///< share of the question's words that are kept, those of least entropy; (0, 1]
  double temperature = 0.01;  ///< of the weights of these words by their entropy; above 0
  double local = 0.5;         ///< share of these words beside the question's mean; [0, 1]
  double sign = -1;           ///< of every cosine: -1 as released, or 1
  std::string validate() const {
    if (!(clear > 0 && clear <= 1 && local >= 0 && local <= 1))
      return "clear, local: expected shares, got " + std::to_string(clear) + " and " + std::to_string(local);
    if (!(temperature > 0)) return "temperature: expected a number above 0, got " + std::to_string(temperature);
    return sign == -1 || sign == 1 ? "" : "sign: expected -1 or 1, got " + std::to_string(sign);
  }
  bool operator==(const EadpConfig&) const = default;
};

/// What the clearest words of the question point at, and their mean: s = sign cos(v, e); of each word the entropy of
/// softmax(100 s) over tokens; the `clear` share of least entropy weighed by softmax(-entropy / temperature); map =
/// (1 - local) s of the mean embedding + local of these words, min-max, then a 3 x 3 Gaussian of sigma 1 over the grid,
/// borders reflected; a cell without a token counts as the token it is beside: [N, D], [Q, D] -> [N]. O(N Q D).
struct EadpScorer {
  static constexpr std::string_view name = "eadp";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::question};
  static constexpr bool row_wise = false;
  using Config = EadpConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    FeatureRows v(*e.vision, e.count(), name), words(*e.question, -1, name);
    require_that(v.width == words.width, Code::shape_mismatch, name, "words: expected the width of the embeddings");
    FeatureRows mean = words;
    mean.count = 1;
    mean.values = words.mean();
    v.normalise(), words.normalise(), mean.normalise();
    const std::size_t n = v.count;
    std::vector<double> map(n), entropies;
    std::vector<std::vector<double>> by_word;
    for (std::size_t w = 0; w < words.count; ++w) {
      std::vector<double>& s = by_word.emplace_back();
      for (std::size_t i = 0; i < n; ++i) s.push_back(config.sign * dot_of(v.row(i), words.row(w)));
      entropies.push_back(entropy(s));
    }
    std::vector<std::size_t> order(words.count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return entropies[a] < entropies[b]; });
    order.resize(std::max<std::size_t>(1, static_cast<std::size_t>(config.clear * static_cast<double>(words.count))));
    double sum = 0;
    std::vector<double> weights;
    for (const std::size_t w : order)
      sum += weights.emplace_back(std::exp((entropies[order[0]] - entropies[w]) / config.temperature));
    for (std::size_t i = 0; i < n; ++i) {
      map[i] = (1 - config.local) * config.sign * dot_of(v.row(i), mean.row(0));
      for (std::size_t w = 0; w < order.size(); ++w) map[i] += config.local * weights[w] / sum * by_word[order[w]][i];
    }
    const auto [low, high] = std::minmax_element(map.begin(), map.end());
    const double least = *low, range = *high - *low;
    for (double& x : map) x = range > 1e-12 ? (x - least) / range : 1;
    return smooth(e.tokens, map);
  }

 private:
  static double entropy(const std::vector<double>& s) {
    const double most = *std::max_element(s.begin(), s.end());
    double sum = 0, weighed = 0;
    for (const double x : s) {
      const double own = std::exp(100 * (x - most));
      sum += own;
      weighed += own * 100 * (x - most);
    }
    return std::log(sum) - weighed / sum;
  }
  static std::vector<float> smooth(const TokenSet& tokens, const std::vector<double>& map) {
    const Grid g = tokens.grid;
    const std::vector<Index> cells = covering(tokens);
    const double side = std::exp(-0.5), whole = 1 + 2 * side;
    const auto reflected = [](Index at, Index n) { return n == 1 ? 0 : at < 0 ? 1 : at >= n ? n - 2 : at; };
    std::vector<float> out;
    for (Index t = 0; t < tokens.count(); ++t) {
      const Place own = tokens.at(t);
      const Index first = own.frame * g.count(), row = static_cast<Index>(own.row + own.rows / 2),
                  col = static_cast<Index>(own.col + own.cols / 2);
      double sum = 0;
      for (Index dr = -1; dr <= 1; ++dr)
        for (Index dc = -1; dc <= 1; ++dc) {
          const Index there =
              cells[static_cast<std::size_t>(first + g.at(reflected(row + dr, g.rows), reflected(col + dc, g.cols)))];
          sum += (dr == 0 ? 1 : side) * (dc == 0 ? 1 : side) / (whole * whole) *
                 map[static_cast<std::size_t>(there < 0 ? t : there)];
        }
      out.push_back(static_cast<float>(sum));
    }
    return out;
  }
};
static_assert(check_scorer<EadpScorer>());

struct EadpCoverConfig {
  double beta = 2;  ///< relevance counts to this power; [0, 16]
  std::string validate() const {
    return beta >= 0 && beta <= 16 ? "" : "beta: expected a number in [0, 16], got " + std::to_string(beta);
  }
  bool operator==(const EadpCoverConfig&) const = default;
};

/// As `facility_location`, with relevance as it comes (cut at 0) to the power beta as weights. Exactly K. O(N^2 D + K
/// N^2).
struct EadpCoverAllocator {
  static constexpr std::string_view name = "eadp_cover";
  static constexpr Needs may_need{Phase::vision, Need::similarity};
  static constexpr Spend spend = Spend::exact;
  using Config = EadpCoverConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    greedy::Picks picks = greedy::facilities(*e.similarity, greedy::powers_of(relevance, config.beta), k);
    greedy::fill(picks, relevance, k);
    return selection::finish(e.tokens, greedy::reasons(picks, relevance), clamped);
  }
};
static_assert(check_allocator<EadpCoverAllocator>());

/// Source: EADP (arXiv 2607.02484) as its release for this model's family computes it: `Qwen_vl/model/pruner.py`, read
/// in November 2026. Differs: true positions and every DeepStack level, where the published runs have neither, and no
/// grey square (docs/strategies.md, "Faults of published harnesses"); the question's own words.
inline void register_eadp(HostStages& r) {
  r.add_scorer<EadpScorer>(
      {"EADP, arXiv 2607.02484", {}, "what the clearest words of the question point at", "O(N Q D)"});
  r.add_allocator<EadpCoverAllocator>(
      {"EADP, arXiv 2607.02484", {}, "coverage of what is relevant", "O(N^2 D + K N^2)"});
  r.add_preset({"eadp", "none/eadp/fixed:scale=none/eadp_cover/gather", "what the clearest words point at, covered",
                "EADP, arXiv 2607.02484"});
}

}  // namespace arrcoc
