#include "drops.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "arrcoc/primitives/selection.hpp"

namespace arrcoc::train {

std::vector<bool> tokens_in_boxes(const Example& e, const AskedQuestion& q) {
  std::vector<bool> in(static_cast<std::size_t>(e.tokens().count()));
  const double side_r = static_cast<double>(e.image_height) / static_cast<double>(e.grid.rows),
               side_c = static_cast<double>(e.image_width) / static_cast<double>(e.grid.cols);
  for (const Box& b : q.boxes) {
    const Index r1 = std::min(e.grid.rows, static_cast<Index>(std::ceil(b.row1 / side_r))),
                c1 = std::min(e.grid.cols, static_cast<Index>(std::ceil(b.col1 / side_c))),
                first = std::max<Index>(0, b.frame) * e.grid.count();
    for (Index r = std::max<Index>(0, static_cast<Index>(b.row0 / side_r)); r < r1; ++r)
      for (Index c = std::max<Index>(0, static_cast<Index>(b.col0 / side_c)); c < c1; ++c)
        in[static_cast<std::size_t>(first + e.grid.at(r, c))] = true;
  }
  return in;
}

std::vector<bool> tokens_in_boxes(const Example& e) {
  std::vector<bool> in(static_cast<std::size_t>(e.tokens().count()));
  for (const AskedQuestion& q : e.questions) {
    const std::vector<bool> own = tokens_in_boxes(e, q);
    std::transform(in.begin(), in.end(), own.begin(), in.begin(), std::logical_or<>());
  }
  return in;
}

bool answerable(const Example& e, const AskedQuestion& q, const std::vector<Index>& tokens) {
  if (tokens.empty()) return true;
  if (q.boxes.empty()) return false;  // the whole picture, or that nothing is in it
  const std::vector<bool> needed = tokens_in_boxes(e, q);
  return std::count(needed.begin(), needed.end(), true) ==
         std::count_if(tokens.begin(), tokens.end(), [&](Index t) { return needed[static_cast<std::size_t>(t)]; });
}

std::vector<Index> kept_tokens(std::string_view kind, const Example& e, Index one_in, Rng& rng) {
  const Index n = e.tokens().count(), k = std::clamp<Index>((2 * n + one_in) / (2 * one_in), 1, n);
  std::vector<Index> out;
  if (kind == "none") return out;
  if (kind == "random") {
    out = rng.sample(n, k);
  } else if (kind == "grid") {
    out = selection::lattice(e.tokens(), k);
  } else if (kind == "boxes") {
    std::vector<bool> in(static_cast<std::size_t>(n));
    const auto questions = static_cast<Index>(e.questions.size());
    for (const Index q : rng.sample(questions, questions)) {
      const std::vector<bool> own = tokens_in_boxes(e, e.questions[static_cast<std::size_t>(q)]);
      std::vector<Index> more;
      for (Index t = 0; t < n; ++t)
        if (own[static_cast<std::size_t>(t)] && !in[static_cast<std::size_t>(t)]) more.push_back(t);
      if (!out.empty() && static_cast<Index>(out.size() + more.size()) > k) continue;
      for (const Index t : more) in[static_cast<std::size_t>(t)] = true;
      out.insert(out.end(), more.begin(), more.end());
    }
    for (const Index t : rng.sample(n, n)) {
      if (static_cast<Index>(out.size()) >= k) break;
      if (!in[static_cast<std::size_t>(t)]) out.push_back(t);
    }
  } else {
    fail(Code::bad_config, "drops", "expected none, random, grid or boxes, got '" + std::string(kind) + "'");
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::uint8_t> kept_levels(std::string_view kind, const Example& e, const std::vector<Index>& tokens,
                                      Index levels, Rng& rng) {
  if (kind == "all") return {};
  require_that(kind == "tiers" || kind == "random", Code::bad_config, "depth",
               [&] { return "expected all, tiers or random, got '" + std::string(kind) + "'"; });
  require_that(levels >= 1 && levels <= 8, Code::bad_config, "depth",
               [&] { return "levels: expected 1 to 8, got " + std::to_string(levels); });
  const auto every = static_cast<std::uint8_t>((1u << levels) - 1);
  const std::vector<bool> in = tokens_in_boxes(e);
  std::vector<std::uint8_t> out;
  const Index n = tokens.empty() ? e.tokens().count() : static_cast<Index>(tokens.size());
  for (Index i = 0; i < n; ++i) {
    if (kind == "random") {
      out.push_back(static_cast<std::uint8_t>(rng.below(std::uint64_t{every} + 1)));
      continue;
    }
    const double u = rng.uniform(),
                 r = in[static_cast<std::size_t>(tokens.empty() ? i : tokens[static_cast<std::size_t>(i)])] ? 1.0 : u;
    out.push_back(r > 0.7                 ? every
                  : r > 0.4 && levels > 1 ? static_cast<std::uint8_t>(every & ~1u)
                                          : static_cast<std::uint8_t>(1u << (levels - 1)));
  }
  return out;
}

void limit_levels(Kept& kept, Index tokens, Index levels, Index in_use) {
  if (in_use >= levels) return;
  const auto first = static_cast<std::uint8_t>((1u << in_use) - 1);
  if (kept.levels.empty())
    kept.levels.assign(static_cast<std::size_t>(kept.tokens.empty() ? tokens : static_cast<Index>(kept.tokens.size())),
                       first);
  for (std::uint8_t& mask : kept.levels) mask &= first;
}

Kept drop_of(const Recipe& recipe, const Example& e, Index levels, std::uint64_t seed) {
  Rng rng(derive_seed(seed, "drops"));
  const std::string& kind = pick(recipe.drops, rng);
  const Index one_in = std::stol(pick(recipe.keep_one_in, rng));
  Kept kept;
  kept.tokens = kept_tokens(kind, e, one_in, rng);
  kept.levels = kept_levels(pick(recipe.depth, rng), e, kept.tokens, levels, rng);
  return kept;
}

}  // namespace arrcoc::train
