#pragma once
// Cards of columns, and how they are written.
#include "files/json_parse.hpp"
#include "sweep/row_scores.hpp"

namespace arrcoc {

/// Columns by what they are made of: column_key of the full name without its budget.
using CardNames = std::map<std::string, const RowList*>;
CardNames card_names(const RowColumns& columns);

/// ":picture=VALUE" of a column on a changed picture, else nothing.
std::string framing_of(const std::string& name);

/// Of one column, all its seeds together: its rows among those of the run.
Scorecard scorecard(const RowColumns& columns, const CardNames& names, const RowList& own);

/// Holm's step-down over the p values of a list, in place.
template <class List, class Of>
void holm(List& list, Of&& p_of) {
  std::vector<std::size_t> order(list.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p_of(list[a]) < p_of(list[b]); });
  double most = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    double& p = p_of(list[order[k]]);
    most = std::max(most, std::min(1.0, static_cast<double>(order.size() - k) * p));
    p = most;
  }
}

/// Kinds of questions, as data has them, that no picture answers.
inline bool asks_nothing(std::string_view kind) {
  return kind == "ambiguous" || kind == "contradictory" || kind == "empty";
}

io::Ordered card_json(const Scorecard& card);
io::Ordered share_json(const Share& share);
io::Ordered paired_json(const measure::Paired& paired);

}  // namespace arrcoc
