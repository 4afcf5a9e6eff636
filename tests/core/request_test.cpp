#include "arrcoc/core/request.hpp"

#include <doctest/doctest.h>

using namespace arrcoc;

TEST_CASE("an index counts from the start, from the end, or as a share of the depth") {
  for (const Index depth : {4, 24, 27}) {
    CHECK(counted(index_at(3), depth) == 3);
    CHECK(counted(index_at(-2), depth) == depth - 2);
    CHECK(counted(index_at(0), depth) == 0);
  }
  CHECK(counted(index_at(0.5), 24) == 12);
  CHECK(counted(index_at(0.5), 27) == 13);
  CHECK(counted(index_at(0.25), 4) == 1);
  CHECK(counted(index_at(0.75), 28) == 21);
  CHECK(counted(index_at(0.25), 24) == 6);
  CHECK(text_of({.index = index_at(0.5)}) == "tower 512/1024 of the depth received of visual, heads mean");
}
