#pragma once
// Laws of an Injector that acts after the tower. broken_injector_laws names those that a model breaks.
//   identity  everything kept: the stock model's rows, levels and positions, and its logits, bit for bit
//   text      text rows are those of the full prompt, all of them, in order; no column's position moves, kept tokens
//             stand where they stood, and the next position stays
//   own       kept tokens bring their own embedding, and the levels their depth says
//   others    pruning one picture leaves the other's rows and levels bit-equal
//   honours   what it says it cannot carry out is refused with Error{bad_stage_output}; what it can is not
#include <algorithm>
#include <cstring>

#include "laws/material.hpp"
#include "pipeline/material.hpp"

namespace laws {

/// Rows of a tensor as host numbers.
template <class B>
struct HostRows {
  std::vector<float> values;
  std::size_t width = 0;
  HostRows() = default;
  HostRows(B& b, const typename B::Tensor& t) : values(b.to_host(t)), width(static_cast<std::size_t>(b.cols(t))) {}
  bool same(Index row, const HostRows& other, Index at) const {
    const std::size_t one = static_cast<std::size_t>(row) * width, two = static_cast<std::size_t>(at) * width;
    return width == other.width && one + width <= values.size() && two + width <= other.values.size() &&
           std::memcmp(values.data() + one, other.values.data() + two, width * sizeof(float)) == 0;
  }
};

inline Allocation some_of(Grid grid, std::vector<Index> kept) {
  Allocation a = keep_everything(grid);
  a.depth.assign(kept.size(), all_levels);
  a.why.assign(kept.size(), Provenance{});
  a.kept = std::move(kept);
  return a;
}

template <class B, class I>
Broken broken_injector_laws(const I& model = I{}) {
  using namespace arrcoc::tests;
  Broken broken;
  TinyModel<B> tiny;
  B& b = tiny.backend;
  const TwoPictures t;
  const auto encoded = tiny.model.encode(b, t.pixels(), t.prompt);
  const auto stock = qwen3vl::stock_input(b, t.prompt, encoded);
  const HostRows<B> full(b, stock.embeddings), tokens(b, encoded.vision.tokens);
  std::vector<HostRows<B>> levels;
  for (const auto& level : encoded.vision.deepstack) levels.emplace_back(b, level);
  const Index first = t.prompt.spans[0].grid.count();  // tokens of the first picture
  const auto inject = [&](const std::vector<Allocation>& a) {
    return model.inject(b, std::span<const Allocation>(a), encoded, t.prompt, nullptr);
  };

  {  // identity
    const std::vector<Allocation> all{keep_everything({2, 3}), keep_everything({2, 1})};
    auto in = inject(all);
    const HostRows<B> rows(b, in.embeddings);
    bool same = rows.values.size() == full.values.size() && in.levels.size() == stock.levels.size();
    for (Index r = 0; same && r < b.rows(stock.embeddings); ++r) same = rows.same(r, full, r);
    for (std::size_t l = 0; same && l < in.levels.size(); ++l) {
      same = in.levels[l].rows == stock.levels[l].rows &&
             same_bits(b.to_host(in.levels[l].features), b.to_host(stock.levels[l].features));
    }
    const auto& p = in.positions;
    const auto& q = stock.positions;
    same = same && p.t == q.t && p.h == q.h && p.w == q.w && p.next == q.next;
    if (same) {
      const auto o = TinyModel<B>::options().generate;
      const auto expected = tiny.stock(t),
                 got = qwen3vl::generate(b, tiny.model.text(), std::move(in), t.prompt.ids, o);
      same = same_bits(got.logits, expected.logits) && got.tokens == expected.tokens;
    }
    note(broken, same, "identity");
  }

  for (const bool prune_first : {true, false})
    for (const std::vector<Index>& kept : {std::vector<Index>{1}, {0, 2, 5}, {4}}) {
      if (!prune_first && kept.back() > 1) continue;
      std::vector<Allocation> a{keep_everything({2, 3}), keep_everything({2, 1})};
      a[prune_first ? 0 : 1] = some_of(a[prune_first ? 0 : 1].grid(), kept);
      if (model.honours & Honour::depth)
        for (std::size_t i = 0; i < kept.size(); ++i)
          a[prune_first ? 0 : 1].depth[i] = i == 0 ? 0b01u : i == 1 ? 0b10u : all_levels;
      const auto in = inject(a);
      const HostRows<B> rows(b, in.embeddings);

      std::vector<Index> text, expected;
      for (std::size_t c = 0, s = 0; c < t.prompt.ids.size(); ++c) {
        if (s < t.prompt.spans.size() && static_cast<Index>(c) == t.prompt.spans[s].begin) {
          c += static_cast<std::size_t>(t.prompt.spans[s++].grid.count()) - 1;
          continue;
        }
        expected.push_back(static_cast<Index>(c));
      }
      bool still =
          in.positions.next == stock.positions.next && b.rows(in.embeddings) == static_cast<Index>(in.rows.size());
      for (std::size_t i = 0; still && i < in.rows.size(); ++i) {
        const auto c = static_cast<std::size_t>(in.rows[i].column);
        still = (i == 0 || in.rows[i - 1].column < in.rows[i].column) && in.positions.t[i] == stock.positions.t[c] &&
                in.positions.h[i] == stock.positions.h[c] && in.positions.w[i] == stock.positions.w[c];
        if (in.rows[i].picture >= 0) continue;
        text.push_back(in.rows[i].column);
        still = still && rows.same(static_cast<Index>(i), full, in.rows[i].column);
      }
      note(broken, still && text == expected, "text");

      for (const Index picture : {0, 1}) {
        const Allocation& of = a[static_cast<std::size_t>(picture)];
        const Index before = picture == 0 ? 0 : first;
        bool right = true;
        std::vector<Index> seen;
        for (std::size_t i = 0; i < in.rows.size(); ++i) {
          if (in.rows[i].picture != picture) continue;
          seen.push_back(in.rows[i].token);
          right = right && rows.same(static_cast<Index>(i), tokens, before + in.rows[i].token);
          const auto at = std::find(of.kept.begin(), of.kept.end(), in.rows[i].token) - of.kept.begin();
          if (at == of.count()) continue;  // `seen` tells
          for (std::size_t l = 0; l < levels.size(); ++l) {
            const bool wanted = of.depth[static_cast<std::size_t>(at)] >> l & 1u;
            if (l >= in.levels.size()) {
              right = right && !wanted;
              continue;
            }
            const auto& to = in.levels[l].rows;
            const auto there = std::find(to.begin(), to.end(), static_cast<Index>(i));
            right = right && (there != to.end()) == wanted;
            if (wanted && there != to.end())
              right =
                  right &&
                  HostRows<B>(b, in.levels[l].features).same(there - to.begin(), levels[l], before + in.rows[i].token);
          }
        }
        right = right && seen == of.kept;
        note(broken, right, (picture == 0) == prune_first ? "own" : "others");
      }
    }

  const auto refused = [&](const Allocation& a) {
    try {
      (void)inject({a, keep_everything({2, 1})});
    } catch (const Error& e) { return e.code() == Code::bad_stage_output; }
    return false;
  };
  const auto asks = [&](unsigned bit, auto&& change) {
    Allocation a = some_of({2, 3}, {0, 2, 5});
    change(a);
    note(broken, refused(a) != static_cast<bool>(model.honours & bit), "honours");
  };
  asks(Honour::depth, [](Allocation& a) { a.depth[1] = 1; });
  asks(Honour::entry, [](Allocation& a) { a.entry = {0, 2, 0}; });
  asks(Honour::merge, [](Allocation& a) { a.merge = {{{0, 0.5f}, {1, 0.5f}}, {{2, 1}}, {{5, 1}}}; });
  asks(Honour::regions, [](Allocation& a) { a.regions = {{0, 0, 2, 3, 3}}; });
  note(broken, !refused(some_of({2, 3}, {0, 2, 5})), "honours");
  return broken;
}

}  // namespace laws
