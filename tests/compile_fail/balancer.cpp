// check_balancer: the first error says what to add.
#include "arrcoc/core/stages.hpp"

using namespace arrcoc;

struct Settings {
  float share = 0.5f;
};
struct Whole {
  static constexpr std::string_view name = "whole";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  using Config = Settings;
  Config config{};
  Balanced balance(std::span<const float>, const Evidence&) const { return {}; }
};

#if CASE == 0
struct Mine : Whole {};
#elif CASE == 1
// expect: Balancer: add `static constexpr std::string_view name
struct Mine : Whole {
  void name();
};
#elif CASE == 2
// expect: Balancer: add `using Config = ...;` and make S{} and S{Config} valid
struct Mine : Whole {
  Mine() = default;
};
#elif CASE == 3
// expect: Balancer: add `static constexpr Needs may_need{Phase::pixels, Need::none};`
struct Mine : Whole {
  void may_need();
};
#elif CASE == 4
// expect: Balancer: add `Balanced balance(std::span<const float> maps, const Evidence&) const`
struct Mine : Whole {
  Balanced balance(const Evidence&) const { return {}; }
};
#elif CASE == 5
// expect: Balancer: add `Balanced balance(std::span<const float> maps, const Evidence&) const`
struct Mine : Whole {
  std::vector<float> balance(std::span<const float>, const Evidence&) const { return {}; }
};
#endif

#if CASE == 0
static_assert(check_balancer<Whole>());
#else
static_assert(check_balancer<Mine>());
#endif
