// Kept tokens with their causes, and maps in 8 bits, as JSON lines.
#include "sweep/kept_maps.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "files/json_parse.hpp"
#include "sweep/base64.hpp"

namespace arrcoc {
namespace {

using Json = io::Ordered;

/// Six digits tell 8-bit maps and ranks by value apart.
double rounded(float x) {
  if (x == 0) return 0;
  const double step = std::pow(10.0, std::floor(std::log10(std::abs(static_cast<double>(x)))) - 5);
  return std::round(static_cast<double>(x) / step) * step;
}

/// [low, high, base64 of one byte a token]: a token's value is low + byte / 255 * (high - low).
Json map_json(std::span<const float> map) {
  const auto [low, high] = std::minmax_element(map.begin(), map.end());
  std::string bytes;
  for (const float v : map)
    bytes += static_cast<char>(
        *low < *high ? static_cast<unsigned char>(std::lround(255.0 * static_cast<double>((v - *low) / (*high - *low))))
                     : 0);
  return {rounded(*low), rounded(*high), base64(bytes)};
}

/// Of living tokens that are no raster: their raster indices, frame by frame, or [row, col, rows, cols] of each, and
/// its frame.
void put_places(const TokenSet& tokens, Json& out) {
  if (tokens.frames > 1) out["frames"] = tokens.frames;
  if (tokens.raster()) return;
  const bool unit = std::all_of(tokens.places.begin(), tokens.places.end(), [](const Place& p) { return p.unit(); });
  Json& list = out[unit ? "at" : "places"] = Json::array();
  for (const Place& p : tokens.places) {
    const Index before = p.frame * tokens.grid.count();
    if (unit) list.push_back(before + tokens.grid.at(static_cast<Index>(p.row), static_cast<Index>(p.col)));
    else if (tokens.frames == 1) list.push_back({p.row, p.col, p.rows, p.cols});
    else list.push_back({p.row, p.col, p.rows, p.cols, p.frame});
  }
}

/// Who is left of a picture, and why.
Json kept_json(const Allocation& a) {
  Json out{{"grid", {a.grid().rows, a.grid().cols}}};
  put_places(a.tokens, out);
  const auto whole = [](const Provenance& p) { return p.cause == Cause::everything; };
  if (a.count() == a.tokens.count() && std::all_of(a.why.begin(), a.why.end(), whole)) {
    out["kept"] = "all";
  } else {
    out["kept"] = a.kept;
    std::vector<std::string> names;
    Json causes = Json::array(), ranks = Json::array(), values = Json::array();
    for (const Provenance& p : a.why) {
      const std::string name(name_of(p.cause));
      const auto at = std::find(names.begin(), names.end(), name);
      causes.push_back(at - names.begin());
      if (at == names.end()) names.push_back(name);
      ranks.push_back(p.rank);
      values.push_back(rounded(p.value));
    }
    out["causes"] = names;
    if (names.size() > 1) out["cause"] = causes;
    out["rank"] = ranks;
    out["value"] = values;
  }
  if (std::any_of(a.depth.begin(), a.depth.end(), [](std::uint32_t d) { return d != all_levels; })) {
    out["depth"] = Json::array();
    for (const std::uint32_t d : a.depth) out["depth"].push_back(d == all_levels ? Json(-1) : Json(d));
  }
  if (!a.entry.empty()) out["entry"] = a.entry;
  if (!a.merge.empty()) {
    out["members"] = Json::array();
    for (const auto& row : a.merge) {
      Json members = Json::array();
      for (const MergePart& m : row) members.push_back(m.token);
      out["members"].push_back(members);
    }
  }
  for (const Region& r : a.regions) out["regions"].push_back({r.row0, r.col0, r.row1, r.col1, r.tokens});
  return out;
}

/// What one decision saw of a picture, over the tokens that lived.
Json seen_json(const Realized& r, Index left, KeptTextures& textures) {
  Json out{{"grid", {r.allocation.grid().rows, r.allocation.grid().cols}}, {"left", left}};
  put_places(r.allocation.tokens, out);
  const auto n = static_cast<std::size_t>(r.allocation.tokens.count());
  for (std::size_t from = 0; n > 0 && from < r.maps.size(); from += n)
    out["maps"].push_back(map_json(std::span<const float>(r.maps).subspan(from, n)));
  if (r.textures != nullptr && r.textures->count() == r.allocation.tokens.count() && r.allocation.tokens.raster())
    out["texture"] = textures.place_of(r.textures);  // of fewer tokens: the same values, gathered
  if (!r.balanced.relevance.empty()) out["relevance"] = map_json(r.balanced.relevance);
  for (const float w : r.balanced.weights) out["weights"].push_back(rounded(w));
  for (const Tension& t : r.balanced.tensions) out["tensions"][t.name] = rounded(t.value);
  return out;
}

}  // namespace

std::filesystem::path maps_file(const std::filesystem::path& run, Index unit) {
  const std::string number = std::to_string(unit);
  return run / "maps" / (std::string(number.size() < 6 ? 6 - number.size() : 0, '0') + number + ".jsonl");
}

Index KeptTextures::place_of(const std::shared_ptr<const Textures>& textures) {
  if (const auto known = known_.find(textures); known != known_.end()) return known->second;
  Json json{{"channels", textures->channels}, {"maps", Json::array()}};
  std::vector<float> one(static_cast<std::size_t>(textures->count()));
  for (Index c = 0; c < textures->channel_count(); ++c) {
    for (Index t = 0; t < textures->count(); ++t) one[static_cast<std::size_t>(t)] = textures->at(t, c);
    json["maps"].push_back(map_json(one));
  }
  const auto [at, fresh] = places_.try_emplace(io::json_text(json), static_cast<Index>(places_.size()));
  if (fresh) fresh_.push_back(at->first);
  return known_[textures] = at->second;
}

std::vector<std::string> KeptTextures::fresh() { return std::exchange(fresh_, {}); }

std::string maps_line(const std::string& key, const AnswerResult& result, bool on_square, KeptTextures& textures) {
  Json out{{"key", key}};
  if (on_square) out["on_square"] = true;
  out["pictures"] = Json::array();
  for (const Realized& r : result.pictures) out["pictures"].push_back(kept_json(r.allocation));
  out["decisions"] = Json::array();
  for (const DecisionTrace& d : result.decisions) {
    Json one{{"name", d.name}, {"phase", name_of(d.phase)}};
    if (d.layer >= 0) one["layer"] = d.layer;
    if (d.again) one["again"] = true;
    one["scorers"] = d.scorers;
    one["pictures"] = Json::array();
    for (std::size_t p = 0; p < d.pictures.size(); ++p)
      one["pictures"].push_back(seen_json(d.pictures[p], d.left(p), textures));
    out["decisions"].push_back(std::move(one));
  }
  for (const std::string& json : textures.fresh()) out["textures"].push_back(io::own_json(json));
  return io::json_text(out) + "\n";
}

}  // namespace arrcoc
