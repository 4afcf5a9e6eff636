#pragma once
// ParticipatoryScorer: query coupling, the question against the model's own vision embeddings.
#include <string_view>

#include "arrcoc/core/stages.hpp"

namespace arrcoc {

struct ParticipatoryConfig {
  bool centred = true;  ///< subtract the picture's mean embedding first, so that what all tokens share does not count
  bool operator==(const ParticipatoryConfig&) const = default;
};

/// score[n] = (1 + cos(v_n - mean(v), q)) / 2, in [0, 1]. v: merged vision embeddings [N, D]; q: the masked mean of the
/// question's token embeddings [1, D]. O(N D). Source: the coupling score of the ARR-COC notes (query-patch cosine),
/// with the model's own embeddings in place of 13 colour channels. With `centred` off it is the plain cosine.
struct ParticipatoryScorer {
  static constexpr std::string_view name = "participatory";
  static constexpr Needs may_need{Phase::vision, Need::vision | Need::query};
  static constexpr bool row_wise = true;
  static constexpr bool common_scale = true;
  using Config = ParticipatoryConfig;
  Config config{};

  template <class B>
  typename B::Tensor score(B& b, const TensorEvidence<B>& e) const {
    typename B::Tensor v = e.vision;  // [N, D]
    if (config.centred && b.rows(v) > 1) v = b.add(v, b.scale(b.mean_rows(v), -1.0f));
    const auto cosine = b.matmul(b.l2_normalize(v), b.l2_normalize(e.query), true);  // [N, 1]
    const float one = 1.0f;
    return b.scale(b.add(cosine, b.from_host(std::span<const float>(&one, 1), 1, 1)), 0.5f);
  }
};

}  // namespace arrcoc
