#pragma once
// Answers of the vision tower against a tower block written out with loops in double, and its outputs with and without
// requests bit for bit.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include "qwen3vl/tiny_model.hpp"

namespace arrcoc::tests {

using Rows = std::vector<std::vector<double>>;

/// Pictures of the tests: 2 x 3 tokens, a clip of two frames of 1 x 2, and 1 x 1.
inline std::vector<qwen3vl::Pixels> request_pictures() {
  return {formula_pixels({1, 4, 6}, 1000), formula_pixels({2, 2, 4}, 2000), formula_pixels({1, 2, 2}, 1000, 24)};
}

inline Request tower(Index index, Request::What what) { return {.index = index, .what = what}; }

/// One of every kind, in both blocks.
inline std::vector<Request> every_request() {
  std::vector<Request> all;
  for (const Index block : {Index{0}, Index{1}, Index{-1}, Index{-2}})
    for (const auto what : {Request::What::hidden, Request::What::q, Request::What::k, Request::What::v})
      for (const auto heads : {Request::Over::mean, Request::Over::each})
        for (const auto rope : {Request::Rope::before, Request::Rope::after})
          for (const bool list : {false, true}) {
            Request r = tower(block, what);
            r.heads = heads;
            r.rope = rope;
            if (list) r.rows = Request::Rows::list, r.list = {0};
            all.push_back(r);
          }
  for (const Index block : {0, -1})
    for (const auto heads : {Request::Over::mean, Request::Over::max, Request::Over::each})
      for (const auto payers : {Request::Over::mean, Request::Over::max, Request::Over::each})
        for (const auto rows : {Request::Rows::visual, Request::Rows::all, Request::Rows::list}) {
          Request r = tower(block, Request::What::received);
          r.heads = heads;
          r.payers = payers;
          r.rows = rows;
          if (rows == Request::Rows::list) r.list = {0};
          all.push_back(r);
        }
  return all;
}

/// The tiny tower's blocks up to attention, from a block's input.
struct NaiveBlock {
  Rows hidden, q, k, v, q_before, k_before;
};

inline Rows naive_linear(const Rows& x, const HostTensor& w, const HostTensor& bias, Index first, Index count) {
  Rows out(x.size(), std::vector<double>(static_cast<std::size_t>(count)));
  for (std::size_t i = 0; i < x.size(); ++i)
    for (Index o = 0; o < count; ++o) {
      double sum = static_cast<double>(float_at(bias, first + o));
      for (std::size_t c = 0; c < x[i].size(); ++c)
        sum += x[i][c] *
               static_cast<double>(float_at(w, (first + o) * static_cast<Index>(x[i].size()) + static_cast<Index>(c)));
      out[i][static_cast<std::size_t>(o)] = sum;
    }
  return out;
}

/// Head by head, element i turns with i + d / 2; the first quarter of a head by the patch's row, the second by its
/// column.
inline void naive_rope(Rows& x, const std::vector<std::pair<Index, Index>>& at, const VisionConfig& c) {
  const auto d = static_cast<std::size_t>(c.head_dim()), half = d / 2, quarter = half / 2;
  for (std::size_t row = 0; row < x.size(); ++row)
    for (std::size_t h = 0; h < x[row].size(); h += d)
      for (std::size_t i = 0; i < half; ++i) {
        const double place = static_cast<double>(i < quarter ? at[row].first : at[row].second),
                     angle = place * std::pow(c.rope_theta,
                                              -2.0 * static_cast<double>(i % quarter) / static_cast<double>(half));
        const double a = x[row][h + i], b = x[row][h + i + half];
        x[row][h + i] = a * std::cos(angle) - b * std::sin(angle);
        x[row][h + i + half] = b * std::cos(angle) + a * std::sin(angle);
      }
}

inline NaiveBlock naive_block(const std::vector<float>& input, const std::vector<qwen3vl::Pixels>& pictures,
                              Index block, const ModelConfig& model) {
  const VisionConfig& c = model.vision;
  const WeightLookup lookup = formula_weights(model);
  const auto weight = [&](const std::string& name) {
    return *lookup("model.visual.blocks." + std::to_string(block) + "." + name);
  };
  const auto d = static_cast<std::size_t>(c.hidden_size);
  NaiveBlock n;
  for (std::size_t i = 0; i < input.size(); i += d) n.hidden.emplace_back(input.data() + i, input.data() + i + d);
  Rows normed = n.hidden;
  for (auto& row : normed) {
    double mean = 0, variance = 0;
    for (const double v : row) mean += v / static_cast<double>(d);
    for (const double v : row) variance += (v - mean) * (v - mean) / static_cast<double>(d);
    for (std::size_t i = 0; i < d; ++i)
      row[i] = (row[i] - mean) / std::sqrt(variance + 1e-6) *
                   static_cast<double>(float_at(weight("norm1.weight"), static_cast<Index>(i))) +
               static_cast<double>(float_at(weight("norm1.bias"), static_cast<Index>(i)));
  }
  const HostTensor w = weight("attn.qkv.weight"), bias = weight("attn.qkv.bias");
  const Index width = c.hidden_size;
  n.q = n.q_before = naive_linear(normed, w, bias, 0, width);
  n.k = n.k_before = naive_linear(normed, w, bias, width, width);
  n.v = naive_linear(normed, w, bias, 2 * width, width);
  std::vector<std::pair<Index, Index>> at;
  for (const auto& p : pictures)
    for (Index f = 0; f < p.patches.frames; ++f)
      for (Index r = 0; r < p.patches.rows; r += 2)
        for (Index q = 0; q < p.patches.cols; q += 2)
          for (const Index corner : {0, 1, 2, 3}) at.emplace_back(r + corner / 2, q + corner % 2);
  naive_rope(n.q, at, c);
  naive_rope(n.k, at, c);
  return n;
}

/// Probabilities [heads][P][P] inside one picture whose rows are [begin, begin + frames * frame); 0 across frames.
inline std::vector<Rows> naive_probabilities(const NaiveBlock& n, std::size_t begin, std::size_t frame,
                                             std::size_t frames, const VisionConfig& c) {
  const auto d = static_cast<std::size_t>(c.head_dim()), count = frame * frames;
  std::vector<Rows> all(static_cast<std::size_t>(c.heads), Rows(count, std::vector<double>(count)));
  for (std::size_t h = 0; h < all.size(); ++h)
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t first = i / frame * frame;
      double sum = 0;
      for (std::size_t j = first; j < first + frame; ++j) {
        double score = 0;
        for (std::size_t e = h * d; e < (h + 1) * d; ++e) score += n.q[begin + i][e] * n.k[begin + j][e];
        sum += all[h][i][j] = std::exp(score / std::sqrt(static_cast<double>(d)));
      }
      for (std::size_t j = first; j < first + frame; ++j) all[h][i][j] /= sum;
    }
  return all;
}

/// The answer by its definition: [payers][heads][N] first, each a mean over four rows and a sum over four columns.
inline std::vector<double> naive_received(const Request& r, const std::vector<Rows>& p, std::vector<Index> payers) {
  const std::size_t n = p[0].size() / 4;
  if (r.rows != Request::Rows::list) {
    payers.clear();
    for (std::size_t t = 0; t < n; ++t) payers.push_back(static_cast<Index>(t));
  }
  const auto reduced = [](const std::vector<std::vector<double>>& rows, Request::Over over) {
    if (over == Request::Over::each) {
      std::vector<double> all;
      for (const auto& row : rows) all.insert(all.end(), row.begin(), row.end());
      return all;
    }
    std::vector<double> out = rows[0];
    for (std::size_t i = 0; i < out.size(); ++i) {
      double sum = 0;
      for (const auto& row : rows) sum += row[i], out[i] = std::max(out[i], row[i]);
      if (over == Request::Over::mean) out[i] = sum / static_cast<double>(rows.size());
    }
    return out;
  };
  std::vector<Rows> by_payer;
  for (const Index t : payers) {
    Rows heads(p.size(), std::vector<double>(n));
    for (std::size_t h = 0; h < p.size(); ++h)
      for (std::size_t i = 0; i < 4; ++i)
        for (std::size_t j = 0; j < 4 * n; ++j) heads[h][j / 4] += p[h][static_cast<std::size_t>(t) * 4 + i][j] / 4;
    by_payer.push_back(heads);
  }
  if (r.payers == Request::Over::each) {
    Rows blocks;
    for (const auto& heads : by_payer) blocks.push_back(reduced(heads, r.heads));
    return reduced(blocks, Request::Over::each);
  }
  Rows heads;
  for (std::size_t h = 0; h < p.size(); ++h) {
    Rows of_head;
    for (const auto& payer : by_payer) of_head.push_back(payer[h]);
    heads.push_back(reduced(of_head, r.payers));
  }
  return reduced(heads, r.heads);
}

inline std::vector<double> naive_rows(const Request& r, const NaiveBlock& n, std::size_t begin, std::size_t tokens,
                                      std::size_t heads) {
  const bool before = r.rope == Request::Rope::before;
  const Rows& from = r.what == Request::What::hidden ? n.hidden
                     : r.what == Request::What::v    ? n.v
                     : r.what == Request::What::q    ? (before ? n.q_before : n.q)
                                                     : (before ? n.k_before : n.k);
  std::vector<Index> list = r.list;
  if (r.rows != Request::Rows::list)
    for (std::size_t t = 0; t < tokens; ++t) list.push_back(static_cast<Index>(t));
  const bool mean = r.what != Request::What::hidden && r.heads == Request::Over::mean;
  const std::size_t parts = mean ? heads : 1, width = from[0].size() / parts;
  std::vector<double> out;
  for (const Index t : list)
    for (std::size_t c = 0; c < width; ++c) {
      double sum = 0;
      for (std::size_t i = 0; i < 4; ++i)
        for (std::size_t h = 0; h < parts; ++h) sum += from[begin + static_cast<std::size_t>(t) * 4 + i][h * width + c];
      out.push_back(sum / static_cast<double>(4 * parts));
    }
  return out;
}

/// The shape the contract in core/request.hpp states.
inline std::vector<Index> stated_shape(const Request& r, Index n, const VisionConfig& c) {
  const Index rows = r.rows == Request::Rows::list ? static_cast<Index>(r.list.size()) : n;
  if (r.what == Request::What::received) {
    std::vector<Index> s{n};
    if (r.heads == Request::Over::each) s.insert(s.begin(), c.heads);
    if (r.payers == Request::Over::each) s.insert(s.begin(), rows);
    return s;
  }
  return {rows, r.what != Request::What::hidden && r.heads == Request::Over::mean ? c.head_dim() : c.hidden_size};
}

template <class B>
void tower_requests_answer(B b = B()) {
  const ModelConfig config = tiny_config();
  const qwen3vl::Model<B> model(b, config, formula_weights(config));
  const auto pictures = request_pictures();
  std::vector<Request> requests = every_request();
  const auto check = [&](const std::vector<qwen3vl::Pixels>& of, const std::vector<Request>& asked) {
    Trace trace;
    std::map<std::string, std::vector<float>> seen;
    trace.wants = [](std::string_view) { return true; };
    trace.tap = [&](std::string_view name, std::vector<float> v, Index, Index) {
      seen[std::string(name)] = std::move(v);
    };
    const auto out = model.encode_images(b, of, &trace, asked);
    const NaiveBlock blocks[] = {naive_block(seen.at("vision.positioned"), of, 0, config),
                                 naive_block(seen.at("vision.block0"), of, 1, config)};
    REQUIRE(out.answers.size() == of.size());
    std::size_t begin = 0;
    for (std::size_t p = 0; p < of.size(); ++p) {
      const auto& g = of[p].patches;
      const auto patches = static_cast<std::size_t>(g.count()), frames = static_cast<std::size_t>(g.frames);
      REQUIRE(out.answers[p].size() == asked.size());
      for (std::size_t i = 0; i < asked.size(); ++i) {
        const Request& r = asked[i];
        INFO("picture ", p, ", request ", i, ": ", text_of(r), ", payers ", std::string(name_of(r.payers)));
        CHECK(out.answers[p][i].request == r);
        const HostTensor& got = out.answers[p][i].values;
        CHECK(got.shape == stated_shape(r, static_cast<Index>(patches / 4), config.vision));
        const NaiveBlock& block = blocks[r.index < 0 ? 2 + r.index : r.index];
        const std::vector<double> expected =
            r.what == Request::What::received
                ? naive_received(r, naive_probabilities(block, begin, patches / frames, frames, config.vision), r.list)
                : naive_rows(r, block, begin, patches / 4, static_cast<std::size_t>(config.vision.heads));
        REQUIRE(got.count() == static_cast<Index>(expected.size()));
        double worst = 0;
        for (std::size_t e = 0; e < expected.size(); ++e)
          worst = std::max(worst, std::abs(static_cast<double>(got.floats()[e]) - expected[e]));
        CHECK(worst <= 1e-5);
      }
      begin += patches;
    }
  };
  check(pictures, requests);
  for (Request& r : requests)
    if (r.rows == Request::Rows::list) r.list = {5, 1, 2, 1};  // any order, twice the same
  check({pictures[0]}, requests);
  for (Request& r : requests)
    if (r.rows == Request::Rows::list) r.list = {2, 3, 0};  // both frames of the clip
  check({pictures[1]}, requests);
}

/// Outputs of the tower are the same bits, whatever is asked.
template <class B>
void tower_requests_change_nothing(B b = B()) {
  const ModelConfig config = tiny_config();
  const qwen3vl::Model<B> model(b, config, formula_weights(config));
  const auto plain = model.encode_images(b, request_pictures());
  const auto asked = model.encode_images(b, request_pictures(), nullptr, every_request());
  CHECK(plain.answers.size() == 3);
  for (const auto& of : plain.answers) CHECK(of.empty());
  const auto same = [&](const typename B::Tensor& x, const typename B::Tensor& y) {
    const std::vector<float> first = b.to_host(x), second = b.to_host(y);
    REQUIRE(first.size() == second.size());
    CHECK(std::memcmp(first.data(), second.data(), first.size() * sizeof(float)) == 0);
  };
  same(plain.tokens, asked.tokens);
  REQUIRE(plain.deepstack.size() == asked.deepstack.size());
  for (std::size_t level = 0; level < plain.deepstack.size(); ++level)
    same(plain.deepstack[level], asked.deepstack[level]);
}

template <class B>
void tower_requests_refuse(B b = B()) {
  const ModelConfig config = tiny_config();
  const qwen3vl::Model<B> model(b, config, formula_weights(config));
  const auto refused = [&](Request r, const std::string& sentence, qwen3vl::PatchGrid grid = {1, 4, 6}) {
    try {
      model.encode_images(b, {formula_pixels(grid, 1000)}, nullptr, {r});
      FAIL_CHECK("not refused: ", sentence);
    } catch (const Error& e) {
      CHECK(e.code() == Code::bad_config);
      CHECK(std::string(e.what()) == "[request] " + sentence + " (E101)");
    }
  };
  Request r = tower(2, Request::What::k);
  refused(r, "tower 2 k of visual, heads mean: block: expected -2 to 1, got 2");
  r.index = -3;
  refused(r, "tower -3 k of visual, heads mean: block: expected -2 to 1, got -3");
  r.index = 0;
  for (const auto rows : {Request::Rows::last, Request::Rows::question, Request::Rows::vision_end}) {
    r.rows = rows;
    const std::string name(name_of(rows));
    refused(r, "tower 0 k of " + name +
                   ", heads mean: rows: the tower sees no text; expected visual, all or list, got " + name);
  }
  r.rows = Request::Rows::visual;
  r.heads = Request::Over::max;
  refused(r, "tower 0 k of visual, heads max: heads: expected mean or each, got max");
  r.heads = Request::Over::each;
  r.site = Request::Site::layer;
  refused(r, "layer 0 k of visual, heads each: expected a request to the tower, got one to a layer");
  r = tower(-1, Request::What::received);
  r.rows = Request::Rows::list;
  refused(r, "tower -1 received of list, heads mean: list: expected at least one token, got none");
  r.list = {0, 6};
  refused(r, "tower -1 received of list, heads mean: list: expected tokens of picture 0, 0 to 5, got 6");
  r.list = {-1};
  refused(r, "tower -1 received of list, heads mean: list: expected tokens of picture 0, 0 to 5, got -1");
  r.list.assign(65, 3);
  CHECK_NOTHROW(model.encode_images(b, {formula_pixels({1, 4, 6}, 1000)}, nullptr, {r}));
  r.payers = Request::Over::each;
  refused(r, "tower -1 received of list, heads mean: payers each: expected at most 64 paying tokens, got 65");
  r.rows = Request::Rows::visual;
  r.payers = Request::Over::max;
  refused(r, "tower -1 received of visual, heads mean: payers max: expected at most 64 paying tokens, got 65",
          {1, 10, 26});
}

}  // namespace arrcoc::tests
