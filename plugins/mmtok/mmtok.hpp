#pragma once
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/all_pairs.hpp"
#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/primitives/lazy_greedy.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct MmtokConfig {
  double text = 0.5;        ///< weight of covering the question beside the picture; [0, 1]
  double tau_text = 0.02;   ///< temperature of a word's likeness to the tokens; above 0
  double tau_vision = 0.2;  ///< temperature of a token's likeness to the others; above 0
  std::string validate() const {
    if (!(text >= 0 && text <= 1)) return "text: expected a number in [0, 1], got " + std::to_string(text);
    return tau_text > 0 && tau_vision > 0 ? "" : "temperatures: expected numbers above 0";
  }
  bool operator==(const MmtokConfig&) const = default;
};

/// Both the question and the picture are covered: greedily the K tokens that maximise text mean_w max_j p(j | w) + (1 -
/// text) mean_i max_j p(j | i) over kept j; p(. | w) the softmax over tokens of cos(e_w, v_j) / tau_text, p(. | i) that
/// of cos(v_i, v_j) / tau_vision. v: merged embeddings, e: the question's token embeddings. Exactly K, equal ones by
/// the smaller index; where nothing is left to gain, the smallest indices. Relevance is not looked at. O(N^2 D) for the
/// first gains, then O(N + Q D) for each one looked at again (lazy); no N x N matrix. Value: the gain.
struct MmtokAllocator {
  static constexpr std::string_view name = "mmtok";
  static constexpr Needs may_need{Phase::vision, Need::similarity | Need::vision | Need::question};
  static constexpr Spend spend = Spend::exact;
  using Config = MmtokConfig;
  Config config{};

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    Cover cover(config, e);
    const greedy::Picks picks = greedy::lazily(
        cover.first(), k, false, [&](std::span<const Index> some) { return cover.gains_of(some); },
        [&](Index j) { cover.take(j); });
    return selection::finish(e.tokens, greedy::in_order(picks), clamped);
  }

 private:
  /// What is covered so far, of each token and each word.
  class Cover {
   public:
    Cover(const MmtokConfig& c, const Evidence& e)
        : config_(c), rows_(*e.similarity), v_(*e.vision, e.count(), name), words_(*e.question, -1, name) {
      require_that(v_.width == words_.width, Code::shape_mismatch, name, "words: expected the width of the embeddings");
      v_.normalise(), words_.normalise();
      const std::size_t n = v_.count;
      covered_.resize(n), sums_.resize(n);
      each_pair(rows_, [&](std::size_t i, std::span<const float> cosines) {
        for (std::size_t j = i; j < n; ++j) {
          const double alike = likeness(static_cast<double>(cosines[j - i]), c.tau_vision);
          sums_[i] += alike;
          if (j > i) sums_[j] += alike;
        }
      });
      covered_words_.resize(words_.count), sums_words_.resize(words_.count);
      for (std::size_t w = 0; w < words_.count; ++w)
        for (std::size_t j = 0; j < n; ++j) sums_words_[w] += likeness(dot_of(words_.row(w), v_.row(j)), c.tau_text);
    }
    /// What each token gains before any is picked.
    std::vector<double> first() const {
      std::vector<double> tokens(v_.count), out;
      each_pair(rows_, [&](std::size_t i, std::span<const float> cosines) {
        for (std::size_t j = i; j < tokens.size(); ++j) {
          const double alike = likeness(static_cast<double>(cosines[j - i]), config_.tau_vision);
          tokens[i] += alike / sums_[j];
          if (j > i) tokens[j] += alike / sums_[i];
        }
      });
      for (std::size_t j = 0; j < tokens.size(); ++j) out.push_back(weighed(tokens[j], words_gain(j)));
      return out;
    }
    std::vector<double> gains_of(std::span<const Index> some) {
      const std::size_t n = v_.count;
      cosines_.resize(some.size() * n);
      rows_.rows(some, cosines_);
      std::vector<double> out;
      for (std::size_t t = 0; t < some.size(); ++t) {
        double tokens = 0;
        for (std::size_t i = 0; i < n; ++i) tokens += std::max(0.0, share(cosines_[t * n + i], i) - covered_[i]);
        out.push_back(weighed(tokens, words_gain(static_cast<std::size_t>(some[t]))));
      }
      return out;
    }
    void take(Index j) {
      cosines_.resize(v_.count);
      rows_.row(j, cosines_);
      for (std::size_t i = 0; i < v_.count; ++i) covered_[i] = std::max(covered_[i], share(cosines_[i], i));
      for (std::size_t w = 0; w < words_.count; ++w)
        covered_words_[w] = std::max(covered_words_[w], share_of_word(static_cast<std::size_t>(j), w));
    }

   private:
    /// exp((cosine - 1) / tau): softmax up to its sum.
    static double likeness(double cosine, double tau) { return std::exp((cosine - 1) / tau); }
    double share(float cosine, std::size_t i) const {
      return likeness(static_cast<double>(cosine), config_.tau_vision) / sums_[i];
    }
    double share_of_word(std::size_t j, std::size_t w) const {
      return likeness(dot_of(words_.row(w), v_.row(j)), config_.tau_text) / sums_words_[w];
    }
    double words_gain(std::size_t j) const {
      double words = 0;
      for (std::size_t w = 0; w < words_.count; ++w) words += std::max(0.0, share_of_word(j, w) - covered_words_[w]);
      return words;
    }
    double weighed(double tokens, double words) const {
      return config_.text * words / static_cast<double>(words_.count) +
             (1 - config_.text) * tokens / static_cast<double>(v_.count);
    }
    const MmtokConfig& config_;
    const SimilarityRows& rows_;
    FeatureRows v_, words_;
    std::vector<float> cosines_;
    std::vector<double> covered_, sums_, covered_words_, sums_words_;
  };
};
static_assert(check_allocator<MmtokAllocator>());

/// Source: Dong et al. 2025, "MMTok" (arXiv 2508.18264), sections 3.2 and 3.3. Weight and temperatures are
/// the defaults of its code for LLaVA (that for Qwen has 0.01 for text). Differs: the user's words alone.
inline void register_mmtok(HostStages& r) {
  r.add_allocator<MmtokAllocator>(
      {"MMTok, arXiv 2508.18264", {}, "the question and the picture are covered", "O(N^2 D + K N (N + Q D))"});
  r.add_preset({"mmtok", "none/none/flat/mmtok/gather", "the tokens that cover the question and the picture",
                "MMTok, arXiv 2508.18264"});
}

}  // namespace arrcoc
