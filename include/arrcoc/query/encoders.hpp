#pragma once
// The query encoders: mean, last, contextual, attention, words, and template, a fault.
#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "arrcoc/query/mean.hpp"
#include "arrcoc/qwen3vl/flops.hpp"
#include "arrcoc/qwen3vl/model.hpp"

namespace arrcoc {

struct LastQueryConfig {
  bool operator==(const LastQueryConfig&) const = default;
};
/// The embedding of the question's last token: [L, D] -> [1, D]. O(D). Often a question mark, which is why it is a
/// control.
struct LastQuery {
  static constexpr std::string_view name = "last";
  using Config = LastQueryConfig;
  Config config{};
  template <class B>
  Query<B> encode(B& b, const qwen3vl::Model<B>&, const Prompt& p, const typename B::Tensor& embeddings) const {
    if (p.question.empty()) return no_question(b, b.cols(embeddings));
    return {b.gather_rows(embeddings, std::vector<Index>{p.question.back()}), b.gather_rows(embeddings, p.question), 0};
  }
};

struct ContextualQueryConfig {
  bool operator==(const ContextualQueryConfig&) const = default;
};
/// The mean of the question's hidden rows after the final norm, the question run alone through the language model as
/// plain text (positions 0, 1, ...): [1, D], words [Q, D]. Costs a prefill of Q rows, which is counted.
struct ContextualQuery {
  static constexpr std::string_view name = "contextual";
  using Config = ContextualQueryConfig;
  Config config{};
  template <class B>
  Query<B> encode(B& b, const qwen3vl::Model<B>& model, const Prompt& p, const typename B::Tensor& embeddings) const {
    if (p.question.empty()) return no_question(b, b.cols(embeddings));
    Prompt alone;
    for (const Index c : p.question) alone.ids.push_back(p.ids[static_cast<std::size_t>(c)]);
    qwen3vl::Injected<B> in;
    in.embeddings = b.gather_rows(embeddings, p.question);
    in.positions = qwen3vl::build_positions(alone);
    in.rows = qwen3vl::prompt_rows(alone);
    qwen3vl::KvCache<B> state;
    const auto words = model.text().prefill(b, std::move(in), state, 0);
    return {b.mean_rows(words), words, language_flops(model.config().text, static_cast<Index>(alone.ids.size()), 0)};
  }
};

struct AttentionQueryConfig {
  float temperature = 1.f;  ///< above 0; large: the mean
  std::string validate() const {
    return temperature > 0.f && temperature < 1e6f
               ? ""
               : "temperature: expected a number in (0, 1e6), got " + std::to_string(temperature);
  }
  bool operator==(const AttentionQueryConfig&) const = default;
};
/// Attention pooling: the question's token embeddings weighed by softmax(-cos(e_i, mean) sqrt(D) / temperature), so
/// that words unlike the rest of the sentence count more: [1, D]. O(Q D). Training-free; the learned form puts a
/// trained vector in place of the mean.
struct AttentionQuery {
  static constexpr std::string_view name = "attention";
  using Config = AttentionQueryConfig;
  Config config{};
  template <class B>
  Query<B> encode(B& b, const qwen3vl::Model<B>&, const Prompt& p, const typename B::Tensor& embeddings) const {
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, "query", wrong);
    if (p.question.empty()) return no_question(b, b.cols(embeddings));
    const auto words = b.gather_rows(embeddings, p.question);
    const auto mean = b.mean_rows(words);
    std::vector<float> cosine = b.to_host(b.matmul(b.l2_normalize(words), b.l2_normalize(mean), true));  // [Q]
    const double scale = std::sqrt(static_cast<double>(b.cols(words))) / static_cast<double>(config.temperature);
    const double least = static_cast<double>(*std::min_element(cosine.begin(), cosine.end()));
    double sum = 0;
    for (float& c : cosine)
      sum += static_cast<double>(c = static_cast<float>(std::exp((least - static_cast<double>(c)) * scale)));
    for (float& c : cosine) c = static_cast<float>(static_cast<double>(c) / sum);
    const auto weights = b.from_host(cosine, 1, static_cast<Index>(cosine.size()));
    return {b.matmul(weights, words, false), words, 0};
  }
};

struct WordsQueryConfig {
  bool operator==(const WordsQueryConfig&) const = default;
};
/// One row a word: the mean of the word's token embeddings, words [W, D], and their mean [1, D]. O(Q D). For scorers
/// that ask word by word.
struct WordsQuery {
  static constexpr std::string_view name = "words";
  using Config = WordsQueryConfig;
  Config config{};
  template <class B>
  Query<B> encode(B& b, const qwen3vl::Model<B>&, const Prompt& p, const typename B::Tensor& embeddings) const {
    if (p.question.empty()) return no_question(b, b.cols(embeddings));
    require_that(p.words.size() == p.question.size(), Code::bad_prompt, "query.words",
                 "expected a word number for each token of the question");
    const Index count = p.words.back() + 1, tokens = static_cast<Index>(p.question.size());
    std::vector<float> mix(static_cast<std::size_t>(count * tokens));
    std::vector<Index> sizes(static_cast<std::size_t>(count));
    for (const Index w : p.words) ++sizes[static_cast<std::size_t>(w)];
    for (Index t = 0; t < tokens; ++t) {
      const Index w = p.words[static_cast<std::size_t>(t)];
      mix[static_cast<std::size_t>(w * tokens + t)] = 1.0f / static_cast<float>(sizes[static_cast<std::size_t>(w)]);
    }
    const auto words = b.matmul(b.from_host(mix, count, tokens), b.gather_rows(embeddings, p.question), false);
    return {b.mean_rows(words), words, 0};
  }
};

struct TemplateQueryConfig {
  bool operator==(const TemplateQueryConfig&) const = default;
};
/// Every column that is no picture's, as the question: the template's tokens, the system's text and special tokens
/// count like the user's words. [L, D] -> their mean [1, D], words [L - N, D]. O(L D). A fault of published harnesses
/// (strategies that average over all text ids), to be compared with `mean`; for decisions in layers
/// `layer_attention:rows=text` is its like.
struct TemplateQuery {
  static constexpr std::string_view name = "template";
  static constexpr std::string_view reproduces_fault = "template, system text and special tokens count as the question";
  using Config = TemplateQueryConfig;
  Config config{};
  template <class B>
  Query<B> encode(B& b, const qwen3vl::Model<B>&, const Prompt& p, const typename B::Tensor& embeddings) const {
    std::vector<Index> text;
    for (const qwen3vl::SequenceRow& row : qwen3vl::prompt_rows(p))
      if (row.text()) text.push_back(row.column);
    const auto words = b.gather_rows(embeddings, text);
    return {b.mean_rows(words), words, 0};
  }
};

}  // namespace arrcoc
