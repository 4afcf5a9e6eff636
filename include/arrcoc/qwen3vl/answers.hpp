#pragma once
// What answers to requests have in common, whether a block of the tower or a layer of the language model gives them.
// Sums are in double. Of `received`, the payers become one within each head, then the heads become one.
#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "arrcoc/core/kernel_backend.hpp"
#include "arrcoc/core/request.hpp"

namespace arrcoc::qwen3vl::answers {

/// Payers that stay apart, or of which the largest counts, cost an attention call each: of the tower's tokens, and of
/// the language model's rows, whose calls are a row high and must do for any question.
inline constexpr std::size_t most_paying_tokens = 64, most_paying_rows = 4096;

/// Rows of t in this order; without a copy where they are a run. At least one.
template <class B>
typename B::Tensor rows_at(B& b, const typename B::Tensor& t, std::span<const Index> rows) {
  bool run = true;
  for (std::size_t i = 1; i < rows.size(); ++i) run = run && rows[i] == rows[i - 1] + 1;
  return run ? b.slice_rows(t, rows.front(), rows.back() + 1) : b.gather_rows(t, rows);
}

/// values [R * group, heads * d] -> [R, d]: the mean over each group of rows and over the heads. Heads 1: [R, width].
inline HostTensor mean_over(std::span<const float> values, Index rows, Index group, Index width, Index heads) {
  const auto m = static_cast<std::size_t>(group), w = static_cast<std::size_t>(width),
             narrow = w / static_cast<std::size_t>(heads);
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(rows) * narrow);
  std::vector<double> sum(narrow);
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t c = 0; c < w; ++c) sum[c % narrow] += static_cast<double>(values[(r * m + i) * w + c]);
    for (const double s : sum) out.push_back(static_cast<float>(s / static_cast<double>(group * heads)));
  }
  return host_tensor(std::move(out), {rows, static_cast<Index>(narrow)});
}

/// [H, N] -> [N], or as it is. N > 0.
inline std::vector<float> over_heads(const std::vector<double>& rows, Request::Over over, Index n) {
  const auto width = static_cast<std::size_t>(n), heads = rows.size() / width;
  if (over == Request::Over::each) return {rows.begin(), rows.end()};
  std::vector<float> out;
  for (std::size_t t = 0; t < width; ++t) {
    double one = rows[t];
    for (std::size_t h = 1; h < heads; ++h)
      one = over == Request::Over::max ? std::max(one, rows[h * width + t]) : one + rows[h * width + t];
    out.push_back(static_cast<float>(over == Request::Over::mean ? one / static_cast<double>(heads) : one));
  }
  return out;
}

/// What n tokens receive from `payers`, in the shape that core/request.hpp states. paid(some payers, together) -> [H,
/// n]: what they pay in the mean; H = 1, the heads' mean, if `together`, else one row for each head.
template <class Paid>
HostTensor received(const Request& r, std::span<const Index> payers, Index n, Index heads, Paid&& paid) {
  std::vector<Index> shape{n};
  if (r.heads == Request::Over::each) shape.insert(shape.begin(), heads);
  if (r.payers == Request::Over::each) shape.insert(shape.begin(), static_cast<Index>(payers.size()));
  std::vector<float> out;
  if (n == 0) return host_tensor(std::move(out), std::move(shape));
  // Means over both commute: one call for all heads.
  const bool together = r.heads == Request::Over::mean && r.payers != Request::Over::max;
  if (r.payers == Request::Over::mean)
    return host_tensor(over_heads(paid(payers, together), r.heads, n), std::move(shape));
  std::vector<double> top;
  for (std::size_t i = 0; i < payers.size(); ++i) {
    const std::vector<double> one = paid(payers.subspan(i, 1), together);
    if (r.payers == Request::Over::each) {
      const std::vector<float> block = over_heads(one, r.heads, n);
      out.insert(out.end(), block.begin(), block.end());
    } else if (top.empty()) {
      top = one;
    } else {
      std::transform(top.begin(), top.end(), one.begin(), top.begin(),
                     [](double x, double y) { return std::max(x, y); });
    }
  }
  return host_tensor(r.payers == Request::Over::each ? std::move(out) : over_heads(top, r.heads, n), std::move(shape));
}

}  // namespace arrcoc::qwen3vl::answers
