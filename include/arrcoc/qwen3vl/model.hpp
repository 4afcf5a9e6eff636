#pragma once
// A loaded Qwen3-VL: vision tower and language model on one backend, and the stock way from a prompt to the model's
// input.
#include <utility>
#include <vector>

#include "arrcoc/qwen3vl/encoded.hpp"
#include "arrcoc/qwen3vl/injected.hpp"
#include "arrcoc/qwen3vl/language_model.hpp"
#include "arrcoc/qwen3vl/pixels.hpp"
#include "arrcoc/qwen3vl/vision_tower.hpp"

namespace arrcoc::qwen3vl {

template <class B>
class Model {
 public:
  Model() = default;
  Model(B& b, ModelConfig config, const WeightLookup& lookup)
      : config_(std::move(config)), text_(b, config_.text, lookup) {
    if (config_.has_vision) vision_ = VisionTower<B>(b, config_.vision, lookup);
  }
  const ModelConfig& config() const { return config_; }
  const LanguageModel<B>& text() const { return text_; }
  const VisionTower<B>& vision() const { return vision_; }

  /// `requests`: what decisions ask of the tower's blocks; `hook` decides between them.
  VisionOut<B> encode_images(B& b, const std::vector<Pixels>& pictures, Trace* trace = nullptr,
                             const std::vector<Request>& requests = {}, TowerHook<B>* hook = nullptr) const {
    const StageTimer timer(trace, "vision");
    if (pictures.empty()) return {};
    require_that(config_.has_vision, Code::bad_prompt, "model",
                 "this checkpoint has no vision tower, but the prompt has a picture");
    const Index width = config_.vision.patch_values();
    const Index merge = config_.vision.spatial_merge_size;
    std::vector<PatchPlan> plans;
    std::vector<float> rows;
    for (const Pixels& p : pictures) {
      plans.push_back({p.patches, p.places, p.segments});
      const Index tokens = plans.back().tokens(merge), expected = tokens * merge * merge;
      require_that(static_cast<Index>(p.rows.size()) == expected * width, Code::shape_mismatch, "model", [&] {
        return "pixel rows: expected " + std::to_string(expected) + " of " + std::to_string(width) + " values for " +
               std::to_string(tokens) + " tokens, got " + std::to_string(p.rows.size()) + " values";
      });
      if (pictures.size() > 1) rows.insert(rows.end(), p.rows.begin(), p.rows.end());
    }
    const std::vector<float>& all = pictures.size() > 1 ? rows : pictures.front().rows;
    return vision_.run(b, b.from_host(all, static_cast<Index>(all.size()) / width, width), plans, trace, requests,
                       hook);
  }

  /// Spans and sources must agree: as many pictures and clips, the same grids and frames, in order.
  void check_prompt(const std::vector<TokenSet>& sources, const Prompt& prompt) const {
    require_that(!prompt.ids.empty(), Code::bad_prompt, "model", "the prompt is empty");
    const std::vector<TokenSet> marked = sources_of(prompt);
    require_that(sources.size() == marked.size(), Code::bad_prompt, "model", [&] {
      return "expected one picture for each placeholder, got " + std::to_string(sources.size()) + " pictures and " +
             std::to_string(marked.size()) + " placeholders";
    });
    for (std::size_t i = 0; i < sources.size(); ++i) {
      require_that(sources[i].grid == marked[i].grid, Code::bad_prompt, "model",
                   "a picture's grid differs from its placeholder's");
      require_that(sources[i].frames == marked[i].frames, Code::bad_prompt, "model", [&] {
        return "a clip: expected a placeholder for each of its " + std::to_string(sources[i].frames) +
               " pairs of frames, got " + std::to_string(marked[i].frames);
      });
    }
  }
  /// The tokens of whole pictures and clips.
  TokenSet tokens_of(const PatchGrid& patches) const {
    return {patches.tokens(config_.vision.spatial_merge_size), patches.frames};
  }
  Encoded<B> encode(B& b, const std::vector<Pixels>& pictures, const Prompt& prompt, Trace* trace = nullptr) const {
    std::vector<TokenSet> sources;
    for (const Pixels& p : pictures) sources.push_back(tokens_of(p.patches));
    check_prompt(sources, prompt);
    return {encode_images(b, pictures, trace), text_.embed(b, prompt.ids), build_positions(prompt)};
  }

 private:
  ModelConfig config_;
  LanguageModel<B> text_;
  VisionTower<B> vision_;
};

/// The stock model's input: every visual token, every level. No pipeline is involved.
template <class B>
Injected<B> stock_input(B& b, const Prompt& prompt, const Encoded<B>& e) {
  Injected<B> in;
  in.positions = e.positions;
  std::vector<Index> rows;
  for (const VisionSpan& s : prompt.spans)
    for (Index column = s.begin; column < s.end(); ++column) rows.push_back(column);
  in.embeddings = rows.empty() ? e.embeddings : b.scatter_rows(e.embeddings, rows, e.vision.tokens);
  if (!rows.empty())
    for (const auto& level : e.vision.deepstack) in.levels.push_back({rows, level});
  in.rows = prompt_rows(prompt);
  in.words = words_of(prompt);
  return in;
}

}  // namespace arrcoc::qwen3vl
