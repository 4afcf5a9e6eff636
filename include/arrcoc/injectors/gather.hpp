#pragma once
// SELECT: the whole picture is encoded, the kept tokens enter the language model at their true positions.
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/injectors/injector.hpp"

namespace arrcoc {

struct GatherConfig {
  bool operator==(const GatherConfig&) const = default;
};

/// Gathers the kept rows of the merged embeddings and of every DeepStack level, drops the other pad columns, and takes
/// the surviving columns of the full position table. O(K H levels). A kept token receives level l only where bit l of
/// its depth is set.
struct GatherInjector {
  static constexpr std::string_view name = "gather";
  static constexpr Phase phase = Phase::vision;
  static constexpr unsigned honours = Honour::depth;
  using Config = GatherConfig;
  Config config{};

  template <class B>
  qwen3vl::Injected<B> inject(B& b, std::span<const Allocation> allocations, const qwen3vl::Encoded<B>& e,
                              const Prompt& prompt, Trace* trace) const {
    require_that(allocations.size() == prompt.spans.size(), Code::shape_mismatch, "injector.gather",
                 "expected one allocation for each picture");
    qwen3vl::Injected<B> in;
    std::vector<Index> columns, visual_rows,
        features;  // of the full prompt; place in the short sequence; row of the features
    std::vector<std::uint32_t> depth;
    Index column = 0, first_feature = 0;
    const auto text_until = [&](Index end) {
      for (; column < end; ++column) {
        columns.push_back(column);
        in.rows.push_back({column, -1, -1});
      }
    };
    for (std::size_t s = 0; s < prompt.spans.size(); ++s) {
      const VisionSpan& span = prompt.spans[s];
      const Allocation& a = allocations[s];
      require_that(a.tokens.raster() && a.grid() == span.grid, Code::shape_mismatch, "injector.gather",
                   "an allocation's tokens differ from its picture's");
      check_allocation(a, "injector.gather");
      refuse_unhonoured(a, honours, "injector.gather");
      text_until(span.begin);
      for (std::size_t i = 0; i < a.kept.size(); ++i) {
        visual_rows.push_back(static_cast<Index>(columns.size()));
        features.push_back(first_feature + a.kept[i]);
        depth.push_back(a.depth[i]);
        columns.push_back(span.begin + a.kept[i]);
        in.rows.push_back({columns.back(), static_cast<Index>(s), a.kept[i]});
      }
      column = span.begin + span.grid.count();
      first_feature += span.grid.count();
      if (trace)
        trace->events.push_back("inject.gather: picture " + std::to_string(s) + ", " + std::to_string(a.kept.size()) +
                                " of " + std::to_string(span.grid.count()) + " tokens");
    }
    text_until(static_cast<Index>(prompt.ids.size()));

    in.positions = qwen3vl::gather_columns(e.positions, columns);
    in.embeddings = b.gather_rows(e.embeddings, columns);
    if (visual_rows.empty()) return in;
    in.embeddings = b.scatter_rows(in.embeddings, visual_rows, b.gather_rows(e.vision.tokens, features));
    for (std::size_t level = 0; level < e.vision.deepstack.size(); ++level) {
      qwen3vl::DeepStackRows<B> rows;
      std::vector<Index> source;
      for (std::size_t i = 0; i < visual_rows.size(); ++i) {
        if (!(depth[i] >> level & 1u)) continue;
        rows.rows.push_back(visual_rows[i]);
        source.push_back(features[i]);
      }
      if (!source.empty()) rows.features = b.gather_rows(e.vision.deepstack[level], source);
      in.levels.push_back(std::move(rows));
    }
    return in;
  }
};

}  // namespace arrcoc
