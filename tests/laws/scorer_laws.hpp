#pragma once
// Laws of a Scorer. broken_scorer_laws names those that a model breaks.
//   count  one value a token     finite   no NaN, no infinity
//   alone  a picture's scores do not depend on what was scored before: no statistic crosses pictures
//   order  (row-wise models) permuting the tokens permutes the scores
#include <numeric>

#include "laws/material.hpp"

namespace laws {

template <class S>
constexpr bool is_row_wise() {
  if constexpr (requires { S::row_wise; }) return S::row_wise;
  else return false;
}

template <class S>
Broken broken_scorer_laws(const S& model = S{}) {
  Broken broken;
  for (const Shape& shape : shapes()) {
    const Case here(shape, 5), other(shape, 6);
    const auto s = model.score(here.evidence);
    note(broken, static_cast<Index>(s.size()) == shape.grid.count(), "count");
    if (static_cast<Index>(s.size()) != shape.grid.count()) continue;
    note(broken, finite(s), "finite");
    Image blank(shape.height, shape.width);
    Case nothing(shape, 5);
    nothing.textures = Texture13{}.generate(blank.view(), shape.grid);
    nothing.evidence.rgb = blank.view();
    note(broken, finite(model.score(nothing.evidence)), "finite");
    (void)model.score(other.evidence);
    note(broken, model.score(here.evidence) == s, "alone");
    if constexpr (is_row_wise<S>()) {
      const Index n = shape.grid.count(), width = here.textures.channel_count();
      std::vector<Index> to(static_cast<std::size_t>(n));
      std::iota(to.begin(), to.end(), Index{0});
      Rng rng(8);
      rng.shuffle(to);
      Textures moved = here.textures;
      for (Index i = 0; i < n; ++i)
        for (Index c = 0; c < width; ++c)
          moved.values[std::size_t(to[std::size_t(i)] * width + c)] = here.textures.at(i, c);
      Evidence e = here.evidence;
      e.textures = &moved;
      const auto permuted = model.score(e);
      for (Index i = 0; i < n; ++i)
        note(broken, permuted[std::size_t(to[std::size_t(i)])] == s[std::size_t(i)], "order");
    }
  }
  return broken;
}

}  // namespace laws
