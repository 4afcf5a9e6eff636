#pragma once
// Answers of the vision tower's blocks to requests (core/request.hpp). A block computes its output as if nobody asked;
// answers are computed beside it, from the same q, k and v.
//
// A token's patches are neighbours in the sequence (merge-block order): rows [m t, m t + m) of its picture, m =
// merge^2. Sums are in double. Of `received`, the payers become one within each head, then the heads become one. A
// frame sees itself alone: what a row of one frame pays to another is 0, and it counts among the paying rows of its
// clip all the same, so that what the tokens of a picture receive sums to 1 (payers and heads mean).
#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/request.hpp"
#include "arrcoc/qwen3vl/answers.hpp"
#include "arrcoc/qwen3vl/vision_positions.hpp"

namespace arrcoc::qwen3vl {

/// Inside one block, all [P, D]: its input, q and k before and after RoPE, v.
template <class B>
struct TowerBlock {
  typename B::Tensor hidden, q_before, k_before, q, k, v;
};

template <class B>
class TowerRequests {
  using Tensor = typename B::Tensor;
  using What = Request::What;
  using Over = Request::Over;
  using Rows = Request::Rows;

 public:
  static constexpr std::size_t most_payers = answers::most_paying_tokens;

  /// Error{bad_config} for what the tower cannot answer about these pictures. `requests` and `config` must outlive
  /// this.
  TowerRequests(const std::vector<Request>& requests, const VisionConfig& config, const std::vector<PatchPlan>& plans)
      : requests_(requests), config_(config), answers_(plans.size(), std::vector<Answered>(requests.size())) {
    if (requests.empty()) return;
    for (const PatchPlan& plan : plans) pictures_.push_back({0, plan.parts(config.spatial_merge_size), 0, {}});
    place();
    for (const Request& r : requests_) check(r);
  }

  /// Tokens that go on from here, as they were encoded; of each picture its attention segments, in tokens.
  void drop(const std::vector<std::vector<Index>>& kept, const std::vector<std::vector<Index>>& segments) {
    for (std::size_t p = 0; p < pictures_.size(); ++p)
      pictures_[p].alive = kept[p], pictures_[p].segments = segments[p];
    place();
  }
  /// Of each picture the answers so far to the requests from `first` on.
  std::vector<std::vector<Answered>> answered_from(std::size_t first) const {
    std::vector<std::vector<Answered>> out;
    for (const auto& all : answers_) out.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
    return out;
  }

  bool wants(Index block) const {
    return std::any_of(requests_.begin(), requests_.end(), [&](const Request& r) { return block_of(r) == block; });
  }

  void answer(B& b, Index block, const TowerBlock<B>& in) {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      const Request& r = requests_[i];
      if (block_of(r) != block) continue;
      for (std::size_t p = 0; p < pictures_.size(); ++p)
        answers_[p][i] = {
            r, r.what == What::received ? received(b, r, in, pictures_[p]) : token_rows(b, r, in, pictures_[p])};
    }
  }

  /// For each picture its answers to the first `count` requests, in their order; once, after the last block.
  std::vector<std::vector<Answered>> take(std::size_t count) {
    for (auto& all : answers_) all.resize(count);
    return std::move(answers_);
  }

 private:
  struct Picture {
    Index begin;                  // its first patch row
    std::vector<Index> segments;  // its living tokens, by attention segment
    Index tokens;
    std::vector<Index> alive;  // of the encoded tokens; empty until some are dropped
  };
  void place() {
    Index row = 0;
    for (Picture& p : pictures_) {
      p.begin = row;
      p.tokens = 0;
      for (const Index s : p.segments) p.tokens += s;
      row += p.tokens * merge();
    }
  }

  Index merge() const { return config_.spatial_merge_size * config_.spatial_merge_size; }
  Index block_of(const Request& r) const { return counted(r.index, config_.depth); }
  Index tokens_of(const Picture& p) const { return p.tokens; }

  void check(const Request& r) const {
    const auto need = [&](bool ok, const auto& sentence) {
      require_that(ok, Code::bad_config, "request", [&] { return text_of(r) + ": " + std::string(sentence()); });
    };
    need(r.site == Request::Site::tower, [] { return "expected a request to the tower, got one to a layer"; });
    need(block_of(r) >= 0 && block_of(r) < config_.depth, [&] {
      return "block: expected " + std::to_string(-config_.depth) + " to " + std::to_string(config_.depth - 1) +
             ", got " + std::to_string(r.index);
    });
    need(r.rows == Rows::visual || r.rows == Rows::all || r.rows == Rows::list, [&] {
      return "rows: the tower sees no text; expected visual, all or list, got " + std::string(name_of(r.rows));
    });
    need(r.what == What::received || r.heads != Over::max, [] { return "heads: expected mean or each, got max"; });
    need(r.rows != Rows::list || !r.list.empty(), [] { return "list: expected at least one token, got none"; });
    for (std::size_t p = 0; p < pictures_.size(); ++p) {
      const Index n = tokens_of(pictures_[p]);
      if (r.rows == Rows::list)
        for (const Index t : r.list)
          need(t >= 0 && t < n, [&] {
            return "list: expected tokens of picture " + std::to_string(p) + ", 0 to " + std::to_string(n - 1) +
                   ", got " + std::to_string(t);
          });
      const std::size_t payers = r.rows == Rows::list ? r.list.size() : static_cast<std::size_t>(n);
      need(r.what != What::received || r.payers == Over::mean || payers <= most_payers, [&] {
        return "payers " + std::string(name_of(r.payers)) + ": expected at most " + std::to_string(most_payers) +
               " paying tokens, got " + std::to_string(payers);
      });
    }
  }

  /// Among the living. A list names tokens as they were encoded. Error{bad_config} for one that was dropped.
  std::vector<Index> listed(const Request& r, const Picture& p) const {
    if (r.rows == Rows::list) {
      std::vector<Index> out = r.list;
      if (!p.alive.empty())
        for (Index& t : out) {
          const auto at = std::lower_bound(p.alive.begin(), p.alive.end(), t);
          require_that(at != p.alive.end() && *at == t, Code::bad_config, "request", [&] {
            return text_of(r) + ": list: expected tokens that are alive in the block, got " + std::to_string(t);
          });
          t = static_cast<Index>(at - p.alive.begin());
        }
      return out;
    }
    std::vector<Index> all(static_cast<std::size_t>(tokens_of(p)));
    for (std::size_t t = 0; t < all.size(); ++t) all[t] = static_cast<Index>(t);
    return all;
  }

  /// [R, W], or [R, W / heads] with the heads' mean: the mean over each token's patches.
  HostTensor token_rows(B& b, const Request& r, const TowerBlock<B>& in, const Picture& p) const {
    const bool before = r.rope == Request::Rope::before;
    const Tensor& from = r.what == What::hidden ? in.hidden
                         : r.what == What::v    ? in.v
                         : r.what == What::q    ? (before ? in.q_before : in.q)
                                                : (before ? in.k_before : in.k);
    const std::vector<Index> tokens = listed(r, p);
    const bool over_heads = r.what != What::hidden && r.heads == Over::mean;
    return answers::mean_over(b.to_host(patches_of(b, from, tokens, p)), static_cast<Index>(tokens.size()), merge(),
                              b.cols(from), over_heads ? config_.heads : 1);
  }

  /// The patches of these tokens, one token after the other; without a copy where the tokens are a run.
  Tensor patches_of(B& b, const Tensor& from, std::span<const Index> tokens, const Picture& p) const {
    const Index m = merge();
    std::vector<Index> rows;
    for (const Index t : tokens)
      for (Index i = 0; i < m; ++i) rows.push_back(p.begin + t * m + i);
    return answers::rows_at(b, from, rows);
  }

  HostTensor received(B& b, const Request& r, const TowerBlock<B>& in, const Picture& p) const {
    const std::vector<Index> payers = listed(r, p);
    return answers::received(r, payers, tokens_of(p), config_.heads, [&](std::span<const Index> some, bool together) {
      return paid(b, in, p, some, together);
    });
  }

  /// [H, N]: what each token's patches receive in the mean from the payers' patches; H = 1, the heads' mean, if
  /// `together`, else one row for each head. Never more of the probabilities than the backend's attention holds.
  std::vector<double> paid(B& b, const TowerBlock<B>& in, const Picture& p, std::span<const Index> payers,
                           bool together) const {
    const Index calls = together ? 1 : config_.heads, width = config_.hidden_size / calls, m = merge(),
                n = tokens_of(p);
    AttentionSpec spec;
    spec.heads = spec.kv_heads = together ? config_.heads : 1;
    spec.scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim()));
    spec.want_received = true;
    const double share = 1.0 / static_cast<double>(static_cast<Index>(payers.size()) * m * spec.heads);
    std::vector<double> out(static_cast<std::size_t>(calls * n));
    Index first = 0;
    for (const Index frame : p.segments) {
      const Index here = first;
      first += frame;
      std::vector<Index> own;  // payers of this segment
      std::copy_if(payers.begin(), payers.end(), std::back_inserter(own),
                   [&](Index t) { return t >= here && t < here + frame; });
      if (own.empty()) continue;
      const Index begin = p.begin + here * m, end = begin + frame * m;
      const Tensor q = patches_of(b, in.q, own, p), k = b.slice_rows(in.k, begin, end),
                   v = b.slice_cols(b.slice_rows(in.v, begin, end), 0,
                                    spec.heads);  // any values: nobody reads the output
      for (Index h = 0; h < calls; ++h) {
        const auto cut = [&](const Tensor& t) { return together ? t : b.slice_cols(t, h * width, (h + 1) * width); };
        const std::vector<float> mass = b.to_host(b.attention(cut(q), cut(k), v, spec).received);
        for (std::size_t i = 0; i < mass.size(); ++i)
          out[static_cast<std::size_t>(h * n + here + static_cast<Index>(i) / m)] +=
              share * static_cast<double>(mass[i]);
      }
    }
    return out;
  }

  const std::vector<Request>& requests_;
  const VisionConfig& config_;
  std::vector<Picture> pictures_;
  std::vector<std::vector<Answered>> answers_;
};

}  // namespace arrcoc::qwen3vl
