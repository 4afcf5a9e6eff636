#include "sweep/clip_sheet.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "arrcoc/core/error.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"
#include "files/dataset_parts.hpp"
#include "sweep/base64.hpp"

namespace arrcoc {
namespace {

using json = io::Json;

/// Values of tokens, which lie in the order of the clip, in that of the sheet.
void reorder_map(json& map, const std::vector<std::size_t>& order) {
  const auto bytes = io::base64_bytes(map.at(2).get<std::string>());
  require_that(bytes && bytes->size() == order.size(), Code::bad_text, "maps",
               [&] { return "expected a map of " + std::to_string(order.size()) + " tokens"; });
  std::string out;
  for (const std::size_t from : order) out += (*bytes)[from];
  map[2] = base64(out);
}

/// Kept tokens by their new numbers, ascending, and every list that goes with them.
void reorder_kept(json& tokens, const std::vector<std::size_t>& place) {
  json& kept = tokens["kept"];
  std::vector<std::size_t> order(kept.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto now = [&](std::size_t i) { return place.at(kept[i].get<std::size_t>()); };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return now(a) < now(b); });
  for (const char* list : {"cause", "rank", "value", "depth", "entry", "members"}) {
    if (!tokens.contains(list)) continue;
    json sorted = json::array();
    for (const std::size_t i : order) sorted.push_back(tokens[list][i]);
    tokens[list] = std::move(sorted);
  }
  json numbers = json::array();
  for (const std::size_t i : order) numbers.push_back(now(i));
  kept = std::move(numbers);
}

}  // namespace

SheetShape sheet_shape(Index pairs) {
  SheetShape out{1, std::max<Index>(1, pairs)};
  for (Index across = 2; across <= std::min<Index>(8, pairs) && out.across < out.down; ++across)
    if (pairs % across == 0) out = {across, pairs / across};
  return out;
}

Image clip_sheet(FrameSource& frames, Index side) {
  const ClipInfo& clip = frames.info();
  const SheetShape shape = sheet_shape(static_cast<Index>(clip.seconds.size()));
  const Index longest = std::max(clip.height, clip.width);
  const auto [height, width] = qwen3vl::scaled_to(clip.height, clip.width, std::min(side, longest));
  Image out(shape.down * height, shape.across * width);
  for (Index i = 0; i < shape.down * shape.across; ++i) {
    const Image frame = frames.next();
    const Image tile = side < longest ? qwen3vl::resize_bicubic(frame.view(), height, width) : frame;
    for (Index y = 0; y < height; ++y)
      std::copy_n(tile.view().row(y), width * 3, out.row(i / shape.across * height + y) + i % shape.across * width * 3);
  }
  return out;
}

void lay_out(json& tokens) {
  const Index frames = tokens.value("frames", Index{1});
  if (frames <= 1) return;
  const Index rows = tokens.at("grid").at(0).get<Index>(), cols = tokens["grid"].at(1).get<Index>();
  const auto [across, down] = sheet_shape(frames);
  const auto on_sheet = [&, across = across](Index token) {
    const Index frame = token / (rows * cols), in = token % (rows * cols);
    return (frame / across * rows + in / cols) * across * cols + frame % across * cols + in % cols;
  };
  std::vector<Index> numbers;  // of the living tokens on the sheet, where they are cells
  if (tokens.contains("at"))
    for (const json& t : tokens["at"]) numbers.push_back(on_sheet(t.get<Index>()));
  else if (!tokens.contains("places"))
    for (Index t = 0; t < frames * rows * cols; ++t) numbers.push_back(on_sheet(t));
  std::vector<std::size_t> order(numbers.empty() ? tokens["places"].size() : numbers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!numbers.empty())
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return numbers[a] < numbers[b]; });
  std::vector<std::size_t> place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;

  if (tokens.contains("at")) {
    std::sort(numbers.begin(), numbers.end());
    tokens["at"] = numbers;
  }
  if (tokens.contains("places"))
    for (json& p : tokens["places"]) {
      const Index frame = p.at(4).get<Index>();
      p = {p[0].get<double>() + static_cast<double>(frame / across * rows),
           p[1].get<double>() + static_cast<double>(frame % across * cols), p[2], p[3]};
    }
  if (tokens.contains("kept") && tokens["kept"].is_array()) reorder_kept(tokens, place);
  if (tokens.contains("members"))
    for (json& row : tokens["members"])
      for (json& member : row) member = place.at(member.get<std::size_t>());
  if (tokens.contains("maps"))
    for (json& map : tokens["maps"]) reorder_map(map, order);
  if (tokens.contains("relevance")) reorder_map(tokens["relevance"], order);
  tokens["grid"] = {down * rows, across * cols};
  tokens.erase("frames");
}

}  // namespace arrcoc
