#pragma once
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct FrameChangeConfig {
  std::string of =
      "all";          ///< all: merged embedding and every DeepStack level, one behind the other; vision: the former
  float first = 255;  ///< what a token without an earlier one at its place gets; of 255 its frame is kept first
  std::string validate() const {
    if (of != "all" && of != "vision") return "of: expected all or vision, got '" + of + "'";
    return first - first == 0 ? "" : "first: expected a finite number";
  }
  bool operator==(const FrameChangeConfig&) const = default;
};

/// How much a token of a clip differs from the one before at the same place: 1 - cosine of [N, D] features -> [N] in
/// [0, 2]. The one before is the latest living token whose place covers the centre of its cell, in an earlier temporal
/// patch. O(N D levels). With `fixed:scale=none` and `top_k`, of a budget of at least one frame, this is EVS. Source:
/// EVS (arXiv 2510.14624) as vLLM has it for Qwen3-VL (vllm/multimodal/evs.py): features of all levels together, and
/// 255 for frame 0.
struct FrameChangeScorer {
  static constexpr std::string_view name = "frame_change";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::deepstack};
  static constexpr bool row_wise = false;
  using Config = FrameChangeConfig;
  Config config{};

  /// Error{shape_mismatch} for features of other tokens.
  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    std::vector<const HostTensor*> parts{&*e.vision};
    if (config.of == "all")
      for (const HostTensor& level : *e.deepstack) parts.push_back(&level);
    for (const HostTensor* t : parts)
      require_that(t->shape.size() == 2 && t->dim(0) == e.count(), Code::shape_mismatch, name, [&] {
        return "features: expected [" + std::to_string(e.count()) + ", D], got " + shape_text(t->shape);
      });
    const Index frame = e.tokens.grid.count();
    const std::vector<Index> cells = covering(e.tokens);
    std::vector<Index> latest(static_cast<std::size_t>(frame), -1);  // of each cell, among the frames before
    std::vector<float> out(static_cast<std::size_t>(e.count()), config.first);
    for (Index f = 0; f < e.tokens.frames; ++f) {
      const std::span<const Index> now(cells.data() + f * frame, static_cast<std::size_t>(frame));
      for (std::size_t c = 0; c < now.size(); ++c) {
        if (now[c] < 0) continue;
        if (latest[c] >= 0) out[static_cast<std::size_t>(now[c])] = 1 - cosine(parts, now[c], latest[c]);
        latest[c] = now[c];
      }
    }
    return out;
  }

 private:
  /// Sums in double, in index order; 0 beside a row of zeros.
  static float cosine(const std::vector<const HostTensor*>& parts, Index a, Index b) {
    double ab = 0, aa = 0, bb = 0;
    for (const HostTensor* t : parts) {
      const std::span<const float> values = t->floats();
      const auto width = static_cast<std::size_t>(t->dim(1));
      const auto x = values.subspan(static_cast<std::size_t>(a) * width, width),
                 y = values.subspan(static_cast<std::size_t>(b) * width, width);
      for (std::size_t i = 0; i < width; ++i) {
        const auto u = static_cast<double>(x[i]), v = static_cast<double>(y[i]);
        ab += u * v, aa += u * u, bb += v * v;
      }
    }
    return aa > 0 && bb > 0 ? static_cast<float>(ab / (std::sqrt(aa) * std::sqrt(bb))) : 0.f;
  }
};
static_assert(check_scorer<FrameChangeScorer>());

}  // namespace arrcoc
