#pragma once
// What a strategy may ask of the model's inside: rows of one block of the vision tower, or of one layer of the language
// model. docs/requests.md says what each published method asks.
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// Indices from here down are shares of the depth, in steps of 1/1024.
inline constexpr Index share_of_depth = -(Index{1} << 20);
/// A block or layer as a setting names it: a whole number is an index (negative: from the end), one between 0 and 1
/// that share of the depth, in steps of 1/1024: 0.5 is block depth / 2.
constexpr Index index_at(double at) {
  return at > 0 && at < 1 ? share_of_depth - static_cast<Index>(at * 1024) : static_cast<Index>(at);
}
/// Whether it can: a share, or a whole number between -below and below.
inline bool names_depth(double at, double below) {
  return (at > 0 && at < 1) || (std::abs(at) < below && at == std::floor(at));
}
/// The block or layer, from 0, that an index names at this depth.
constexpr Index counted(Index index, Index depth) {
  if (index <= share_of_depth) return (share_of_depth - index) * depth / 1024;
  return index < 0 ? depth + index : index;
}

/// One question to the inside. Values are those of block or layer `index`, before its output is added to the residual;
/// `hidden` is its input; of the language model alone it may have index = layers, the output of the last. Of the tower
/// everything is by token: the mean over a token's four patches (received: the sum over them).
struct Request {
  enum class Site : std::uint8_t { tower, layer };
  enum class What : std::uint8_t { hidden, q, k, v, received };
  /// Whose rows: of hidden, q, k, v those that come back; of received those that pay. `visual`: the picture's living
  /// tokens. `question`: its words; of a question without words the last row. `text`: every text row behind the
  /// picture, its <|vision_end|> and the template's among them.
  enum class Rows : std::uint8_t { visual, all, last, question, vision_end, list, text };
  enum class Over : std::uint8_t { mean, max, each };  // how several heads, or several paying rows, become one
  enum class Rope : std::uint8_t { before, after };    // of q and k

  Site site = Site::tower;
  Index index = -1;  // negative: from the end; a share of the depth: index_at
  What what = What::received;
  Rows rows = Rows::visual;
  Over heads = Over::mean;
  Over payers = Over::mean;  // received only: over the rows that pay
  Rope rope = Rope::after;
  std::vector<Index> list{};  // Rows::list: columns of the full prompt (layer), tokens (tower)
  bool operator==(const Request&) const = default;
};

constexpr std::string_view name_of(Request::What w) {
  constexpr std::string_view names[] = {"hidden", "q", "k", "v", "received"};
  return names[static_cast<std::size_t>(w)];
}
constexpr std::string_view name_of(Request::Site s) { return s == Request::Site::tower ? "tower" : "layer"; }
constexpr std::string_view name_of(Request::Rows r) {
  constexpr std::string_view names[] = {"visual", "all", "last", "question", "vision_end", "list", "text"};
  return names[static_cast<std::size_t>(r)];
}
constexpr std::string_view name_of(Request::Over o) {
  constexpr std::string_view names[] = {"mean", "max", "each"};
  return names[static_cast<std::size_t>(o)];
}

/// "tower -2 received of visual, heads mean": for messages.
inline std::string text_of(const Request& r) {
  const Index share = share_of_depth - r.index;
  const std::string at = share >= 0 ? std::to_string(share) + "/1024 of the depth" : std::to_string(r.index);
  return std::string(name_of(r.site)) + " " + at + " " + std::string(name_of(r.what)) + " of " +
         std::string(name_of(r.rows)) + ", heads " + std::string(name_of(r.heads));
}

/// Puts a request behind the others, unless it is among them.
inline void add_once(std::vector<Request>& to, const Request& r) {
  if (std::find(to.begin(), to.end(), r) == to.end()) to.push_back(r);
}

/// What came back for one picture.
///   received   heads mean or max: [N]; each: [heads, N]; payers each: one block of that a paying row, [R, ...]
///   q, k, v    [R, heads * d], heads mean: [R, d] (max is refused); k and v of a layer have its key and value heads
///   hidden     [R, D]
struct Answered {
  Request request;
  HostTensor values;  // f32
};

}  // namespace arrcoc
