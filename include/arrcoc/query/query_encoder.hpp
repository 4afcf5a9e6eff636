#pragma once
// QueryEncoder<B>: what the question looks like to scorers. From token embeddings, so that decisions before the tower
// can ask, too.
//   q.encode(B&, const qwen3vl::Model<B>&, const Prompt&, const Tensor& embeddings [L, D]) -> Query<B>
// Only the columns of the user's own words count: no template, no pads, no special tokens.
#include <concepts>
#include <string_view>
#include <vector>

#include "arrcoc/core/prompt.hpp"
#include "arrcoc/core/stages.hpp"
#include "arrcoc/qwen3vl/encoded.hpp"

namespace arrcoc {

template <class B>
struct Query {
  typename B::Tensor vector;  // [1, D]
  typename B::Tensor words;   // [Q, D]
  double flops = 0;           // what it cost beyond looking embeddings up
};

/// A question without words: a zero query, which couples to everything alike.
template <class B>
Query<B> no_question(B& b, Index width) {
  const std::vector<float> zero(static_cast<std::size_t>(width));
  const auto t = b.from_host(zero, 1, width);
  return {t, t, 0};
}

namespace require {
template <class S, class B>
concept encodes_query = requires(const S s, B& b, const qwen3vl::Model<B>& m, const Prompt& p,
                                 const typename B::Tensor& e) {
  { s.encode(b, m, p, e) } -> std::same_as<Query<B>>;
};
}  // namespace require
template <class S, class B>
concept QueryEncoder = require::named<S> && require::configured<S> && require::encodes_query<S, B>;

template <class S, class B>
consteval bool check_query() {
  static_assert(require::named<S>, "QueryEncoder: add `static constexpr std::string_view name = \"...\";`");
  static_assert(require::configured<S>, "QueryEncoder: add `using Config = ...;` and make S{} and S{Config} valid");
  static_assert(
      require::encodes_query<S, B>,
      "QueryEncoder: add `Query<B> encode(B&, const Model<B>&, const Prompt&, const B::Tensor& embeddings) const`");
  return true;
}

}  // namespace arrcoc
