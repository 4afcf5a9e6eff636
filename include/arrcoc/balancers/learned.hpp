#pragma once
// LearnedBalancer: several maps into one by a small trained network that is monotone in every map.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/normalise.hpp"

namespace arrcoc {

/// How the network sees M maps of one picture: x [M, N] in [0, 1] by balance::robust, and c [2 M], the mean and the
/// standard deviation of each.
struct BalancerInput {
  std::vector<std::vector<float>> maps;
  std::vector<float> context;
};
inline BalancerInput balancer_input(std::span<const float> maps, Index tokens, std::string_view where) {
  BalancerInput in;
  for (const auto& part : balance::split_maps(maps, tokens, where)) {
    in.maps.push_back(balance::robust(part, 0.02f, 0.25f));
    double sum = 0, squares = 0;
    for (const float v : in.maps.back()) {
      sum += static_cast<double>(v);
      squares += static_cast<double>(v) * static_cast<double>(v);
    }
    const double n = static_cast<double>(part.size()), mean = sum / n;
    in.context.push_back(static_cast<float>(mean));
    in.context.push_back(static_cast<float>(std::sqrt(std::max(0.0, squares / n - mean * mean))));
  }
  return in;
}

/// skip [M], weight [H M], context [H M, 2 M], shift [H], shift_context [H, 2 M], out [H], bias [1]; M maps, H units.
struct BalancerHead {
  HostTensor skip, weight, context, shift, shift_context, out, bias;

  static constexpr std::array<std::string_view, 7> names{"balancer.skip",  "balancer.weight",        "balancer.context",
                                                         "balancer.shift", "balancer.shift_context", "balancer.out",
                                                         "balancer.bias"};
  std::array<HostTensor*, 7> all() { return {&skip, &weight, &context, &shift, &shift_context, &out, &bias}; }
  std::array<const HostTensor*, 7> all() const {
    return {&skip, &weight, &context, &shift, &shift_context, &out, &bias};
  }
  Index maps() const { return skip.count(); }
  Index units() const { return out.count(); }
  /// In the order of `names`.
  static std::array<std::vector<Index>, 7> shapes(Index m, Index h) {
    return {{{m}, {h * m}, {h * m, 2 * m}, {h}, {h, 2 * m}, {h}, {1}}};
  }
};

struct LearnedBalancerConfig {
  std::string weights;  ///< safetensors file of `arrcoc train balancer`
  bool operator==(const LearnedBalancerConfig&) const = default;
};

/// relevance = sigmoid(bias + sum_m p(skip_m) x_m + sum_h p(out_h) tanh(sum_m w_hm x_m - t_h)), with p = log(1 + exp)
/// so that every weight is above 0, w_hm = p(weight_hm + context_hm . c) and t_h = shift_h + shift_context_h . c: how
/// much a map counts depends on what all maps look like, and no map can count against its own order. [M, N] -> [N] in
/// (0, 1). O(M N (log N + H)). Source: ours; monotone networks by positive weights as in Sill 1997; trained on answer
/// boxes with the model frozen (ARR-COC notes, P1 of the curriculum).
struct LearnedBalancer {
  static constexpr std::string_view name = "learned";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  using Config = LearnedBalancerConfig;
  Config config{};
  std::shared_ptr<const BalancerHead>
      head{};  // read from config.weights by whoever can read files (registry/learned.hpp)

  Balanced balance(std::span<const float> maps, const Evidence& e) const {
    require_that(head != nullptr, Code::bad_config, "balancer",
                 "weights: expected the file that `arrcoc train balancer` wrote, got none");
    const BalancerInput in = balancer_input(maps, e.count(), name);
    const std::size_t m = in.maps.size(), h = static_cast<std::size_t>(head->units()), n = in.maps[0].size();
    require_that(static_cast<Index>(m) == head->maps(), Code::bad_config, "balancer", [&] {
      return config.weights + ": trained for " + std::to_string(head->maps()) + " scorers, got " + std::to_string(m);
    });
    std::vector<double> skip, weight, shift, out;
    for (std::size_t j = 0; j < m; ++j) skip.push_back(positive(at(head->skip, j)));
    for (std::size_t k = 0; k < h; ++k) {
      out.push_back(positive(at(head->out, k)));
      shift.push_back(at(head->shift, k) + dot(head->shift_context, k, in.context));
      for (std::size_t j = 0; j < m; ++j)
        weight.push_back(positive(at(head->weight, k * m + j) + dot(head->context, k * m + j, in.context)));
    }
    Balanced balanced;
    std::vector<double> slopes(m);
    for (std::size_t i = 0; i < n; ++i) {
      double sum = at(head->bias, 0);
      for (std::size_t j = 0; j < m; ++j) {
        sum += skip[j] * static_cast<double>(in.maps[j][i]);
        slopes[j] += skip[j];
      }
      for (std::size_t k = 0; k < h; ++k) {
        double x = -shift[k];
        for (std::size_t j = 0; j < m; ++j) x += weight[k * m + j] * static_cast<double>(in.maps[j][i]);
        const double t = std::tanh(x);
        sum += out[k] * t;
        for (std::size_t j = 0; j < m; ++j) slopes[j] += out[k] * (1 - t * t) * weight[k * m + j];
      }
      balanced.relevance.push_back(static_cast<float>(1 / (1 + std::exp(-sum))));
    }
    double all = 0;
    for (const double s : slopes) all += s;
    for (const double s : slopes)
      balanced.weights.push_back(static_cast<float>(s / all));  // mean slope: what a map moves here
    return balanced;
  }

  static double positive(double x) { return x > 30 ? x : std::log1p(std::exp(x)); }

 private:
  static double at(const HostTensor& t, std::size_t i) { return static_cast<double>(t.floats()[i]); }
  static double dot(const HostTensor& t, std::size_t row, const std::vector<float>& c) {
    double sum = 0;
    for (std::size_t i = 0; i < c.size(); ++i) sum += at(t, row * c.size() + i) * static_cast<double>(c[i]);
    return sum;
  }
};
static_assert(check_balancer<LearnedBalancer>());

}  // namespace arrcoc
