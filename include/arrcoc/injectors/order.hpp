#pragma once
// ORDER: the rows of a picture stand in another order; each keeps its true position.
#include <algorithm>
#include <bit>

#include "arrcoc/core/random.hpp"
#include "arrcoc/injectors/rows.hpp"

namespace arrcoc {

struct OrderConfig {
  std::string by = "raster";  ///< raster, score (best last, nearest to the question), z, hilbert, random
  Index seed = 0;             ///< of random, >= 0
  std::string validate() const {
    if (seed < 0) return "seed: expected at least 0, got " + std::to_string(seed);
    for (const char* known : {"raster", "score", "z", "hilbert", "random"})
      if (by == known) return {};
    return "by: expected raster, score, z, hilbert or random, got " + by;
  }
  bool operator==(const OrderConfig&) const = default;
};

/// As `gather`, with the kept rows of each picture permuted in the sequence: a causal row then sees others of its
/// picture, while positions and DeepStack levels travel with the tokens. `raster` is gather bit for bit. `score`: by
/// the rank that the allocator gave, the best last; among equals by index. `z` and `hilbert`: along the curves of
/// Morton 1966 and Hilbert 1891 over the smallest square of 2^n cells around the grid. `random`: by a number that each
/// token of the picture draws from `seed`, whoever is kept and whatever the scores, the control of the others; the same
/// in every picture of so many tokens. Of a clip, each frame's rows within its own span. O(N + K (H levels + log K)).
struct OrderInjector {
  static constexpr std::string_view name = "order";
  static constexpr Phase phase = Phase::vision;
  static constexpr unsigned honours = Honour::depth;
  using Config = OrderConfig;
  Config config{};

  template <class B>
  qwen3vl::Injected<B> inject(B& b, std::span<const Allocation> allocations, const qwen3vl::Encoded<B>& e,
                              const Prompt& prompt, Trace* trace) const {
    auto pictures = kept_rows::of_pictures(allocations, e.encoded, prompt, honours, name, trace);
    for (std::size_t p = 0; p < pictures.size(); ++p) {
      std::vector<kept_rows::Token> arranged;
      for (const std::size_t place : places(allocations[p])) arranged.push_back(pictures[p][place]);
      pictures[p] = std::move(arranged);
    }
    return kept_rows::own_rows(b, pictures, e, prompt);
  }

  /// The tokens of all pictures in the order of their rows.
  std::vector<Index> arranged(std::span<const Allocation> allocations) const {
    std::vector<Index> out;
    for (const Allocation& a : allocations)
      for (const std::size_t place : places(a)) out.push_back(a.kept[place]);
    return out;
  }

  /// The order of a picture's kept tokens.
  std::vector<std::size_t> places(const Allocation& a) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    std::vector<Index> drawn;
    if (config.by == "random") {
      Rng rng(static_cast<std::uint64_t>(config.seed));
      for (Index t = 0; t < a.tokens.count(); ++t) drawn.push_back(static_cast<Index>(rng.next() >> 1));
    }
    std::vector<std::pair<Index, std::size_t>> keys;
    for (std::size_t i = 0; i < a.kept.size(); ++i) {
      const Place at = a.tokens.at(a.kept[i]);  // the cell that its middle lies in
      const auto row = static_cast<Index>(at.row + at.rows / 2), col = static_cast<Index>(at.col + at.cols / 2);
      keys.emplace_back(config.by == "score"     ? -a.why[i].rank
                        : config.by == "random"  ? drawn[static_cast<std::size_t>(a.kept[i])]
                        : config.by == "z"       ? morton(row, col)
                        : config.by == "hilbert" ? hilbert(row, col, side(a.grid()))
                                                 : 0,
                        i);
    }
    std::sort(keys.begin(), keys.end());
    std::vector<std::size_t> out;
    for (const auto& [key, place] : keys) out.push_back(place);
    return out;
  }

  /// Bits of row and column in turn, the row's above the column's.
  static Index morton(Index row, Index col) {
    Index out = 0;
    for (int bit = 0; bit < 31; ++bit) out |= (row >> bit & 1) << (2 * bit + 1) | (col >> bit & 1) << (2 * bit);
    return out;
  }
  /// Distance along the curve through a square of `side` = 2^n cells: down its left half and up its right one, the
  /// first quarter turned over its diagonal, the last over the other.
  static Index hilbert(Index row, Index col, Index side) {
    if (side == 1) return 0;
    const Index half = side / 2, quarter = half * half;
    if (row < half && col < half) return hilbert(col, row, half);
    if (row < half) return 3 * quarter + hilbert(side - 1 - col, half - 1 - row, half);
    if (col < half) return quarter + hilbert(row - half, col, half);
    return 2 * quarter + hilbert(row - half, col - half, half);
  }
  static Index side(Grid g) {
    return static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(std::max(g.rows, g.cols))));
  }
};

}  // namespace arrcoc
