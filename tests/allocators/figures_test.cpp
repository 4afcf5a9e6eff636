// Figures that need no model, on pictures whose answers are known: what the early sketches claimed, and what holds.
#include <doctest/doctest.h>

#include <set>

#include "arrcoc/allocators/select/adaptive_k.hpp"
#include "arrcoc/allocators/select/coverage_quota.hpp"
#include "arrcoc/allocators/select/nms.hpp"
#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/softmax_channel_entropy.hpp"
#include "arrcoc/texture/seed13.hpp"
#include "arrcoc/texture/texture13.hpp"

using namespace arrcoc;

namespace {

void paint(Image& im, Index y, Index x, int level) {
  for (Index c = 0; c < 3; ++c) im.row(y)[3 * x + c] = static_cast<std::uint8_t>(std::clamp(level, 0, 255));
}
/// Whether a pixel is ink of a line of small print.
bool inked(Index y, Index x) { return y / 4 % 3 == 1 && (x * 7 + y / 3 * 5) / 4 % 3 == 0; }

struct Scored {
  Textures textures;
  Evidence evidence;
  std::vector<float> information;
  Scored(const Image& im, Grid g) : textures(Texture13{}.generate(im.view(), g)) {
    evidence.tokens = g;
    evidence.rgb = im.view();
    evidence.textures = &textures;
    information = InformationScorer{}.score(evidence);
  }
  Scored(const Scored&) = delete;
};
double mean(const std::vector<float>& v, Index from, Index to, Index cols) {  // over columns of the grid
  double sum = 0, n = 0;
  for (std::size_t i = 0; i < v.size(); ++i)
    if (static_cast<Index>(i) % cols >= from && static_cast<Index>(i) % cols < to)
      sum += static_cast<double>(v[i]), n += 1;
  return sum / n;
}

}  // namespace

TEST_CASE("the entropy paradox: the first sketch ranks blank above text, information does not") {
  // Four columns of cells each: dark blank, text, noise, white blank.
  Image im(512, 512);
  Rng rng(3);
  for (Index y = 0; y < 512; ++y)
    for (Index x = 0; x < 512; ++x)
      paint(im, y, x,
            x < 128   ? 20
            : x < 256 ? (inked(y, x) ? 30 : 235)
            : x < 384 ? static_cast<int>(rng.below(256))
                      : 250);
  const Scored s(im, {16, 16});
  const Textures seed = Seed13Texture{}.generate(im.view(), Grid{16, 16});
  Evidence e;
  e.tokens = Grid{16, 16};
  e.textures = &seed;
  const auto old = SoftmaxChannelEntropyScorer{}.score(e);
  const double dark = mean(old, 1, 3, 16), text = mean(old, 5, 7, 16);
  MESSAGE("softmax over channels: dark blank ", dark, ", text ", text, " nats of ", std::log(13.0));
  CHECK(dark > text);
  CHECK(std::log(13.0) - text < 0.2);  // hardly any range: 5 % of ln 13
  const double blank = mean(s.information, 1, 3, 16), white = mean(s.information, 13, 15, 16),
               words = mean(s.information, 5, 7, 16), noise = mean(s.information, 9, 11, 16);
  MESSAGE("information: dark blank ", blank, ", white blank ", white, ", text ", words, ", noise ", noise);
  CHECK(words > 5 * std::max(blank, white));
  CHECK(words > noise);
}

TEST_CASE("adaptive K: 64 for a hot spot, 400 for an even map, more for more spread") {
  Evidence e;
  e.tokens = Grid{32, 32};
  const auto count = [&](const std::vector<float>& r) {
    Rng rng(1);
    return AdaptiveKAllocator{{.min_tokens = 64, .max_tokens = 400}}.allocate(r, e, Budget{400, 0}, rng).count();
  };
  std::vector<Index> counts;
  for (const std::size_t hot : {1u, 16u, 64u, 256u, 1024u}) {
    std::vector<float> r(1024, 0.f);
    std::fill(r.begin(), r.begin() + static_cast<std::ptrdiff_t>(hot), 1.f);
    counts.push_back(count(r));
  }
  MESSAGE("1, 16, 64, 256 and 1024 hot cells of 1024: ", counts[0], ", ", counts[1], ", ", counts[2], ", ", counts[3],
          ", ", counts[4]);
  CHECK(counts.front() <= 66);
  CHECK(counts.back() == 400);
  CHECK(std::is_sorted(counts.begin(), counts.end()));
}

TEST_CASE("grey text of either polarity is found equally often") {
  // A block of text of 4 x 10 cells somewhere on rough ground, 6 to 12 % of contrast; as many tokens as it has cells.
  double hits[2] = {};
  for (int picture = 0; picture < 40; ++picture)
    for (const bool light : {false, true}) {
      Rng rng(static_cast<std::uint64_t>(picture));
      const Index row = static_cast<Index>(rng.below(12)), col = static_cast<Index>(rng.below(6));
      const int contrast = 15 + static_cast<int>(rng.below(16));
      Image im(512, 512);
      for (Index y = 0; y < 512; ++y)
        for (Index x = 0; x < 512; ++x) {
          const bool inside = y / 32 >= row && y / 32 < row + 4 && x / 32 >= col && x / 32 < col + 10;
          const int ground = 128 + static_cast<int>(rng.below(7)) - 3;
          paint(im, y, x, ground + (inside && inked(y, x) ? (light ? contrast : -contrast) : 0));
        }
      const Scored s(im, {16, 16});
      Rng none(1);
      for (const Index t : TopKAllocator{}.allocate(s.information, s.evidence, Budget{40, 0}, none).kept)
        hits[light] += t / 16 >= row && t / 16 < row + 4 && t % 16 >= col && t % 16 < col + 10 ? 100 / 1600.0 : 0;
    }
  MESSAGE("recall of the text's cells at K = its cells: dark ", hits[0], " %, light ", hits[1], " %");
  CHECK(hits[0] >= 80);
  CHECK(std::abs(hits[0] - hits[1]) < 5);
}

TEST_CASE("counting: with coverage more instances have a token than with plain top-k") {
  // Ten drawings of 2 x 2 to 4 x 4 cells, faint and strong, on 32 x 32 cells; 64 tokens.
  double found[3] = {}, most_on_one = 0, all = 0;
  for (int picture = 0; picture < 20; ++picture) {
    Rng rng(static_cast<std::uint64_t>(100 + picture));
    Image im(1024, 1024);
    std::fill(im.rgb.begin(), im.rgb.end(), std::uint8_t{200});
    std::vector<Index> owner(1024, -1);
    for (Index i = 0; i < 10; ++i) {
      const Index size = 2 + static_cast<Index>(rng.below(3)), at = static_cast<Index>(rng.below(16));
      const Index row = i / 4 * 10 + at / 4 + 1, col = i % 4 * 8 + at % 4;
      const int contrast = 20 + static_cast<int>(rng.below(150));
      for (Index y = 0; y < size * 32; ++y)
        for (Index x = 0; x < size * 32; ++x)
          if ((x / 5 + y / 7) % 3 == 0) paint(im, row * 32 + y, col * 32 + x, 200 - contrast);
      for (Index r = row; r < row + size; ++r)
        for (Index c = col; c < col + size; ++c) owner[static_cast<std::size_t>(r * 32 + c)] = i;
    }
    const Scored s(im, {32, 32});
    const auto instances = [&](const Allocation& a) {
      std::vector<Index> tokens(10, 0);
      for (const Index t : a.kept)
        if (owner[static_cast<std::size_t>(t)] >= 0)
          ++tokens[static_cast<std::size_t>(owner[static_cast<std::size_t>(t)])];
      return tokens;
    };
    const auto touched = [](const std::vector<Index>& v) {
      return static_cast<double>(v.size()) - static_cast<double>(std::count(v.begin(), v.end(), 0));
    };
    Rng none(1);
    const Budget budget{64, 0};
    const auto plain = instances(TopKAllocator{}.allocate(s.information, s.evidence, budget, none));
    found[0] += touched(plain);
    most_on_one += static_cast<double>(*std::max_element(plain.begin(), plain.end())) / 64;
    found[1] += touched(
        instances(CoverageQuotaAllocator{{.rows = 8, .cols = 8}}.allocate(s.information, s.evidence, budget, none)));
    found[2] += touched(instances(NmsAllocator{}.allocate(s.information, s.evidence, budget, none)));
    all += 10;
  }
  MESSAGE("instances with a token at 64 of 1024: top_k ", 100 * found[0] / all, " %, coverage_quota ",
          100 * found[1] / all, " %, nms ", 100 * found[2] / all, " %; top_k's fullest has ", 100 * most_on_one / 20,
          " % of the tokens");
  CHECK(found[1] > found[0]);
  CHECK(found[2] > found[0]);
  CHECK(found[1] / all >= 0.95);
}
