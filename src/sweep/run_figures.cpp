// The figures of a row: of each picture's allocation, or of a clip's, pair by pair.
#include <algorithm>

#include "arrcoc/engine/framed.hpp"
#include "arrcoc/measure/times.hpp"
#include "arrcoc/pipeline/clip.hpp"
#include "sweep/run_slot.hpp"

namespace arrcoc {
namespace {

/// What an oracle looked at, in place of a map.
std::vector<float> covered(const Allocation& a, Index height, Index width, const std::vector<Box>& boxes) {
  const auto shares = cells::covered_shares(a.grid(), height, width, boxes, a.tokens.frames);
  return {shares.begin(), shares.end()};
}

/// How far an answer is from the true time, where the item says when, is scored by it, or has a true answer that says
/// it is one: a bare number may count things.
std::optional<double> off_by(const io::Sample& s, const std::string& answer) {
  if (!s.clip || s.answers.empty()) return std::nullopt;
  const std::optional<double> stated = measure::stated_seconds(s.answers.front());
  const bool timed = !s.clip->answer.empty() || s.metric == "temporal_iou" || measure::says_time(s.answers.front());
  if (!stated || !timed) return std::nullopt;
  return measure::seconds_off(answer, s.clip->answer.empty() ? *stated : s.clip->answer.front().first);
}

}  // namespace

measure::TokenFigures SweepRunner::figures_of_picture(const Slot& slot, const Realized& r, std::size_t p, InkMaps& inks,
                                                      std::vector<float>& relevance) const {
  const VisionConfig& v = engine_.model().config.vision;
  const Index token_pixels = v.patch_size * v.spatial_merge_size;  // along one axis, in what the model sees
  const ImageView native = many_.shared.pictures[p].image.view();
  const Framing framing = slot.ask.stock ? Framing::native : slot.ask.pipeline.framing;
  const std::vector<Box> boxes = framed(slot.sample->boxes[p], native.height, native.width, framing),
                         asked = framed(slot.ask.boxes[p], native.height, native.width, framing);
  const auto [height, width] = framed_size(native.height, native.width, framing);  // of what was cut into patches
  const Grid grid = r.allocation.grid();
  const auto [ink, fresh] = inks.try_emplace({p, name_of(framing), grid.rows, grid.cols});
  if (fresh && framing != Framing::native) ink->second = measure::ink_map(framed(native, framing).view(), grid);
  else if (fresh) ink->second = measure::ink_map(native, grid);
  if (slot.column->kind >= ColumnKind::oracle) relevance = covered(r.allocation, height, width, asked);
  return measure::token_figures(r.allocation, relevance, boxes, ink->second, height, width,
                                static_cast<double>(grid.rows * token_pixels) / static_cast<double>(height));
}

measure::TokenFigures SweepRunner::figures_of_clip(const Slot& slot, const Realized& r, const SeenSource& seen,
                                                   std::vector<float>& relevance) const {
  const VisionConfig& v = engine_.model().config.vision;
  const Index slots = v.temporal_patch_size, token_pixels = v.patch_size * v.spatial_merge_size;
  const std::vector<Box>& boxes = slot.sample->boxes[0];
  const std::vector<Box> in_pairs = boxes_of_pairs(boxes, seen.indices, slots);
  if (slot.column->kind >= ColumnKind::oracle)
    relevance = covered(r.allocation, seen.height, seen.width, boxes_of_pairs(slot.ask.boxes[0], seen.indices, slots));
  measure::TokenFigures f = measure::token_figures(
      r.allocation, relevance, in_pairs, {}, seen.height, seen.width,
      static_cast<double>(r.allocation.grid().rows * token_pixels) / static_cast<double>(seen.height));
  const std::vector<double> shares =
      measure::recall_by_frame(r.allocation, boxes, seen.indices, slots, seen.height, seen.width);
  if (shares.empty()) return f;
  f.frame_recall = std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(shares.size());
  f.worst_frame = *std::min_element(shares.begin(), shares.end());
  return f;
}

void SweepRunner::take_figures(const Slot& slot, const AnswerResult& result, InkMaps& inks, SweepRow& row) const {
  std::vector<Allocation> allocations;
  std::map<std::size_t, std::pair<double, Index>> sums;  // over the pictures that have the figure
  for (std::size_t p = 0; p < result.pictures.size(); ++p) {
    const Realized& r = result.pictures[p];
    const Allocation& a = r.allocation;
    row.kept += static_cast<Index>(a.kept.size());
    row.clamped = row.clamped || a.clamped;
    row.grids.push_back(a.grid());
    row.kept_tokens.push_back(a.kept);
    std::vector<float> relevance = r.balanced.relevance;
    const bool is_clip = slot.sample->clip.has_value();
    if (is_clip) {
      const SeenSource& seen = result.sources.at(p);
      SweptClip& clip = row.clips.emplace_back(SweptClip{seen.indices, seen.pairs, {}});
      clip.kept.resize(static_cast<std::size_t>(a.tokens.frames));
      for (const Index t : a.kept) ++clip.kept[static_cast<std::size_t>(a.tokens.at(t).frame)];
    }
    const measure::TokenFigures f = is_clip ? figures_of_clip(slot, r, result.sources.at(p), relevance)
                                            : figures_of_picture(slot, r, p, inks, relevance);
    for (std::size_t k = 0; k < std::size(measure::figure_fields); ++k)
      if (const auto& value = f.*measure::figure_fields[k].second) {
        sums[k].first += *value;
        ++sums[k].second;
      }
    const bool whole = static_cast<Index>(relevance.size()) == a.grid().count();
    row.maps.push_back(whole ? std::move(relevance) : std::vector<float>{});
    allocations.push_back(a);
  }
  for (const auto& [k, sum] : sums)
    row.figures.*measure::figure_fields[k].second = sum.first / static_cast<double>(sum.second);
  row.kept_hash = kept_hash(allocations);
  if (row.prediction) row.seconds_off = off_by(*slot.sample, *row.prediction);
}

}  // namespace arrcoc
