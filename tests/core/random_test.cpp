#include "arrcoc/core/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

using namespace arrcoc;

TEST_CASE("SplitMix64 from 0 gives the published sequence") {
  std::uint64_t state = 0;
  for (const std::uint64_t expected :
       {0xe220a8397b1dcdafull, 0x6e789e6aa1b965f4ull, 0x06c45d188009454full, 0xf88bb8a8724c81ecull})
    CHECK(split_mix64(state) == expected);
}

TEST_CASE("xoshiro256** seeded through SplitMix64(0) gives the sequence of the reference implementation") {
  Rng rng(0);
  for (const std::uint64_t expected :
       {11091344671253066420ull, 13793997310169335082ull, 1900383378846508768ull, 7684712102626143532ull,
        13521403990117723737ull, 18442103541295991498ull, 7788427924976520344ull, 9881088229871127103ull})
    CHECK(rng.next() == expected);
}

TEST_CASE("uniform is the top 53 bits") {
  Rng a(0), b(0);
  for (int i = 0; i < 1000; ++i) {
    const double u = a.uniform();
    CHECK(u == static_cast<double>(b.next() >> 11) / 9007199254740992.0);
    CHECK((u >= 0.0 && u < 1.0));
  }
}

TEST_CASE("below covers its range evenly") {
  Rng rng(7);
  std::array<int, 6> seen{};
  for (int i = 0; i < 60000; ++i) ++seen.at(rng.below(6));
  for (const int n : seen) CHECK((n > 9500 && n < 10500));  // 5 standard deviations are 456
  for (int i = 0; i < 100; ++i) CHECK(rng.below(1) == 0);
}

TEST_CASE("below has no modulo bias at a size where it would show") {
  // With x % n alone, two thirds of 2^64 would land in the first half.
  Rng rng(3);
  const std::uint64_t n = 3ull << 62;
  int low = 0;
  for (int i = 0; i < 20000; ++i) low += rng.below(n) < n / 3;
  CHECK((low > 6200 && low < 7100));
}

TEST_CASE("shuffle permutes, sample draws distinct members") {
  Rng rng(1);
  std::vector<int> v(100);
  for (int i = 0; i < 100; ++i) v[static_cast<std::size_t>(i)] = i;
  auto w = v;
  rng.shuffle(w);
  CHECK(w != v);
  std::sort(w.begin(), w.end());
  CHECK(w == v);
  auto s = rng.sample(50, 20);
  CHECK(s.size() == 20);
  std::sort(s.begin(), s.end());
  CHECK(std::adjacent_find(s.begin(), s.end()) == s.end());
  CHECK((s.front() >= 0 && s.back() < 50));
  CHECK(rng.sample(5, 5).size() == 5);
}

TEST_CASE("derived seeds depend on both the seed and the name") {
  CHECK(derive_seed(1, "a") == derive_seed(1, "a"));
  CHECK(derive_seed(1, "a") != derive_seed(2, "a"));
  CHECK(derive_seed(1, "a") != derive_seed(1, "b"));
  CHECK(derive_seed(1, "") != derive_seed(2, ""));
}
