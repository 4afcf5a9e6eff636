#pragma once
// A budget over takers that go up in steps of their own.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// One who can have nothing or one of a few rising counts.
struct Taker {
  std::vector<Index> ladder;  // counts it can have, rising
  std::size_t step = 0;       // it has ladder[step - 1]; 0: nothing
  float worth = 0;
  Index has() const { return step > 0 ? ladder[step - 1] : 0; }
  Index up() const { return step < ladder.size() ? ladder[step] - has() : 0; }  // what the next step costs
  Index down() const { return has() - (step > 1 ? ladder[step - 2] : 0); }      // what the last one cost
};

/// Moves takers along their ladders until they have at most `budget` together and no next step fits; returns what they
/// have. Too much: the one goes down that is worth least per unit freed; when all have their lowest count, the least
/// worth loses it. Then who has nothing gets a lowest count, the most worth first; then the one goes up that is worth
/// most per unit added, or simply most with `best_first`. Of equals the smaller index is better off. O(T^2 steps).
/// Source: greedy marginal allocation, Fox 1966, "Discrete optimization via marginal analysis".
inline Index fund(std::span<Taker> takers, Index budget, bool best_first) {
  Index sum = 0;
  for (const Taker& t : takers) sum += t.has();
  const auto per = [](const Taker& t, Index units) {
    return static_cast<double>(t.worth) / static_cast<double>(units);
  };
  /// Of those that can, the one of greatest (sign 1) or least (-1) value.
  const auto pick = [&](int sign, auto&& can, auto&& value) {
    Taker* best = nullptr;
    double top = 0;
    for (Taker& t : takers) {
      if (!can(t)) continue;
      const double v = sign * value(t);
      if (!best || v > top || (v == top && sign < 0)) best = &t, top = v;
    }
    return best;
  };
  const auto worth = [](const Taker& t) { return static_cast<double>(t.worth); };
  const auto above = [](const Taker& t) { return t.step > 1; };
  const auto some = [](const Taker& t) { return t.step > 0; };
  const auto fits = [&](const Taker& t) { return t.up() > 0 && sum + t.up() <= budget; };
  while (sum > budget) {
    Taker* t = pick(-1, above, [&](const Taker& x) { return per(x, x.down()); });
    if (!t) t = pick(-1, some, worth);
    require_that(t != nullptr, Code::bad_budget, "fund", "expected a budget of at least 0");
    sum -= t->down(), --t->step;
  }
  while (Taker* t = pick(
             1, [&](const Taker& x) { return x.step == 0 && fits(x); }, worth))
    sum += t->up(), ++t->step;
  while (Taker* t = pick(1, fits, [&](const Taker& x) { return best_first ? worth(x) : per(x, x.up()); }))
    sum += t->up(), ++t->step;
  return sum;
}

/// The steps of all takers whose worth in sum is greatest within `budget`: a taker's value is its worth times the steps
/// it went up. The multiple-choice knapsack, exactly, in double and in order. Of equal sums the one that costs least;
/// of those the last taker has the fewest steps, then the one before. O(T budget steps) time, T budget bytes; more than
/// 2^28 of those or 255 steps: Error{bad_config}. Source: Kellerer, Pferschy, Pisinger 2004, section 11.5.
inline void fund_exactly(std::span<Taker> takers, Index budget) {
  const std::size_t width = static_cast<std::size_t>(budget) + 1;
  require_that(takers.size() <= (std::size_t{1} << 28) / width, Code::bad_config, "knapsack", [&] {
    return "expected takers times budget of at most 2^28, got " + std::to_string(takers.size()) + " times " +
           std::to_string(budget);
  });
  std::vector<double> best(width, 0.0), next(width);  // of the takers so far, with at most so many units
  std::vector<std::uint8_t> chosen(takers.size() * width);
  for (std::size_t t = 0; t < takers.size(); ++t) {
    const Taker& taker = takers[t];
    require_that(taker.ladder.size() <= 255, Code::bad_config, "knapsack", "expected at most 255 steps");
    for (std::size_t units = 0; units < width; ++units) {
      next[units] = best[units];
      for (std::size_t step = 1; step <= taker.ladder.size(); ++step) {
        const auto cost = static_cast<std::size_t>(taker.ladder[step - 1]);
        if (cost > units) break;
        const double value = best[units - cost] + static_cast<double>(taker.worth) * static_cast<double>(step);
        if (value > next[units]) next[units] = value, chosen[t * width + units] = static_cast<std::uint8_t>(step);
      }
    }
    best.swap(next);
  }
  std::size_t units = 0;
  while (best[units] < best[width - 1]) ++units;
  for (std::size_t t = takers.size(); t-- > 0;) {
    takers[t].step = chosen[t * width + units];
    units -= static_cast<std::size_t>(takers[t].has());
  }
}

}  // namespace arrcoc
