#pragma once
// Rows as scores by question, and what follows from scores: shares, intervals, differences.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {

using RowList = std::vector<const SweepRow*>;
using Scores = std::map<std::string, double, std::less<>>;  // question id -> 0, 1, or a mean over seeds

/// A column without its seed, as `RowColumns` has it.
inline std::string column_key(const std::string& pipeline, const std::string& budget, const std::string& depth) {
  return pipeline + "\n" + budget + "\n" + depth;
}
inline std::string column_key(const SweepRow& r) { return column_key(r.pipeline, r.budget, r.depth); }

/// column_key -> its rows, all seeds.
struct RowColumns {
  std::map<std::string, RowList, std::less<>> rows;
  std::vector<std::string> order;  // keys, as they first stand

  explicit RowColumns(const std::vector<SweepRow>& all) {
    for (const SweepRow& r : all) {
      RowList& mine = rows[column_key(r)];
      if (mine.empty()) order.push_back(column_key(r));
      mine.push_back(&r);
    }
  }
  const RowList* find(const std::string& pipeline, const std::string& budget, const std::string& depth) const {
    const auto at = rows.find(column_key(pipeline, budget, depth));
    return at == rows.end() ? nullptr : &at->second;
  }
  /// The column with every token: full, else the model's own path. `framing`: on the picture changed so,
  /// ":picture=flip".
  const RowList* whole(const std::string& framing = "") const {
    const RowList* full = find("full" + framing, "all", "all");
    return full != nullptr ? full : find("stock" + framing, "all", "all");
  }
};

inline Scores scores_of(const RowList& rows) {
  std::map<std::string, std::pair<double, Index>, std::less<>> sums;
  for (const SweepRow* r : rows)
    if (r->score) {
      auto& [sum, n] = sums[r->id];
      sum += *r->score;
      ++n;
    }
  Scores out;
  for (const auto& [id, sum] : sums) out[id] = sum.first / static_cast<double>(sum.second);
  return out;
}

/// Question id -> what it shares with the other questions about its pictures.
using PictureOf = std::map<std::string, std::string, std::less<>>;
inline void note_picture(PictureOf& pictures, const SweepRow& r) {
  std::string& key = pictures[r.id];
  if (!key.empty()) return;
  for (const std::string& image : r.images) key += image + "\n";
  if (r.images.empty()) key = r.id;
}

/// Scores by picture.
inline std::vector<measure::PictureScores> by_picture(const Scores& scores, const PictureOf& pictures) {
  std::map<std::string_view, measure::PictureScores> groups;
  for (const auto& [id, score] : scores) groups[pictures.at(id)].push_back(score);
  std::vector<measure::PictureScores> out;
  for (auto& [picture, own] : groups) out.push_back(std::move(own));
  return out;
}

template <class Wanted>
std::optional<Share> share_of(const Scores& scores, const PictureOf& pictures, Wanted&& wanted) {
  Scores own;
  Share s;
  for (const auto& [id, score] : scores) {
    if (!wanted(id)) continue;
    own.emplace_hint(own.end(), id, score);
    ++s.n;
    s.right += score;
  }
  if (s.n == 0) return std::nullopt;
  s.effective_n = measure::spread_of(by_picture(own, pictures)).effective_n;
  s.interval = measure::wilson(std::min(1.0, s.accuracy()) * s.effective_n, s.effective_n);
  return s;
}

/// first - second on the questions that both scored.
inline measure::Paired paired(const Scores& first, const Scores& second, const PictureOf& pictures) {
  Scores differences;
  for (const auto& [id, score] : first)
    if (const auto other = second.find(id); other != second.end()) differences[id] = score - other->second;
  return measure::paired_difference(by_picture(differences, pictures));
}

/// Controls of the oracle: no way of choosing tokens.
inline bool leaks(const std::string& pipeline) { return pipeline.ends_with("_blank") || pipeline.ends_with("_other"); }

}  // namespace arrcoc
