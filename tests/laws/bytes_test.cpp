// The host plane's promise to the last bit: the same bytes from every compiler, optimisation level and machine (with
// -ffp-contract=off). The numbers were taken from GCC 12 at -O0 for plain x86-64.
#include <doctest/doctest.h>

#include <cstring>

#include "arrcoc/allocators/select/top_k.hpp"
#include "arrcoc/balancers/fixed.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/scorers/pixels/contrast.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "laws/material.hpp"

using namespace arrcoc;

template <class T>
static std::uint64_t hash_of(const std::vector<T>& v) {
  std::uint64_t h = 0xcbf29ce484222325ull;
  const auto* p = reinterpret_cast<const unsigned char*>(v.data());
  for (std::size_t i = 0; i < v.size() * sizeof(T); ++i) h = (h ^ p[i]) * 0x100000001b3ull;
  return h;
}

TEST_CASE("textures, scores, relevance and allocation have known bytes") {
  const laws::Case c({437, 611, {14, 19}}, 7);
  const auto info = InformationScorer{}.score(c.evidence), salience = PerspectivalScorer{}.score(c.evidence),
             contrast = ContrastScorer{}.score(c.evidence);
  auto maps = info;
  maps.insert(maps.end(), salience.begin(), salience.end());
  const auto third = laws::scores(c.evidence.count(), 3, false);
  maps.insert(maps.end(), third.begin(), third.end());
  const auto tension =
      AdaptiveTensionBalancer{{.diversify = 0.8f, .deep = 0.7f, .adapt = 0.5f}}.balance(maps, c.evidence).relevance;
  Rng rng(1);
  CHECK(hash_of(c.image.rgb) == 16348675899346483131ull);
  CHECK(hash_of(c.textures.values) == 12454590166188248230ull);
  CHECK(hash_of(info) == 7937416901542785852ull);
  CHECK(hash_of(salience) == 7873356616201763514ull);
  CHECK(hash_of(contrast) == 3243934984313633335ull);
  CHECK(hash_of(tension) == 12884320668890728127ull);
  CHECK(hash_of(FixedWeightsBalancer{}.balance(maps, c.evidence).relevance) == 14546994535519705725ull);
  CHECK(hash_of(TopKAllocator{}.allocate(tension, c.evidence, Budget{}, rng).kept) == 3026467744311194829ull);
}
