#pragma once
// Two columns side by side on as many questions of each class: specific, vague, detail, counting (seeds.md 2A.20).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {

inline constexpr std::string_view ab_classes[] = {"specific", "vague", "detail", "counting"};

/// The class of a question by its words (read_question), its kind in the data, and whether it has boxes: counting;
/// detail (small print, numbers); vague: to describe, or ambiguous, contradictory or empty by the data, or without a
/// word that says what is asked and without a box; specific: the others.
std::string_view ab_class(const SweepRow& row);
/// Places of `ids` in the order in which questions are drawn.
std::vector<std::size_t> ab_order(const std::vector<std::string>& ids, std::uint64_t seed);

struct AbQuestion {
  std::string id, question, prediction_a, prediction_b;
  std::optional<double> a, b;  // scores
};

struct AbClass {
  std::string name;
  Index there = 0;                     // questions of the class that both columns have
  std::vector<AbQuestion> questions;   // those drawn
  std::optional<Share> a, b;           // of those that both scored
  measure::Paired difference;          // b - a; n = 0: none was scored
  double p = 1;                        // by Holm over the classes that were scored
  std::optional<double> detectable;    // a difference found with 80 % power at 5 %, as pictures and scores vary here
  std::optional<measure::Paired> ink;  // b - a of the share of ink kept, where both have it
};

struct AbProtocol {
  Index wanted = 50;  // of each class
  std::uint64_t seed = 0;
  std::string a, b;  // what is compared
  std::vector<AbClass> classes;
  // Mean of the classes' differences, each counting alike; interval and p by picture. None: no class was scored.
  std::optional<double> difference;
  measure::Interval interval{-1, 1};
  double p = 1;
};

/// `a`, `b`: rows of one column each. Draws by seed and id alone: the same questions in every run that has them.
/// Error{bad_text} when no question is in both, or one id asks two questions.
AbProtocol ab_protocol(const std::vector<SweepRow>& a, const std::vector<SweepRow>& b, Index wanted,
                       std::uint64_t seed);
AbProtocol ab_protocol(const std::vector<const SweepRow*>& a, const std::vector<const SweepRow*>& b, Index wanted,
                       std::uint64_t seed);

std::string ab_table(const AbProtocol& protocol);
std::string ab_json(const AbProtocol& protocol);
/// A line a question drawn.
std::string ab_csv(const AbProtocol& protocol);

}  // namespace arrcoc
