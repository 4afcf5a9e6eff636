#pragma once
// Which of a few tokens each token is most like.
#include <span>
#include <vector>

#include "arrcoc/core/allocation.hpp"
#include "arrcoc/core/evidence.hpp"

namespace arrcoc {

/// For each token the place in `targets` of the one of largest cosine, equal ones by the smaller place: [N]. At least
/// one target. A row of similarity for each.
inline std::vector<std::size_t> nearest_of(const SimilarityRows& similarity, std::span<const Index> targets) {
  const auto n = static_cast<std::size_t>(similarity.count());
  std::vector<float> row(n), nearest(n, -2.0f);
  std::vector<std::size_t> place(n, 0);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    similarity.row(targets[i], row);
    for (std::size_t t = 0; t < n; ++t)
      if (row[t] > nearest[t]) nearest[t] = row[t], place[t] = i;
  }
  return place;
}

/// Weights of a mean for every merged row.
inline void average_rows(Allocation& a) {
  for (auto& row : a.merge)
    for (MergePart& m : row) m.weight = 1.0f / static_cast<float>(row.size());
}

/// Each token that is not kept joins the kept one it is most like; rows are means.
inline void merge_rest(Allocation& a, const SimilarityRows& similarity) {
  const Index n = a.tokens.count();
  const std::vector<std::size_t> joins = a.count() < n ? nearest_of(similarity, a.kept) : std::vector<std::size_t>();
  for (const Index t : a.kept) a.merge.push_back({{t, 1.0f}});
  std::size_t next = 0;
  for (Index t = 0; t < n; ++t) {
    if (next < a.kept.size() && a.kept[next] == t) ++next;
    else a.merge[joins[static_cast<std::size_t>(t)]].push_back({t, 1.0f});
  }
  average_rows(a);
}

}  // namespace arrcoc
