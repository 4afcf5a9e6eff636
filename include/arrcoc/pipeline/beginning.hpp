#pragma once
// A beginning that several questions share: up to the end of the last picture.
#include <span>
#include <string>
#include <vector>

#include "arrcoc/core/digest.hpp"
#include "arrcoc/pipeline/decide.hpp"
#include "arrcoc/qwen3vl/row_edits.hpp"

namespace arrcoc {

/// First column behind the last picture.
inline Index end_of_pictures(const Prompt& prompt) { return prompt.spans.empty() ? 0 : prompt.spans.back().end(); }

/// A digest of what decisions before the tower make of the pictures: equal where the tower gives the same.
inline std::string encoding_of(const std::vector<Allocation>& allocations,
                               const std::vector<DecisionTrace>& decisions) {
  Digest d;
  for (const Allocation& a : allocations) d.list(std::span<const Index>(a.kept));
  for (const DecisionTrace& taken : decisions)
    for (std::size_t p = 0; p < taken.plans.size(); ++p) {
      const VisionPlan& plan = taken.plans[p];
      d.value(plan.source).value(plan.tokens.grid.rows).value(plan.tokens.grid.cols);
      d.list(std::span<const Index>(plan.segments));
      for (const Place& at : plan.tokens.places)
        d.value(at.row).value(at.col).value(at.rows).value(at.cols).value(at.frame);
      for (const Region& r : taken.pictures[p].allocation.regions)
        d.value(r.row0).value(r.col0).value(r.row1).value(r.col1).value(r.tokens);
    }
  return d.hex();
}

/// A digest of ids, places, allocations, injectors with their settings, and what was encoded. `pipeline` null: stock.
template <class B>
std::string beginning_of(const Prompt& prompt, const std::vector<Allocation>& allocations,
                         const AnyPipeline<B>* pipeline, const std::string& encodes) {
  Digest d;
  d.text(pipeline ? pipeline->injectors : "stock").text(encodes);
  d.list(std::span<const TokenId>(prompt.ids).first(static_cast<std::size_t>(end_of_pictures(prompt))));
  for (const VisionSpan& s : prompt.spans)
    d.value(s.begin).value(s.grid.rows).value(s.grid.cols).value(s.image).value(s.frame);
  if (pipeline) d.list(std::span<const Index>(pipeline->decisions.back().injector->arranged(allocations)));
  for (const Allocation& a : allocations) {
    d.value(a.tokens.grid.rows).value(a.tokens.grid.cols).value(a.tokens.frames);
    for (const Place& p : a.tokens.places) d.value(p.row).value(p.col).value(p.rows).value(p.cols).value(p.frame);
    d.list(std::span<const Index>(a.kept))
        .list(std::span<const std::uint32_t>(a.depth))
        .list(std::span<const Index>(a.entry));
    for (const auto& row : a.merge)
      for (const MergePart& m : row) d.value(m.token).value(m.weight);
  }
  return d.hex();
}

/// The rows [begin, end) of an input; DeepStack rows and tokens that wait go with the first part, which holds every
/// picture.
template <class B>
qwen3vl::Injected<B> part(B& b, const qwen3vl::Injected<B>& in, Index begin, Index end) {
  qwen3vl::Injected<B> out;
  std::vector<Index> rows;
  for (Index i = begin; i < end; ++i) rows.push_back(i);
  out.embeddings = b.slice_rows(in.embeddings, begin, end);
  out.positions = qwen3vl::gather_columns(in.positions, rows);
  out.rows.assign(in.rows.begin() + begin, in.rows.begin() + end);
  out.key_bias = qwen3vl::bias_of(in.key_bias, rows);
  out.words = in.words;
  if (begin == 0) {
    out.levels = in.levels;
    out.waiting = in.waiting;
  }
  return out;
}

}  // namespace arrcoc
