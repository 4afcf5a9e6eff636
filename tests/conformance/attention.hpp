#pragma once
// The conformance of attention, plain and with a bias for each key.
#include <limits>
#include <string>
#include <vector>

#include "conformance/expect.hpp"

namespace arrcoc::conformance {

template <class B>
void compare_attention(Bench<B>& s, Index queries, Index keys, Index d, Index dv, const AttentionSpec& spec,
                       std::string_view kernel = "attention") {
  const Matrix q = random_matrix(queries, spec.heads * d, 24), k = random_matrix(keys, spec.kv_heads * d, 25),
               v = random_matrix(keys, spec.kv_heads * dv, 26);
  const auto [out, received] = reference::attention(q, k, v, spec);
  const auto [out_limit, received_limit] = bound::attention(q, k, v, spec, s.accurate);
  const std::string what = size_text(queries, keys) + " heads " + std::to_string(spec.heads) + "/" +
                           std::to_string(spec.kv_heads) + " d " + std::to_string(d) + " dv " + std::to_string(dv) +
                           (spec.causal ? " causal +" + std::to_string(spec.causal_offset) : "") + " prefix " +
                           std::to_string(spec.shared_prefix) + " segments " + std::to_string(spec.segments.size());
  const auto got = s.b.attention(s.view(q), s.view(k), s.tensor(v), spec);
  expect_near(s.b, got.out, out, out_limit, kernel, what);
  if (spec.want_received) expect_near(s.b, got.received, received, received_limit, "received", what);
}

/// The rows after a prefix cut into segments of odd lengths.
inline std::vector<Segment> cut(Index begin, Index end, Index first, Index growth) {
  std::vector<Segment> out;
  for (Index step = first; begin < end; step += growth) {
    out.push_back({begin, std::min(end, begin + step)});
    begin = out.back().end;
  }
  return out;
}

template <class B>
void attention() {
  Bench<B> s;
  // Every combination of the spec, at a size that crosses tiles.
  for (const bool causal : {false, true})
    for (const bool received : {false, true})
      for (const Index prefix : {0, 9})
        for (const int pieces : {0, 1, 2})
          for (const auto& [heads, kv_heads] : {std::pair<Index, Index>{1, 1}, {4, 2}, {6, 1}})
            for (const Index cached : {0, 4, 11}) {
              const Index keys = 67, queries = keys - cached;
              AttentionSpec spec;
              spec.heads = heads;
              spec.kv_heads = kv_heads;
              spec.scale = 0.3f;
              spec.causal = causal;
              spec.causal_offset = cached;
              spec.want_received = received;
              spec.shared_prefix = prefix;
              if (pieces > 0)
                spec.segments = pieces == 1 ? std::vector<Segment>{{prefix, keys}} : cut(prefix, keys, 3, 10);
              if (pieces == 0 && prefix > 0 && !causal && cached > 0) continue;
              compare_attention(s, queries, keys, 10, 10, spec);
            }
  // Odd sizes and head widths, keys and values of different widths.
  for (const Index n : odd_sizes())
    for (const Index d : {1, 5, 24, 40}) {
      AttentionSpec spec;
      spec.heads = 2;
      spec.kv_heads = 1;
      spec.scale = 1.0f / std::sqrt(static_cast<float>(d));
      spec.want_received = d == 24;
      compare_attention(s, n, n, d, d, spec);
      compare_attention(s, n, 2 * n + 1, d, d + 3, spec);  // cross attention
      spec.causal = true;
      compare_attention(s, n, n, d, d, spec);
      spec.causal_offset = n;
      compare_attention(s, n, 2 * n, d, d, spec);
      compare_attention(s, 1, n + 1, d, d, [&] {
        AttentionSpec one = spec;
        one.causal_offset = n;
        return one;
      }());  // decoding
    }
  // Decoding inside a segment and after a shared prefix; all group sizes.
  for (const Index group : {1, 2, 3, 4, 5, 8}) {
    AttentionSpec spec;
    spec.heads = 2 * group;
    spec.kv_heads = 2;
    spec.causal = true;
    spec.want_received = group % 2 == 0;
    spec.causal_offset = 40;
    compare_attention(s, 1, 41, 64, 64, spec, "attention_sharp");
    spec.shared_prefix = 6;
    spec.segments = {{6, 30}, {30, 41}};
    compare_attention(s, 1, 41, 20, 36, spec);
  }
  // Longer than any block; scores large enough that a running softmax must rescale.
  AttentionSpec spec;
  spec.heads = 2;
  spec.kv_heads = 1;
  spec.want_received = true;
  spec.scale = 2;
  compare_attention(s, 131, 1111, 16, 16, spec, "attention_long");
  spec.causal = true;
  spec.causal_offset = 700;
  compare_attention(s, 411, 1111, 16, 16, spec, "attention_long");
  spec.causal_offset = 0;
  spec.shared_prefix = 300;
  spec.segments = {{300, 301}, {301, 800}, {800, 800}, {800, 1111}};
  compare_attention(s, 1111, 1111, 8, 8, spec, "attention_long");

  // No queries; and what must throw.
  AttentionSpec plain;
  plain.heads = plain.kv_heads = 2;
  expect_near(
      s.b,
      s.b.attention(s.tensor(Matrix(0, 8)), s.tensor(random_matrix(3, 8, 1)), s.tensor(random_matrix(3, 6, 1)), plain)
          .out,
      Matrix(0, 6), Matrix(0, 6), "attention", "no queries");
  const auto q = s.tensor(random_matrix(5, 8, 1)), k = s.tensor(random_matrix(5, 8, 2)),
             shorter = s.tensor(random_matrix(4, 8, 2)), wide = s.tensor(random_matrix(5, 12, 2));
  const auto throws = [&](const char* what, const auto& qq, const auto& kk, const auto& vv, auto change) {
    AttentionSpec bad = plain;
    change(bad);
    expect_shape_error(what, [&] { s.b.attention(qq, kk, vv, bad); });
  };
  throws("key rows", q, k, shorter, [](AttentionSpec&) {});
  throws("key columns", q, wide, k, [](AttentionSpec&) {});
  throws("heads", q, k, k, [](AttentionSpec& b) { b.heads = b.kv_heads = 3; });
  throws("kv heads", q, k, k, [](AttentionSpec& b) { b.kv_heads = 4; });
  throws("segments with a hole", q, k, k, [](AttentionSpec& b) { b.segments = {{0, 2}, {3, 5}}; });
  throws("segments too short", q, k, k, [](AttentionSpec& b) { b.segments = {{0, 2}, {2, 4}}; });
  throws("segments too long", q, k, k, [](AttentionSpec& b) { b.segments = {{0, 2}, {2, 6}}; });
  throws("segments that miss the prefix", q, k, k, [](AttentionSpec& b) {
    b.shared_prefix = 1;
    b.segments = {{0, 5}};
  });
}

/// Log sizes from 0 to ln 9, some keys twice as heavy as that in the other direction, every fifth hidden.
inline std::vector<float> some_bias(Index keys, bool hiding) {
  std::vector<float> out;
  for (Index j = 0; j < keys; ++j)
    out.push_back(hiding && j % 5 == 3 ? -std::numeric_limits<float>::infinity()
                  : j % 7 == 2         ? -1.5f
                                       : std::log(static_cast<float>(1 + j % 9)));
  return out;
}

template <class B>
void key_bias() {
  Bench<B> s;
  for (const bool hiding : {false, true})
    for (const bool causal : {false, true})
      for (const Index prefix : {0, 9})
        for (const auto& [heads, kv_heads] : {std::pair<Index, Index>{1, 1}, {4, 2}, {5, 1}})
          for (const Index cached : {0, 11, 66}) {  // 66: one query, as in decoding
            const Index keys = 67;
            AttentionSpec spec;
            spec.heads = heads;
            spec.kv_heads = kv_heads;
            spec.scale = 0.3f;
            spec.causal = causal;
            spec.causal_offset = cached;
            spec.shared_prefix = prefix;
            if (prefix > 0) spec.segments = cut(prefix, keys, 3, 10);
            const std::vector<float> bias = some_bias(keys, hiding);
            spec.key_bias = bias;
            for (const bool received : {false, true}) {
              spec.want_received = received;
              compare_attention(s, keys - cached, keys, 10, 12, spec, "attention_bias");
            }
          }
  // Longer than any block, whole blocks of keys hidden, and sharp.
  AttentionSpec spec;
  spec.heads = 2;
  spec.kv_heads = 1;
  spec.want_received = true;
  std::vector<float> bias = some_bias(1111, true);
  std::fill(bias.begin() + 5, bias.begin() + 601, -std::numeric_limits<float>::infinity());
  std::fill(bias.begin() + 800, bias.end(), -std::numeric_limits<float>::infinity());
  spec.key_bias = bias;
  for (const float scale : {0.25f, 2.0f})
    for (const bool causal : {false, true}) {
      spec.scale = scale;
      spec.causal = causal;
      spec.causal_offset = causal ? 700 : 0;
      compare_attention(s, 411, 1111, 16, 16, spec, "attention_bias_long");
    }
  std::fill(bias.begin(), bias.begin() + 601, -std::numeric_limits<float>::infinity());  // the first blocks of keys
  compare_attention(s, 411, 1111, 16, 16, spec, "attention_bias_long");
  spec.causal_offset = 1110;
  compare_attention(s, 1, 1111, 16, 16, spec, "attention_bias_long");

  // Nothing but zeros is no bias, in every bit; and it leaves no trace in a later call.
  for (const Index queries : {1, 29, 67})
    for (const bool received : {false, true}) {
      AttentionSpec plain;
      plain.heads = 4;
      plain.kv_heads = 2;
      plain.scale = 0.3f;
      plain.causal = true;
      plain.causal_offset = 67 - queries;
      plain.want_received = received;
      const auto q = s.tensor(random_matrix(queries, 40, 24)), k = s.tensor(random_matrix(67, 20, 25)),
                 v = s.tensor(random_matrix(67, 20, 26));
      const std::vector<float> zeros(67, 0.0f), some = some_bias(67, false);
      AttentionSpec biased = plain;
      biased.key_bias = zeros;
      const auto got = s.b.attention(q, k, v, biased), want = s.b.attention(q, k, v, plain);
      CHECK(same_bits(s.b.to_host(got.out), s.b.to_host(want.out)));
      if (received) CHECK(same_bits(s.b.to_host(got.received), s.b.to_host(want.received)));
      biased.key_bias = some;
      CHECK_FALSE(same_bits(s.b.to_host(s.b.attention(q, k, v, biased).out), s.b.to_host(want.out)));
      CHECK(same_bits(s.b.to_host(s.b.attention(q, k, v, plain).out), s.b.to_host(want.out)));
      biased.key_bias = std::span(some).first(66);
      expect_shape_error("a bias for each key", [&] { s.b.attention(q, k, v, biased); });
    }
}

/// A key that stands for s equal ones, with a bias of ln s, against those s keys: the largest difference of the
/// outputs, for arithmetic that has no reference in double.
template <class B>
double bias_against_repeated_keys(B& b, Index queries) {
  const Index kinds = 61;
  const Matrix q = random_matrix(queries, 4 * 32, 24), k = random_matrix(kinds, 2 * 32, 25),
               v = random_matrix(kinds, 2 * 32, 26);
  std::vector<float> bias;
  std::vector<Index> repeated;
  for (Index j = 0; j < kinds; ++j) {
    bias.push_back(std::log(static_cast<float>(1 + j % 7)));
    repeated.insert(repeated.end(), static_cast<std::size_t>(1 + j % 7), j);
  }
  AttentionSpec spec;
  spec.heads = 4;
  spec.kv_heads = 2;
  spec.scale = 0.125f;
  const auto tensor = [&](const Matrix& m) { return b.from_host(m.floats(), m.rows, m.cols); };
  const auto tq = tensor(q), tk = tensor(k), tv = tensor(v);
  const auto want = b.to_host(b.attention(tq, b.gather_rows(tk, repeated), b.gather_rows(tv, repeated), spec).out),
             plain = b.to_host(b.attention(tq, tk, tv, spec).out);
  spec.key_bias = bias;
  const auto got = b.to_host(b.attention(tq, tk, tv, spec).out);
  double off = 0, without = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    off = std::max(off, std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
    without = std::max(without, std::abs(static_cast<double>(plain[i]) - static_cast<double>(want[i])));
  }
  CHECK(without > 0.1);
  return off;
}

}  // namespace arrcoc::conformance
