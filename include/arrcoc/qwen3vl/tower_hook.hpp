#pragma once
// Decisions inside the vision tower: a hook that may drop tokens, whole groups of merge x merge patches, before a
// block.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/request.hpp"

namespace arrcoc::qwen3vl {

/// For each picture the tokens that go on, ascending, in tokens as they were encoded.
using TowerKeep = std::vector<std::vector<Index>>;

template <class B>
struct TowerView {
  const typename B::Tensor& hidden;                   // [P now, D] input of the block, merge^2 rows a token
  const TowerKeep& living;                            // of each picture; what is encoded is numbered from 0
  const std::vector<std::vector<Answered>>& answers;  // of each picture, to the hook's requests of blocks below
};

/// One block loop for all hooks: virtual, one call a block.
template <class B>
struct TowerHook {
  virtual ~TowerHook() = default;
  /// What it asks of blocks, answered about the tokens that are in them.
  virtual std::vector<Request> requests() const { return {}; }
  /// Tokens among the living; nullopt: all go on, and nothing is touched.
  virtual std::optional<TowerKeep> before_block(B& b, Index block, const TowerView<B>& view) = 0;
};

/// Who is alive in the tower: of each picture its tokens, as they were encoded, and how they fall into segments.
struct Living {
  TowerKeep kept;
  std::vector<std::vector<Index>> segments;  // tokens of each attention segment

  void add(std::vector<Index> parts) {
    Index n = 0;
    for (const Index p : parts) n += p;
    kept.emplace_back();
    for (Index t = 0; t < n; ++t) kept.back().push_back(t);
    segments.push_back(std::move(parts));
  }
  Index count() const {
    Index n = 0;
    for (const auto& k : kept) n += static_cast<Index>(k.size());
    return n;
  }
  /// Keeps these tokens among the living; returns their rows among all that were alive. Error{bad_stage_output}.
  std::vector<Index> drop(const TowerKeep& keep) {
    require_that(keep.size() == kept.size(), Code::bad_stage_output, "tower hook", [&] {
      return "expected a list of tokens for each picture, " + std::to_string(kept.size()) + ", got " +
             std::to_string(keep.size());
    });
    std::vector<Index> rows;
    Index first = 0;
    for (std::size_t p = 0; p < keep.size(); ++p) {
      const auto n = static_cast<Index>(kept[p].size());
      require_that(!keep[p].empty(), Code::bad_stage_output, "tower hook", [&] {
        return "picture " + std::to_string(p) + ": expected at least one token that goes on, got none";
      });
      std::vector<Index> left, parts(segments[p].size());
      std::size_t part = 0;
      for (Index end = segments[p].at(0), i = 0; i < static_cast<Index>(keep[p].size()); ++i) {
        const Index t = keep[p][static_cast<std::size_t>(i)];
        require_that(t >= 0 && t < n && (i == 0 || keep[p][static_cast<std::size_t>(i - 1)] < t),
                     Code::bad_stage_output, "tower hook", [&] {
                       return "tokens that go on: expected strictly ascending ones below " + std::to_string(n) +
                              ", got " + std::to_string(t);
                     });
        while (t >= end) end += segments[p][++part];
        ++parts[part];
        left.push_back(kept[p][static_cast<std::size_t>(t)]);
        rows.push_back(first + t);
      }
      kept[p] = std::move(left);
      segments[p] = std::move(parts);
      first += n;
    }
    return rows;
  }
};

}  // namespace arrcoc::qwen3vl
