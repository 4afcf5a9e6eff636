// Every registered strategy of the host plane keeps the laws of its kind, behind its erased face; the list is the
// registration's own.
#include <doctest/doctest.h>

#include <map>

#include "arrcoc/core/similarity.hpp"
#include "laws/allocator_laws.hpp"
#include "laws/balancer_laws.hpp"
#include "laws/scorer_laws.hpp"
#include "laws/texture_laws.hpp"
#include "registry/host_stages.hpp"

using namespace arrcoc;
using laws::Broken;
using tests::host_stages, tests::made;

namespace {

struct TextureFace {
  AnyTexture any;
  Textures generate(ImageView v, const TokenSet& t) const { return any->generate(v, t); }
};
struct ScorerFace {
  Any<erased::Scorer> any;
  std::vector<float> score(Evidence e) const {
    laws::answer_all(e, any.facts.needs);
    if (!e.previous) e.previous = laws::look(e.tokens.grid, 51);
    return any->score(e);
  }
};
struct BalancerFace {
  AnyBalancer any;
  Balanced balance(std::span<const float> maps, const Evidence& e) const { return any->balance(maps, e); }
};
/// `spend` is a constant of a type: one face for each kind.
template <Spend S>
struct AllocatorFace {
  static constexpr Spend spend = S;
  AnyAllocator any;
  Allocation allocate(std::span<const float> r, Evidence e, Budget b, Rng& g) const {
    laws::answer_all(e, any.facts.needs);
    return any->allocate(r, e, b, g);
  }
};

/// What a strategy breaks on purpose, by name: no map has a share in what looks at none; the older sketches' textures
/// say so themselves.
const std::map<std::string, Broken> on_purpose{
    {"flat", {"count"}}, {"seed13", {"copies", "box", "native"}}, {"repo13", {"copies", "box", "native"}}};

/// What cannot work without a file.
bool trained(const Entry& e) {
  return std::any_of(e.settings.begin(), e.settings.end(),
                     [](const ConfigField& f) { return f.path == "weights" || f.path == "file"; });
}
Broken expected(const std::string& name) {
  const auto at = on_purpose.find(name);
  return at == on_purpose.end() ? Broken{} : at->second;
}

}  // namespace

TEST_CASE("every registered texture, scorer and balancer keeps its laws") {
  for (const auto& row : host_stages().textures) {
    CAPTURE(row.entry.name);
    CHECK(laws::broken_texture_laws(TextureFace{made(row)}) == expected(row.entry.name));
  }
  for (const auto& row : host_stages().scorers) {
    CAPTURE(row.entry.name);
    if (!trained(row.entry)) CHECK(laws::broken_scorer_laws(ScorerFace{made(row)}) == expected(row.entry.name));
  }
  for (const auto& row : host_stages().balancers) {
    CAPTURE(row.entry.name);
    if (!trained(row.entry)) CHECK(laws::broken_balancer_laws(BalancerFace{made(row)}) == expected(row.entry.name));
  }
}

TEST_CASE("every registered allocator keeps its laws, and what it spends is what it declares") {
  for (const auto& row : host_stages().allocators) {
    if (trained(row.entry)) continue;
    CAPTURE(row.entry.name);
    const AnyAllocator a = made(row);
    CHECK(row.entry.spend == a.facts.spend);
    const Broken broken =
        a.facts.spend == Spend::exact        ? laws::broken_allocator_laws(AllocatorFace<Spend::exact>{a})
        : a.facts.spend == Spend::at_most    ? laws::broken_allocator_laws(AllocatorFace<Spend::at_most>{a})
        : a.facts.spend == Spend::tiers      ? laws::broken_allocator_laws(AllocatorFace<Spend::tiers>{a})
        : a.facts.spend == Spend::everything ? laws::broken_allocator_laws(AllocatorFace<Spend::everything>{a})
                                             : laws::broken_allocator_laws(AllocatorFace<Spend::own_count>{a});
    CHECK(broken == expected(row.entry.name));
  }
}

TEST_CASE("every registered stage works on any living tokens: a raster named place by place, and some of it") {
  laws::Case whole(laws::shapes()[0], 5);
  whole.evidence.similarity = std::make_shared<const Similarity>(
      host_tensor(laws::scores(whole.evidence.count() * 6, 31, false), {whole.evidence.count(), 6}));
  const TokenSet raster = whole.evidence.tokens;
  std::vector<Place> places, some;
  for (Index t = 0; t < raster.count(); ++t) {
    places.push_back(raster.at(t));
    if (t % 3 != 1) some.push_back(raster.at(t));
  }
  for (const auto& row : host_stages().textures) {
    CAPTURE(row.entry.name);
    const AnyTexture texture = made(row);
    const Textures all = texture->generate(whole.image.view(), raster);
    CHECK(texture->generate(whole.image.view(), TokenSet(raster.grid, places)).values == all.values);
    // Places that cover several cells are integrated over all of them: the mean of equal cells' colours.
    const TokenSet coarse(raster.grid, std::vector<Place>{{0, 0, 2, 2}, {0, 2, 2, 4}, {4, 0, 4, 8}});
    const Textures large = texture->generate(whole.image.view(), coarse);
    CHECK(large.count() == 3);
    const auto& names = all.channels;  // of a mean over pixels
    const Index mean = all.channel(std::find(names.begin(), names.end(), "red") == names.end() ? "luma" : "red");
    double sum = 0;
    for (const Index r : {0, 1})
      for (const Index c : {0, 1}) sum += static_cast<double>(all.at(raster.grid.at(r, c), mean));
    CHECK(static_cast<double>(large.at(0, mean)) == doctest::Approx(sum / 4).epsilon(1e-5));
  }
  for (const bool part : {false, true}) {
    laws::Case here(laws::shapes()[0], 5);
    here.evidence.tokens = TokenSet(raster.grid, part ? some : places);
    here.textures = made(host_stages().textures[0])->generate(here.image.view(), here.evidence.tokens);
    here.see_features();
    for (const auto& row : host_stages().scorers) {
      if (trained(row.entry)) continue;
      CAPTURE(row.entry.name);
      const ScorerFace s{made(row)};
      const auto map = s.score(here.evidence);
      CHECK(static_cast<Index>(map.size()) == here.evidence.count());
      if (!part) CHECK(map == s.score(whole.evidence));
    }
    here.evidence.similarity = std::make_shared<const Similarity>(
        host_tensor(laws::scores(here.evidence.count() * 6, 31, false), {here.evidence.count(), 6}));
    const auto maps = laws::scores(3 * here.evidence.count(), 3, false),
               relevance = laws::scores(here.evidence.count(), 4, false);
    for (const auto& row : host_stages().balancers) {
      if (trained(row.entry)) continue;
      CAPTURE(row.entry.name);
      const auto b = made(row);
      const auto out = b->balance(maps, here.evidence).relevance;
      CHECK(static_cast<Index>(out.size()) == here.evidence.count());
      if (!part) CHECK(out == b->balance(maps, whole.evidence).relevance);
    }
    for (const auto& row : host_stages().allocators) {
      if (trained(row.entry)) continue;
      CAPTURE(row.entry.name);
      const AllocatorFace<Spend::exact> a{made(row)};
      Rng one(1), two(1);
      const Allocation out = a.allocate(relevance, here.evidence, Budget{9, 1}, one);
      CHECK_NOTHROW(check_allocation(out, "laws"));
      CHECK_NOTHROW(check_spend(out, a.any.facts.spend, Budget{9, 1}, "laws"));
      CHECK(out.tokens == here.evidence.tokens);
      if (!part) CHECK(out.kept.size() == a.allocate(relevance, whole.evidence, Budget{9, 1}, two).kept.size());
    }
  }
}
