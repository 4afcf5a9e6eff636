#pragma once
// Laws of the causes that an Allocator names: take the cause away and the token's fate changes; change anything else
// and it does not. (`score`, and what scores alone can tell of the rest: allocator_laws.hpp.) broken_provenance_laws
// names those that a model breaks.
//   place     lattice, centre: other scores, features and generator, and the tokens kept for their place are the same,
//             unless those kept for another cause, around which they were chosen, are not
//   random    the same of the generator's tokens while the generator is the same; among other generators one keeps
//   others oracle    boxes that no longer touch it: a token is not kept for them coverage  (allocators that look at
//   similarity) chosen given the earlier picks: become a copy of the first pick, and the
//             later one of the two is dropped, taken later, for another cause, or for less
#include <algorithm>
#include <set>

#include "laws/material.hpp"

namespace laws {

/// Tokens of `a` kept for one of `causes`, or for none of them.
inline std::set<Index> kept_for(const Allocation& a, std::initializer_list<Cause> causes, bool none_of_them = false) {
  std::set<Index> out;
  for (std::size_t i = 0; i < a.kept.size(); ++i)
    if ((std::find(causes.begin(), causes.end(), a.why[i].cause) == causes.end()) == none_of_them)
      out.insert(a.kept[i]);
  return out;
}

template <class A>
Broken broken_provenance_laws(const A& model = A{}, bool looks_at_similarity = true) {
  Broken broken;
  for (const Grid grid : {Grid{2, 3}, Grid{7, 5}, Grid{1, 20}, Grid{6, 8}})
    for (const std::uint64_t seed : {1u, 2u})
      for (const Index tokens : {Index{1}, grid.count() / 3, grid.count() / 2, grid.count() - 1}) {
        const Index n = grid.count();
        const Image image(grid.rows * 32, grid.cols * 32);
        const auto allocate = [&](std::vector<float> s, HostTensor vision, std::vector<Box> boxes, std::uint64_t from) {
          Evidence e;
          e.tokens = grid;
          e.rgb = image.view();
          e.size = FrameSize{image.height, image.width};
          e.boxes = std::move(boxes);
          e.similarity = std::shared_ptr<const SimilarityRows>(std::make_shared<const Similarity>(vision));
          e.vision = std::move(vision);
          e.question = features(3, 6, 32);
          Rng rng(from);
          return model.allocate(s, e, Budget{tokens, 1}, rng);
        };
        const auto s = scores(n, 50 + seed, false), other = scores(n, 60 + seed, false);
        const HostTensor vision = features(n, 6, 70 + seed), strange = features(n, 6, 80 + seed);
        const std::vector<Box> boxes{{0, 0, 40, 50}};
        const Allocation a = allocate(s, vision, boxes, 1);

        const auto place = {Cause::lattice, Cause::centre};
        const auto unmoved = [&](std::initializer_list<Cause> causes, const Allocation& b) {
          return kept_for(a, causes, true) != kept_for(b, causes, true) || kept_for(a, causes) == kept_for(b, causes);
        };
        note(broken, unmoved(place, allocate(other, strange, boxes, 2)), "place");

        note(broken, unmoved({Cause::random}, allocate(other, strange, boxes, 1)), "random");
        if (const auto drawn = kept_for(a, {Cause::random}); !drawn.empty() && a.count() < n) {
          bool moved = false;
          for (std::uint64_t g = 2; g < 40; ++g)
            moved = moved || kept_for(allocate(s, vision, boxes, g), {Cause::random}) != drawn;
          note(broken, moved, "random");
        }

        for (const Index t : kept_for(a, {Cause::oracle})) {
          const Index away = (t + n / 2) % n;
          const double row = static_cast<double>(away / grid.cols * 32),
                       col = static_cast<double>(away % grid.cols * 32);
          const auto b = allocate(s, vision, {{row, col, row + 32, col + 32}}, 1);
          note(broken, !kept_for(b, {Cause::oracle}).count(t), "oracle");
        }

        if (!looks_at_similarity) continue;
        const auto rank_of = [&](const Allocation& of, Index t) -> const Provenance* {
          const auto at = std::find(of.kept.begin(), of.kept.end(), t);
          return at == of.kept.end() ? nullptr : &of.why[static_cast<std::size_t>(at - of.kept.begin())];
        };
        const Similarity cosines(vision);
        Index first = -1;  // the first pick that has a direction to be like
        for (std::size_t rank = 0; first < 0 && rank < a.kept.size(); ++rank)
          for (std::size_t i = 0; i < a.kept.size(); ++i)
            if (a.why[i].rank == static_cast<Index>(rank) && cosines.at(a.kept[i], a.kept[i]) > 0.5f) first = a.kept[i];
        if (first < 0) continue;
        for (std::size_t i = 0; i < a.kept.size(); ++i) {
          const Index t = a.kept[i];
          if (a.why[i].cause != Cause::coverage || a.why[i].rank <= rank_of(a, first)->rank) continue;
          bool copy = false;  // of an earlier pick already, which leaves no cause to take away
          for (std::size_t j = 0; j < a.kept.size(); ++j)
            copy = copy || (a.why[j].rank < a.why[i].rank && cosines.at(a.kept[j], t) > 0.999f);
          if (copy) continue;
          std::vector<float> rows(vision.floats().begin(), vision.floats().end());
          std::copy_n(rows.begin() + first * 6, 6, rows.begin() + t * 6);
          const Allocation b = allocate(s, host_tensor(std::move(rows), {n, 6}), boxes, 1);
          const Provenance *one = rank_of(b, t), *two = rank_of(b, first);
          if (one == nullptr || two == nullptr) continue;  // one of them is dropped
          const Provenance& later = one->rank > two->rank ? *one : *two;
          note(broken, later.rank > a.why[i].rank || later.cause != Cause::coverage || later.value < a.why[i].value,
               "coverage");
        }
      }
  return broken;
}

}  // namespace laws
