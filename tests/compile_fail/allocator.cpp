// check_allocator: the first error says what to add.
#include "arrcoc/core/stages.hpp"

using namespace arrcoc;

struct Settings {
  int floor = 1;
};
struct Whole {
  static constexpr std::string_view name = "whole";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr Spend spend = Spend::exact;
  using Config = Settings;
  Config config{};
  Allocation allocate(std::span<const float>, const Evidence&, Budget, Rng&) const { return {}; }
};

#if CASE == 0
static_assert(check_allocator<Whole>());
#elif CASE == 1
// expect: Allocator: add `static constexpr std::string_view name
struct Mine : Whole {
  void name();
};
#elif CASE == 2
// expect: Allocator: add `using Config = ...;` and make S{} and S{Config} valid
struct Mine : Whole {
  using Config = std::string;
};
#elif CASE == 3
// expect: Allocator: add `static constexpr Needs may_need{Phase::pixels, Need::none};`
struct Mine : Whole {
  void may_need();
};
#elif CASE == 4
// expect: Allocator: add `static constexpr Spend spend = Spend::exact;` (or at_most, own_count, tiers)
struct Mine : Whole {
  static constexpr bool spend = true;
};
#elif CASE == 5
// expect: Allocator: add `Allocation allocate(std::span<const float>, const Evidence&, Budget, Rng&) const`
struct Mine : Whole {
  Allocation allocate(std::span<const float>, const Evidence&, Budget) const { return {}; }
};
#elif CASE == 6
// expect: Allocator: add `Allocation allocate(std::span<const float>, const Evidence&, Budget, Rng&) const`
struct Mine : Whole {
  std::vector<Index> allocate(std::span<const float>, const Evidence&, Budget, Rng&) const { return {}; }
};
#endif

#if CASE != 0
static_assert(check_allocator<Mine>());
#endif
