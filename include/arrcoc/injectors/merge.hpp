#pragma once
// MERGE: a kept row stands for several tokens.
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "arrcoc/injectors/rows.hpp"
#include "arrcoc/injectors/tier_moments.hpp"

namespace arrcoc {

struct MergeConfig {
  bool log_size = false;  ///< rows weigh in attention as the tokens they stand for: ToMe's proportional attention
  double match = 0;       ///< how far a tier's rows go to the moments of the finest, in [0, 1]
  std::string validate() const {
    return match >= 0 && match <= 1 ? "" : "match: expected a number from 0 to 1, got " + std::to_string(match);
  }
  bool operator==(const MergeConfig&) const = default;
};

/// As `gather`, but row i is the weighted sum of the members that merge[i] names, in float32 and in their order; the
/// same weights for the merged embeddings and for every DeepStack level that the row's depth has. A row stands at the
/// position of its own kept token. A row of itself alone with weight 1, and an allocation without merge, is gather's
/// bit for bit. O(members H levels). With `log_size` every query, of the prompt or decoded, adds ln s to its
/// scores of a row of s members: softmax(q k / sqrt d + ln s); ln 1 for all others, which is gather's bits again.
/// With `match` rows that stand for more than the finest do (several members, or a place that a plan made larger) are
/// brought towards the finest rows' mean and deviation, tier by tier and picture by picture (tier_moments.hpp); a row
/// then depends on others of its tier, and each set of rows that goes in together is matched by itself.
/// Source: ToMe (Bolya et al. 2023), the sum of section 3, and its proportional attention, section 3.3, equation 1.
struct MergeInjector {
  static constexpr std::string_view name = "merge";
  static constexpr Phase phase = Phase::vision;
  static constexpr unsigned honours = Honour::depth | Honour::merge;
  using Config = MergeConfig;
  Config config{};

  template <class B>
  qwen3vl::Injected<B> inject(B& b, std::span<const Allocation> allocations, const qwen3vl::Encoded<B>& e,
                              const Prompt& prompt, Trace* trace) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto stand_for = [&](const auto& features, const auto& tokens) {
      auto rows = merged(b, features, tokens, allocations);
      if (config.match > 0) rows = matched(b, rows, features, tokens, allocations);
      return rows;
    };
    auto in = kept_rows::sequence(b, kept_rows::of_pictures(allocations, e.encoded, prompt, honours, name, trace), e,
                                  prompt, stand_for);
    if (config.log_size)
      for (const qwen3vl::SequenceRow& row : in.rows) in.key_bias.push_back(log_size(row, allocations));
    return in;
  }
  std::vector<Index> arranged(std::span<const Allocation>) const {
    return {config.log_size ? 1 : 0, std::bit_cast<Index>(config.match)};
  }

 private:
  static float log_size(const qwen3vl::SequenceRow& row, std::span<const Allocation> allocations) {
    if (row.text()) return 0;
    const Allocation& a = allocations[static_cast<std::size_t>(row.picture)];
    if (a.merge.empty()) return 0;
    const auto place = std::lower_bound(a.kept.begin(), a.kept.end(), row.token) - a.kept.begin();
    return std::log(static_cast<float>(a.merge[static_cast<std::size_t>(place)].size()));
  }

  /// Rows of equal member counts in one call each.
  struct Group {
    std::vector<Index> rows, members;
    std::vector<float> weights;
  };

  template <class B>
  static typename B::Tensor merged(B& b, const typename B::Tensor& features,
                                   const std::vector<kept_rows::Token>& tokens,
                                   std::span<const Allocation> allocations) {
    std::map<Index, Group> groups;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const auto& merge = allocations[static_cast<std::size_t>(tokens[i].picture)].merge;
      if (merge.empty()) continue;
      const std::vector<MergePart>& parts = merge[static_cast<std::size_t>(tokens[i].place)];
      if (parts.size() == 1 && parts[0] == MergePart{tokens[i].token, 1.0f}) continue;
      Group& g = groups[static_cast<Index>(parts.size())];
      g.rows.push_back(static_cast<Index>(i));
      for (const MergePart& p : parts) {
        g.members.push_back(tokens[i].feature(p.token));
        g.weights.push_back(p.weight);
      }
    }
    typename B::Tensor out = kept_rows::own(b, features, tokens);
    for (const auto& [count, g] : groups)
      out = b.scatter_rows(out, g.rows, b.bag_rows(features, g.members, g.weights, count));
    return out;
  }

  template <class B>
  typename B::Tensor matched(B& b, const typename B::Tensor& rows, const typename B::Tensor& features,
                             const std::vector<kept_rows::Token>& tokens,
                             std::span<const Allocation> allocations) const {
    std::vector<float> values = b.to_host(rows);
    const std::vector<float> all = b.to_host(features);
    const auto width = static_cast<std::size_t>(b.cols(features));
    for (std::size_t p = 0; p < allocations.size(); ++p) {
      const Allocation& a = allocations[p];
      std::vector<TierRow> own;
      const kept_rows::Token* some = nullptr;
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        const kept_rows::Token& t = tokens[i];
        if (t.picture != static_cast<Index>(p)) continue;
        const auto members = a.merge.empty() ? 1 : a.merge[static_cast<std::size_t>(t.place)].size();
        own.push_back({static_cast<Index>(i), a.tokens.at(t.token).area() * static_cast<float>(members)});
        some = &t;
      }
      if (some == nullptr) continue;
      std::vector<Index> encoded;  // tokens that have a feature
      if (some->encoded) encoded = *some->encoded;
      else
        for (Index t = 0; t < a.tokens.count(); ++t) encoded.push_back(t);
      float finest = a.tokens.at(encoded[0]).area();
      for (const Index t : encoded) finest = std::min(finest, a.tokens.at(t).area());
      std::vector<Index> of_all;
      for (const Index t : encoded)
        if (a.tokens.at(t).area() == finest) of_all.push_back(some->feature(t));
      match_tiers(values, own, finest, all, of_all, width, config.match);
    }
    return b.from_host(values, b.rows(rows), b.cols(rows));
  }
};

}  // namespace arrcoc
