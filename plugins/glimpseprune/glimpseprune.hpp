#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/io/safetensors.hpp"
#include "arrcoc/primitives/feature_rows.hpp"
#include "arrcoc/registry/host_stages.hpp"

namespace arrcoc {

/// A matrix [rows, width]; a vector is one row.
using GlimpseWeight = FeatureRows;

/// Weights of the predictor: a file of plugins/glimpseprune/train.py. Four steps, the deepest features first.
struct GlimpseHead {
  struct Step {
    GlimpseWeight condition, gate, up, down;  // [C, D], [I, W + C], [I, W + C], [W, I]
  };
  GlimpseWeight in, in_bias, out, out_bias;  // [W, heads], [1, W], [1, W], [1, 1]
  std::vector<Step> steps;

  /// Error 401 to 404 for a file that is not one.
  static GlimpseHead read(const std::filesystem::path& path) {
    const io::SafetensorsFile file = io::SafetensorsFile::open(path);
    const auto weight = [&](const std::string& name, std::size_t rows, std::size_t cols) {
      HostTensor t = file.tensor(name);
      require_that(!t.empty() && t.dtype == DType::f32, Code::bad_weight, path.string(), [&] {
        return name + ": missing, or not F32; expected the file that plugins/glimpseprune/train.py wrote";
      });
      if (t.shape.size() == 1) t.shape.insert(t.shape.begin(), 1);
      GlimpseWeight w(t, -1, path.string());
      require_that((!rows || w.count == rows) && (!cols || w.width == cols), Code::bad_weight, path.string(), [&] {
        return name + ": expected " + std::to_string(rows) + " x " + std::to_string(cols) +
               " values (0: any number), got " + std::to_string(w.count) + " x " + std::to_string(w.width);
      });
      return w;
    };
    GlimpseWeight in = weight("in.weight", 0, 0);
    const std::size_t width = in.count;
    GlimpseHead head{
        std::move(in), weight("in.bias", 1, width), weight("out.weight", 1, width), weight("out.bias", 1, 1), {}};
    for (std::size_t i = 0; i < 4; ++i) {
      const std::string at = std::to_string(i) + ".";
      GlimpseWeight condition = weight(at + "condition.weight", 0, 0);
      GlimpseWeight gate = weight(at + "gate.weight", 0, width + condition.count);
      GlimpseWeight up = weight(at + "up.weight", gate.count, gate.width),
                    down = weight(at + "down.weight", width, gate.count);
      head.steps.push_back({std::move(condition), std::move(gate), std::move(up), std::move(down)});
    }
    return head;
  }
};

struct GlimpseConfig {
  std::string weights;  ///< file of train.py; the bundled model's: plugins/glimpseprune/small.safetensors
  double layer = 0.64;  ///< the layer whose logits are read, and that the decision stands before
  std::string validate() const {
    return layer >= 0 && names_depth(layer, 4096)
               ? ""
               : "layer: expected a layer, or a share of the depth in (0, 1), got " + std::to_string(layer);
  }
  bool operator==(const GlimpseConfig&) const = default;
};

/// Probability that a token matters to the question: [N] in (0, 1). Logits of the prompt's last row in one layer, a
/// number a head, as logs of its share over the picture's mean share, go into a width W and through four steps a <- a +
/// down (silu(gate u) (up u)), u = a and the features' C, both normed; the features are the merged embeddings, then the
/// tower at three quarters, half and a quarter of its depth. O(N (4 C D + 12 I W)). Error{bad_config} without weights,
/// Error{bad_weight} for those of another model. Source: GlimpsePrune (arXiv 2508.01548). Differs: docs/methods.md.
struct GlimpseScorer {
  static constexpr std::string_view name = "glimpseprune";
  static constexpr Needs may_need{Phase::layer, Need::q | Need::k | Need::hidden | Need::vision};
  static constexpr bool row_wise = false;
  using Config = GlimpseConfig;
  Config config{};
  std::shared_ptr<const GlimpseHead> head{};

  std::vector<Request> needs() const {
    const auto of_layer = [&](Request::What what, Request::Rows rows) {
      return Request{.site = Request::Site::layer,
                     .index = index_at(config.layer),
                     .what = what,
                     .rows = rows,
                     .heads = Request::Over::each};
    };
    std::vector<Request> out{of_layer(Request::What::q, Request::Rows::last),
                             of_layer(Request::What::k, Request::Rows::visual)};
    for (const double depth : {0.75, 0.5, 0.25})
      out.push_back({.index = index_at(depth), .what = Request::What::hidden});
    return out;
  }

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    require_that(head != nullptr, Code::bad_config, "scorers.glimpseprune",
                 "weights: expected a file of plugins/glimpseprune/train.py, got none");
    const std::vector<Request> asked = needs();
    const FeatureRows paid =
        logits(FeatureRows(e.answer(asked[0]), -1, name), FeatureRows(e.answer(asked[1]), e.count(), name));
    std::vector<FeatureRows> features{FeatureRows(*e.vision, e.count(), name)};
    for (std::size_t i = 2; i < asked.size(); ++i) features.emplace_back(e.answer(asked[i]), e.count(), name);
    for (std::size_t i = 0; i < features.size(); ++i) fits(features[i].width, head->steps[i].condition.width);
    std::vector<float> out;
    for (std::size_t t = 0; t < paid.count; ++t)
      out.push_back(static_cast<float>(probability(paid.row(t), features, t)));
    return out;
  }

 private:
  void fits(std::size_t got, std::size_t trained) const {
    require_that(got == trained, Code::bad_weight, "scorers.glimpseprune", [&] {
      return config.weights + ": trained for rows of " + std::to_string(trained) + " values, got a model of " +
             std::to_string(got);
    });
  }
  static std::vector<double> product(const GlimpseWeight& w, std::span<const double> x) {
    std::vector<double> out;
    for (std::size_t i = 0; i < w.count; ++i) out.push_back(dot_of(w.row(i), x));
    return out;
  }
  static std::vector<double> normed(std::span<const double> x) {
    double mean = 0, squares = 0;
    for (const double v : x) mean += v / static_cast<double>(x.size());
    for (const double v : x) squares += (v - mean) * (v - mean) / static_cast<double>(x.size());
    std::vector<double> out(x.begin(), x.end());
    for (double& v : out) v = (v - mean) / std::sqrt(squares + 1e-6);
    return out;
  }
  /// [N, heads]
  FeatureRows logits(const FeatureRows& q, FeatureRows k) const {
    const std::size_t heads = head->in.width, d = q.width / heads, shared = d > 0 ? k.width / d : 0;
    require_that(d * heads == q.width && shared > 0 && shared * d == k.width && heads % shared == 0, Code::bad_weight,
                 "scorers.glimpseprune", [&] {
                   return config.weights + ": trained for " + std::to_string(heads) + " heads, got queries of " +
                          std::to_string(q.width) + " and keys of " + std::to_string(k.width) + " values";
                 });
    std::vector<double> values(k.count * heads), own(k.count);
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t t = 0; t < k.count; ++t)
        own[t] = dot_of(q.row(q.count - 1).subspan(h * d, d), k.row(t).subspan(h * shared / heads * d, d)) /
                 std::sqrt(static_cast<double>(d));
      const double most = *std::max_element(own.begin(), own.end());
      double sum = 0;
      for (const double x : own) sum += std::exp(x - most);
      const double share = most + std::log(sum / static_cast<double>(k.count));
      for (std::size_t t = 0; t < k.count; ++t) values[t * heads + h] = own[t] - share;
    }
    k.width = heads;
    k.values = std::move(values);
    return k;
  }
  double probability(std::span<const double> paid, const std::vector<FeatureRows>& features, std::size_t t) const {
    std::vector<double> a = product(head->in, paid);
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += head->in_bias.values[i];
    for (std::size_t i = 0; i < features.size(); ++i) {
      const GlimpseHead::Step& step = head->steps[i];
      std::vector<double> u = normed(a);
      const std::vector<double> seen = product(step.condition, normed(features[i].row(t)));
      u.insert(u.end(), seen.begin(), seen.end());
      std::vector<double> gate = product(step.gate, u);
      const std::vector<double> up = product(step.up, u);
      for (std::size_t j = 0; j < gate.size(); ++j) gate[j] *= up[j] / (1 + std::exp(-gate[j]));
      const std::vector<double> more = product(step.down, gate);
      for (std::size_t j = 0; j < a.size(); ++j) a[j] += more[j];
    }
    return 1 / (1 + std::exp(-(dot_of(head->out.row(0), a) + head->out_bias.values[0])));
  }
};
static_assert(check_scorer<GlimpseScorer>());

/// Before the layer that glimpses, tokens of a probability of at least one half, at most the budget, at least one: its
/// own count. `allocator` top_k keeps exactly the budget. Rows leave later layers' cache; those of earlier ones stay.
inline void register_glimpseprune(HostStages& r) {
  r.add_scorer<GlimpseScorer>(
      {"GlimpsePrune, arXiv 2508.01548", {}, "a trained predictor of what the last row glimpses", "O(N D C)"},
      [](GlimpseScorer& s) {
        if (!s.config.weights.empty())
          s.head = std::make_shared<const GlimpseHead>(GlimpseHead::read(s.config.weights));
      });
  r.add_preset({"glimpseprune", "none/glimpseprune/fixed:scale=none/threshold/layer:before=0.64",
                "what a trained predictor sees the last row glimpse; needs scorers.glimpseprune.weights",
                "GlimpsePrune, arXiv 2508.01548"});
}

}  // namespace arrcoc
