#include "seed_claims.hpp"

#include <bit>
#include <cstdio>

#include "arrcoc/allocators/depth/hierarchical.hpp"
#include "arrcoc/allocators/select/adaptive_k.hpp"
#include "arrcoc/allocators/tier/tiers.hpp"

namespace arrcoc::tools {
namespace {

struct Bill {
  Index tokens = 0, levels = 0, effective = 0;  // sum of tiers, of levels, of their products
};

/// Regions of 20 x 20 tokens, side by side, of these relevances: what `tiers` and `hierarchical` (four levels) give.
Bill bill(const std::vector<float>& regions, Index rows, Index budget) {
  const Grid grid{20 * rows, 20 * static_cast<Index>(regions.size()) / rows};
  std::vector<float> relevance;
  for (Index r = 0; r < grid.rows; ++r)
    for (Index c = 0; c < grid.cols; ++c)
      relevance.push_back(regions[static_cast<std::size_t>(r / 20 * (grid.cols / 20) + c / 20)]);
  Evidence e;
  e.tokens = grid;
  Rng rng(0);
  const Allocation spatial =
      TiersAllocator{{.region = 400, .relative = false}}.allocate(relevance, e, Budget{budget, 0}, rng);
  Evidence of_regions;
  of_regions.tokens = Grid{rows, static_cast<Index>(regions.size()) / rows};
  const Allocation deep = HierarchicalAllocator{{.schedule = "seed4", .relative = false}}.allocate(
      regions, of_regions, Budget{static_cast<Index>(regions.size()), 0}, rng);
  Bill out;
  for (const Region& r : spatial.regions) {
    const auto at = static_cast<std::size_t>(r.row0 / 20 * (grid.cols / 20) + r.col0 / 20);
    const Index levels = std::popcount(deep.depth[at]);
    out.tokens += r.tokens;
    out.levels += levels;
    out.effective += r.tokens * levels;
  }
  return out;
}

/// K of the older sketch: entropy of the softmax of scores in [0, 1], temperature 1, over ln N in place of the batch's
/// largest.
Index sketch_k(const std::vector<float>& scores) {
  Evidence e;
  e.tokens = Grid{32, 32};
  Rng rng(0);
  return AdaptiveKAllocator{{.min_tokens = 64, .max_tokens = 400, .temperature = 1}}
      .allocate(scores, e, Budget{400, 0}, rng)
      .count();
}

}  // namespace

std::string seed_claims() {
  std::string out = "claim                                         notes            true             why\n";
  const auto line = [&](const char* claim, const char* old, const std::string& now, const char* why) {
    char text[400];
    std::snprintf(text, sizeof text, "%-45s %-16s %-16s %s\n", claim, old, now.c_str(), why);
    out += text;
  };
  const auto number = [](double v, const char* form) {
    char text[64];
    std::snprintf(text, sizeof text, form, v);
    return std::string(text);
  };
  const auto times = [&](double whole, double part) { return number(whole / part, "%.2fx"); };
  const auto range = [&](double a, double b, const char* form) {
    return number(a, form) + " to " + number(b, form) + "x";
  };

  std::vector<float> receipt(256, 0.f);  // 16 regions of prices, 40 of other text, 200 of margin
  for (std::size_t i = 0; i < 56; ++i) receipt[i] = i < 16 ? 1.f : 0.65f;
  const Bill r = bill(receipt, 16, 29440);
  const double uniform = 256.0 * 256;
  line("receipt: tokens", "29440, 2.2x",
       std::to_string(r.tokens) + ", " + times(uniform, static_cast<double>(r.tokens)),
       "16 x 400 + 40 x 256 + 200 x 64 against 256 x 256: the sum is right");
  line("receipt: against what can be run", "2.2x", times(16384, static_cast<double>(r.tokens)),
       "the model takes 16384 tokens a picture at most: the plan is larger than that");
  line("receipt: tokens x levels", "39680, 6.6x",
       std::to_string(r.effective) + ", " + times(4 * uniform, static_cast<double>(r.effective)),
       "16 x 400 x 4 is 25600, not 6400; and a level is an addition, no token");
  line("receipt: levels given", "100-200, 5-10x",
       std::to_string(r.levels) + ", " + times(1024, static_cast<double>(r.levels)),
       "a region keeps one level at least: 256 of 1024, so never above 4x");
  line("overall: both together", "12-25x", times(4 * uniform, static_cast<double>(r.effective)),
       "the product of the two rows above, in tokens x levels");

  const Bill formula = bill({0.f, 1.f, 0.f}, 1, 64 + 400 + 64);
  const Index three = 64 + 3 * 400 + 64;  // three levels: one, all three, one
  line("formula page: tokens", "not given", std::to_string(formula.tokens), "64 + 400 + 64 of three regions");
  line("formula page: tokens x levels", "1328 < 1200",
       std::to_string(three) + ", " + times(3600, static_cast<double>(three)),
       "11 % more than 3 x 400 = 1200; against every level everywhere (3600) it is less");
  line("best class against worst, four levels", "25x", times(400 * 4, 64), "of two classes, not of a picture");
  line("best class against worst, three levels", "18x", times(400 * 3, 64), "of two classes, not of a picture");
  line("2000-2400 tokens to 180-220", "10-12x", range(2000 / 220.0, 2400 / 180.0, "%.1f"), "ends against ends");
  line("simple questions, 64-100 tokens", "20-35x", range(2000 / 100.0, 2400 / 64.0, "%.1f"), "ends against ends");
  line("complex questions, 300-400 tokens", "6-8x", range(2000 / 400.0, 2400 / 300.0, "%.1f"), "ends against ends");
  line("hedged, 120-180 tokens", "11-13x", range(2000 / 180.0, 2400 / 120.0, "%.1f"), "ends against ends");
  line("sequence 1024 + 50 to 200 + 50", "76 %", number(100 * (1 - 250.0 / 1074), "%.1f %%"), "right");
  std::vector<float> spot(1024, 0.f), half(1024, 0.f);
  spot[500] = 1;
  for (std::size_t i = 0; i < 512; ++i) half[i] = 1;
  line("adaptive K, one hot spot", "near 64", std::to_string(sketch_k(spot)),
       "softmax of scores in [0, 1] is all but even; it needs a temperature (adaptive_k has one)");
  line("adaptive K, half of the picture", "between", std::to_string(sketch_k(half)), "as above: 394 at the least");
  line("400 tokens", "400 x 400 px", "640 x 640 px", "32 px a token: tokens were taken for pixels");
  line("160 tokens as a square", "yes", "320 x 512 px", "160 is no square: 10 x 16 tokens");
  return out;
}

}  // namespace arrcoc::tools
