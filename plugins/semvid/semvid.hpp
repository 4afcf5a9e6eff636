#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/frames.hpp"
#include "arrcoc/primitives/mmr.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct SemvidConfig {
  double alpha = 0.7;   ///< of a frame's weight what its likeness to the question counts, the rest is motion; [0, 1]
  double object = 0.6;  ///< share of a frame's tokens behind the prototype that are objects, the rest moves; [0, 1]
  double lambda = 0.9;  ///< of an object's gain what its likeness to a word counts, the rest is unlikeness; [0, 1]
  double beta = 0.5;    ///< of a moving token's score what its likeness to the question counts; [0, 1]
  Index floor = 1;      ///< tokens that each frame keeps where the budget holds as many
  std::string validate() const {
    for (const double x : {alpha, object, lambda, beta})
      if (!(x >= 0 && x <= 1)) return "alpha, object, lambda, beta: expected shares, got " + std::to_string(x);
    return floor >= 0 ? "" : "floor: expected at least 0, got " + std::to_string(floor);
  }
  bool operator==(const SemvidConfig&) const = default;
};

/// What the question names and what moves, frame by frame. Quotas of frames: first `floor` tokens each, the rest by
/// alpha relu(mean of the two largest cosines of the frame's mean with words) + (1 - alpha) |f_t - f_{t-1}|, f the unit
/// mean, of the first frame as of the second. Inside a frame, in this order: the token most like the frame's mean; of
/// the rest round(object n) objects, dealt out between words by their largest cosine in the frame (at least 0, by
/// largest remainder) and chosen word by word, the best present first, by maximal marginal relevance (lambda) among
/// what is free; then the greatest (1 - beta) m + beta s, m the mean distance from the tokens at its place in the
/// frames beside, s the largest cosine with a word, at least 0, each over its maximum of what is free. Equal ones by
/// the smaller index. [N, D], [Q, D]. Exactly K. O(N D (Q + K / T)). Relevance is not looked at. Cause: `coverage`.
/// A picture is one frame that does not move: objects, then what is like words.
struct SemvidAllocator {
  static constexpr std::string_view name = "semvid";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::question};
  static constexpr Spend spend = Spend::exact;
  using Config = SemvidConfig;
  Config config{};

  /// Error{shape_mismatch} for words of another width than the embeddings.
  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const auto [k, clamped] = budget.resolve(e.count());
    const FeatureRows x(*e.vision, e.count(), name);
    FeatureRows unit = x, words(*e.question, -1, name);
    require_that(x.width == words.width && words.count > 0, Code::shape_mismatch, name,
                 "words: expected at least one, of the width of the embeddings");
    unit.normalise(), words.normalise();
    const auto frames = frames::of(e.tokens);
    std::vector<std::vector<double>> means;
    for (const auto& frame : frames) means.push_back(frames::unit_mean(x, frame));
    const std::vector<Index> quota = greedy::quotas(frames, weights(frames, means, words), k, config.floor);
    const frames::SamePlace place(e.tokens);
    greedy::Picks picks;
    for (std::size_t f = 0; f < frames.size(); ++f) {
      if (quota[f] == 0) continue;
      Frame frame{unit, words, frames[f], picks};
      frame.prototype(means[f]);
      const Index rest = quota[f] - 1,
                  objects = static_cast<Index>(std::floor(config.object * static_cast<double>(rest) + 0.5));
      frame.objects(objects, config.lambda);
      frame.moving(rest - objects, motion(x, e.tokens, place, frames[f]), config.beta);
    }
    return selection::finish(e.tokens, greedy::in_order(picks), clamped);
  }

 private:
  std::vector<double> weights(const std::vector<std::vector<Index>>& frames,
                              const std::vector<std::vector<double>>& means, const FeatureRows& words) const {
    std::vector<std::size_t> filled;
    for (std::size_t f = 0; f < frames.size(); ++f)
      if (!frames[f].empty()) filled.push_back(f);
    std::vector<double> out(frames.size());
    for (std::size_t i = 0; i < filled.size(); ++i) {
      double first = -1, second = -1;
      for (std::size_t w = 0; w < words.count; ++w) {
        const double c = dot_of(means[filled[i]], words.row(w));
        if (c > first) second = first, first = c;
        else second = std::max(second, c);
      }
      const double like = words.count > 1 ? (first + second) / 2 : first;
      const std::size_t now = std::max<std::size_t>(1, i);
      const double moved = filled.size() > 1 ? distance_of(means[filled[now]], means[filled[now - 1]]) : 0;
      out[filled[i]] = config.alpha * std::max(0.0, like) + (1 - config.alpha) * moved;
    }
    return out;
  }

  /// Mean distance from the tokens at the same place in the frames beside; 0 where there are none.
  static std::vector<double> motion(const FeatureRows& x, const TokenSet& tokens, const frames::SamePlace& place,
                                    const std::vector<Index>& frame) {
    std::vector<double> out;
    for (const Index t : frame) {
      double sum = 0, count = 0;
      for (const Index step : {-1, 1}) {
        const Index other = place.in(tokens.at(t).frame + step, t);
        if (other < 0) continue;
        sum += distance_of(x.row(static_cast<std::size_t>(t)), x.row(static_cast<std::size_t>(other)));
        ++count;
      }
      out.push_back(count > 0 ? sum / count : 0);
    }
    return out;
  }

  struct Frame;
  /// Cosines of those that are free.
  struct Free final : SimilarityRows {
    const Frame& frame;
    std::vector<std::size_t> at;
    explicit Free(const Frame& of) : frame(of) {}
    Index count() const override { return std::ssize(at); }
    void row(Index token, std::span<float> out) const override {
      for (std::size_t i = 0; i < at.size(); ++i)
        out[i] = static_cast<float>(dot_of(frame.row(at[static_cast<std::size_t>(token)]), frame.row(at[i])));
    }
  };
  /// One frame as it is chosen from. cosine[w][i]: of word w and the frame's i-th token.
  struct Frame {
    const FeatureRows &unit, &words;
    const std::vector<Index>& tokens;
    greedy::Picks& picks;
    std::vector<bool> taken = std::vector<bool>(tokens.size());
    std::vector<std::vector<double>> cosine = std::vector<std::vector<double>>(words.count);

    std::span<const double> row(std::size_t i) const { return unit.row(static_cast<std::size_t>(tokens[i])); }
    void take(std::size_t i, double gain) {
      taken[i] = true;
      picks.add(tokens[i], static_cast<float>(gain));
    }
    void prototype(const std::vector<double>& mean) {
      std::size_t best = 0;
      for (std::size_t i = 1; i < tokens.size(); ++i)
        if (dot_of(row(i), mean) > dot_of(row(best), mean)) best = i;
      take(best, dot_of(row(best), mean));
    }
    void objects(Index count, double lambda) {
      std::vector<double> present;
      for (std::size_t w = 0; w < words.count; ++w) {
        for (std::size_t i = 0; i < tokens.size(); ++i) cosine[w].push_back(dot_of(row(i), words.row(w)));
        present.push_back(std::max(0.0, *std::max_element(cosine[w].begin(), cosine[w].end())));
      }
      const std::vector<Index> share = apportion(count, present, std::vector<Index>(words.count, count), 0);
      std::vector<std::size_t> order(words.count);
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return present[a] > present[b]; });
      for (const std::size_t w : order) {
        Free free(*this);
        std::vector<float> like;
        for (std::size_t i = 0; i < tokens.size(); ++i)
          if (!taken[i]) free.at.push_back(i), like.push_back(static_cast<float>(cosine[w][i]));
        const greedy::Picks of_word = greedy::mmr(like, free, share[w], lambda);
        for (std::size_t i = 0; i < of_word.order.size(); ++i)
          take(free.at[static_cast<std::size_t>(of_word.order[i])], static_cast<double>(of_word.gains[i]));
      }
    }
    void moving(Index count, const std::vector<double>& motion, double beta) {
      std::vector<double> like(tokens.size());
      for (const auto& of_word : cosine)
        for (std::size_t i = 0; i < tokens.size(); ++i) like[i] = std::max(like[i], of_word[i]);
      double most_motion = 1e-6, most_like = 1e-6;
      for (std::size_t i = 0; i < tokens.size(); ++i)
        if (!taken[i]) most_motion = std::max(most_motion, motion[i]), most_like = std::max(most_like, like[i]);
      const auto score = [&](std::size_t i) {
        return (1 - beta) * motion[i] / most_motion + beta * like[i] / most_like;
      };
      std::vector<std::size_t> order;
      for (std::size_t i = 0; i < tokens.size(); ++i)
        if (!taken[i]) order.push_back(i);
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return score(a) > score(b); });
      for (Index i = 0; i < count; ++i)
        take(order[static_cast<std::size_t>(i)], score(order[static_cast<std::size_t>(i)]));
    }
  };
};
static_assert(check_allocator<SemvidAllocator>());

/// Source: SemVID, github.com/JiaqiLi404/SemVID, its settings for this model's family, read in November 2026. Differs:
/// no segments, which those settings switch off; a budget below a token a frame leaves frames empty.
inline void register_semvid(HostStages& r) {
  r.add_allocator<SemvidAllocator>({"SemVID, github.com/JiaqiLi404/SemVID",
                                    {},
                                    "of a clip: what the question names and what moves, frame by frame",
                                    "O(N D (Q + K / T))"});
  r.add_preset({"semvid", "none/none/flat/semvid/gather", "of a clip: what the question names and what moves",
                "SemVID, github.com/JiaqiLi404/SemVID"});
}

}  // namespace arrcoc
