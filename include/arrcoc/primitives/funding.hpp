#pragma once
// A budget over takers that go up in steps of their own.
#include <span>
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

}  // namespace arrcoc
