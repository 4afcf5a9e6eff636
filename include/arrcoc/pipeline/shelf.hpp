#pragma once
// Evidence of the pictures of one prompt, computed once and shared by every decision, pipeline and question about them.
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/clip.hpp"
#include "arrcoc/core/similarity.hpp"
#include "arrcoc/pipeline/pipeline.hpp"
#include "arrcoc/qwen3vl/pixels.hpp"

namespace arrcoc {

/// The pixels of a clip, a temporal patch at a time, in order (pipeline/clip.hpp makes one of frames).
struct PairSource {
  PairSource() = default;
  PairSource(const PairSource&) = delete;
  PairSource& operator=(const PairSource&) = delete;
  virtual ~PairSource() = default;
  /// Pixels of one frame of the clip's grid. Error{bad_video} for a clip that ends early.
  virtual qwen3vl::Pixels next() = 0;
};

/// A picture or clip as the pipeline sees it. The pixels for the tower may be empty when features are given, nothing
/// looks at them, or `pairs` brings them; `pixels.patches` is of the whole in any case.
struct Picture {
  ImageView native;  // as decoded, before any resize; of a clip its size alone
  Grid grid;         // tokens, of one frame
  qwen3vl::Pixels pixels;
  std::vector<Box> boxes;               // answer boxes in native pixels, for the oracle only; of a clip by its pairs
  std::shared_ptr<PairSource> pairs{};  // of a clip that is not held in memory
  std::function<std::unique_ptr<FrameSource>()> frames{};  // of a clip: its pixels once more, for textures
  Index slots = 2;                                         // of a clip: frames of a temporal patch

  bool is_clip() const { return pairs != nullptr || pixels.patches.frames > 1; }
  TokenSet tokens() const { return {grid, pixels.patches.frames}; }
};

/// Textures of the whole raster of each picture, by the texture's key.
class TextureShelf {
 public:
  /// Where they are, or will be; good until the next call.
  std::shared_ptr<const Textures>& at(std::size_t picture, const std::string& key) {
    for (Kept& kept : all_)
      if (kept.picture == picture && kept.key == key) return kept.textures;
    all_.push_back({picture, key, nullptr});
    return all_.back().textures;
  }

 private:
  struct Kept {
    std::size_t picture;
    std::string key;
    std::shared_ptr<const Textures> textures;
  };
  std::vector<Kept> all_;
};

/// What the vision tower gave for all pictures of a prompt, cut by picture, with the copies that the host plane asked
/// for. Decisions after the tower gather from it.
template <class B>
class Shelf {
 public:
  /// `vision` of all pictures and clips (`sources`: their rasters) in prompt order; empty tensors are evidence that is
  /// not there. `encoded`: the raster tokens of each that have a row, ascending; an empty list, or no list: all.
  Shelf(const std::vector<TokenSet>& sources, qwen3vl::VisionOut<B> vision,
        std::vector<std::vector<Index>> encoded = {})
      : vision_(std::move(vision)), encoded_(std::move(encoded)), host_(sources.size()) {
    encoded_.resize(sources.size());
    first_.push_back(0);
    for (std::size_t p = 0; p < sources.size(); ++p)
      first_.push_back(first_.back() +
                       (encoded_[p].empty() ? sources[p].count() : static_cast<Index>(encoded_[p].size())));
  }
  const qwen3vl::VisionOut<B>& vision() const { return vision_; }
  bool encoded() const { return vision_.count > 0; }
  /// Raster tokens of a picture that have a row; empty: all.
  const std::vector<Index>& encoded_tokens(std::size_t picture) const { return encoded_[picture]; }
  const std::vector<std::vector<Index>>& encoded_tokens() const { return encoded_; }
  Index rows(std::size_t picture) const { return first_[picture + 1] - first_[picture]; }

  /// [rows(picture), D] of one picture.
  typename B::Tensor tokens(B& b, std::size_t picture) const { return slice(b, vision_.tokens, picture); }
  std::size_t levels() const { return vision_.deepstack.size(); }
  typename B::Tensor level(B& b, std::size_t picture, std::size_t l) const {
    return slice(b, vision_.deepstack[l], picture);
  }

  /// Copies on the host plane, made on first use.
  const std::shared_ptr<const HostTensor>& vision_host(B& b, std::size_t picture) {
    auto& at = host_[picture].vision;
    if (!at) at = std::make_shared<const HostTensor>(copied(b, tokens(b, picture)));
    return at;
  }
  const std::shared_ptr<const std::vector<HostTensor>>& levels_host(B& b, std::size_t picture) {
    auto& at = host_[picture].levels;
    if (!at) {
      std::vector<HostTensor> all;
      for (std::size_t l = 0; l < levels(); ++l) all.push_back(copied(b, level(b, picture, l)));
      at = std::make_shared<const std::vector<HostTensor>>(std::move(all));
    }
    return at;
  }
  /// Of all its rows; `make` at the first call.
  template <class Make>
  const std::shared_ptr<const SimilarityRows>& similarity(B& b, std::size_t picture, const Make& make) {
    auto& at = host_[picture].similarity;
    if (!at) at = make(*vision_host(b, picture));
    return at;
  }
  const std::vector<Answered>& answers(std::size_t picture) const {
    static const std::vector<Answered> none;
    return picture < vision_.answers.size() ? vision_.answers[picture] : none;
  }

  /// Bytes held, values counted as f32, kept rows of similarity as if all had been asked for.
  std::int64_t bytes(B& b) const {
    const auto of = [&](const typename B::Tensor& t) { return std::int64_t{4} * b.rows(t) * b.cols(t); };
    std::int64_t sum = 0;
    if (encoded()) sum = of(vision_.tokens);
    for (const auto& level : vision_.deepstack) sum += of(level);
    for (const auto& picture : vision_.answers)
      for (const Answered& a : picture) sum += a.values.bytes();
    for (const Host& h : host_) {
      if (h.vision) sum += h.vision->bytes();
      if (h.levels)
        for (const HostTensor& level : *h.levels) sum += level.bytes();
      if (!h.similarity) continue;
      const std::int64_t n = h.similarity->count();
      sum += 4 * n * ((h.vision ? h.vision->dim(1) : 0) + (n <= Similarity::kept_up_to ? n : 0));
    }
    return sum;
  }

  static HostTensor copied(B& b, const typename B::Tensor& t) {
    return host_tensor(b.to_host(t), {b.rows(t), b.cols(t)});
  }

 private:
  typename B::Tensor slice(B& b, const typename B::Tensor& t, std::size_t picture) const {
    return host_.size() == 1 ? t : b.slice_rows(t, first_[picture], first_[picture + 1]);
  }
  struct Host {
    std::shared_ptr<const HostTensor> vision;
    std::shared_ptr<const std::vector<HostTensor>> levels;
    std::shared_ptr<const SimilarityRows> similarity;
  };
  qwen3vl::VisionOut<B> vision_;
  std::vector<std::vector<Index>> encoded_;
  std::vector<Index> first_;  // [pictures + 1]
  std::vector<Host> host_;
};

}  // namespace arrcoc
