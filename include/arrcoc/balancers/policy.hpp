#pragma once
#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/normalise.hpp"
#include "arrcoc/primitives/small_network.hpp"

namespace arrcoc {

struct PolicyConfig {
  std::string weights = {};       ///< safetensors: `policy.0.weight` [H, I], ..., the last [M, H] (SmallNetwork)
  std::string scale = "min_max";  ///< of each map over its picture: min_max, rank, or none (as the sketches have it)
  std::string validate() const { return balance::scale_problem(scale == "none" ? "min_max" : scale); }
  bool operator==(const PolicyConfig&) const = default;
};

/// A policy network weighs M maps: softmax of its M outputs, relevance = sum_m w_m x_m. Its input is what its width
/// says: [D] the query embedding (the notes' network, 1536-256-3), [3 M] mean, maximum and deviation of each scaled map
/// in turn, or both, statistics first (the repository's, 9 + 1536). Any depth, ReLU between. [M, N] -> [N]. O(M N +
/// weights). Source: ARR-COC notes, 003 act VIII; djwar42/arr-coc-0-1, ARR_COC/balancing.py. Differs: any width in
/// place of 1,536, maps scaled over their picture unless scale=none, no min-max of the sum behind it.
/// Error{bad_config} without a file, or for one whose widths are not the pipeline's.
struct PolicyBalancer {
  static constexpr std::string_view name = "policy";
  static constexpr Needs may_need{Phase::pixels, Need::query};
  using Config = PolicyConfig;
  Config config{};
  std::shared_ptr<const SmallNetwork> network{};  // of config.weights, read by whoever can read files

  Balanced balance(std::span<const float> maps, const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    require_that(network != nullptr, Code::bad_config, name,
                 "weights: expected a safetensors file with policy.0.weight, got none");
    const auto parts = balance::split_maps(maps, e.count(), name);
    std::vector<std::vector<float>> scaled;
    for (const auto& part : parts)
      scaled.push_back(config.scale == "none" ? std::vector<float>(part.begin(), part.end())
                                              : balance::scaled(part, config.scale));
    const auto m = static_cast<Index>(scaled.size()), wide = network->inputs();
    const Index d = e.query ? e.query->count() : 0;
    require_that(
        network->outputs() == m && (wide == 3 * m || wide == d || wide == 3 * m + d), Code::bad_config, name, [&] {
          return config.weights + ": expected " + std::to_string(m) + " outputs, one a scorer, and " +
                 std::to_string(3 * m) + " statistics, a query of " + std::to_string(d) + " numbers or both in, got " +
                 std::to_string(network->outputs()) + " outputs and " + std::to_string(wide) + " inputs";
        });
    std::vector<double> in;
    if (wide != d)
      for (const auto& x : scaled) statistics(x, in);
    if (wide != 3 * m) {
      const std::span<const float> q = e.query->floats();
      in.insert(in.end(), q.begin(), q.end());
    }
    std::vector<double> w = (*network)(in);
    const double most = *std::max_element(w.begin(), w.end());
    double sum = 0;
    for (double& v : w) sum += v = std::exp(v - most);
    for (double& v : w) v /= sum;
    Balanced out;
    for (std::size_t i = 0; i < scaled[0].size(); ++i) {
      double r = 0;
      for (std::size_t k = 0; k < w.size(); ++k) r += w[k] * static_cast<double>(scaled[k][i]);
      out.relevance.push_back(static_cast<float>(r));
    }
    out.weights.assign(w.begin(), w.end());
    return out;
  }

 private:
  /// Mean, maximum and deviation (over n - 1), as torch's.
  static void statistics(const std::vector<float>& x, std::vector<double>& out) {
    const auto n = static_cast<double>(x.size());
    double sum = 0, squares = 0;
    for (const float v : x) sum += static_cast<double>(v);
    for (const float v : x) squares += (v - sum / n) * (v - sum / n);
    out.insert(out.end(), {sum / n, static_cast<double>(*std::max_element(x.begin(), x.end())),
                           x.size() > 1 ? std::sqrt(squares / (n - 1)) : 0.0});
  }
};
static_assert(check_balancer<PolicyBalancer>());

}  // namespace arrcoc
