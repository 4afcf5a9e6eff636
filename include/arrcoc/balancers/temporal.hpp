#pragma once
#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/frames.hpp"
#include "arrcoc/primitives/normalise.hpp"
#include "arrcoc/primitives/overlap.hpp"

namespace arrcoc {

struct TemporalConfig {
  double decay = 0.8;             ///< share of what was kept that stays; [0, 1), 0: no memory
  double boost = 0.5;             ///< added times a token's change; [0, 4]
  Index radius = 1;               ///< cells that what moves may have gone since the pair before; 0: nothing moves
  double moved = 0.5;             ///< change above which a token counts for a cut; [0, 1]
  double cut = 0.3;               ///< share of such tokens above which nothing is remembered; [0, 1], 1: never
  double spread = 0;              ///< share of its value that a token hands to its eight neighbours; [0, 1]
  std::string scale = "min_max";  ///< of each map over each pair: min_max, rank, or none (cut to [0, 1])
  std::string validate() const {
    const auto within = [](double v, double high) { return v >= 0 && v <= high; };
    if (!(decay >= 0 && decay < 1)) return "decay: expected a number in [0, 1), got " + std::to_string(decay);
    if (!within(boost, 4)) return "boost: expected a number in [0, 4], got " + std::to_string(boost);
    if (radius < 0 || radius > 64) return "radius: expected 0 to 64, got " + std::to_string(radius);
    if (!within(moved, 1)) return "moved: expected a number in [0, 1], got " + std::to_string(moved);
    if (!within(cut, 1)) return "cut: expected a number in [0, 1], got " + std::to_string(cut);
    if (!within(spread, 1)) return "spread: expected a number in [0, 1], got " + std::to_string(spread);
    return scale == "none" ? "" : balance::scale_problem(scale);
  }
  bool operator==(const TemporalConfig&) const = default;
};

/// Temporal realiser: [M, N] of a clip -> [N] in [0, 1], pair by pair; a pair looks at itself and the one before alone.
///   x        mean over maps, each scaled over the pair; at least `spread` times the largest of the eight neighbours
///   change   1 - cosine with the vision embedding before at the same place, cut to [0, 1]; 1 where none was
///   motion   memory comes from the token of the pair before, at most `radius` cells away, whose embedding is likest;
///            where none is likelier, from the same place
///   keep     decay memory + (1 - decay) x + boost change, cut to [0, 1]
///   reset    keep = x where more than the share `cut` of the tokens changed by more than `moved`, and at the
///   beginning;
///            with an earlier look, at the beginning, decay (relevance of its last pair) + (1 - decay) x
/// A picture: x. O(M N (log N) + N D radius^2); two pairs of embeddings in memory. Source: ARR-COC notes, temporal
/// realiser; features for pixels is ours, and so are the cut to [0, 1] and `spread`.
struct TemporalBalancer {
  static constexpr std::string_view name = "temporal";
  static constexpr Needs may_need{Phase::vision, Need::vision};
  using Config = TemporalConfig;
  Config config{};

  /// Error{shape_mismatch} for features of other tokens, Error{bad_number} unless they are finite.
  Balanced balance(std::span<const float> maps, const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto parts = balance::split_maps(maps, e.count(), name);
    const auto pairs = frames::of(e.tokens);
    Balanced out;
    out.relevance.resize(static_cast<std::size_t>(e.count()));
    out.weights.assign(parts.size(), 1.f / static_cast<float>(parts.size()));
    const frames::SamePlace place(e.tokens);
    std::optional<FeatureRows> before, rows;  // of a clip's pairs, at length 1
    for (std::size_t f = 0; f < pairs.size(); ++f) {
      const auto& now = pairs[f];
      const std::vector<double> x = own(parts, now, place, static_cast<Index>(f));
      if (pairs.size() > 1) rows.emplace(*e.vision, e.count(), now, name).normalise();
      const std::vector<double> memory =
          f > 0 ? remembered(out.relevance, *before, *rows, pairs[f - 1], now, place, static_cast<Index>(f) - 1)
                : earlier(e, now);
      for (std::size_t i = 0; i < now.size(); ++i) {
        const double kept = memory.empty() ? x[i] : memory[i] + (1 - config.decay) * x[i];
        out.relevance[static_cast<std::size_t>(now[i])] = static_cast<float>(std::clamp(kept, 0.0, 1.0));
      }
      before = std::move(rows);
    }
    return out;
  }

 private:
  std::vector<double> own(const std::vector<std::span<const float>>& maps, const std::vector<Index>& tokens,
                          const frames::SamePlace& place, Index frame) const {
    std::vector<double> out(tokens.size());
    if (tokens.empty()) return out;
    for (const auto& map : maps) {
      std::vector<float> x;
      for (const Index t : tokens) x.push_back(map[static_cast<std::size_t>(t)]);
      if (config.scale != "none") x = balance::scaled(x, config.scale);
      for (std::size_t i = 0; i < x.size(); ++i)
        out[i] += std::clamp(static_cast<double>(x[i]), 0.0, 1.0) / static_cast<double>(maps.size());
    }
    if (config.spread == 0) return out;
    const std::vector<double> alone = out;
    for (std::size_t i = 0; i < out.size(); ++i)
      for (Index r = -1; r <= 1; ++r)
        for (Index c = -1; c <= 1; ++c)
          if (const Index other = place.in(frame, tokens[i], r, c); other >= 0) {
            const auto at = std::lower_bound(tokens.begin(), tokens.end(), other) - tokens.begin();
            out[i] = std::max(out[i], config.spread * alone[static_cast<std::size_t>(at)]);
          }
    return out;
  }

  /// decay memory + boost change of each token of a pair; empty: reset.
  std::vector<double> remembered(const std::vector<float>& keep, const FeatureRows& before, const FeatureRows& rows,
                                 const std::vector<Index>& last, const std::vector<Index>& now,
                                 const frames::SamePlace& place, Index frame) const {
    std::vector<double> out(now.size());
    std::size_t moved = 0;
    for (std::size_t i = 0; i < now.size(); ++i) {
      const auto cosine = [&](Index token) {
        const auto at = std::lower_bound(last.begin(), last.end(), token) - last.begin();
        return dot_of(before.row(static_cast<std::size_t>(at)), rows.row(i));
      };
      Index from = place.in(frame, now[i]);
      double likest = from >= 0 ? cosine(from) : -2;
      const double change = from >= 0 ? std::clamp(1 - likest, 0.0, 1.0) : 1;
      moved += change > config.moved ? 1 : 0;
      for (Index r = -config.radius; r <= config.radius; ++r)
        for (Index c = -config.radius; c <= config.radius; ++c) {
          const Index other = place.in(frame, now[i], r, c);
          if (other < 0 || other == from) continue;
          // Equal embeddings differ by rounding: what did not move stays.
          if (const double likeness = cosine(other); likeness > likest + 1e-9) from = other, likest = likeness;
        }
      const double memory = from >= 0 ? static_cast<double>(keep[static_cast<std::size_t>(from)]) : 0;
      out[i] = config.decay * memory + config.boost * change;
    }
    if (static_cast<double>(moved) > config.cut * static_cast<double>(now.size())) out.clear();
    return out;
  }

  std::vector<double> earlier(const Evidence& e, const std::vector<Index>& now) const {
    if (!e.previous || e.tokens.frames < 2) return {};
    const Look& look = *e.previous;
    require_that(static_cast<Index>(look.relevance.size()) == look.tokens.count(), Code::shape_mismatch, name,
                 "relevance of an earlier look: expected one value for each of its tokens");
    TokenSet last(look.tokens.grid), here(e.tokens.grid);
    std::vector<float> relevance;
    const auto pairs = frames::of(look.tokens);
    for (const Index t : pairs.back()) {
      last.places.push_back(look.tokens.at(t));
      last.places.back().frame = 0;
      relevance.push_back(look.relevance[static_cast<std::size_t>(t)]);
    }
    for (const Index t : now) here.places.push_back(e.tokens.at(t));
    if (last.places.empty() || now.empty()) return {};
    const auto values = carried(last, relevance, here, "relevance");
    std::vector<double> out(values.begin(), values.end());
    for (double& v : out) v = config.decay * std::clamp(v, 0.0, 1.0);
    return out;
  }
};
static_assert(check_balancer<TemporalBalancer>());

}  // namespace arrcoc
