#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/equal_blocks.hpp"

namespace arrcoc {

struct DuplicatesConfig {
  std::string rule = "seen";  ///< seen: anywhere before it; predicted: from the blocks beside it
  Index tolerance = 0;        ///< predicted: levels that it may lie off; 0..255
  std::string off = "max";    ///< predicted: by the max, the mean or the rms of its values
  std::string validate() const {
    if (rule != "seen" && rule != "predicted") return "rule: expected seen or predicted, got '" + rule + "'";
    if (off != "max" && off != "mean" && off != "rms") return "off: expected max, mean or rms, got '" + off + "'";
    return tolerance >= 0 && tolerance <= 255 ? "" : "tolerance: expected 0..255, got " + std::to_string(tolerance);
  }
  bool operator==(const DuplicatesConfig&) const = default;
};

/// 0 for a token whose block of native pixels says nothing new, 1 for the others: [H, W, 3] -> [N]. O(H W).
///   seen       an equal block (size and every pixel) stands before it, in the order of the tokens
///   predicted  the block equals its prediction: of the blocks left A, above B and above left C, A where C lies at
///              least as near to B as to A (mean difference over the pixels that they share), else B; what is beyond
///              the rim or not alive predicts nothing, and the first block is always new
/// Source: `predicted` is PixelPrune (arXiv 2604.00886), its difference within `tolerance`, after LOCO-I
/// (Weinberger et al. 2000); `seen` is ours. The model sees resized pixels: equal blocks stay equal only where the cell
/// borders fall on the same fractions of a pixel.
struct DuplicatesScorer {
  static constexpr std::string_view name = "duplicates";
  static constexpr Needs may_need{Phase::pixels, Need::rgb};
  static constexpr bool row_wise = false;
  using Config = DuplicatesConfig;
  Config config{};

  std::vector<float> score(const Evidence& e) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const ImageView& image = *e.rgb;
    require_that(!image.empty(), Code::missing_evidence, name, "expected a picture, got none");
    const Grid g = e.tokens.grid;
    std::vector<Block> blocks;
    for (Index t = 0; t < e.count(); ++t) {
      const Place p = e.tokens.at(t);
      blocks.push_back(
          {place_range(p.row, p.rows, g.rows, image.height), place_range(p.col, p.cols, g.cols, image.width)});
    }
    return config.rule == "seen" ? unseen(image, blocks) : surprising(image, blocks, e.tokens);
  }

 private:
  struct Block {
    PixelRange rows, cols;
    Index height() const { return rows.end - rows.begin; }
    Index width() const { return cols.end - cols.begin; }
    bool same_size(const Block& o) const { return height() == o.height() && width() == o.width(); }
  };

  static std::vector<float> unseen(const ImageView& image, const std::vector<Block>& blocks) {
    std::vector<float> out;
    for (const bool first : first_of_their_pixels(image, blocks)) out.push_back(first ? 1.f : 0.f);
    return out;
  }

  /// f(|difference|) for every value that both have.
  template <class F>
  static void compare(const ImageView& image, const Block& a, const Block& b, F&& f) {
    const Index height = std::min(a.height(), b.height()), bytes = 3 * std::min(a.width(), b.width());
    for (Index y = 0; y < height; ++y) {
      const std::uint8_t *p = image.row(a.rows.begin + y) + 3 * a.cols.begin,
                         *q = image.row(b.rows.begin + y) + 3 * b.cols.begin;
      for (Index i = 0; i < bytes; ++i) f(std::abs(static_cast<int>(p[i]) - static_cast<int>(q[i])));
    }
  }
  static double mean_difference(const ImageView& image, const Block& a, const Block& b) {
    double sum = 0, count = 0;
    compare(image, a, b, [&](int d) { sum += d, count += 1; });
    return sum / count;
  }

  double difference(const ImageView& image, const Block& a, const Block& b) const {
    if (config.off == "mean") return mean_difference(image, a, b);
    if (config.off == "max") {
      int most = 0;
      compare(image, a, b, [&](int d) { most = std::max(most, d); });
      return most;
    }
    double squares = 0, count = 0;
    compare(image, a, b, [&](int d) { squares += static_cast<double>(d) * static_cast<double>(d), count += 1; });
    return std::sqrt(squares / count);
  }

  std::vector<float> surprising(const ImageView& image, const std::vector<Block>& blocks,
                                const TokenSet& tokens) const {
    const Grid g = tokens.grid;
    const std::vector<Index> cells = covering(tokens);
    std::vector<float> out(blocks.size(), 1.f);
    for (std::size_t t = 0; t < blocks.size(); ++t) {
      const Place p = tokens.at(static_cast<Index>(t));
      const auto at = [&](float row, float col) -> Index {
        if (row < 0 || col < 0) return -1;
        const Index i = g.at(static_cast<Index>(row), static_cast<Index>(col));
        return cells[static_cast<std::size_t>(p.frame * g.count() + i)];
      };
      const Index left = at(p.row, p.col - 1), above = at(p.row - 1, p.col), corner = at(p.row - 1, p.col - 1);
      Index from = left >= 0 ? left : above;
      if (left >= 0 && above >= 0 && corner >= 0) {
        const Block &a = blocks[static_cast<std::size_t>(left)], &b = blocks[static_cast<std::size_t>(above)],
                    &c = blocks[static_cast<std::size_t>(corner)];
        from = mean_difference(image, c, b) <= mean_difference(image, c, a) ? left : above;
      }
      if (from < 0 || !blocks[t].same_size(blocks[static_cast<std::size_t>(from)])) continue;
      if (difference(image, blocks[t], blocks[static_cast<std::size_t>(from)]) <= static_cast<double>(config.tolerance))
        out[t] = 0.f;
    }
    return out;
  }
};
static_assert(check_scorer<DuplicatesScorer>());

}  // namespace arrcoc
