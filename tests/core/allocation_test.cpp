// What an allocation of regions is held to, on a 2 x 3 grid: the left 2 x 2 tokens are seen with 3, the right ones go.
#include "arrcoc/core/allocation.hpp"

#include <doctest/doctest.h>

#include "registry/errors.hpp"

using namespace arrcoc;
using arrcoc::tests::expect_error;

namespace {

Allocation left_part(Region region) {
  Allocation a;
  a.tokens = {2, 3};
  a.kept = {0, 1, 3, 4};
  a.depth.assign(4, all_levels);
  a.why.assign(4, {});
  a.regions = {region};
  return a;
}

}  // namespace

TEST_CASE("tiers spend the sum over their regions, whatever they keep") {
  const Allocation a = left_part({0, 0, 2, 2, 3});
  check_allocation(a, "a");
  check_spend(a, Spend::tiers, {.tokens = 3}, "a");
  expect_error(Code::bad_stage_output, "expected at most 2 tokens, got 3 of 6",
               [&] { check_spend(a, Spend::tiers, {.tokens = 2}, "a"); });
  expect_error(Code::bad_stage_output, "expected at most 3 tokens, got 4 of 6",
               [&] { check_spend(a, Spend::at_most, {.tokens = 3}, "a"); });
}

TEST_CASE("a region is a rectangle of the grid that has tokens") {
  for (const Region wrong :
       {Region{0, 0, 3, 2, 3}, {0, 0, 2, 4, 3}, {-1, 0, 2, 2, 3}, {1, 0, 1, 2, 3}, {0, 2, 2, 1, 3}, {0, 0, 2, 2, 0}})
    expect_error(Code::bad_stage_output, "a region: expected a rectangle of the grid",
                 [&] { check_allocation(left_part(wrong), "a"); });
}
