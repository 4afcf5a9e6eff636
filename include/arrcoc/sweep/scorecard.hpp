#pragma once
// A column's card beyond its share of right answers: seven levels, and what its failures are owed to (seeds.md 2A.10),
// out of rows alone. What a run has not the columns for is absent. Random, oracle and full are those on the same
// picture: with the column's own `picture=`.
#include <optional>
#include <string>
#include <vector>

#include "arrcoc/measure/statistics.hpp"

namespace arrcoc {

/// (this - random) / (oracle - random) on the questions that all three scored; the interval is that of a ratio of means
/// (linearised, by picture).
struct WayToOracle {
  Index n = 0;
  double share = 0;
  measure::Interval interval;
};

/// Means over the questions that this and `full`, on the picture as it is, both answered, as shares of those of `full`.
struct CardCosts {
  double tokens = 0, token_layers = 0, flops = 0, kv_bytes = 0;  // flops: tower, evidence, prefill
};

/// The same column on changed pictures, or with choices swapped, minus itself.
struct CardChange {
  std::string what;  // "picture=flip", "corrupt=0.1"
  measure::Paired difference;
  std::optional<double> rank_correlation;  // mean
};

/// What a kind of question loses: this - full there. `p`: by Holm over the card's kinds.
struct CardLoss {
  std::string by, name;  // "scenario", "receipt"
  measure::Paired to_full;
  double p = 1;
};

/// This - the column that is the same without one part.
struct CardPart {
  std::string what, without;  // "scorer novelty"; the other column's name
  measure::Paired brings;
};

/// Rows that are wrong (a score below a half), each once.
struct CardFailures {
  Index n = 0;
  Index question = 0;  // it does not say what it asks: the data's kind, or no box and no word
  Index model = 0;     // full is wrong too
  Index reading = 0;   // full is right and every token under a box was kept
  Index budget = 0;    // one was dropped, and the oracle with as many tokens is wrong too
  Index choice = 0;    // one was dropped, and the oracle is right, or was not asked
  Index unknown = 0;   // no full, or no box
};

struct Scorecard {
  std::optional<WayToOracle> way;               // 1 accuracy
  std::optional<CardCosts> costs;               // 2 efficiency
  std::vector<CardChange> changes;              // 3 robustness
  std::optional<measure::Paired> own_question;  // 4 interpretability: this - this scored without its question
  std::vector<CardLoss> losses;                 // 5 fairness: kinds of 20 questions and more, the worst first
  std::optional<double> spread;                 //   the best kind's difference - the worst one's
  std::optional<double> seeds_agree;            // 6 consistency: chance that two seeds are both right or both wrong
  std::optional<double> stays_right;            //   of what is right, right with the next larger budget too
  std::vector<CardPart> parts;                  // 7 attribution
  CardFailures failures;
};

}  // namespace arrcoc
