#pragma once
// Failure detectors of what follows a choice: the rows that enter the language model, and those that enter the tower.
#include <map>
#include <tuple>

#include "arrcoc/measure/detectors.hpp"

namespace arrcoc::detect {

/// A prompt with one picture: text, the picture's grid.count() columns from `begin` on, text.
struct MarkedPrompt {
  Grid grid{3, 4};
  Index begin = 3, length = 3 + 12 + 4;
  Index levels = 2;  // DeepStack
};

/// What stands where, told by markers: features in which every token has a value of its own.
struct Row {
  Index column = 0;            // of the full prompt
  Index token = -1;            // whose embedding stands in it; -1: text
  float t = 0, h = 0, w = 0;   // its position
  std::vector<Index> added{};  // of each level, whose feature is added to it; -1: none
};
struct Assembled {
  std::vector<Row> rows;
  Index next = 0;  // position of the first generated token
};
/// kept tokens of the prompt's picture, ascending -> what enters the language model.
struct Assembler {
  MarkedPrompt prompt{};
  std::function<Assembled(std::span<const Index> kept)> assemble;
};
/// kept tokens of a grid -> the patches that enter the tower, in its order. Patch p of a token t is 4 t + p, p in 0..3.
struct Encoder {
  Grid grid{3, 4};
  std::function<std::vector<Index>(std::span<const Index> kept)> patches;
};

namespace detail {
/// All tokens first, then some; the last token, which has the largest position, is in few of them.
inline std::vector<std::vector<Index>> kept_sets(Index n) {
  std::vector<Index> all, odd;
  for (Index t = 0; t < n; ++t) {
    all.push_back(t);
    if (t % 2 == 1) odd.push_back(t);
  }
  return {all, odd, {0}, {n - 1}, {1, 2, n / 2}};
}
}  // namespace detail

/// Text and kept tokens stand where they stand with everything kept, and every kept token brings its own embedding and
/// its own feature of every level.
inline std::vector<Found> faults_of(const Assembler& method) {
  std::vector<Found> found;
  const auto note = [&](const char* fault, const std::string& sentence) { detail::note_once(found, fault, sentence); };
  const MarkedPrompt& prompt = method.prompt;
  std::map<Index, std::tuple<float, float, float>> place;  // of a column, with everything kept
  Index next = 0;
  for (const auto& kept : detail::kept_sets(prompt.grid.count())) {
    const bool first = place.empty();
    const std::string with = " with tokens " + detail::text_of(kept) + " kept";
    const Assembled a = method.assemble(kept);
    if (first) next = a.next;
    if (a.next != next)
      note("positions", "the first generated token stands at " + std::to_string(a.next) + with + ", else at " +
                            std::to_string(next));
    std::vector<Index> seen;
    for (const Row& r : a.rows) {
      const std::tuple at{r.t, r.h, r.w};
      if (first) place[r.column] = at;
      if (place[r.column] != at) note("positions", "column " + std::to_string(r.column) + " stands elsewhere" + with);
      const bool visual = r.column >= prompt.begin && r.column < prompt.begin + prompt.grid.count();
      const Index own = visual ? r.column - prompt.begin : -1;
      if (visual) seen.push_back(own);
      if (r.token != own)
        note("levels", "column " + std::to_string(r.column) + " holds token " + std::to_string(r.token) + with);
      for (std::size_t l = 0; l < static_cast<std::size_t>(prompt.levels); ++l)
        if (const Index added = l < r.added.size() ? r.added[l] : -1; added != own)
          note("levels", "level " + std::to_string(l) + " adds to token " + std::to_string(own) +
                             (added < 0 ? " nothing" : " that of token " + std::to_string(added)) + with);
    }
    std::sort(seen.begin(), seen.end());
    if (seen != kept) note("padding", "rows of tokens " + detail::text_of(seen) + with);
  }
  return found;
}

/// Four patches of each kept token, side by side, and no others: what the merger reads as one.
inline std::vector<Found> faults_of(const Encoder& method) {
  for (const auto& kept : detail::kept_sets(method.grid.count())) {
    std::vector<Index> expected;
    for (const Index t : kept)
      for (Index p = 0; p < 4; ++p) expected.push_back(4 * t + p);
    if (const auto got = method.patches(kept); got != expected)
      return {{"groups", "with tokens " + detail::text_of(kept) + " kept the tower has patches " +
                             detail::text_of(got) + " of " + std::to_string(4 * method.grid.count())}};
  }
  return {};
}

}  // namespace arrcoc::detect
