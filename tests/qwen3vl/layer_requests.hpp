#pragma once
// Answers of the language model's layers: the outputs keep their bits, a beginning in the cache counts, refusals. What
// the answers hold is held against transformers by tests/oracle/layer_requests.py.
#include <doctest/doctest.h>

#include <cstring>
#include <string>

#include "arrcoc/qwen3vl/generate.hpp"
#include "qwen3vl/tiny_model.hpp"

namespace arrcoc::tests {

/// Asks beside each layer, or before it.
template <class B>
struct AskingHook final : qwen3vl::LayerHook<B> {
  std::vector<Request> wanted{};  // their index is set to the layer
  bool before = false;
  std::map<Index, qwen3vl::ByPicture> heard{};

  std::vector<Request> at(Index layer) const {
    std::vector<Request> out = wanted;
    for (Request& r : out) r.index = layer;
    return out;
  }
  std::optional<qwen3vl::RowEdit> before_layer(B&, Index layer, const qwen3vl::LayerView<B>& view) override {
    if (before) heard[layer] = view.answer(at(layer));
    return std::nullopt;
  }
  std::vector<Request> requests(Index layer) const override {
    return before || layer == tiny_config().text.layers ? std::vector<Request>{} : at(layer);
  }
  void answered(Index layer, qwen3vl::ByPicture answers) override { heard[layer] = std::move(answers); }
};

/// 16 columns, two pictures: 2 x 3 tokens at 2, 2 x 1 at 11.
inline Prompt asked_prompt() {
  Prompt p;
  p.ids = {1, 26, 28, 28, 28, 28, 28, 28, 27, 2, 26, 28, 28, 27, 3, 4};
  p.spans = {{2, {2, 3}, 0}, {11, {2, 1}, 1}};
  p.question = {14, 15};
  return p;
}

inline std::vector<Request> every_layer_request() {
  std::vector<Request> all;
  for (const auto rows : {Request::Rows::visual, Request::Rows::all, Request::Rows::last, Request::Rows::question,
                          Request::Rows::vision_end, Request::Rows::text, Request::Rows::list})
    for (const auto what :
         {Request::What::hidden, Request::What::q, Request::What::k, Request::What::v, Request::What::received})
      for (const auto heads : {Request::Over::mean, Request::Over::each})
        for (const auto rope : {Request::Rope::before, Request::Rope::after}) {
          Request r{.site = Request::Site::layer, .what = what, .rows = rows, .heads = heads, .rope = rope};
          if (rows == Request::Rows::list) r.list = {15, 3, 0};
          all.push_back(r);
        }
  return all;
}

template <class B>
struct AskedModel {
  B b;
  Prompt prompt = asked_prompt();
  qwen3vl::Model<B> model{b, tiny_config(), formula_weights(tiny_config())};
  qwen3vl::Encoded<B> encoded =
      model.encode(b, {formula_pixels({1, 4, 6}, 1000), formula_pixels({1, 4, 2}, 1000, 24)}, prompt);

  explicit AskedModel(B backend) : b(std::move(backend)) {}
  qwen3vl::Generated run(qwen3vl::LayerHook<B>* hook) {
    qwen3vl::GenerateOptions o;
    o.max_new_tokens = 4;
    o.keep_logits = true;
    return qwen3vl::generate(b, model.text(), qwen3vl::stock_input(b, prompt, encoded), prompt.ids, o, nullptr, hook);
  }
};

inline bool same_answers(const qwen3vl::ByPicture& x, const qwen3vl::ByPicture& y) {
  bool same = x.size() == y.size();
  for (std::size_t p = 0; same && p < x.size(); ++p)
    for (std::size_t i = 0; same && i < x[p].size(); ++i) {
      const auto one = x[p][i].values.floats(), two = y[p][i].values.floats();
      same = x[p][i].request == y[p][i].request && x[p][i].values.shape == y[p][i].values.shape &&
             std::memcmp(one.data(), two.data(), one.size_bytes()) == 0;
    }
  return same;
}

template <class B>
void layer_requests_change_nothing(B backend = B()) {
  AskedModel<B> asked(std::move(backend));
  const auto plain = asked.run(nullptr);
  AskingHook<B> beside, before;
  beside.wanted = before.wanted = every_layer_request();
  before.before = true;
  for (auto* hook : {&beside, &before}) {
    const auto out = asked.run(hook);
    REQUIRE(out.logits.size() == plain.logits.size());
    CHECK(std::memcmp(out.logits.data(), plain.logits.data(), out.logits.size() * sizeof(float)) == 0);
    CHECK(out.tokens == plain.tokens);
  }
  REQUIRE(beside.heard.size() == 3);
  for (const auto& [layer, answers] : beside.heard) {
    REQUIRE(answers.size() == 2);
    CHECK(answers[0].size() == every_layer_request().size());
    CHECK(same_answers(answers, before.heard.at(layer)));  // nothing is dropped: the same rows
  }
}

/// Rows behind a beginning answer as they do in one piece.
template <class B>
void layer_requests_see_the_cache(B backend = B()) {
  AskedModel<B> asked(std::move(backend));
  AskingHook<B> whole, rest, rest_before;
  for (const auto heads : {Request::Over::mean, Request::Over::each})
    for (const auto rows : {Request::Rows::question, Request::Rows::last})
      whole.wanted.push_back({.site = Request::Site::layer, .rows = rows, .heads = heads});
  rest.wanted = rest_before.wanted = whole.wanted;
  rest_before.before = true;
  asked.run(&whole);
  for (auto* hook : {&rest, &rest_before}) {
    qwen3vl::Injected<B> all = qwen3vl::stock_input(asked.b, asked.prompt, asked.encoded), parts[2];
    for (const Index part : {Index{0}, Index{1}}) {
      const Index begin = part * 14, end = part == 0 ? 14 : 16;
      std::vector<Index> rows;
      for (Index i = begin; i < end; ++i) rows.push_back(i);
      parts[part].embeddings = asked.b.slice_rows(all.embeddings, begin, end);
      parts[part].positions = qwen3vl::gather_columns(all.positions, rows);
      parts[part].rows.assign(all.rows.begin() + begin, all.rows.begin() + end);
      parts[part].words = all.words;
      if (part == 0) parts[part].levels = all.levels;
    }
    qwen3vl::KvCache<B> begun;
    (void)asked.model.text().prefill(asked.b, std::move(parts[0]), begun, 0);
    qwen3vl::KvCache<B> state = asked.model.text().fork(asked.b, begun, 4);
    (void)asked.model.text().extend(asked.b, std::move(parts[1]), state, nullptr, hook);
    REQUIRE(hook->heard.size() == 3);
    for (const auto& [layer, answers] : hook->heard)
      for (std::size_t p = 0; p < 2; ++p)
        for (std::size_t i = 0; i < answers[p].size(); ++i) {
          const HostTensor &got = answers[p][i].values, &expected = whole.heard.at(layer)[p][i].values;
          REQUIRE(got.shape == expected.shape);
          double worst = 0, sum = 0;
          for (Index e = 0; e < got.count(); ++e) {
            const double v = static_cast<double>(got.floats()[static_cast<std::size_t>(e)]);
            sum += v;
            worst = std::max(worst, std::abs(v - static_cast<double>(expected.floats()[static_cast<std::size_t>(e)])));
          }
          CHECK(worst <= 1e-6);
          CHECK(sum > 0.05);
        }
  }
}

template <class B>
void layer_requests_refuse(B backend = B()) {
  AskedModel<B> asked(std::move(backend));
  struct Once final : qwen3vl::LayerHook<B> {
    Request r{};
    Index at = 1;
    std::optional<qwen3vl::RowEdit> before_layer(B&, Index, const qwen3vl::LayerView<B>&) override { return {}; }
    std::vector<Request> requests(Index layer) const override {
      return layer == at ? std::vector<Request>{r} : std::vector<Request>{};
    }
  } hook;
  const auto refused = [&](Request r, const std::string& sentence, Index at = 1) {
    hook.r = std::move(r);
    hook.at = at;
    try {
      asked.run(&hook);
      FAIL_CHECK("not refused: ", sentence);
    } catch (const Error& e) {
      CHECK(e.code() == Code::bad_config);
      CHECK(std::string(e.what()) == "[request] " + sentence + " (E101)");
    }
  };
  Request r{.index = 1, .what = Request::What::k};
  refused(r, "tower 1 k of visual, heads mean: expected a request to a layer, got one to the tower");
  r.site = Request::Site::layer;
  r.index = 4;
  refused(r, "layer 4 k of visual, heads mean: layer: expected -3 to 3, got 4");
  r.index = -1;
  refused(r, "layer -1 k of visual, heads mean: layer: expected 1, the one that answers, got -1");
  r.index = 3;
  refused(r, "layer 3 k of visual, heads mean: behind the last layer: expected hidden, its output", 3);
  r.index = 1;
  r.heads = Request::Over::max;
  refused(r, "layer 1 k of visual, heads max: heads: expected mean or each, got max");
  r.heads = Request::Over::mean;
  r.rows = Request::Rows::list;
  refused(r, "layer 1 k of list, heads mean: rows: expected at least one, got none");
  r.list = {0, 16};
  refused(r, "layer 1 k of list, heads mean: list: expected columns of rows that live in this layer, got 16");
  r.list = {-1};
  refused(r, "layer 1 k of list, heads mean: list: expected columns of rows that live in this layer, got -1");
  r.what = Request::What::received;
  r.payers = Request::Over::each;
  r.list.assign(4097, 3);
  refused(r, "layer 1 received of list, heads mean: payers each: expected at most 4096 paying rows, got 4097");
  asked.prompt.question.clear();  // without words the last row speaks for the question
  struct Both final : qwen3vl::LayerHook<B> {
    std::vector<Request> asks{};
    qwen3vl::ByPicture got{};
    std::optional<qwen3vl::RowEdit> before_layer(B&, Index, const qwen3vl::LayerView<B>&) override { return {}; }
    std::vector<Request> requests(Index layer) const override { return layer == 1 ? asks : std::vector<Request>{}; }
    void answered(Index, qwen3vl::ByPicture answers) override { got = std::move(answers); }
  } both;
  r.payers = Request::Over::mean;
  for (const auto rows : {Request::Rows::question, Request::Rows::last, Request::Rows::vision_end}) {
    r.rows = rows;
    both.asks.push_back(r);
  }
  asked.run(&both);
  CHECK(to_floats(both.got.at(0).at(0).values) == to_floats(both.got[0].at(1).values));
  CHECK_FALSE(to_floats(both.got[0][0].values) == to_floats(both.got[0].at(2).values));
  const std::vector<qwen3vl::SequenceRow> rows;
  const typename B::Tensor hidden{};
  CHECK_THROWS_WITH_AS((void)(qwen3vl::LayerView<B>{hidden, rows}.answer({r})),
                       "[request] nobody answers for this view of a layer (E105)", Error);
}

}  // namespace arrcoc::tests
