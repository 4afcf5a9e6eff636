#pragma once
// M-RoPE position ids of a prompt, and the rotary angles made from them. Source: facts of Qwen3-VL's get_rope_index and
// its interleaved rotary embedding; positions are exact integers for stock plans and kept as float32 (fractional
// centres later).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/model_config.hpp"
#include "arrcoc/core/places.hpp"
#include "arrcoc/core/prompt.hpp"

namespace arrcoc::qwen3vl {

/// Which axis turns which frequency: in turn, as in Qwen3-VL, or a block each, as in Qwen2-VL.
enum class RotaryAxes : std::uint8_t { interleaved, blocked };

/// How positions are read, by the prompt and by what is generated behind it. Others than the default are experiments.
struct PositionRule {
  RotaryAxes axes = RotaryAxes::interleaved;
  bool text_on_w = false;  // text at i stands at (0, 0, i), else on all three axes
  bool operator==(const PositionRule&) const = default;
};

/// Where the next text stands, and how that is read.
struct NextPosition {
  Index at = 0;
  PositionRule rule{};
};

/// One column per sequence position: t, h, w. `next` is the position of the first generated token.
struct Positions {
  std::vector<float> t, h, w;  // [L] each
  Index next = 0;
  PositionRule rule{};

  Index length() const { return static_cast<Index>(t.size()); }
  /// What Hugging Face calls rope_deltas: grows by one for every dropped column.
  Index rope_delta() const { return next - length(); }
  void push(float pt, float ph, float pw) {
    t.push_back(pt);
    h.push_back(ph);
    w.push_back(pw);
  }
  NextPosition following() const { return {next, rule}; }
  void push_text(Index at) {
    const auto p = static_cast<float>(at);
    rule.text_on_w ? push(0, 0, p) : push(p, p, p);
  }
};

/// Text runs count up on all axes; an image span stays at one t and spreads over h and w; what follows starts after the
/// longer side. A clip has one such span for each temporal patch, and no time but that of the text between them. Where
/// no text stands between (ClipLayout::block), the patches share h and w and their t grows by one; what follows starts
/// after the largest, as in Qwen2-VL's get_rope_index until transformers 4.57 (5.23 forgets t there).
/// `tokens`: what stands for each picture or clip, or an empty list: its raster. Other tokens take the first columns of
/// their span, at the centres of their places; those of another grid are a picture of that grid. Error{bad_prompt} for
/// spans that overlap, Error{shape_mismatch} for more tokens than a span has columns, or a clip's that are no raster.
inline Positions build_positions(const Prompt& prompt, std::span<const TokenSet> tokens = {}) {
  Positions p;
  Index next = 0, column = 0, start = 0;  // start: of the span, or of the block it goes on
  const auto text_until = [&](Index end) {
    for (; column < end; ++column, ++next) p.push_text(next);
  };
  const auto length = static_cast<Index>(prompt.ids.size());
  for (const VisionSpan& s : prompt.spans) {
    require_that(s.begin >= column && s.begin + s.grid.count() <= length && s.grid.count() > 0, Code::bad_prompt,
                 "positions", "vision spans must be disjoint, in order and inside the prompt");
    const Index later = s.frame > 0 && s.begin == column ? s.frame : 0;
    text_until(s.begin);
    if (later == 0) start = next;
    const TokenSet raster(s.grid);
    const TokenSet* given = tokens.empty() ? nullptr : &tokens[static_cast<std::size_t>(s.image)];
    require_that(given == nullptr || given->frames == 1 || (given->raster() && given->grid == s.grid),
                 Code::shape_mismatch, "positions", "tokens of a clip: expected the raster of its frames");
    const TokenSet& own = given == nullptr || given->frames > 1 ? raster : *given;
    require_that(own.count() <= s.grid.count(), Code::shape_mismatch, "positions", [&] {
      return "tokens of a picture: expected at most its " + std::to_string(s.grid.count()) + ", got " +
             std::to_string(own.count());
    });
    const auto base = static_cast<float>(start), t = static_cast<float>(start + later);
    for (Index i = 0; i < s.grid.count(); ++i) {  // columns behind the last token hold nobody
      const Place at = i < own.count() ? own.at(i) : Place{};
      p.push(t, base + at.centre_row(), base + at.centre_col());
    }
    column += s.grid.count();
    next = std::max(next, start + std::max({own.grid.rows, own.grid.cols, later + 1}));
  }
  text_until(length);
  p.next = next;
  return p;
}

/// The surviving columns of the full table. Positions are never recomputed on the short sequence.
inline Positions gather_columns(const Positions& full, const std::vector<Index>& columns) {
  Positions p;
  for (const Index c : columns) {
    const auto i = static_cast<std::size_t>(c);
    p.push(full.t[i], full.h[i], full.w[i]);
  }
  p.next = full.next;
  p.rule = full.rule;
  return p;
}

/// 0, 1, 2 ... on every axis, and what follows at `length`: text alone, and what transformers makes of `inputs_embeds`
/// that come without ids and grids.
inline Positions sequential_positions(Index length) {
  Positions p;
  for (Index i = 0; i < length; ++i) p.push_text(i);
  p.next = length;
  return p;
}

/// Those of the first sketch (seeds.md Z7, P3), which are wrong: text counts 0, 1, 2 ... on w alone, from the prompt's
/// start and without the pictures, and every picture's first token stands at (0, 0, 0), so that text lies on the first
/// row of each picture, and pictures on each other. `p`: the true ones of the whole prompt. What follows goes on at
/// (0, 0, number of text columns).
inline Positions seed_positions(const Positions& p, const Prompt& prompt) {
  Positions out;
  out.rule = {p.rule.axes, true};
  Index column = 0;
  float start = 0;  // of the picture, the frame, or the block that a frame goes on
  const auto text_until = [&](Index end) {
    for (; column < end; ++column) out.push_text(out.next++);
  };
  for (const VisionSpan& s : prompt.spans) {
    if (s.frame == 0 || s.begin != column) start = p.t[static_cast<std::size_t>(s.begin)];
    text_until(s.begin);
    for (; column < s.end(); ++column) {
      const auto i = static_cast<std::size_t>(column);
      out.push(p.t[i] - start, p.h[i] - start, p.w[i] - start);
    }
  }
  text_until(p.length());
  return out;
}

/// cos and sin, [L, d/2] row-major each.
struct RotaryTable {
  std::vector<float> cos, sin;
  Index rows = 0, half = 0;
};

/// 1 / theta^(2i/d) in float32 steps, as the reference computes them, with YaRN's stretch when it is on.
inline std::vector<float> inverse_frequencies(const TextConfig& c) {
  const Index half = c.head_dim / 2;
  std::vector<float> inv(static_cast<std::size_t>(half));
  const auto theta = static_cast<float>(c.rope_theta);
  for (Index i = 0; i < half; ++i)
    inv[static_cast<std::size_t>(i)] =
        1.0f / std::pow(theta, static_cast<float>(2 * i) / static_cast<float>(c.head_dim));
  if (c.yarn_factor <= 0) return inv;
  const double two_pi = 6.283185307179586476925286766559;
  const auto corrected = [&](double rotations) {
    return static_cast<double>(c.head_dim) * std::log(c.yarn_original_positions / (rotations * two_pi)) /
           (2.0 * std::log(c.rope_theta));
  };
  double low = corrected(c.yarn_beta_fast), high = corrected(c.yarn_beta_slow);
  if (c.yarn_truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(0.0, low);
  high = std::min(static_cast<double>(c.head_dim - 1), high);
  if (low == high) high += 0.001;
  for (Index i = 0; i < half; ++i) {
    const float ramp =
        std::clamp((static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0f, 1.0f);
    float& f = inv[static_cast<std::size_t>(i)];
    f = (f / static_cast<float>(c.yarn_factor)) * ramp + f * (1.0f - ramp);
  }
  return inv;
}

/// Which axis (0 t, 1 h, 2 w) turns frequency i: h where i % 3 == 1 and i < 3*section[1], w where i % 3 == 2 and i <
/// 3*section[2], else t.
inline int mrope_axis(Index i, const std::vector<Index>& section) {
  if (i % 3 == 1 && i < 3 * section[1]) return 1;
  if (i % 3 == 2 && i < 3 * section[2]) return 2;
  return 0;
}

/// The same in blocks: t for the first section[0] frequencies, h for the next section[1], w for the rest
/// (apply_multimodal_rotary_pos_emb of transformers' Qwen2-VL; seeds.md P9).
inline int mrope_block(Index i, const std::vector<Index>& section) {
  return i < section[0] ? 0 : i < section[0] + section[1] ? 1 : 2;
}

/// M-RoPE, its frequencies dealt out as p.rule.axes says, in float32: angle = position * inv_freq, both float32, then
/// cos and sin (times YaRN's attention factor).
inline RotaryTable text_rotary(const Positions& p, const TextConfig& c, const std::vector<float>& inv_freq) {
  RotaryTable table;
  table.rows = p.length();
  table.half = c.head_dim / 2;
  table.cos.resize(static_cast<std::size_t>(table.rows * table.half));
  table.sin.resize(table.cos.size());
  const float attention_factor = c.yarn_attention_factor > 0 ? static_cast<float>(c.yarn_attention_factor)
                                 : c.yarn_factor > 1         ? static_cast<float>(0.1 * std::log(c.yarn_factor) + 1.0)
                                                             : 1.0f;
  for (Index l = 0; l < table.rows; ++l) {
    for (Index i = 0; i < table.half; ++i) {
      const int axis =
          p.rule.axes == RotaryAxes::blocked ? mrope_block(i, c.mrope_section) : mrope_axis(i, c.mrope_section);
      const auto& axis_positions = axis == 0 ? p.t : axis == 1 ? p.h : p.w;
      const float angle = axis_positions[static_cast<std::size_t>(l)] * inv_freq[static_cast<std::size_t>(i)];
      const auto at = static_cast<std::size_t>(l * table.half + i);
      table.cos[at] = std::cos(angle) * attention_factor;
      table.sin[at] = std::sin(angle) * attention_factor;
    }
  }
  return table;
}

}  // namespace arrcoc::qwen3vl
