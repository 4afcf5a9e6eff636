#pragma once
// What greedy selectors picked, step by step, and why each pick was made.
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/apportion.hpp"
#include "arrcoc/primitives/normalise.hpp"
#include "arrcoc/primitives/selection.hpp"

namespace arrcoc::greedy {

/// Tokens in the order they were picked, and what each added.
struct Picks {
  std::vector<Index> order;
  std::vector<float> gains;

  void add(Index token, float gain) { order.push_back(token), gains.push_back(gain); }
  Index count() const { return static_cast<Index>(order.size()); }
};

/// The most relevant tokens that are not picked yet, until there are k; they add 0. O(N + k log k).
inline void fill(Picks& picks, std::span<const float> relevance, Index k) {
  if (picks.count() >= k) return;
  std::vector<bool> taken(relevance.size());
  for (const Index t : picks.order) taken[static_cast<std::size_t>(t)] = true;
  for (const Index t : selection::best(relevance, k)) {  // at most as many of these are taken as there are picks
    if (picks.count() == k) return;
    if (!taken[static_cast<std::size_t>(t)]) picks.add(t, 0.f);
  }
}

/// A reason for each pick: `score` where it was the most relevant token still free (equal ones by the smaller index),
/// `coverage` where a more relevant one was passed over for what this one adds. O(N log N).
inline std::vector<selection::Choice> reasons(const Picks& picks, std::span<const float> relevance) {
  const std::vector<Index> ranked = selection::best(relevance, static_cast<Index>(relevance.size()));
  std::vector<bool> taken(relevance.size());
  std::vector<selection::Choice> out;
  std::size_t first = 0;  // ranked[first]: the most relevant token still free
  for (std::size_t i = 0; i < picks.order.size(); ++i) {
    while (taken[static_cast<std::size_t>(ranked[first])]) ++first;
    const Index t = picks.order[i];
    taken[static_cast<std::size_t>(t)] = true;
    out.push_back({t, {t == ranked[first] ? Cause::score : Cause::coverage, static_cast<Index>(i), picks.gains[i]}});
  }
  return out;
}

/// Each pick in turn for `coverage`, the first `scored` of them for their score.
inline std::vector<selection::Choice> in_order(const Picks& picks, Index scored = 0) {
  std::vector<selection::Choice> out;
  for (Index i = 0; i < picks.count(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    out.push_back({picks.order[at], {i < scored ? Cause::score : Cause::coverage, i, picks.gains[at]}});
  }
  return out;
}

/// A reason for each kept token, ranked by relevance: `score` as long as every more relevant one is kept too (equal
/// ones by the smaller index), `floor` behind the first that is not: its relevance alone was not enough. O(N log N).
inline std::vector<selection::Choice> by_rank(const std::vector<bool>& kept, std::span<const float> relevance) {
  std::vector<selection::Choice> out;
  Cause cause = Cause::score;
  for (const Index t : selection::best(relevance, static_cast<Index>(relevance.size()))) {
    const auto at = static_cast<std::size_t>(t);
    if (!kept[at]) cause = Cause::floor;
    else out.push_back({t, {cause, static_cast<Index>(out.size()), relevance[at]}});
  }
  return out;
}

/// What each part keeps of k tokens whatever its weight: `least`, lowered to k / parts that hold anything, and to what
/// it holds.
inline std::vector<Index> floors(const std::vector<std::vector<Index>>& parts, Index k, Index least) {
  const auto filled = std::count_if(parts.begin(), parts.end(), [](const auto& part) { return !part.empty(); });
  least = std::min<Index>(least, k / std::max<Index>(1, filled));
  std::vector<Index> out;
  for (const auto& part : parts) out.push_back(std::min<Index>(least, std::ssize(part)));
  return out;
}

/// How many of k tokens each part gets: its floor first, then of the rest by weight (>= 0; of an empty part: none) and
/// largest remainder within what it holds. Together exactly k, which must not exceed what all hold.
inline std::vector<Index> quotas(const std::vector<std::vector<Index>>& parts, std::vector<double> weights, Index k,
                                 Index least = 0) {
  std::vector<Index> out = floors(parts, k, least), room;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    room.push_back(std::ssize(parts[p]) - out[p]);
    k -= out[p];
    if (parts[p].empty()) weights[p] = 0;
  }
  const std::vector<Index> more = apportion(k, weights, room, 0);
  for (std::size_t p = 0; p < out.size(); ++p) out[p] += more[p];
  return out;
}

/// The first tokens of each part (ranked), as many as its quota; reasons by_rank.
inline std::vector<selection::Choice> by_quota(const std::vector<std::vector<Index>>& parts,
                                               const std::vector<double>& weights, Index k,
                                               std::span<const float> relevance, Index least = 0) {
  const std::vector<Index> quota = quotas(parts, weights, k, least);
  std::vector<bool> kept(relevance.size());
  for (std::size_t p = 0; p < parts.size(); ++p)
    for (const Index t : std::span(parts[p]).first(static_cast<std::size_t>(quota[p])))
      kept[static_cast<std::size_t>(t)] = true;
  return by_rank(kept, relevance);
}

/// max(0, x)^power of each.
inline std::vector<float> powers_of(std::span<const float> values, double power) {
  std::vector<float> out;
  for (const float x : values)
    out.push_back(static_cast<float>(std::pow(std::max(0.0, static_cast<double>(x)), power)));
  return out;
}

/// Relevance min-max scaled over its picture, all ones when it is the same everywhere: weights of what selectors cover.
/// Error{bad_number} unless finite.
inline std::vector<float> weights_of(std::span<const float> relevance, std::string_view where) {
  for (const float x : relevance)
    require_that(std::isfinite(x), Code::bad_number, where,
                 [&] { return "relevance: expected finite values, got " + std::to_string(x); });
  return balance::min_max(relevance);
}

}  // namespace arrcoc::greedy
