#pragma once
// EARLY: tokens are dropped before the vision tower, which never sees their patches.
#include "arrcoc/injectors/injector.hpp"

namespace arrcoc {

struct EarlyConfig {
  bool operator==(const EarlyConfig&) const = default;
};

/// Whole 2x2 patch groups go; those that stay keep their places: coordinates of the full grid in the tower, columns of
/// the full prompt in the language model. Saves tower and language model alike. O(K).
struct EarlyInjector {
  static constexpr std::string_view name = "early";
  static constexpr Phase phase = Phase::pixels;
  static constexpr unsigned honours = Honour::depth;
  using Config = EarlyConfig;
  Config config{};

  VisionPlan plan(const Allocation& a) const {
    refuse_unhonoured(a, honours, "injector.early");
    return plan_of(a);
  }
};

}  // namespace arrcoc
