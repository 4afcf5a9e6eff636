#pragma once
// The tiny model with its pictures, as a pipeline takes them.
#include <map>

#include "arrcoc/pipeline/journey.hpp"
#include "qwen3vl/tiny_model.hpp"

namespace arrcoc::tests {

/// ids with `image` runs marked as spans: merged grids in prompt order; the words outside are the question.
inline Prompt prompt_of(std::vector<TokenId> ids, const std::vector<Grid>& grids) {
  Prompt p;
  p.ids = std::move(ids);
  std::size_t column = 0;
  for (std::size_t s = 0; s < grids.size(); ++s) {
    while (p.ids[column] != 28) ++column;
    p.spans.push_back({static_cast<Index>(column), grids[s], static_cast<Index>(s)});
    column += static_cast<std::size_t>(grids[s].count());
  }
  for (std::size_t i = column; i < p.ids.size(); ++i)
    if (p.ids[i] < 26) p.question.push_back(static_cast<Index>(i));
  return p;
}

/// Seeded noise over a ramp, so that no two cells are alike.
inline Image noise_image(Index height, Index width, std::uint64_t seed) {
  Image image(height, width);
  Rng rng(seed);
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>((i * 7 / static_cast<std::size_t>(width)) % 128 + rng.below(128));
  return image;
}

/// One picture of 2 x 3 tokens, or that and a second one of 2 x 1.
struct TwoPictures {
  Image first = noise_image(64, 96, 1), second = noise_image(64, 32, 2);
  std::vector<Picture> pictures;
  Prompt prompt;

  explicit TwoPictures(bool both = true) {
    pictures.push_back({first.view(), {2, 3}, formula_pixels({1, 4, 6}, 1000), {{0, 32, 32, 64}}});
    if (both) pictures.push_back({second.view(), {2, 1}, formula_pixels({1, 4, 2}, 1000, 24), {{32, 0, 64, 32}}});
    prompt = both ? prompt_of({1, 26, 28, 28, 28, 28, 28, 28, 27, 2, 26, 28, 28, 27, 3, 4}, {{2, 3}, {2, 1}})
                  : prompt_of({1, 2, 3, 26, 28, 28, 28, 28, 28, 28, 27, 4, 5}, {{2, 3}});
  }
  std::vector<qwen3vl::Pixels> pixels() const {
    std::vector<qwen3vl::Pixels> out;
    for (const Picture& p : pictures) out.push_back(p.pixels);
    return out;
  }
};

/// Every bit, not only every value.
inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(std::as_bytes(a), std::as_bytes(b));
}

template <class B>
struct TinyModel {
  B backend;
  qwen3vl::Model<B> model;
  explicit TinyModel(B made = B())
      : backend(std::move(made)), model(backend, tiny_config(), formula_weights(tiny_config())) {}

  static RunOptions options(Index tokens = 0) {
    RunOptions o;
    o.budget.tokens = tokens;
    o.seed = 7;
    o.generate.max_new_tokens = 6;
    o.generate.keep_logits = true;
    return o;
  }
  qwen3vl::Generated stock(const TwoPictures& t, Index new_tokens = 6) {
    RunOptions o = options();
    o.generate.max_new_tokens = new_tokens;
    const auto encoded = model.encode(backend, t.pixels(), t.prompt);
    return qwen3vl::generate(backend, model.text(), qwen3vl::stock_input(backend, t.prompt, encoded), t.prompt.ids,
                             o.generate);
  }
};

}  // namespace arrcoc::tests
