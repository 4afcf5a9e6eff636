#pragma once
// What an answer costs, counted from shapes (qwen3vl/flops.hpp). Nothing here is measured.
#include <algorithm>
#include <vector>

#include "arrcoc/pipeline/decide.hpp"
#include "arrcoc/qwen3vl/flops.hpp"

namespace arrcoc {

/// One layer of the language model in the prefill.
struct LayerCost {
  Index rows = 0, visual = 0;  // living rows, and visual ones among them
  double flops = 0, kv_bytes = 0;
};

/// A first look: `layers` layers over `rows` rows, `visual` of them tokens.
struct LookCost {
  std::size_t decision = 0;
  Index layers = 0, rows = 0, visual = 0;
};

struct Costs {
  Index visual_tokens_before = 0, visual_tokens_after = 0;  // after the last decision
  Index visual_tokens_encoded = 0;                          // that went through the whole tower
  Index sequence_length_before = 0, sequence_length = 0;    // of the rows that enter layer 0
  Index deepstack_additions = 0;                            // rows added over all levels
  double vision_flops = 0;                                  // blocks, attention included
  double merger_flops = 0;                                  // main and DeepStack mergers
  double evidence_flops = 0;                                // what decisions asked of the model beyond the stock path
  double prefill_flops = 0;                                 // the head, applied to one row, included
  double decode_flops_per_token = 0;                        // at the end of the prompt
  double kv_bytes = 0;                                      // as cached: prompt rows of all layers, 4 bytes a value
  double token_layers = 0;                                  // living visual tokens, mean over the layers
  double decode_visual_tokens = 0;                          // that a token fed back looks at, mean over the layers
  std::vector<LayerCost> layers;                            // of the language model
  Index legacy_effective_tokens = 0;                        // tokens x levels, as older notes count; not a cost
};

/// Tokens of one picture that enter each block of the tower, [depth], and what its last block leaves.
inline std::vector<Index> tokens_in_tower(const VisionConfig& v, Index native, std::size_t picture,
                                          const std::vector<DecisionTrace>& decisions) {
  std::vector<Index> out;
  Index living = native;
  for (Index block = 0; block <= v.depth; ++block) {
    for (const DecisionTrace& d : decisions)
      if ((d.phase == Phase::pixels && block == 0) || (d.phase == Phase::tower && d.layer == block))
        living = d.left(picture);
    out.push_back(living);
  }
  return out;
}

/// Tokens of each attention segment of one picture in the tower, where it was cut into some; else empty.
inline std::vector<Index> segments_of(std::size_t picture, const std::vector<DecisionTrace>& decisions) {
  std::vector<Index> out;
  for (const DecisionTrace& d : decisions)
    if (!d.plans.empty())
      for (const Index s : d.plans[picture].segments) {
        if (s >= static_cast<Index>(out.size())) out.resize(static_cast<std::size_t>(s) + 1);
        ++out[static_cast<std::size_t>(s)];
      }
  return out;
}

/// Work that decisions asked for beyond the stock path: the query encoder; one attention for each block of the tower
/// that is asked what its tokens received; and of layers the scores of the rows that pay, with the projections of the
/// very layer a decision stands before. `turns`: how often one for each decoded token was taken.
template <class B>
double evidence_flops(const ModelConfig& config, const AnyPipeline<B>& pipeline, const Query<B>* query,
                      const std::vector<Picture>& pictures, const std::vector<DecisionTrace>& decisions,
                      const std::vector<LayerCost>& layers, const std::vector<LookCost>& looks, Index turns = 0) {
  double sum = query != nullptr ? query->flops : 0;
  const VisionConfig& v = config.vision;
  std::vector<Index> blocks;
  for (const Request& r : pipeline.requests(Request::Site::tower)) {
    const Index block = counted(r.index, v.depth);
    if (r.what == Request::What::received && block < v.depth &&
        std::find(blocks.begin(), blocks.end(), block) == blocks.end())
      blocks.push_back(block);
  }
  const Index merge = v.spatial_merge_size * v.spatial_merge_size;
  for (std::size_t p = 0; p < pictures.size() && !blocks.empty(); ++p) {
    const std::vector<Index> in = tokens_in_tower(v, pictures[p].tokens().count(), p, decisions),
                             segments = segments_of(p, decisions);
    const Index frames = std::max<Index>(pictures[p].pixels.patches.frames, 1);
    for (const Index block : blocks) {
      const auto patches = static_cast<double>(in[static_cast<std::size_t>(block)] * merge);
      double pairs = segments.empty() ? patches * patches / static_cast<double>(frames) : 0;
      for (const Index tokens : segments) pairs += static_cast<double>(tokens * merge * tokens * merge);
      sum += 4 * pairs * static_cast<double>(v.hidden_size);
    }
  }
  const TextConfig& t = config.text;
  const auto a = static_cast<double>(t.heads * t.head_dim), k = static_cast<double>(t.kv_heads * t.head_dim);
  const auto at = [&](Index l) { return counted(l, t.layers); };
  for (const auto& d : pipeline.decisions) {
    if (d.phase() != Phase::layer || d.injector.facts.again) continue;
    bool own = false;
    for (const Request& r : d.requests()) {
      if (r.site != Request::Site::layer || at(r.index) >= static_cast<Index>(layers.size())) continue;
      const auto rows = static_cast<double>(layers[static_cast<std::size_t>(at(r.index))].rows);
      if (d.injector.facts.reversible) {  // one row pays
        if (r.what == Request::What::received) sum += 2 * static_cast<double>(turns) * rows * a;
        continue;
      }
      const bool few = r.rows == Request::Rows::last || r.rows == Request::Rows::vision_end;
      if (r.what == Request::What::received) sum += 2 * (few ? 1 : rows) * rows * a;  // an upper bound for lists
      own = own || at(r.index) == at(d.injector.facts.before);
    }
    if (own) {
      const auto rows = static_cast<double>(layers[static_cast<std::size_t>(at(d.injector.facts.before))].rows);
      sum += 2 * rows * static_cast<double>(t.hidden_size) * (a + 2 * k);
    }
  }
  for (const LookCost& look : looks) {
    for (Index l = 0; l < look.layers; ++l) sum += layer_flops(t, l, look.rows, 0);
    for (const Request& r : pipeline.decisions[look.decision].requests())
      if (r.site == Request::Site::layer && r.what == Request::What::received)
        sum += 2 * static_cast<double>(look.rows) * static_cast<double>(look.rows) * a;  // at most
  }
  return sum;
}

/// What an answer costs. `entering`: the allocations with which rows enter the language model; `decisions`: all that
/// were taken.
inline Costs count_costs(const ModelConfig& config, const std::vector<Picture>& pictures, Index prompt_length,
                         const std::vector<Allocation>& entering, const std::vector<DecisionTrace>& decisions,
                         const std::vector<LookCost>& looks) {
  Costs c;
  const VisionConfig& v = config.vision;
  const auto levels = static_cast<Index>(v.deepstack_taps.size());
  const Index merge = v.spatial_merge_size * v.spatial_merge_size;
  for (std::size_t p = 0; p < pictures.size(); ++p) {
    const Index native = pictures[p].tokens().count(), frames = std::max<Index>(pictures[p].pixels.patches.frames, 1);
    const std::vector<Index> in = tokens_in_tower(v, native, p, decisions);
    c.visual_tokens_before += native;
    c.visual_tokens_encoded += in.front();
    c.vision_flops += patch_flops(v, in.front() * merge);
    const std::vector<Index> segments = segments_of(p, decisions);
    for (Index block = 0; block < v.depth; ++block) {
      const Index patches = in[static_cast<std::size_t>(block)] * merge;
      if (segments.empty()) c.vision_flops += block_flops(v, patches, patches / frames);
      for (const Index tokens : segments) c.vision_flops += block_flops(v, tokens * merge, tokens * merge);
    }
    c.merger_flops += merger_flops(v, in.back());
    for (const Index tap : v.deepstack_taps) c.merger_flops += merger_flops(v, in[static_cast<std::size_t>(tap)]);
  }
  Index rows = 0;
  std::vector<std::vector<std::uint32_t>> depth;  // of each picture's living tokens
  for (const Allocation& a : entering) {
    rows += a.count();
    depth.push_back(a.depth);
  }
  const Index text = prompt_length - c.visual_tokens_before;
  c.sequence_length_before = prompt_length;
  c.sequence_length = text + rows;
  const TextConfig& t = config.text;
  c.visual_tokens_after = rows;
  c.prefill_flops = c.decode_flops_per_token = head_flops(t);
  double token_layers = 0;
  const auto answering = behind_looks(decisions);
  for (Index l = 0; l < t.layers; ++l) {
    Index waiting = 0;  // rows that join later
    for (const Allocation& a : entering)
      for (const Index e : a.entry) waiting += e > l;
    for (const DecisionTrace& d : answering) {
      if (d.phase != Phase::layer || d.layer != l) continue;
      c.visual_tokens_after = 0;
      for (std::size_t p = 0; p < depth.size(); ++p) {
        const Allocation& a = d.pictures[p].allocation;
        std::vector<std::uint32_t> left;
        for (const Index token : a.kept) left.push_back(depth[p][static_cast<std::size_t>(token)]);
        depth[p] = std::move(left);
        c.visual_tokens_after += a.count();
      }
    }
    if (l < levels)
      for (const auto& living : depth)
        for (const std::uint32_t d : living) c.deepstack_additions += d >> l & 1u;
    const Index visual = c.visual_tokens_after - waiting, living = text + visual;
    c.layers.push_back(
        {living, visual, layer_flops(t, l, living, 0), kv_bytes(t, living) / static_cast<double>(t.layers)});
    c.prefill_flops += c.layers.back().flops;
    c.decode_flops_per_token += layer_flops(t, l, 1, living);
    c.kv_bytes += c.layers.back().kv_bytes;
    token_layers += static_cast<double>(visual);
  }
  c.decode_visual_tokens = token_layers / static_cast<double>(std::max<Index>(t.layers, 1));
  for (const LookCost& look : looks) token_layers += static_cast<double>(look.visual * look.layers);
  c.legacy_effective_tokens = c.visual_tokens_after + c.deepstack_additions;
  c.token_layers = token_layers / static_cast<double>(std::max<Index>(t.layers, 1));
  return c;
}

}  // namespace arrcoc
