#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct SparsevlmConfig {
  Index layer = 1;  ///< of the language model; the injector's `before` has to be the next one, or more
  std::string validate() const { return layer >= 0 ? "" : "layer: expected at least 0, got " + std::to_string(layer); }
  bool operator==(const SparsevlmConfig&) const = default;
};

/// Attention that the rating words of the question pay in one layer, mean over heads and raters: [N]. A word rates when
/// its share of the picture, softmax over words of v . e, mean over the tokens that live, is at least the mean over
/// words. v: merged embeddings [N, D]; e: the question's token embeddings [Q, D]. O(N Q D); at most 4,096 words.
/// Error{shape_mismatch} for a query encoder that gives other rows than the question's tokens.
struct SparsevlmScorer {
  static constexpr std::string_view name = "sparsevlm";
  static constexpr Needs may_need{Phase::layer, Need::received | Need::vision | Need::question};
  static constexpr bool row_wise = false;
  using Config = SparsevlmConfig;
  Config config{};

  std::vector<Request> needs() const { return {asked()}; }

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const std::vector<double> shares = shares_of_words(e);
    const HostTensor& received = e.answer(asked());
    const auto paid = received.floats();
    const auto n = static_cast<std::size_t>(e.count()), words = shares.size();
    require_that(paid.size() == n * words, Code::shape_mismatch, name, [&] {
      return "attention of the question: expected " + std::to_string(words) + " rows, got " +
             shape_text(received.shape);
    });
    double mean = 0;
    for (const double s : shares) mean += s / static_cast<double>(words);
    std::vector<double> sum(n);
    std::size_t raters = 0;
    for (std::size_t w = 0; w < words; ++w) {
      if (!(shares[w] >= mean * (1 - 1e-12))) continue;
      ++raters;
      for (std::size_t i = 0; i < n; ++i) sum[i] += static_cast<double>(paid[w * n + i]);
    }
    for (double& x : sum) x /= static_cast<double>(raters);
    return {sum.begin(), sum.end()};
  }

 private:
  Request asked() const {
    return {.site = Request::Site::layer,
            .index = config.layer,
            .rows = Request::Rows::question,
            .payers = Request::Over::each};
  }
  static std::vector<double> shares_of_words(const Evidence& e) {
    const FeatureRows v(*e.vision, e.count(), name), words(*e.question, -1, name);
    require_that(v.width == words.width, Code::shape_mismatch, name, "words: expected the width of the embeddings");
    std::vector<double> shares(words.count), one(words.count);
    for (std::size_t i = 0; i < v.count; ++i) {
      double most = -HUGE_VAL, sum = 0;
      for (std::size_t w = 0; w < words.count; ++w) most = std::max(most, one[w] = dot_of(v.row(i), words.row(w)));
      for (double& x : one) sum += x = std::exp(x - most);
      for (std::size_t w = 0; w < words.count; ++w) shares[w] += one[w] / sum / static_cast<double>(v.count);
    }
    return shares;
  }
};
static_assert(check_scorer<SparsevlmScorer>());

/// Three drops by the raters' attention in layers 1, 2 and 3 of the bundled model's five (theirs: 2, 6, 15 of 32),
/// before the next one: 303 / 576, 110 / 576 of the native tokens, then the budget (their table for 128 tokens on
/// average). Source: Zhang et al. 2024, "SparseVLM" (arXiv 2410.04417), sections 3.2 and 3.3, in the form of its second
/// version: no recycling, positions stay. Differs: raters of later layers are asked about the tokens that live; neither
/// the distance correction nor the choice of 14 heads.
inline void register_sparsevlm(HostStages& r) {
  r.add_scorer<SparsevlmScorer>({"Zhang et al. 2024, arXiv 2410.04417",
                                 {},
                                 "attention of the question's words that are about the picture",
                                 "O(N Q D)"});
  r.add_preset({"sparsevlm",
                "none/sparsevlm/fixed:scale=none/top_k/layer@0.53%"
                "sparsevlm:layer=2/fixed:scale=none/top_k/layer:before=3@0.19%"
                "sparsevlm:layer=3/fixed:scale=none/top_k/layer:before=4",
                "what the words about the picture look at most, in three layers",
                "Zhang et al. 2024, arXiv 2410.04417"});
}

}  // namespace arrcoc
