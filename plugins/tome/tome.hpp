#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/primitives/selection.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct ToMeConfig {
  Index r = 0;  ///< rows that vanish in a round; 0: as many as there are to go, at most half of the rows
  std::string validate() const { return r >= 0 ? "" : "r: expected at least 0, got " + std::to_string(r); }
  bool operator==(const ToMeConfig&) const = default;
};

/// Bipartite soft matching, round by round until K rows are left: rows at even places (first, third ...) look for the
/// most similar one at an odd place, by the cosine of their keys in the tower's last block (mean over heads), and the r
/// most similar merge into it; a row is the mean of all tokens in it, its key the mean of theirs, its place that of the
/// row merged into. Equal ones by the smaller index. Exactly K. O(rounds N^2 d). Relevance is not looked at. Cause:
/// `coverage`; value: tokens in the row. Needs an injector that honours merge.
/// Source: Bolya et al. 2023, "Token merging: your ViT but faster" (arXiv 2210.09461), section 3. Differs: theirs runs
/// in every block of the tower with r = 8 or 16, where it would break up the 2x2 groups of this model's merger; this
/// one merges behind it, rows in the order of the picture.
struct ToMeAllocator {
  static constexpr std::string_view name = "tome";
  static constexpr Needs may_need{Phase::tower, Need::k};
  static constexpr Spend spend = Spend::exact;
  using Config = ToMeConfig;
  Config config{};

  std::vector<Request> needs() const { return {{.what = Request::What::k}}; }

  Allocation allocate(std::span<const float> relevance, const Evidence& e, Budget budget, Rng&) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    selection::check_relevance(relevance, e.tokens, name);
    const FeatureRows keys(e.answer(needs()[0]), e.count(), name);
    std::vector<Row> rows;
    for (std::size_t t = 0; t < keys.count; ++t)
      rows.push_back({{static_cast<Index>(t)}, {keys.row(t).begin(), keys.row(t).end()}});
    const auto k = static_cast<std::size_t>(budget.resolve(e.count()).kept);
    while (rows.size() > k) {
      const std::size_t go = std::min(rows.size() - k, rows.size() / 2);
      rows = matched(std::move(rows), config.r > 0 ? std::min(go, static_cast<std::size_t>(config.r)) : go);
    }
    std::vector<selection::Choice> choices;
    for (const Row& row : rows) {
      const auto rank = static_cast<Index>(choices.size());
      choices.push_back({row.tokens[0], {Cause::coverage, rank, static_cast<float>(row.tokens.size())}});
    }
    Allocation a = selection::finish(e.tokens, std::move(choices), budget);
    for (const Row& row : rows) {  // in the order of the picture, as the choices are
      a.merge.emplace_back();
      for (const Index t : row.tokens) a.merge.back().push_back({t, 1.0f / static_cast<float>(row.tokens.size())});
    }
    return a;
  }

 private:
  struct Row {
    std::vector<Index> tokens;  // its own first
    std::vector<double> sum;    // of their keys: a cosine with it is one with their mean
  };

  static std::vector<Row> matched(std::vector<Row> rows, std::size_t go) {
    std::vector<std::vector<double>> unit;
    for (const Row& r : rows) {
      unit.push_back(r.sum);
      const double norm = std::sqrt(dot_of(r.sum, r.sum));
      for (double& x : unit.back()) x = norm > 0 ? x / norm : 0;
    }
    std::vector<float> likeness;
    std::vector<std::size_t> partner;
    for (std::size_t a = 0; a < rows.size(); a += 2) {
      double most = -2;
      partner.push_back(0);
      for (std::size_t b = 1; b < rows.size(); b += 2)
        if (const double c = dot_of(unit[a], unit[b]); c > most) most = c, partner.back() = b;
      likeness.push_back(static_cast<float>(most));
    }
    std::vector<bool> gone(rows.size());
    for (const Index i : selection::best(likeness, static_cast<Index>(go))) {
      Row &from = rows[2 * static_cast<std::size_t>(i)], &to = rows[partner[static_cast<std::size_t>(i)]];
      gone[2 * static_cast<std::size_t>(i)] = true;
      to.tokens.insert(to.tokens.end(), from.tokens.begin(), from.tokens.end());
      for (std::size_t d = 0; d < to.sum.size(); ++d) to.sum[d] += from.sum[d];
    }
    std::vector<Row> left;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (!gone[i]) left.push_back(std::move(rows[i]));
    return left;
  }
};
static_assert(check_allocator<ToMeAllocator>());

inline void register_tome(HostStages& r) {
  r.add_allocator<ToMeAllocator>({"Bolya et al. 2023, arXiv 2210.09461",
                                  {},
                                  "rows merge pair by pair, the most similar first, until K are left",
                                  "O(rounds N^2 d)"});
  r.add_preset({"tome", "none/none/flat/tome/merge:log_size=true",
                "rows merge pair by pair behind the tower, and weigh as the tokens they stand for",
                "Bolya et al. 2023, arXiv 2210.09461"});
}

}  // namespace arrcoc
