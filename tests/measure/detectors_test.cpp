// Every failure detector fires on the fault it is for, and none on a method without.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "arrcoc/measure/assembly_detectors.hpp"
#include "arrcoc/primitives/apportion.hpp"
#include "arrcoc/primitives/selection.hpp"

using namespace arrcoc;
using detect::Found;

namespace {

using Faults = std::set<std::string>;
using Indices = std::vector<Index>;

Faults names(const std::vector<Found>& found) {
  Faults out;
  for (const Found& f : found) {
    CHECK_FALSE(f.sentence.empty());
    out.insert(f.fault);
  }
  return out;
}

const Request attention{.site = Request::Site::layer, .index = 1, .rows = Request::Rows::last};

std::vector<float> received(const Evidence& e) { return to_floats(e.answer(attention)); }

Allocation of(const Evidence& e, Indices kept) {
  Allocation a;
  a.tokens = e.tokens;
  a.depth.assign(kept.size(), all_levels);
  a.why.assign(kept.size(), {});
  a.kept = std::move(kept);
  return a;
}

/// A method that takes pictures one by one: rule(evidence, K) -> kept.
template <class F>
detect::Method one_by_one(F rule) {
  return {{attention}, Spend::exact, [rule](std::span<const Evidence> pictures, Budget b) {
            std::vector<Allocation> out;
            for (const Evidence& e : pictures) out.push_back(of(e, rule(e, b.resolve(e.count()).kept)));
            return out;
          }};
}
/// The same, its kept tokens put in order.
template <class F>
detect::Method in_order(F rule) {
  return one_by_one([rule](const Evidence& e, Index k) {
    Indices kept = rule(e, k);
    std::sort(kept.begin(), kept.end());
    return kept;
  });
}

Indices top(const Evidence& e, Index k) { return selection::best(received(e), k); }

/// Farthest points by cosine; `mask`: who is chosen is out of the race.
Indices farthest(const Evidence& e, Index k, bool mask) {
  const auto n = static_cast<std::size_t>(e.count());
  std::vector<float> least(n, 2), row(n);
  Indices out;
  for (Index i = 0; i < k; ++i) {
    const auto next = std::max_element(least.begin(), least.end()) - least.begin();
    out.push_back(next);
    e.similarity->row(next, row);
    for (std::size_t j = 0; j < n; ++j) least[j] = std::min(least[j], std::max(0.f, 1 - row[j]));
    if (mask) least[static_cast<std::size_t>(next)] = -1;
  }
  return out;
}

}  // namespace

TEST_CASE("methods without a fault: by attention, by diversity, by nothing") {
  CHECK(names(detect::faults_of(in_order(top))) == Faults{});
  CHECK(names(detect::faults_of(in_order([](const Evidence& e, Index k) { return farthest(e, k, true); }))) ==
        Faults{});
  CHECK(names(detect::faults_of(
            in_order([](const Evidence& e, Index k) { return selection::lattice(e.tokens.grid, k); }))) == Faults{});
}

TEST_CASE("inverted: the least relevant tokens") {
  const auto lowest = [](const Evidence& e, Index k) {
    std::vector<float> s = received(e);
    for (float& v : s) v = -v;
    return selection::best(s, k);
  };
  CHECK(names(detect::faults_of(in_order(lowest))) == Faults{"inverted"});
}

TEST_CASE("order: scores of a tower that attends in windows, read as if in raster order") {
  const auto windows = [](const Evidence& e, Index k) {
    const Grid g = e.tokens.grid;
    Indices raster;  // of each place in window order: windows of 2 x 2 tokens, one after the other
    for (Index r = 0; r < g.rows; r += 2)
      for (Index c = 0; c < g.cols; c += 2)
        for (Index y = r; y < std::min(r + 2, g.rows); ++y)
          for (Index x = c; x < std::min(c + 2, g.cols); ++x) raster.push_back(g.at(y, x));
    const std::vector<float> s = received(e);
    std::vector<float> in_windows;
    for (const Index t : raster) in_windows.push_back(s[static_cast<std::size_t>(t)]);
    return selection::best(in_windows, k);
  };
  CHECK(names(detect::faults_of(in_order(windows))) == Faults{"order"});
}

TEST_CASE("unsorted: kept tokens in the order of their scores") {
  CHECK(names(detect::faults_of(one_by_one(top))) == Faults{"unsorted"});
}

TEST_CASE("duplicates: farthest points without a mask take equal tokens again") {
  CHECK(names(detect::faults_of(in_order([](const Evidence& e, Index k) { return farthest(e, k, false); }))) ==
        Faults{"duplicates"});
}

TEST_CASE("padding: quotas that are rounded down, slots that hold nothing, merged rows of nobody") {
  const auto quotas = [](const Evidence& e, Index k, bool fill) {
    const Grid g = e.tokens.grid;
    const std::vector<float> s = received(e);
    Indices out;
    for (Index r = 0; r < g.rows; ++r) {
      const std::vector<float> row(s.begin() + g.at(r, 0), s.begin() + g.at(r, 0) + g.cols);
      for (const Index c : selection::best(row, std::min(k / g.rows, g.cols))) out.push_back(g.at(r, c));
    }
    if (out.empty()) out = top(e, 1);
    while (fill && static_cast<Index>(out.size()) < k) out.push_back(e.count() + static_cast<Index>(out.size()));
    return out;
  };
  for (const bool fill : {false, true}) {
    const auto found =
        names(detect::faults_of(in_order([&](const Evidence& e, Index k) { return quotas(e, k, fill); })));
    CHECK(found.contains("padding"));
    CHECK(found.size() == 1);
  }
  detect::Method hollow = in_order(top);
  hollow.choose = [inner = hollow.choose](std::span<const Evidence> pictures, Budget b) {
    auto out = inner(pictures, b);
    for (Allocation& a : out) a.merge.assign(a.kept.size(), {{a.kept[0], 0}});
    return out;
  };
  CHECK(names(detect::faults_of(hollow)) == Faults{"padding"});
}

namespace {
/// Attention over its largest value plus the norm of the embedding over its largest.
Indices mixed(const Evidence& e, Index k, float largest) {
  std::vector<float> s = received(e), norms;
  const auto f = e.vision->floats();
  const std::size_t width = f.size() / s.size();
  for (std::size_t t = 0; t < s.size(); ++t) {
    float sum = 0;
    for (std::size_t i = 0; i < width; ++i) sum += f[t * width + i] * f[t * width + i];
    norms.push_back(std::sqrt(sum));
  }
  const float most = *std::max_element(norms.begin(), norms.end());
  for (std::size_t t = 0; t < s.size(); ++t) s[t] = s[t] / largest + 0.5f * norms[t] / most;
  Indices kept = selection::best(s, k);
  std::sort(kept.begin(), kept.end());
  return kept;
}
float largest(const Evidence& e) {
  const auto s = received(e);
  return *std::max_element(s.begin(), s.end());
}
}  // namespace

TEST_CASE("batch: a maximum over all pictures of a prompt; scores of the first picture for all") {
  CHECK(names(detect::faults_of(in_order([](const Evidence& e, Index k) { return mixed(e, k, largest(e)); }))) ==
        Faults{});
  detect::Method batch = in_order(top);
  batch.choose = [](std::span<const Evidence> pictures, Budget b) {
    float most = 0;
    for (const Evidence& e : pictures) most = std::max(most, largest(e));
    std::vector<Allocation> out;
    for (const Evidence& e : pictures) out.push_back(of(e, mixed(e, b.resolve(e.count()).kept, most)));
    return out;
  };
  CHECK(names(detect::faults_of(batch)) == Faults{"batch"});
  detect::Method first = in_order(top);
  first.choose = [](std::span<const Evidence> pictures, Budget b) {
    std::vector<Allocation> out;
    for (const Evidence& e : pictures) {
      std::vector<float> s = received(pictures[0]);
      s.resize(static_cast<std::size_t>(e.count()));
      Indices kept = selection::best(s, b.resolve(e.count()).kept);
      std::sort(kept.begin(), kept.end());
      out.push_back(of(e, kept));
    }
    return out;
  };
  CHECK(names(detect::faults_of(first)) == Faults{"batch"});
}

TEST_CASE("state: a maximum over all pictures so far") {
  const auto most = std::make_shared<float>(0.f);
  const auto found = names(detect::faults_of(in_order([most](const Evidence& e, Index k) {
    *most = std::max(*most, largest(e));
    return mixed(e, k, *most);
  })));
  CHECK(found.contains("state"));
  CHECK_FALSE(found.contains("inverted"));
}

TEST_CASE("wrap: neighbours by index, from the end of a row to the beginning of the next") {
  const auto neighbours = [](const Evidence& e, Index k, bool wraps) {
    const Grid g = e.tokens.grid;
    const Index anchor = top(e, 1)[0], row = anchor / g.cols;
    Indices out{anchor};
    for (const Index step : {Index{1}, Index{-1}, g.cols, -g.cols}) {
      const Index t = anchor + step;
      const bool beside = t >= 0 && t < g.count() && (std::abs(step) == g.cols || wraps || t / g.cols == row);
      if (beside && static_cast<Index>(out.size()) < k) out.push_back(t);
    }
    for (const Index t : top(e, e.count()))
      if (static_cast<Index>(out.size()) < k && std::find(out.begin(), out.end(), t) == out.end()) out.push_back(t);
    return out;
  };
  for (const bool wraps : {false, true})
    CHECK(names(detect::faults_of(in_order([&](const Evidence& e, Index k) { return neighbours(e, k, wraps); }))) ==
          (wraps ? Faults{"wrap"} : Faults{}));
}

TEST_CASE("refused: a method that throws is found, in its own words") {
  const auto found = detect::faults_of(in_order([](const Evidence& e, Index k) -> Indices {
    require_that(k != 7, Code::bad_config, "seven", "expected another number");
    return top(e, k);
  }));
  REQUIRE(found.size() == 1);
  CHECK(found[0].fault == "refused");
  CHECK(found[0].sentence.find("expected another number") != std::string::npos);
}

namespace {
enum class Slip { none, sequential, from_zero, blocked, from_kept, first_rows, no_levels, neighbour };

/// An assembly by hand; Qwen's rule: text counts up, the picture spreads over its grid from the next position on, and
/// what follows starts behind its longer side.
detect::Assembler assembly(Slip slip) {
  detect::Assembler out;
  out.assemble = [slip, p = out.prompt](std::span<const Index> kept) {
    detect::Assembled a;
    const auto text = [&](Index column, Index at) {
      const auto x = static_cast<float>(at);
      a.rows.push_back({column, -1, x, x, x, Indices(static_cast<std::size_t>(p.levels), -1)});
    };
    for (Index c = 0; c < p.begin; ++c) text(c, c);
    Index extent = std::max(p.grid.rows, p.grid.cols);
    if (slip == Slip::from_kept) {
      extent = 0;
      for (const Index t : kept) extent = std::max({extent, t / p.grid.cols + 1, t % p.grid.cols + 1});
    }
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const Index t = kept[i];
      const Index level = slip == Slip::first_rows ? static_cast<Index>(i) : slip == Slip::no_levels ? -1 : t;
      a.rows.push_back({p.begin + t,
                        slip == Slip::neighbour ? (t + 1) % p.grid.count() : t,
                        static_cast<float>(p.begin),
                        static_cast<float>(p.begin + t / p.grid.cols),
                        static_cast<float>(p.begin + t % p.grid.cols),
                        {t, level}});
    }
    Index at = p.begin + extent;
    for (Index c = p.begin + p.grid.count(); c < p.length; ++c) text(c, at++);
    a.next = at;
    if (slip == Slip::sequential) {
      for (std::size_t i = 0; i < a.rows.size(); ++i) a.rows[i].t = a.rows[i].h = a.rows[i].w = static_cast<float>(i);
      a.next = static_cast<Index>(a.rows.size());
    }
    if (slip == Slip::from_zero)  // whatever is kept, and wrong with everything kept too
      for (detect::Row& r : a.rows) r.t -= 3, r.h -= 3, r.w -= 3;
    a.interleaved = slip != Slip::blocked;
    return a;
  };
  return out;
}
}  // namespace

TEST_CASE("positions and levels: what an assembly gets wrong") {
  CHECK(names(detect::faults_of(assembly(Slip::none))) == Faults{});
  CHECK(names(detect::faults_of(assembly(Slip::sequential))) == Faults{"positions"});
  CHECK(names(detect::faults_of(assembly(Slip::from_zero))) == Faults{"positions"});
  CHECK(names(detect::faults_of(assembly(Slip::blocked))) == Faults{"rotary"});
  CHECK(names(detect::faults_of(assembly(Slip::from_kept))) == Faults{"positions"});
  CHECK(names(detect::faults_of(assembly(Slip::first_rows))) == Faults{"levels"});
  CHECK(names(detect::faults_of(assembly(Slip::no_levels))) == Faults{"levels"});
  CHECK(names(detect::faults_of(assembly(Slip::neighbour))) == Faults{"levels"});
}

TEST_CASE("groups: single patches of tokens, and patches in raster order, are no groups") {
  detect::Encoder whole;
  whole.patches = [](std::span<const Index> kept) {
    Indices out;
    for (const Index t : kept) out.insert(out.end(), {4 * t, 4 * t + 1, 4 * t + 2, 4 * t + 3});
    return out;
  };
  CHECK(names(detect::faults_of(whole)) == Faults{});
  detect::Encoder single = whole, turned = whole;
  single.patches = [&](std::span<const Index> kept) {
    Indices out = whole.patches(kept);
    if (out.size() > 4) out.erase(out.begin() + 1);
    return out;
  };
  turned.patches = [&](std::span<const Index> kept) {
    Indices out = whole.patches(kept);
    std::stable_sort(out.begin(), out.end(), [](Index a, Index b) { return a % 4 / 2 < b % 4 / 2; });
    return out;
  };
  CHECK(names(detect::faults_of(single)) == Faults{"groups"});
  CHECK(names(detect::faults_of(turned)) == Faults{"groups"});
}
