#pragma once
#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/balancers/question_kind.hpp"
#include "arrcoc/primitives/normalise.hpp"
#include "arrcoc/primitives/overlap.hpp"
#include "arrcoc/primitives/small_network.hpp"

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
  float adapt = 0.f;           ///< how far the picture moves the four tensions; [0, 1], 0 = settings as they are
  std::string by = "given";    ///< who sets the four: given, question (its words, from the given ones), head
  std::string head = {};       ///< of by=head: safetensors of a small network, `tension.0.weight` [H, 15] and on
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
    if (by != "given" && by != "question" && by != "head")
      return "by: expected given, question or head, got '" + by + "'";
    if ((by == "head") == head.empty())
      return by == "head" ? "head: expected a file, as by=head asks for one" : "head: expected by=head, got by=" + by;
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
/// Who sets them: `by` given, the question's words (question_kind.hpp, starting from the given ones), or a trained head
///   over [15] numbers: confidence in each of the six kinds of question, then mean, deviation and trust of I, P and Q;
///   its four outputs through a sigmoid. The picture then moves each by `adapt`:
///   p += adapt (tQ - tI) / 2, x += adapt (mean |I - P| - 1/4), u and b += adapt (mean I - 1/2).
/// Each tension says in a sentence where it stood, who set it and what that did to this picture.
/// Law: M equal maps come out in their own order while diversify <= 1/2 and explore < 1.
/// Source: ARR-COC's three tensions; two poles and a setting each instead of three weights. Moran 1950 (trust),
///   divisive normalisation
/// of Heeger 1992 (diversify), Schlick 1994 (the bias curve of 4).
struct AdaptiveTensionBalancer {
  static constexpr std::string_view name = "tension";
  static constexpr Needs may_need{Phase::pixels, Need::asked};
  using Config = TensionConfig;
  Config config{};
  std::shared_ptr<const SmallNetwork> network{};  // of config.head, read by whoever can read files

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
    const tension::Cells cells{e.tokens.grid, covering(e.tokens)};
    const auto trusted = [&](const std::vector<float>& m) {
      return tension::trust(m, cells, config.trust, config.trust_floor);
    };
    const double trust_info = trusted(info), trust_query = trusted(query);
    const Stand stand = standing(e, [&] {
      std::vector<double> seen;
      for (const std::vector<float>* m : std::array{&info, &salience, &std::as_const(query)}) {
        const tension::Spread s = tension::spread_of(*m);
        seen.insert(seen.end(), {s.mean, s.deviation, trusted(*m)});
      }
      return seen;
    });
    double gap = 0, mean_info = 0;
    for (std::size_t i = 0; i < n; ++i) {
      gap += std::abs(static_cast<double>(info[i]) - salience[i]);
      mean_info += info[i];
    }
    gap /= static_cast<double>(n);
    mean_info /= static_cast<double>(n);
    const auto moved = [&](float at, double by) { return tension::clamp01(at + config.adapt * by); };
    const double set = count > 2 ? moved(stand.poles.particularize, 0.5 * (trust_query - trust_info)) : 0.0;
    const double p = set * trust_query / (set * trust_query + (1 - set) * trust_info);
    const double x = count > 1 ? moved(stand.poles.explore, gap - 0.25) : 0.0;
    const double u = moved(stand.poles.diversify, mean_info - 0.5);
    const double deep = moved(stand.poles.deep, mean_info - 0.5);
    std::vector<float> s(n);
    for (std::size_t i = 0; i < n; ++i) {
      const double t1 = (1 - p) * info[i] + p * query[i];
      double t2 = (1 - x) * salience[i] + x * std::max(0.0, static_cast<double>(info[i]) - salience[i]);
      if (!before.empty()) t2 *= 1 - x * tension::clamp01(before[i]);
      s[i] = static_cast<float>(config.knowing_share * t1 + (1.0 - config.knowing_share) * t2);
    }
    const double even = tension::even_tokens(s);
    tension::spread(s, cells, u);
    const double even_now = tension::even_tokens(s), mean = tension::spread_of(s).mean;
    tension::deepen(s, deep);
    using tension::hundredths, tension::percent;
    const auto said = [&](const char* pole, double at, const std::string& did) {
      return std::string(pole) + " " + hundredths(at) + ", " + stand.from +
             (config.adapt > 0 ? " and the picture" : "") + ": " + did;
    };
    Balanced out;
    out.tensions = {
        {"compress-particularize", static_cast<float>(p),
         count > 2
             ? said("particularize", set, "the question's map counts " + percent(p) + ", information " + percent(1 - p))
             : "there is no map of the question: information alone"},
        {"exploit-explore", static_cast<float>(x),
         count > 1 ? said("explore", x,
                          "what stands out counts " + percent(1 - x) + ", what informs beside it " + percent(x) +
                              (before.empty() ? "" : ", and what was seen before loses up to " + percent(x)))
                   : "there is no map of what stands out: information alone"},
        {"focus-diversify", static_cast<float>(u),
         said("diversify", u,
              "as much as " + std::to_string(std::lround(even_now)) + " tokens share the relevance evenly, " +
                  std::to_string(std::lround(even)) + " before")},
        {"shallow-deep", static_cast<float>(deep),
         said("deep", deep,
              "mean relevance is " + hundredths(tension::spread_of(s).mean) + ", " + hundredths(mean) +
                  " before, in the same order")}};
    out.relevance = std::move(s);
    out.weights = shares(count, p, x);
    return out;
  }

 private:
  struct Stand {
    TensionPoles poles;
    std::string from;  // who set them
  };
  /// `seen`: mean, deviation and trust of the three maps, asked by a head alone.
  template <class Seen>
  Stand standing(const Evidence& e, const Seen& seen) const {
    const TensionPoles given{config.particularize, config.explore, config.diversify, config.deep};
    if (config.by == "given") return {given, "as given"};
    const QuestionReading asked = read_question(e.asked ? std::string_view(*e.asked) : "", given);
    if (config.by == "question")
      return {asked.tensions, asked.words.empty()
                                  ? "as no word of the question says more"
                                  : "by the question (" + asked.words + ": " + std::string(name_of(asked.kind)) + ")"};
    require_that(network != nullptr && network->inputs() == 15 && network->outputs() == 4, Code::bad_config, name,
                 [&] { return "head: expected a network of 15 numbers in and 4 out, got '" + config.head + "'"; });
    std::vector<double> in(6);
    in[static_cast<std::size_t>(asked.kind)] = asked.confidence;
    for (const double v : seen()) in.push_back(v);
    std::array<float, 4> at{};
    const std::vector<double> out = (*network)(in);
    for (std::size_t i = 0; i < 4; ++i) at[i] = static_cast<float>(1 / (1 + std::exp(-out[i])));
    return {{at[0], at[1], at[2], at[3]}, "by the head"};
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
