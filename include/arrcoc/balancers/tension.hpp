#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/neighbours.hpp"
#include "arrcoc/primitives/normalise.hpp"
#include "arrcoc/primitives/overlap.hpp"

namespace arrcoc {

struct TensionConfig {
  float particularize =
      0.5f;  ///< 0 compress (what any question needs) .. 1 particularize (what this question asks for)
  float explore =
      0.25f;  ///< 0 exploit (what stands out) .. 1 explore (what is informative and does not stand out, or is unseen)
  float diversify = 0.5f;  ///< 0 focus (few, strong) .. 0.5 as it is .. 1 diversify (every neighbourhood gets its turn)
  float deep =
      0.5f;  ///< 0 shallow .. 0.5 as it is .. 1 deep: lifts relevance over the depth rule's thresholds, same order
  float knowing_share = 0.6f;  ///< weight of tension 1 against tension 2; [0, 1]
  float trust = 1.f;           ///< how far incoherent (noise-like) maps lose weight; [0, 1], 0 = all maps count alike
  float trust_floor = 0.1f;    ///< least trust a map can fall to; (0, 1]
  float tail = 0.02f;          ///< quantile cut of the robust scaling; [0, 0.4]
  float rank_share = 0.25f;    ///< ranks mixed into the scaled maps; (0, 1]
  float adapt = 0.f;           ///< how far the picture moves the three tensions; [0, 1], 0 = settings as given
  std::string validate() const {
    const auto wrong = [](float v, float low, float high, const char* field) -> std::string {
      if (v >= low && v <= high) return {};
      return std::string(field) + ": expected a number in [" + std::to_string(low) + ", " + std::to_string(high) +
             "], got " + std::to_string(v);
    };
    for (const auto& w :
         {wrong(particularize, 0, 1, "particularize"), wrong(explore, 0, 1, "explore"),
          wrong(diversify, 0, 1, "diversify"), wrong(deep, 0, 1, "deep"), wrong(knowing_share, 0, 1, "knowing_share"),
          wrong(trust, 0, 1, "trust"), wrong(trust_floor, 1e-6f, 1, "trust_floor"), wrong(tail, 0, 0.4f, "tail"),
          wrong(rank_share, 1e-6f, 1, "rank_share"), wrong(adapt, 0, 1, "adapt")})
      if (!w.empty()) return w;
    return {};
  }
  bool operator==(const TensionConfig&) const = default;
};

/// Opponent processing: [M, N] -> [N] in [0, 1]. Map 0 = information I, map 1 = salience P, maps 2.. = query coupling
///   Q (their mean); a
/// missing one is replaced by I, and its pole has no say. Each map is scaled over its own picture (balance::robust).
///   O(M N log N).
///   trust of a map      t = max(trust_floor, Moran's I over rook neighbours, peak), peak = ((max - mean) / sd - 4) /
///                       8 in [0, 1]
///   1 compress-particularize   T1 = (1 - p) I + p Q,             p = set tQ / (set tQ + (1 - set) tI)
///   2 exploit-explore          T2 = ((1 - x) P + x max(0, I - P)) (1 - x seen), seen = relevance of an earlier look,
///                              if there is one
///     S = share T1 + (1 - share) T2
///   3 focus-diversify   u < 1/2: S mixed with S^2;  u > 1/2: S mixed with 1.25 S / (0.25 + max of S within an eighth
///                       of the grid)
///   4 shallow-deep      R = S / (S + (1 - S)(1 - b) / b), b = deep in (0, 1): the same order, more or fewer tokens
///                       over a threshold
/// What moves: 1 correlation with Q against I; 2 correlation with P, and what was seen before; 3 how many parts of the
///   grid the top K
/// touch, and how concentrated relevance is; 4 the mean depth under a threshold rule.
/// With adapt > 0: p += adapt (tQ - tI) / 2, x += adapt (mean |I - P| - 1/4), u += adapt (mean I - 1/2).
/// Law: M equal maps come out in their own order while diversify <= 1/2 and explore < 1.
/// Source: ARR-COC's three tensions; two poles and a setting each instead of three weights. Moran 1950 (trust),
///   divisive normalisation
/// of Heeger 1992 (diversify), Schlick 1994 (the bias curve of 4).
struct AdaptiveTensionBalancer {
  static constexpr std::string_view name = "tension";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  using Config = TensionConfig;
  Config config{};

  Balanced balance(std::span<const float> maps, const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto parts = balance::split_maps(maps, e.count(), name);
    const std::size_t n = parts[0].size(), count = parts.size();
    const std::vector<float> before = e.previous ? carried(*e.previous, e.tokens) : std::vector<float>{};
    std::vector<std::vector<float>> scaled;
    for (const auto& m : parts) scaled.push_back(balance::robust(m, config.tail, config.rank_share));
    const auto& info = scaled[0];
    const auto& salience = count > 1 ? scaled[1] : info;
    std::vector<float> query = count > 2 ? scaled[2] : info;
    if (count > 3) {
      for (std::size_t i = 0; i < n; ++i) {
        double sum = 0;
        for (std::size_t m = 2; m < count; ++m) sum += scaled[m][i];
        query[i] = static_cast<float>(sum / static_cast<double>(count - 2));
      }
    }
    const Cells cells{e.tokens.grid, covering(e.tokens)};
    const double trust_info = trust(info, cells), trust_query = trust(query, cells);
    const double set =
        count > 2 ? clamp01(config.particularize + 0.5 * config.adapt * (trust_query - trust_info)) : 0.0;
    const double p = set * trust_query / (set * trust_query + (1 - set) * trust_info);
    double gap = 0, mean_info = 0;
    for (std::size_t i = 0; i < n; ++i) {
      gap += std::abs(static_cast<double>(info[i]) - salience[i]);
      mean_info += info[i];
    }
    const double x = count > 1 ? clamp01(config.explore + config.adapt * (gap / static_cast<double>(n) - 0.25)) : 0.0;
    const double u = clamp01(config.diversify + config.adapt * (mean_info / static_cast<double>(n) - 0.5));
    std::vector<float> s(n);
    for (std::size_t i = 0; i < n; ++i) {
      const double t1 = (1 - p) * info[i] + p * query[i];
      double t2 = (1 - x) * salience[i] + x * std::max(0.0, static_cast<double>(info[i]) - salience[i]);
      if (!before.empty()) t2 *= 1 - x * clamp01(before[i]);
      s[i] = static_cast<float>(config.knowing_share * t1 + (1.0 - config.knowing_share) * t2);
    }
    spread(s, cells, u);
    deepen(s);
    Balanced out;
    out.relevance = std::move(s);
    out.tensions = {{"compress-particularize", static_cast<float>(p)},
                    {"exploit-explore", static_cast<float>(x)},
                    {"focus-diversify", static_cast<float>(u)},
                    {"shallow-deep", config.deep}};
    out.weights = shares(count, p, x);
    return out;
  }

 private:
  static double clamp01(double v) { return std::clamp(v, 0.0, 1.0); }

  /// Which token covers each cell of the grid, frame by frame; -1: none.
  struct Cells {
    Grid grid;
    std::vector<Index> token;
  };

  double trust(const std::vector<float>& x, const Cells& cells) const {
    const Grid g = cells.grid;
    double sum = 0, squares = 0, pairs = 0;
    for (const float v : x) sum += v;
    const double mean = sum / static_cast<double>(x.size());
    Index edges = 0, living = 0;
    float greatest = x[0];
    for (Index i = 0; i < static_cast<Index>(cells.token.size()); ++i) {
      const Index t = cells.token[static_cast<std::size_t>(i)], c = i % g.cols, r = i % g.count() / g.cols;
      if (t < 0) continue;
      const float v = x[static_cast<std::size_t>(t)];
      const double d = v - mean;
      squares += d * d;
      ++living;
      greatest = std::max(greatest, v);
      const auto pair = [&](Index other) {
        const Index o = cells.token[static_cast<std::size_t>(other)];
        if (o < 0) return;
        pairs += d * (x[static_cast<std::size_t>(o)] - mean);
        ++edges;
      };
      if (c + 1 < g.cols) pair(i + 1);
      if (r + 1 < g.rows) pair(i + g.cols);
    }
    double raw = config.trust_floor;
    if (squares > 1e-12 && edges > 0) {
      const double variance = squares / static_cast<double>(living);
      const double peak = clamp01(((greatest - mean) / std::sqrt(variance) - 4) / 8);
      raw = std::max({raw, pairs / static_cast<double>(edges) / variance, peak});
    }
    return 1 - config.trust + config.trust * std::min(1.0, raw);
  }

  static void spread(std::vector<float>& s, const Cells& cells, double u) {
    if (u < 0.5) {
      const double f = 1 - 2 * u;
      for (float& v : s) v = static_cast<float>((1 - f) * v + f * v * static_cast<double>(v));
    } else if (u > 0.5) {
      const double d = 2 * u - 1;
      const auto top = window_max(s, cells, std::max<Index>(1, std::max(cells.grid.rows, cells.grid.cols) / 16));
      for (std::size_t i = 0; i < s.size(); ++i)
        s[i] = static_cast<float>((1 - d) * s[i] + d * 1.25 * s[i] / (0.25 + top[i]));
    }
  }
  /// Greatest value at most `radius` cells away in row and in column of each token, at least 0; rows first, then
  /// columns.
  static std::vector<float> window_max(const std::vector<float>& s, const Cells& cells, Index radius) {
    const Grid g = cells.grid;
    std::vector<float> own(cells.token.size()), line(own.size()), out(s.size());
    for (std::size_t i = 0; i < own.size(); ++i)
      own[i] = cells.token[i] < 0 ? 0.f : s[static_cast<std::size_t>(cells.token[i])];
    for (Index i = 0; i < static_cast<Index>(own.size()); ++i) {
      const Window w = window_around(g, 0, i % g.cols, radius);
      const auto* from = own.data() + (i - i % g.cols);
      line[static_cast<std::size_t>(i)] = *std::max_element(from + w.col0, from + w.col1);
    }
    for (Index i = 0; i < static_cast<Index>(own.size()); ++i) {
      const Index t = cells.token[static_cast<std::size_t>(i)], first = i - i % g.count();
      if (t < 0) continue;
      const Window w = window_around(g, i % g.count() / g.cols, 0, radius);
      float& top = out[static_cast<std::size_t>(t)];
      for (Index a = w.row0; a < w.row1; ++a)
        top = std::max(top, line[static_cast<std::size_t>(first + g.at(a, i % g.cols))]);
    }
    return out;
  }

  void deepen(std::vector<float>& s) const {
    const double b =
        std::clamp(static_cast<double>(config.deep), 0.02, 0.98);  // 0 and 1 would make every token the same
    if (b == 0.5) return;
    for (float& v : s) v = static_cast<float>(v / (v + (1.0 - v) * (1 - b) / b));
  }

  std::vector<float> shares(std::size_t count, double p, double x) const {
    const double k = config.knowing_share;
    if (count == 1) return {1.f};
    std::vector<float> w{static_cast<float>(k * (1 - p) + (1 - k) * x), static_cast<float>((1 - k) * (1 - x))};
    for (std::size_t m = 2; m < count; ++m) w.push_back(static_cast<float>(k * p / static_cast<double>(count - 2)));
    return w;
  }
};
static_assert(check_balancer<AdaptiveTensionBalancer>());

}  // namespace arrcoc
