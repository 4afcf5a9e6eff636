#pragma once
// Rows that leave the sequence before a layer, and rows that join it. Positions, what a row is, its bias as a key, and
// the DeepStack levels still to come travel with it.
#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/qwen3vl/injected.hpp"

namespace arrcoc::qwen3vl {

/// left_out(row) for each row that is not among `named`, in order. Error{bad_stage_output} unless these are ascending,
/// and every row of the text is one of them. For the sentences: named rows `are` something, text is expected to `be`
/// it.
template <class F>
void each_left_out(const std::vector<SequenceRow>& rows, const std::vector<Index>& named, const char* are,
                   const char* be, const F& left_out) {
  std::size_t at = 0;
  const auto skip_to = [&](std::size_t end) {
    for (; at < end; ++at) {
      require_that(!rows[at].text(), Code::bad_stage_output, "hook",
                   [&] { return "row " + std::to_string(at) + " is text: expected it to " + be; });
      left_out(at);
    }
  };
  for (const Index n : named) {
    require_that(n >= static_cast<Index>(at) && n < static_cast<Index>(rows.size()), Code::bad_stage_output, "hook",
                 [&] {
                   return std::string("rows that ") + are + ": expected strictly ascending rows below " +
                          std::to_string(rows.size()) + ", got " + std::to_string(n);
                 });
    skip_to(static_cast<std::size_t>(n));
    ++at;
  }
  skip_to(rows.size());
}

/// Error{bad_stage_output} unless `edit` keeps ascending rows, and every row of the text.
template <class B>
void check_edit(const Injected<B>& in, const RowEdit& edit) {
  require_that(in.segments.empty(), Code::shape_mismatch, "language_model",
               "rows of a packed sequence cannot be dropped between layers");
  each_left_out(in.rows, edit.keep, "go on", "go on", [](std::size_t) {});
}

/// The values of these rows; none stay none.
inline std::vector<float> bias_of(const std::vector<float>& all, const std::vector<Index>& rows) {
  std::vector<float> out;
  if (all.empty()) return out;
  for (const Index r : rows) out.push_back(all[static_cast<std::size_t>(r)]);
  return out;
}

/// What `hook` leaves to see of a layer's cached keys and of the one fed behind them: `bias` (as many values, or none)
/// with -infinity for the others. nullopt: all of them. Error{bad_stage_output} unless every row of the text is seen.
template <class B>
std::optional<std::vector<float>> seen_bias(LayerHook<B>* hook, Index layer, const std::vector<SequenceRow>& cached,
                                            const std::vector<float>& bias) {
  const auto seen = hook == nullptr ? std::nullopt : hook->seen(layer, cached);
  if (!seen) return std::nullopt;
  std::vector<float> out = bias;
  out.resize(cached.size() + 1);
  each_left_out(cached, *seen, "are seen", "be seen",
                [&](std::size_t row) { out[row] = -std::numeric_limits<float>::infinity(); });
  return out;
}

/// Drops all rows but `keep`, and theirs of the levels from `from_level` on.
template <class B>
void drop_rows(B& b, Injected<B>& in, std::size_t from_level, const std::vector<Index>& keep) {
  in.embeddings = b.gather_rows(in.embeddings, keep);
  in.positions = gather_columns(in.positions, keep);
  in.key_bias = bias_of(in.key_bias, keep);
  std::vector<Index> place(in.rows.size(), -1);
  std::vector<SequenceRow> left;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    place[static_cast<std::size_t>(keep[i])] = static_cast<Index>(i);
    left.push_back(in.rows[static_cast<std::size_t>(keep[i])]);
  }
  for (std::size_t l = from_level; l < in.levels.size(); ++l) {
    std::vector<Index> rows, source;
    for (std::size_t i = 0; i < in.levels[l].rows.size(); ++i) {
      const Index to = place[static_cast<std::size_t>(in.levels[l].rows[i])];
      if (to < 0) continue;
      rows.push_back(to);
      source.push_back(static_cast<Index>(i));
    }
    if (!source.empty()) in.levels[l].features = b.gather_rows(in.levels[l].features, source);
    in.levels[l].rows = std::move(rows);
  }
  in.rows = std::move(left);
}

/// Error{bad_stage_output} unless every token that waits enters before a layer that is still to come, in their order.
template <class B>
void check_waiting(const Injected<B>& in, Index first, Index layers) {
  for (const WaitingRows<B>& w : in.waiting) {
    require_that(w.layer >= first && w.layer < layers, Code::bad_stage_output, "language_model", [&] {
      return "a token enters before layer " + std::to_string(w.layer) + ": expected " + std::to_string(first) + " to " +
             std::to_string(layers - 1);
    });
    first = w.layer + 1;
    require_that(in.segments.empty(), Code::shape_mismatch, "language_model",
                 "rows cannot join a packed sequence between layers");
  }
}

/// `a`'s rows, which now stand at a_place, and `b`'s at b_place; ascending.
template <class B>
DeepStackRows<B> joined(B& backend, DeepStackRows<B> a, DeepStackRows<B> b, const std::vector<Index>& a_place,
                        const std::vector<Index>& b_place) {
  for (Index& r : a.rows) r = a_place[static_cast<std::size_t>(r)];
  for (Index& r : b.rows) r = b_place[static_cast<std::size_t>(r)];
  if (b.rows.empty()) return a;
  if (a.rows.empty()) return b;
  std::vector<std::pair<Index, Index>> all;  // row, place in the features one after the other
  for (const auto* part : {&a, &b})
    for (const Index r : part->rows) all.emplace_back(r, static_cast<Index>(all.size()));
  std::sort(all.begin(), all.end());
  DeepStackRows<B> out;
  std::vector<Index> source;
  for (const auto& [row, from] : all) {
    out.rows.push_back(row);
    source.push_back(from);
  }
  out.features = backend.gather_rows(backend.concat_rows({a.features, b.features}), source);
  return out;
}

/// The tokens that enter before `layer` take their place among the rows: in front of the first of a later column.
/// Whether there were any.
template <class B>
bool join_rows(B& b, Injected<B>& in, Index layer) {
  if (in.waiting.empty() || in.waiting.front().layer != layer) return false;
  const WaitingRows<B> w = std::move(in.waiting.front());
  in.waiting.erase(in.waiting.begin());
  const auto here = static_cast<Index>(in.rows.size());
  std::vector<Index> order, place(in.rows.size()), new_place(w.rows.size());
  std::vector<SequenceRow> rows;
  std::size_t next = 0;
  const auto enter_until = [&](std::size_t end) {
    for (; next < end; ++next) {
      new_place[next] = static_cast<Index>(order.size());
      order.push_back(here + static_cast<Index>(next));
      rows.push_back(w.rows[next]);
    }
  };
  for (std::size_t i = 0; i < in.rows.size(); ++i) {
    std::size_t end = next;
    while (end < w.rows.size() && w.rows[end].column < in.rows[i].column) ++end;
    enter_until(end);
    place[i] = static_cast<Index>(order.size());
    order.push_back(static_cast<Index>(i));
    rows.push_back(in.rows[i]);
  }
  enter_until(w.rows.size());

  in.embeddings = b.gather_rows(b.concat_rows({in.embeddings, w.embeddings}), order);
  Positions both = in.positions;
  for (std::size_t i = 0; i < w.rows.size(); ++i) both.push(w.positions.t[i], w.positions.h[i], w.positions.w[i]);
  in.positions = gather_columns(both, order);
  if (!in.key_bias.empty()) in.key_bias.resize(order.size());  // those that waited bring none
  in.key_bias = bias_of(in.key_bias, order);
  in.rows = std::move(rows);
  in.levels.resize(std::max(in.levels.size(), w.levels.size()));
  for (auto l = static_cast<std::size_t>(layer); l < in.levels.size(); ++l)
    in.levels[l] =
        joined(b, std::move(in.levels[l]), l < w.levels.size() ? w.levels[l] : DeepStackRows<B>{}, place, new_place);
  return true;
}

}  // namespace arrcoc::qwen3vl
