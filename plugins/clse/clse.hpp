#pragma once
#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

struct ClseConfig {
  Index layer = 1;           ///< the decision stands before it: its input against layer 0's, attention of the one below
  double cutoff = 0.1;       ///< of the high-pass, a share of the shorter half-side; > 0
  double temperature = 0.1;  ///< of the sigmoid; > 0
  std::string validate() const {
    if (layer < 1 || layer > 4096) return "layer: expected 1..4096, got " + std::to_string(layer);
    if (!(cutoff > 0 && cutoff <= 16)) return "cutoff: expected a number in (0, 16], got " + std::to_string(cutoff);
    return temperature > 0 && temperature <= 1e6
               ? ""
               : "temperature: expected a number in (0, 1e6], got " + std::to_string(temperature);
  }
  bool operator==(const ClseConfig&) const = default;
};

/// How much a token's high frequencies change between the language model's input (s) and layer `layer` (t), times the
/// last row's attention, mean over heads: change = min(|t - s| / (mean s + s), 1), standardised over the picture by
/// mean and sample deviation, sigmoid(change / temperature): [N] >= 0. High frequencies: features on the grid behind
/// 1 - exp(-d^2 / 2 (cutoff m)^2), d the distance in frequencies, m half the shorter side; mean magnitude over the
/// features. Where the raster is not whole (tokens left before, a clip) the attention alone, as its code does.
/// O(N (H + W) D): the Gaussian is separable, so that no transform is taken. Source: CLSE, as github.com/CodeChildCZJ/
/// PriorTR has it for Qwen3-VL. Differs: DeepStack levels added below `layer` are in its input.
struct ClseScorer {
  static constexpr std::string_view name = "clse";
  static constexpr Needs may_need{Phase::layer, Need::hidden | Need::received};
  static constexpr bool row_wise = false;
  using Config = ClseConfig;
  Config config{};

  std::vector<Request> needs() const {
    return {asked(0, Request::What::hidden), asked(config.layer, Request::What::hidden),
            asked(config.layer - 1, Request::What::received)};
  }

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto paid = e.answer(needs()[2]).floats();
    std::vector<float> out(paid.begin(), paid.end());
    if (!whole(e.tokens)) return out;
    const std::vector<double> s = high(e, needs()[0]), t = high(e, needs()[1]);
    std::vector<double> change(s.size());
    const double usual = mean_of(s);
    for (std::size_t i = 0; i < s.size(); ++i) change[i] = std::min(std::abs(t[i] - s[i]) / (usual + s[i] + 1e-6), 1.0);
    const double mean = mean_of(change);
    double squares = 0;
    for (const double x : change) squares += (x - mean) * (x - mean);
    const double deviation = s.size() > 1 ? std::sqrt(squares / static_cast<double>(s.size() - 1)) : 0;
    for (std::size_t i = 0; i < s.size(); ++i) {
      const double z = (change[i] - mean) / (deviation + 1e-6);
      out[i] = static_cast<float>(static_cast<double>(paid[i]) / (1 + std::exp(-z / config.temperature)));
    }
    return out;
  }

 private:
  /// One picture's raster, named place by place or not at all.
  static bool whole(const TokenSet& tokens) {
    if (tokens.frames > 1 || tokens.count() != tokens.grid.count()) return false;
    for (Index t = 0; t < tokens.count(); ++t)
      if (!(tokens.at(t) == TokenSet(tokens.grid).at(t))) return false;
    return true;
  }
  static Request asked(Index layer, Request::What what) {
    return {.site = Request::Site::layer,
            .index = layer,
            .what = what,
            .rows = what == Request::What::received ? Request::Rows::last : Request::Rows::visual};
  }
  static double mean_of(const std::vector<double>& x) {
    double sum = 0;
    for (const double v : x) sum += v;
    return sum / static_cast<double>(x.size());
  }
  /// The low-pass along n places as a circle: weights by distance.
  static std::vector<double> circle(Index n, double width) {
    std::vector<double> out(static_cast<std::size_t>(n));
    for (Index i = 0; i < n; ++i)
      for (Index f = -(n / 2); f < n - n / 2; ++f) {
        const auto w = static_cast<double>(f);
        const double passes = f == 0 ? 1 : width > 0 ? std::exp(-w * w / (2 * width * width)) : 0;
        out[static_cast<std::size_t>(i)] +=
            passes * std::cos(2 * std::numbers::pi * static_cast<double>(f * i % n) / static_cast<double>(n));
      }
    for (double& x : out) x /= static_cast<double>(n);
    return out;
  }
  /// Rows [N, D] smoothed along one side of the grid.
  static std::vector<double> smooth(const std::vector<double>& x, std::size_t width, Grid g, bool down,
                                    const std::vector<double>& by) {
    std::vector<double> out(x.size());
    const Index n = down ? g.rows : g.cols;
    for (Index row = 0; row < g.rows; ++row)
      for (Index col = 0; col < g.cols; ++col)
        for (Index i = 0; i < n; ++i) {
          const double w = by[static_cast<std::size_t>(((down ? row : col) - i + n) % n)];
          double* to = out.data() + static_cast<std::size_t>(g.at(row, col)) * width;
          const double* from = x.data() + static_cast<std::size_t>(down ? g.at(i, col) : g.at(row, i)) * width;
          for (std::size_t c = 0; c < width; ++c) to[c] += w * from[c];
        }
    return out;
  }
  std::vector<double> high(const Evidence& e, const Request& r) const {
    const FeatureRows x(e.answer(r), e.count(), name);
    const Grid g = e.tokens.grid;
    const double width = config.cutoff * static_cast<double>(std::min(g.rows / 2, g.cols / 2));
    const std::vector<double> low =
        smooth(smooth(x.values, x.width, g, true, circle(g.rows, width)), x.width, g, false, circle(g.cols, width));
    std::vector<double> out(x.count);
    for (std::size_t i = 0; i < low.size(); ++i)
      out[i / x.width] += std::abs(x.values[i] - low[i]) / static_cast<double>(x.width);
    return out;
  }
};
static_assert(check_scorer<ClseScorer>());

/// Three decisions: before layer 1 by change and attention, later by attention alone; 5.375 and 3.40625 times what the
/// last one keeps, its schedule of 1.72, 1.09 and 0.32. Layers of the bundled model's five (1, 10, 19 of 36 in theirs).
inline void register_clse(HostStages& r) {
  r.add_scorer<ClseScorer>({"CLSE", {}, "change of high frequencies times attention", "O(N (H + W) D)"});
  r.add_preset({"clse",
                "none/clse/fixed:scale=none/top_k/layer:before=1@5.375x%"
                "layer_attention:rows=last/fixed:scale=none/top_k/layer@3.40625x%"
                "layer_attention:layer=2:rows=last/fixed:scale=none/top_k/layer:before=3",
                "what changes most between layers and is looked at, in three steps", "CLSE, code of November 2026"});
}

}  // namespace arrcoc
