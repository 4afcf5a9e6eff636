#pragma once
// Failure detectors: faults that implementations of token reduction were seen with, looked for in any method by what it
// does with evidence made for the purpose. No model is needed, and nothing of a method but the functions below.
//
//   faults_of(Method)     inverted   the planted token goes, whatever is relevant in it
//                         order      places are permuted: the planted token's place is not the one that is kept
//                         unsorted, duplicates   kept tokens out of order, or twice
//                         padding    slots that hold nothing: another count than was asked for, tokens that are none
//                         batch      what is kept of a picture follows from the pictures beside it
//                         state      ... or from those seen before
//                         wrap       the end of a row and the beginning of the next count as neighbours
//   faults_of(Assembler)  positions  where text, or a kept token, stands follows from what is kept
//                         levels     embedding and DeepStack levels are not of the same token, or are missing
//   faults_of(Encoder)    groups     the tower's rows are not whole 2x2 groups of kept tokens
// A method that refuses its input is found as `refused`. `arrcoc detect` runs them on a pipeline by name.
#include <algorithm>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/allocation.hpp"
#include "arrcoc/measure/scenes_of_evidence.hpp"

namespace arrcoc::detect {

/// What is chosen of pictures that come together, each with its evidence: [pictures] allocations over their tokens.
struct Method {
  std::vector<Request> requests{};  // answered in the evidence
  Spend spend = Spend::exact;
  std::function<std::vector<Allocation>(std::span<const Evidence>, Budget)> choose;
};

struct Found {
  std::string fault, sentence;
  bool operator==(const Found&) const = default;
};

namespace detail {

/// One sentence a fault.
inline void note_once(std::vector<Found>& found, std::string fault, std::string sentence) {
  const auto same = [&](const Found& f) { return f.fault == fault; };
  if (std::none_of(found.begin(), found.end(), same)) found.push_back({std::move(fault), std::move(sentence)});
}

/// Runs a method, and looks at everything it gives. The first sentence of each fault is kept.
class Probe {
 public:
  explicit Probe(const Method& m) : method_(m) {}
  std::vector<Found> found{};

  void note(std::string fault, std::string sentence) { note_once(found, std::move(fault), std::move(sentence)); }
  /// Kept tokens of each picture; empty lists where the method refuses.
  std::vector<std::vector<Index>> kept(std::span<const Evidence> pictures, Index tokens) {
    std::vector<std::vector<Index>> out(pictures.size());
    try {
      const std::vector<Allocation> all = method_.choose(pictures, Budget{tokens, 1});
      require_that(all.size() == pictures.size(), Code::bad_stage_output, "method",
                   "expected an allocation for each picture");
      for (std::size_t p = 0; p < all.size(); ++p) {
        look_at(all[p], pictures[p], tokens);
        out[p] = all[p].kept;
      }
    } catch (const Error& e) { note("refused", e.what()); }
    return out;
  }
  std::vector<Index> kept(const Evidence& picture, Index tokens) { return kept(std::span(&picture, 1), tokens)[0]; }

 private:
  void look_at(const Allocation& a, const Evidence& e, Index tokens) {
    const Index n = a.tokens.count(), k = a.count();
    const auto of = [&] { return " of " + std::to_string(e.count()) + " tokens"; };
    std::vector<Index> sorted = a.kept;
    std::sort(sorted.begin(), sorted.end());
    if (!std::is_sorted(a.kept.begin(), a.kept.end())) note("unsorted", "kept tokens are not in ascending order");
    if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
      note("duplicates", "token " + std::to_string(*twice) + of() + " is kept twice");
    if (k == 0 || sorted.front() < 0 || sorted.back() >= n)
      note("padding", std::to_string(k) + of() + " are kept, and one of them is none");
    if (method_.spend == Spend::exact && k != std::min(tokens, e.count()))
      note("padding", std::to_string(k) + of() + " are kept, " + std::to_string(tokens) + " were asked for");
    for (const auto& row : a.merge) {
      double weight = 0;
      for (const MergePart& part : row) weight += static_cast<double>(part.weight);
      if (!(weight > 0)) note("padding", "a merged row holds nothing");
    }
  }
  const Method& method_;
};

inline std::string text_of(const std::vector<Index>& tokens) {
  std::string out;
  for (std::size_t i = 0; i < tokens.size() && i < 8; ++i) out += (i > 0 ? " " : "") + std::to_string(tokens[i]);
  return out + (tokens.size() > 8 ? " ..." : "");
}

inline void look_for_inverted(Probe& p, const std::vector<Request>& requests) {
  const std::vector<Index> planted{9, 18, 25, 29, 12, 20};
  std::vector<std::vector<Index>> one, some;
  for (const Index t : planted) {
    Scene s(evidence_grid, 7, requests);
    s.plant(t);
    one.push_back(p.kept(s.evidence, 1));
    some.push_back(p.kept(s.evidence, 6));
  }
  Index right = 0, hit = 0;
  for (std::size_t i = 0; i < planted.size(); ++i) {
    right += one[i] == std::vector<Index>{planted[i]};
    hit += std::count(some[i].begin(), some[i].end(), planted[i]);
  }
  const std::set<std::vector<Index>> ones(one.begin(), one.end()), sets(some.begin(), some.end());
  const bool single = std::all_of(one.begin(), one.end(), [](const auto& k) { return k.size() == 1; });
  if (single && 2 * right < std::ssize(planted) && ones.size() == planted.size())
    p.note(
        "order", "of " + std::to_string(planted.size()) + " planted tokens none is the one that is kept: for " +
                     text_of(planted) + " it was " + [&] {
                       std::vector<Index> got;
                       for (const auto& k : one) got.push_back(k[0]);
                       return text_of(got);
                     }());
  else if (hit == 0 && sets.size() > 1)  // equal sets: who is relevant does not matter
    p.note("inverted", "a token that everything speaks for is not among 6 of " + std::to_string(evidence_grid.count()) +
                           " in " + std::to_string(planted.size()) + " cases");
}

inline void look_for_company(Probe& p, const std::vector<Request>& requests) {
  const Scene a({5, 7}, 21, requests), b({4, 6}, 22, requests, 40.f), c({5, 7}, 23, requests);
  const auto alone = p.kept(a.evidence, 9);
  const auto beside = [&](const Scene& first, const Scene& second) {
    const std::vector<Evidence> two{first.evidence, second.evidence};
    return p.kept(std::span<const Evidence>(two), 9);
  };
  if (beside(a, b)[0] != alone) p.note("batch", "a picture in front of another keeps other tokens than alone");
  if (beside(b, a)[1] != beside(c, a)[1])  // a draw may follow the place in the prompt, and no more
    p.note("batch", "a picture keeps other tokens behind one picture than behind another");
  if (p.kept(a.evidence, 9) != alone) p.note("state", "a picture keeps other tokens once other pictures were seen");
}

inline void look_for_wrap(Probe& p, const std::vector<Request>& requests) {
  const Grid g = evidence_grid;
  for (const bool right : {true, false}) {
    Index wraps = 0, cases = 0;
    for (Index row = 1; row + 2 < g.rows; ++row, ++cases) {
      const Index anchor = g.at(row, right ? g.cols - 1 : 0), other = right ? anchor + 1 : anchor - 1;
      Scene without(g, 31, requests), with(g, 31, requests);
      without.sink(other), with.sink(other);
      with.plant(anchor);
      const auto before = p.kept(without.evidence, 5), after = p.kept(with.evidence, 5);
      wraps += std::count(after.begin(), after.end(), other) > std::count(before.begin(), before.end(), other);
    }
    if (wraps == cases)
      p.note("wrap", std::string("a relevant token at the ") + (right ? "end" : "beginning") +
                         " of a row brings in the one at the " + (right ? "beginning of the next" : "end of the last"));
  }
}

}  // namespace detail

/// Faults of a choice, each once. About 150 choices of 5 to 48 tokens.
inline std::vector<Found> faults_of(const Method& method) {
  detail::Probe p(method);
  const Scene some({5, 7}, 3, method.requests);
  for (Index k = 1; k <= some.evidence.count(); ++k) (void)p.kept(some.evidence, k);
  Scene equal({4, 5}, 4, method.requests);
  equal.level();
  for (const Index k : {1, 3, 10, 19, 20}) (void)p.kept(equal.evidence, k);
  detail::look_for_inverted(p, method.requests);
  detail::look_for_company(p, method.requests);
  detail::look_for_wrap(p, method.requests);
  return std::move(p.found);
}

}  // namespace arrcoc::detect
