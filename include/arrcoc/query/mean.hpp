#pragma once
// The query encoder that a pipeline has where it names none.
#include <string_view>

#include "arrcoc/query/query_encoder.hpp"

namespace arrcoc {

struct MeanQueryConfig {
  bool operator==(const MeanQueryConfig&) const = default;
};
/// The mean of the question's token embeddings: [L, D] -> [1, D]. O(Q D). Template, pads and special tokens are left
/// out.
struct MeanQuery {
  static constexpr std::string_view name = "mean";
  using Config = MeanQueryConfig;
  Config config{};
  template <class B>
  Query<B> encode(B& b, const qwen3vl::Model<B>&, const Prompt& p, const typename B::Tensor& embeddings) const {
    if (p.question.empty()) return no_question(b, b.cols(embeddings));
    const auto words = b.gather_rows(embeddings, p.question);
    return {b.mean_rows(words), words, 0};
  }
};

}  // namespace arrcoc
