#pragma once
// What a decision is called with and what it leaves: options, traces, checks, and how decisions in turn compose.
#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/shelf.hpp"
#include "arrcoc/qwen3vl/generate_options.hpp"
#include "arrcoc/qwen3vl/resize_kind.hpp"

namespace arrcoc {

enum class BudgetScope : std::uint8_t { image, prompt };

struct RunOptions {
  Budget budget{};
  BudgetScope scope = BudgetScope::image;
  std::uint64_t seed = 0;                                 // of random strategies
  qwen3vl::Resize resize = qwen3vl::Resize::torchvision;  // of what is resampled before the tower
  qwen3vl::GenerateOptions generate{};
  std::vector<std::shared_ptr<const Look>> previous{};  // of each picture, for stages that ask; empty: none
};

/// Relevance realised for one picture by one decision.
struct Realized {
  std::shared_ptr<const Textures> textures;  // null when no stage needs them
  std::vector<float> maps;                   // [M, N]
  Balanced balanced;                         // relevance [N], tensions
  Allocation allocation;
};

/// One decision that was taken: who lived and who died by it, for every picture.
struct DecisionTrace {
  std::string name;  // scorers/balancer/allocator/injector
  Phase phase = Phase::vision;
  Index layer = -1;    // of the language model or the tower; -1: none
  bool again = false;  // the language model began again behind it
  std::vector<std::string> scorers;
  std::vector<Realized> pictures;
  std::vector<VisionPlan> plans{};  // of phase pixels: what of each picture is encoded

  /// Tokens of a picture that live behind it.
  Index left(std::size_t picture) const {
    return plans.empty() ? pictures[picture].allocation.count() : plans[picture].tokens.count();
  }
};

/// Those of the run that answers: what a first look dropped on its way ended with it.
inline std::span<const DecisionTrace> behind_looks(std::span<const DecisionTrace> decisions) {
  std::size_t first = decisions.size();
  while (first > 0 && !decisions[first - 1].again) --first;
  return decisions.subspan(first);
}

/// Throws Error{bad_stage_output} unless the map has n finite values.
inline void check_map(std::span<const float> map, Index n, std::string_view where) {
  require_that(static_cast<Index>(map.size()) == n, Code::bad_stage_output, where,
               [&] { return "expected " + std::to_string(n) + " values, got " + std::to_string(map.size()); });
  for (std::size_t i = 0; i < map.size(); ++i)
    require_that(map[i] - map[i] == 0.0f, Code::bad_stage_output, where,
                 [&] { return "expected finite values, got NaN or infinity at token " + std::to_string(i); });
}

/// A later decision's allocation in the tokens of an earlier one. Who joins later and who is merged stays so, unless
/// the later decision says otherwise.
inline Allocation composed(const Allocation& first, Allocation second) {
  Allocation out;
  out.tokens = first.tokens;
  out.clamped = second.clamped || first.clamped;
  for (std::size_t i = 0; i < second.kept.size(); ++i) {
    const auto at = static_cast<std::size_t>(second.kept[i]);
    out.kept.push_back(first.kept[at]);
    out.depth.push_back(first.depth[at] & second.depth[i]);
    if (second.entry.empty() && !first.entry.empty()) out.entry.push_back(first.entry[at]);
    if (second.merge.empty() && !first.merge.empty()) out.merge.push_back(first.merge[at]);
  }
  out.why = std::move(second.why);
  if (!second.entry.empty()) out.entry = std::move(second.entry);
  out.regions = std::move(second.regions);
  for (auto& row : second.merge) {
    for (MergePart& m : row) m.token = first.kept[static_cast<std::size_t>(m.token)];
    out.merge.push_back(std::move(row));
  }
  return out;
}

/// What an allocation is over the tokens that a plan put in place of its own: all of them live, with the depth and the
/// provenance of the token at each one's centre.
inline Allocation settled(const Allocation& a, const VisionPlan& plan) {
  Allocation out = keep_everything(plan.tokens);
  out.clamped = a.clamped;
  const Grid from = a.grid(), to = plan.tokens.grid;
  const auto cell = [](float centre, Index n, Index of) {
    const double at = (static_cast<double>(centre) + 0.5) * static_cast<double>(n) / static_cast<double>(of);
    return std::clamp<Index>(static_cast<Index>(at), 0, n - 1);
  };
  for (Index t = 0; t < out.count(); ++t) {
    const Place p = plan.tokens.at(t);
    const Index token = from.at(cell(p.centre_row(), from.rows, to.rows), cell(p.centre_col(), from.cols, to.cols));
    const auto at = std::lower_bound(a.kept.begin(), a.kept.end(), token);
    if (at == a.kept.end() || *at != token) continue;
    out.depth[static_cast<std::size_t>(t)] = a.depth[static_cast<std::size_t>(at - a.kept.begin())];
    out.why[static_cast<std::size_t>(t)] = a.why[static_cast<std::size_t>(at - a.kept.begin())];
  }
  return out;
}

/// Places of `some` in `all`, both ascending; `all` empty: every token, so that a token is its own place.
inline std::vector<Index> places_in(const std::vector<Index>& all, const std::vector<Index>& some) {
  if (all.empty()) return some;
  std::vector<Index> out;
  out.reserve(some.size());
  for (const Index t : some) out.push_back(std::lower_bound(all.begin(), all.end(), t) - all.begin());
  return out;
}

/// An answer about tokens, of those at these places: tokens are the last axis of received, the first of everything
/// else. Rows that are no tokens of the picture stay.
inline Answered answer_of(const Answered& all, const std::vector<Index>& places) {
  const bool last = all.request.what == Request::What::received;
  if (!last && all.request.rows != Request::Rows::visual && all.request.rows != Request::Rows::all) return all;
  if (!last && all.request.site == Request::Site::layer && all.request.rows == Request::Rows::all) return all;
  const std::span<const float> from = all.values.floats();
  std::vector<Index> shape = all.values.shape;
  const Index n = last ? shape.back() : shape.front(), outer = last ? all.values.count() / n : 1,
              inner = last ? 1 : all.values.count() / n;
  const auto own = [i = Index{0}](Index t) mutable { return t == i++; };
  if (static_cast<Index>(places.size()) == n && std::all_of(places.begin(), places.end(), own)) return all;
  std::vector<float> values;
  for (Index o = 0; o < outer; ++o)
    for (const Index t : places)
      for (Index i = 0; i < inner; ++i) values.push_back(from[static_cast<std::size_t>((o * n + t) * inner + i)]);
  (last ? shape.back() : shape.front()) = static_cast<Index>(places.size());
  return {all.request, host_tensor(std::move(values), std::move(shape))};
}

}  // namespace arrcoc
