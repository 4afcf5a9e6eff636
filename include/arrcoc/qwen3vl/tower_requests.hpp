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
  /// Payers that stay apart, or of which the largest counts, cost an attention call each.
  static constexpr std::size_t most_payers = 64;

  /// Error{bad_config} for what the tower cannot answer about these pictures. `requests` and `config` must outlive
  /// this.
  TowerRequests(const std::vector<Request>& requests, const VisionConfig& config, const std::vector<PatchGrid>& grids)
      : requests_(requests), config_(config), answers_(grids.size(), std::vector<Answered>(requests.size())) {
    if (requests.empty()) return;
    Index row = 0;
    for (const PatchGrid& g : grids) {
      pictures_.push_back({row, g});
      row += g.count();
    }
    for (const Request& r : requests_) check(r);
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

  /// For each picture its answers, in the order of the requests; once, after the last block.
  std::vector<std::vector<Answered>> take() { return std::move(answers_); }

 private:
  struct Picture {
    Index begin;  // its first patch row
    PatchGrid grid;
  };

  Index merge() const { return config_.spatial_merge_size * config_.spatial_merge_size; }
  Index block_of(const Request& r) const { return r.index < 0 ? config_.depth + r.index : r.index; }
  Index tokens_of(const Picture& p) const { return p.grid.count() / merge(); }

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

  std::vector<Index> listed(const Request& r, const Picture& p) const {
    if (r.rows == Rows::list) return r.list;
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
    const std::vector<float> values = b.to_host(patches_of(b, from, tokens, p));
    const bool over_heads = r.what != What::hidden && r.heads == Over::mean;
    const auto width = static_cast<std::size_t>(b.cols(from)), m = static_cast<std::size_t>(merge()),
               heads = static_cast<std::size_t>(over_heads ? config_.heads : 1), narrow = width / heads;
    std::vector<float> out;
    out.reserve(tokens.size() * narrow);
    std::vector<double> sum(narrow);
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      std::fill(sum.begin(), sum.end(), 0.0);
      for (std::size_t i = 0; i < m; ++i)
        for (std::size_t c = 0; c < width; ++c) sum[c % narrow] += static_cast<double>(values[(t * m + i) * width + c]);
      for (const double s : sum) out.push_back(static_cast<float>(s / static_cast<double>(m * heads)));
    }
    return host_tensor(std::move(out), {static_cast<Index>(tokens.size()), static_cast<Index>(narrow)});
  }

  /// The patches of these tokens, one token after the other; without a copy where the tokens are a run.
  Tensor patches_of(B& b, const Tensor& from, std::span<const Index> tokens, const Picture& p) const {
    const Index m = merge(), first = p.begin + tokens.front() * m;
    bool run = true;
    for (std::size_t i = 1; i < tokens.size(); ++i) run = run && tokens[i] == tokens[i - 1] + 1;
    if (run) return b.slice_rows(from, first, first + static_cast<Index>(tokens.size()) * m);
    std::vector<Index> rows;
    for (const Index t : tokens)
      for (Index i = 0; i < m; ++i) rows.push_back(p.begin + t * m + i);
    return b.gather_rows(from, rows);
  }

  HostTensor received(B& b, const Request& r, const TowerBlock<B>& in, const Picture& p) const {
    const std::vector<Index> payers = listed(r, p);
    const Index n = tokens_of(p);
    std::vector<Index> shape{n};
    if (r.heads == Over::each) shape.insert(shape.begin(), config_.heads);
    if (r.payers == Over::each) shape.insert(shape.begin(), static_cast<Index>(payers.size()));
    // Means over both commute: one call for all heads.
    const bool together = r.heads == Over::mean && r.payers != Over::max;
    if (r.payers == Over::mean)
      return host_tensor(over_heads(paid(b, in, p, payers, together), r.heads, n), std::move(shape));
    std::vector<float> out;
    std::vector<double> top;
    for (const Index t : payers) {
      const std::vector<double> one = paid(b, in, p, {&t, 1}, together);
      if (r.payers == Over::each) {
        const std::vector<float> block = over_heads(one, r.heads, n);
        out.insert(out.end(), block.begin(), block.end());
      } else if (top.empty()) {
        top = one;
      } else {
        std::transform(top.begin(), top.end(), one.begin(), top.begin(),
                       [](double x, double y) { return std::max(x, y); });
      }
    }
    return host_tensor(r.payers == Over::each ? std::move(out) : over_heads(top, r.heads, n), std::move(shape));
  }

  /// [H, N]: what each token's patches receive in the mean from the payers' patches; H = 1, the heads' mean, if
  /// `together`, else one row for each head. Never more of the probabilities than the backend's attention holds.
  std::vector<double> paid(B& b, const TowerBlock<B>& in, const Picture& p, std::span<const Index> payers,
                           bool together) const {
    const Index calls = together ? 1 : config_.heads, width = config_.hidden_size / calls, m = merge(),
                n = tokens_of(p), frame = n / p.grid.frames;
    AttentionSpec spec;
    spec.heads = spec.kv_heads = together ? config_.heads : 1;
    spec.scale = 1.0f / std::sqrt(static_cast<float>(config_.head_dim()));
    spec.want_received = true;
    const double share = 1.0 / static_cast<double>(static_cast<Index>(payers.size()) * m * spec.heads);
    std::vector<double> out(static_cast<std::size_t>(calls * n));
    for (Index first = 0; first < n; first += frame) {
      std::vector<Index> own;  // payers of this frame
      std::copy_if(payers.begin(), payers.end(), std::back_inserter(own),
                   [&](Index t) { return t >= first && t < first + frame; });
      if (own.empty()) continue;
      const Index begin = p.begin + first * m, end = begin + frame * m;
      const Tensor q = patches_of(b, in.q, own, p), k = b.slice_rows(in.k, begin, end),
                   v = b.slice_cols(b.slice_rows(in.v, begin, end), 0,
                                    spec.heads);  // any values: nobody reads the output
      for (Index h = 0; h < calls; ++h) {
        const auto cut = [&](const Tensor& t) { return together ? t : b.slice_cols(t, h * width, (h + 1) * width); };
        const std::vector<float> mass = b.to_host(b.attention(cut(q), cut(k), v, spec).received);
        for (std::size_t i = 0; i < mass.size(); ++i)
          out[static_cast<std::size_t>(h * n + first + static_cast<Index>(i) / m)] +=
              share * static_cast<double>(mass[i]);
      }
    }
    return out;
  }

  /// [H, N] -> [N], or as it is.
  static std::vector<float> over_heads(const std::vector<double>& rows, Over over, Index n) {
    const auto width = static_cast<std::size_t>(n), heads = rows.size() / width;
    if (over == Over::each) return {rows.begin(), rows.end()};
    std::vector<float> out;
    for (std::size_t t = 0; t < width; ++t) {
      double one = rows[t];
      for (std::size_t h = 1; h < heads; ++h)
        one = over == Over::max ? std::max(one, rows[h * width + t]) : one + rows[h * width + t];
      out.push_back(static_cast<float>(over == Over::mean ? one / static_cast<double>(heads) : one));
    }
    return out;
  }

  const std::vector<Request>& requests_;
  const VisionConfig& config_;
  std::vector<Picture> pictures_;
  std::vector<std::vector<Answered>> answers_;
};

}  // namespace arrcoc::qwen3vl
