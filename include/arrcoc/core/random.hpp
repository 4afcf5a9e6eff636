#pragma once
// Seeded random numbers, the same on every platform: xoshiro256** (Blackman and Vigna 2018), seeded through SplitMix64.
// No std distribution is used, because their results are not specified.
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc {

constexpr std::uint64_t split_mix64(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

/// A seed for one named sample, so that order, sharding and resuming do not change results (FNV-1a over the name).
constexpr std::uint64_t derive_seed(std::uint64_t seed, std::string_view name) {
  std::uint64_t h = 0xcbf29ce484222325ull ^ seed;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return split_mix64(h);
}

class Rng {
 public:
  explicit constexpr Rng(std::uint64_t seed = 0) {
    for (auto& s : s_) s = split_mix64(seed);
  }
  constexpr std::uint64_t next() {
    const std::uint64_t result = rotl(s_[1] * 5, 7) * 9, t = s_[1] << 17;
    s_[2] ^= s_[0];
    s_[3] ^= s_[1];
    s_[1] ^= s_[2];
    s_[0] ^= s_[3];
    s_[2] ^= t;
    s_[3] = rotl(s_[3], 45);
    return result;
  }
  /// Uniform in [0, 1), 53 bits.
  constexpr double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  /// Uniform in [0, n), without modulo bias; n > 0.
  constexpr std::uint64_t below(std::uint64_t n) {
    const std::uint64_t reject = (0 - n) % n;
    std::uint64_t x = next();
    while (x < reject) x = next();
    return x % n;
  }
  /// Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& v) {
    for (std::size_t i = v.size(); i > 1; --i) std::swap(v[i - 1], v[below(i)]);
  }
  /// k distinct members of 0..n-1 in random order.
  std::vector<Index> sample(Index n, Index k) {
    std::vector<Index> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), Index{0});
    for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) std::swap(all[i], all[i + below(all.size() - i)]);
    all.resize(static_cast<std::size_t>(k));
    return all;
  }

 private:
  static constexpr std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  std::uint64_t s_[4]{};
};

}  // namespace arrcoc
