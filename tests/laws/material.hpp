#pragma once
// Pictures and maps that the law suites run on. Whole-number recipes: the same everywhere.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "arrcoc/core/similarity.hpp"
#include "arrcoc/core/stages.hpp"
#include "arrcoc/primitives/overlap.hpp"
#include "arrcoc/texture/texture13.hpp"

namespace laws {
using namespace arrcoc;

/// A coloured page: shaded ground, text-like strokes, a coloured disc, grain in one corner. Every pixel depends on its
/// place and seed.
inline Image page(Index height, Index width, std::uint64_t seed) {
  Image im(height, width);
  Rng rng(seed);
  const Index shift = static_cast<Index>(rng.below(40));
  for (Index y = 0; y < height; ++y)
    for (Index x = 0; x < width; ++x) {
      int r = 235 - static_cast<int>(30 * y / height), g = 230, b = 215 - static_cast<int>(20 * x / width);
      const bool line = (y / 7) % 3 == 1 && y > height / 5 && y < height * 3 / 4,
                 inked = ((x * 7 + (y / 3) * 5 + shift) / 3) % 4 < 2 && x > width / 10 && x < width * 2 / 3;
      if (line && inked) {
        r = 30;
        g = 25;
        b = 60;
      }
      const Index dy = y - height / 3, dx = x - width * 5 / 6;
      if (dy * dy + dx * dx < height * height / 60) {
        r = 200;
        g = 40;
        b = 30;
      }
      if (y > height * 4 / 5) {
        r -= static_cast<int>(rng.below(90));
        g -= static_cast<int>(rng.below(90));
        b -= static_cast<int>(rng.below(90));
      }
      std::uint8_t* p = im.row(y) + 3 * x;
      p[0] = static_cast<std::uint8_t>(r);
      p[1] = static_cast<std::uint8_t>(g);
      p[2] = static_cast<std::uint8_t>(b);
    }
  return im;
}

struct Shape {
  Index height, width;
  Grid grid;
};
/// Square, wide, fractional borders, fewer pixels than cells.
inline const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{{256, 256, {8, 8}}, {190, 501, {6, 16}}, {333, 77, {10, 2}}, {130, 140, {4, 4}}};
  return all;
}

/// Values with many exact ties (quantised) or none.
inline std::vector<float> scores(Index n, std::uint64_t seed, bool ties) {
  Rng rng(seed);
  std::vector<float> s(static_cast<std::size_t>(n));
  for (float& v : s) v = ties ? static_cast<float>(rng.below(5)) * 0.25f - 0.5f : static_cast<float>(rng.uniform());
  return s;
}

/// Feature rows [n, width] around a common row; every fifth is its predecessor again, and the last is zeros.
inline HostTensor features(Index n, Index width, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> common(static_cast<std::size_t>(width)), rows;
  for (float& c : common) c = static_cast<float>(rng.uniform());
  for (Index i = 0; i < n; ++i)
    for (Index d = 0; d < width; ++d) {
      const float fresh = common[static_cast<std::size_t>(d)] + static_cast<float>(rng.uniform()) - 0.5f;
      rows.push_back(i % 5 == 4 ? rows[rows.size() - static_cast<std::size_t>(width)] : i + 1 == n ? 0.f : fresh);
    }
  return host_tensor(std::move(rows), {n, width});
}

/// An earlier look at 3 x 5 tokens, over the grid of now.
inline Look look(Grid now, std::uint64_t seed) {
  Look out{on_grid(TokenSet(3, 5), now), scores(15, seed, false), {1, 7, 8, 13}};
  out.attention = scores(15, seed + 1, false);
  return out;
}

/// What a model's inside could answer to these requests, other numbers for each: attention between 0 and 1; features of
/// a head of four (each: of two heads), as of the vision embeddings. Rows of the text, and those listed, are three.
inline void answer_all(Evidence& e, const std::vector<Request>& requests) {
  const Index n = e.count();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Request& r = requests[i];
    const bool each = r.heads == Request::Over::each, tokens = r.rows == Request::Rows::visual;
    if (r.what == Request::What::received) {
      std::vector<Index> shape{n};
      if (each) shape.insert(shape.begin(), 2);
      if (r.payers == Request::Over::each) shape.insert(shape.begin(), tokens ? n : 3);
      Index count = 1;
      for (const Index s : shape) count *= s;
      e.answers.push_back({r, host_tensor(scores(count, 41 + i, false), std::move(shape))});
    } else {
      e.answers.push_back({r, features(tokens ? n : 3, each && r.what != Request::What::hidden ? 8 : 4, 61 + i)});
    }
  }
}

/// Everything a scorer of the host plane may look at, for one picture.
struct Case {
  Image image;
  Textures textures;
  Evidence evidence;
  std::uint64_t seed = 0;
  Case(const Shape& s, std::uint64_t from)
      : image(page(s.height, s.width, from)), textures(Texture13{}.generate(image.view(), s.grid)), seed(from) {
    evidence.tokens = s.grid;
    evidence.rgb = image.view();
    evidence.size = FrameSize{image.height, image.width};
    evidence.textures = &textures;
    evidence.boxes = {{10, 20, 50, 70}};
    see_features();
  }
  /// Features of the tokens that are alive: what the model would have made of them.
  void see_features() {
    const Index n = evidence.count();
    const HostTensor vision = features(n, 12, seed);
    evidence.vision = vision;
    evidence.deepstack = {features(n, 12, seed + 1), features(n, 12, seed + 2)};
    evidence.question = features(3, 12, seed + 3);
    evidence.query = host_tensor(laws::scores(12, seed + 4, false), {12});
    evidence.similarity = std::shared_ptr<const SimilarityRows>(std::make_shared<const Similarity>(vision));
  }
  Case(const Case&) = delete;
};

using Broken = std::vector<std::string>;  // names of the laws that do not hold
inline void note(Broken& b, bool holds, const char* law) {
  if (holds) return;
  for (const auto& x : b)
    if (x == law) return;
  b.emplace_back(law);
}
template <class V>
bool finite(const V& v) {
  for (const float x : v)
    if (!std::isfinite(x)) return false;
  return true;
}

}  // namespace laws

namespace doctest {
template <>
struct StringMaker<laws::Broken> {
  static String convert(const laws::Broken& b) {
    std::string s = "{";
    for (const auto& x : b) s += " " + x;
    return (s + " }").c_str();
  }
};
}  // namespace doctest
