#pragma once
// Failure detectors of what follows a choice: the rows that enter the language model, and those that enter the tower.
#include <tuple>
#include <utility>
#include <vector>

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
  Index next = 0;           // position of the first generated token
  bool interleaved = true;  // the axes take their frequencies in turn, as Qwen3-VL's do
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

using At = std::tuple<float, float, float>;  // t, h, w
inline std::string text_of(const At& at) {
  const auto whole = [](float x) { return std::to_string(static_cast<long long>(x)); };
  return "(" + whole(std::get<0>(at)) + ", " + whole(std::get<1>(at)) + ", " + whole(std::get<2>(at)) + ")";
}

/// Where the stock model has each column of the prompt, and the first generated token: text counts up, the picture
/// spreads over its grid, and what follows starts behind its longer side.
inline std::pair<std::vector<At>, Index> true_places(const MarkedPrompt& p) {
  std::vector<At> out;
  Index next = 0;
  const auto text_until = [&](Index end) {
    while (static_cast<Index>(out.size()) < end) {
      const auto x = static_cast<float>(next++);
      out.emplace_back(x, x, x);
    }
  };
  text_until(p.begin);
  for (Index t = 0; t < p.grid.count(); ++t)
    out.emplace_back(static_cast<float>(p.begin), static_cast<float>(p.begin + t / p.grid.cols),
                     static_cast<float>(p.begin + t % p.grid.cols));
  next += std::max(p.grid.rows, p.grid.cols);
  text_until(p.length);
  return {out, next};
}
}  // namespace detail

/// Text and kept tokens stand where the stock model has them and turn as its rows do, and every kept token brings its
/// own embedding and its own feature of every level.
inline std::vector<Found> faults_of(const Assembler& method) {
  std::vector<Found> found;
  const auto note = [&](const char* fault, const std::string& sentence) { detail::note_once(found, fault, sentence); };
  const MarkedPrompt& prompt = method.prompt;
  const auto [places, next] = detail::true_places(prompt);
  for (const auto& kept : detail::kept_sets(prompt.grid.count())) {
    const std::string with = " with tokens " + detail::text_of(kept) + " kept";
    const Assembled a = method.assemble(kept);
    if (a.next != next)
      note("positions", "the first generated token stands at " + std::to_string(a.next) + with + ", in the model at " +
                            std::to_string(next));
    if (!a.interleaved) note("rotary", "the axes take their frequencies in blocks, as Qwen2-VL's");
    std::vector<Index> seen;
    for (const Row& r : a.rows) {
      const detail::At at{r.t, r.h, r.w}, own_place = places[static_cast<std::size_t>(r.column)];
      if (at != own_place)
        note("positions", "column " + std::to_string(r.column) + " stands at " + detail::text_of(at) + with +
                              ", in the model at " + detail::text_of(own_place));
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
