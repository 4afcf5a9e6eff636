#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/area_map.hpp"

namespace arrcoc {

struct GivenConfig {
  std::string file = {};  ///< .npy, [rows, cols] over the whole picture; its resolution is free
  bool inverted = false;  ///< lowest first: what should be looked away from
  std::string validate() const { return {}; }
  bool operator==(const GivenConfig&) const = default;
};

/// A map that was made elsewhere: [rows, cols] -> [N], its mean by area over each place. The same map for every
/// picture, so a bias that was learnt (where answers usually are), a cache of what was kept before, human fixations of
/// one picture, or another program's scores; with `fixed` or `product_of_experts` it biases other maps. O(map).
/// Error{missing_evidence} without a file.
struct GivenScorer {
  static constexpr std::string_view name = "given";
  static constexpr Needs may_need{Phase::pixels, Need::none};
  static constexpr bool row_wise = false;
  static constexpr bool common_scale = true;
  using Config = GivenConfig;
  Config config{};
  std::shared_ptr<const Plane<float>> map = {};  // of config.file, read by whoever can read files

  std::vector<float> score(const Evidence& e) const {
    require_that(map != nullptr, Code::missing_evidence, name, "file: expected an .npy file [rows, cols], got none");
    std::vector<float> out;
    for (Index t = 0; t < e.count(); ++t) {
      const double v = area_mean(*map, e.tokens.at(t), e.tokens.grid);
      out.push_back(static_cast<float>(config.inverted ? -v : v));
    }
    return out;
  }
};
static_assert(check_scorer<GivenScorer>());

}  // namespace arrcoc
