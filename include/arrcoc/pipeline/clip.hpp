#pragma once
// A clip on its way to the tower: frames pulled from their source, resized and cut into temporal patches, one at a
// time.
#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/clip.hpp"
#include "arrcoc/core/trace.hpp"
#include "arrcoc/pipeline/shelf.hpp"
#include "arrcoc/qwen3vl/model.hpp"
#include "arrcoc/qwen3vl/patchify.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"

namespace arrcoc {

/// Error{bad_video} unless a clip has frames, each with a time of its own or later than the one before.
inline void check_clip(const ClipInfo& clip) {
  require_that(!clip.seconds.empty(), Code::bad_video, clip.name, "expected at least one frame, got none");
  for (std::size_t i = 0; i < clip.seconds.size(); ++i) {
    const double t = clip.seconds[i];
    require_that(std::isfinite(t) && t >= 0 && (i == 0 || t >= clip.seconds[i - 1]), Code::bad_video, clip.name, [&] {
      return "times of frames: expected ascending seconds of at least 0, got " + std::to_string(t) + " for frame " +
             std::to_string(i);
    });
  }
}

/// Temporal patches of `frames` frames, `slots` in each; the last frame is repeated where some are missing.
constexpr Index pairs_of(Index frames, Index slots) { return (frames + slots - 1) / slots; }
/// Frames in each of the temporal patches that `frames` became, where there are one or two.
constexpr Index slots_of(Index frames, Index pairs) { return (frames + pairs - 1) / pairs; }

/// Boxes of frames by their numbers in the file as boxes of temporal patches, `slots` frames in each; those of frames
/// that were not sampled go. `indices`: numbers of the sampled frames, ascending; empty: those of the sample itself.
inline std::vector<Box> boxes_of_pairs(std::span<const Box> boxes, std::span<const Index> indices, Index slots) {
  std::vector<Box> out;
  for (Box b : boxes) {
    if (b.frame >= 0 && !indices.empty()) {
      const auto at = std::lower_bound(indices.begin(), indices.end(), b.frame);
      if (at == indices.end() || *at != b.frame) continue;
      b.frame = at - indices.begin();
    }
    if (b.frame >= 0) b.frame /= slots;
    out.push_back(b);
  }
  return out;
}

/// Pulls a clip's frames, resizes each, and cuts them into the patches of one temporal patch after the other.
class ClipPairs final : public PairSource {
 public:
  ClipPairs(std::unique_ptr<FrameSource> frames, const qwen3vl::Size& size, VisionConfig v, PreprocessConfig how,
            qwen3vl::Resize kind)
      : frames_(std::move(frames)),
        left_(static_cast<Index>(frames_->info().seconds.size())),
        size_(size),
        v_(std::move(v)),
        how_(std::move(how)),
        kind_(kind) {}

  qwen3vl::Pixels next() override {
    const ClipInfo& clip = frames_->info();
    require_that(left_ > 0, Code::bad_video, clip.name, "no frame is left: expected at most its temporal patches");
    std::vector<Image> images;
    for (; left_ > 0 && static_cast<Index>(images.size()) < v_.temporal_patch_size; --left_) {
      const Image frame = frames_->next();
      require_that(frame.height == clip.height && frame.width == clip.width, Code::bad_video, clip.name, [&] {
        return "a frame: expected " + std::to_string(clip.height) + "x" + std::to_string(clip.width) + " px, got " +
               std::to_string(frame.height) + "x" + std::to_string(frame.width);
      });
      images.push_back(qwen3vl::resize(frame.view(), size_.height, size_.width, kind_, how_.resampling));
    }
    std::vector<ImageView> views;
    for (const Image& i : images) views.push_back(i.view());
    return {qwen3vl::patchify(views, v_, how_), {1, size_.height / v_.patch_size, size_.width / v_.patch_size}};
  }

 private:
  std::unique_ptr<FrameSource> frames_;
  Index left_;
  qwen3vl::Size size_;
  VisionConfig v_;
  PreprocessConfig how_;
  qwen3vl::Resize kind_;
};

/// A clip whose frames become `size` px, which must be multiples of the token size. Nothing is pulled yet, and no more
/// than the frames of one temporal patch at once later. Error{bad_video} for no frames or times that go back.
inline Picture clip_of(std::unique_ptr<FrameSource> frames, const VisionConfig& v, const PreprocessConfig& how,
                       const qwen3vl::Size& size, qwen3vl::Resize kind = qwen3vl::Resize::torchvision) {
  check_clip(frames->info());
  const Index pairs = pairs_of(static_cast<Index>(frames->info().seconds.size()), v.temporal_patch_size);
  Picture out;
  out.native = {frames->info().height, frames->info().width, nullptr};
  out.grid = qwen3vl::merged_grid(size.height, size.width, v);
  out.slots = v.temporal_patch_size;
  out.pixels.patches = {pairs, size.height / v.patch_size, size.width / v.patch_size};
  out.pairs = std::make_shared<ClipPairs>(std::move(frames), size, v, how, kind);
  return out;
}

/// Whether the pixels of some have still to be pulled.
inline bool streams(const std::vector<Picture>& pictures) {
  return std::any_of(pictures.begin(), pictures.end(), [](const Picture& p) { return p.pairs != nullptr; });
}

/// One temporal patch, its time told apart from the tower's.
inline qwen3vl::Pixels pulled(PairSource& pairs, Trace* trace) {
  const StageTimer timer(trace, "frames");
  return pairs.next();
}

/// The pixels of everything; of a clip all its temporal patches.
inline std::vector<qwen3vl::Pixels> whole_pixels(const std::vector<Picture>& pictures, Trace* trace) {
  std::vector<qwen3vl::Pixels> out;
  for (const Picture& p : pictures) {
    out.push_back(p.pixels);
    for (Index f = 0; p.pairs && f < p.pixels.patches.frames; ++f) {
      const qwen3vl::Pixels pair = pulled(*p.pairs, trace);
      out.back().rows.insert(out.back().rows.end(), pair.rows.begin(), pair.rows.end());
    }
  }
  return out;
}

/// The tower over pictures, and over clips a temporal patch at a time, which never sees another one: memory holds the
/// pixels of one and the features of all, once (an odd last list of them twice). The same rows as all at once, within
/// the rounding of a product of fewer rows.
template <class B>
qwen3vl::VisionOut<B> encode_by_pairs(B& b, const qwen3vl::Model<B>& model, const std::vector<Picture>& pictures,
                                      Trace* trace) {
  Index rows = 0;
  for (const Picture& p : pictures) rows += p.grid.count() * p.pixels.patches.frames;
  // A cache is what takes rows where they stay: one for two lists, those of the tokens and of each level.
  qwen3vl::VisionOut<B> out;
  std::vector<typename B::Cache> joined;
  const auto take = [&](const std::vector<qwen3vl::Pixels>& pixels) {
    const qwen3vl::VisionOut<B> one = model.encode_images(b, pixels, trace);
    std::vector<typename B::Tensor> lists{one.tokens};
    lists.insert(lists.end(), one.deepstack.begin(), one.deepstack.end());
    for (std::size_t l = 0; l < lists.size(); l += 2) {
      if (joined.size() == l / 2) joined.push_back(b.make_cache(rows, b.cols(lists[l])));
      b.cache_append(joined[l / 2], lists[l], lists[std::min(l + 1, lists.size() - 1)]);
    }
    out.count += one.count;
    out.deepstack.resize(one.deepstack.size());
  };
  for (const Picture& p : pictures) {
    if (!p.pairs) take({p.pixels});
    for (Index f = 0; p.pairs && f < p.pixels.patches.frames; ++f) take({pulled(*p.pairs, trace)});
  }
  for (std::size_t l = 0; l <= out.deepstack.size(); ++l) {
    const typename B::Cache& two = joined[l / 2];
    (l == 0 ? out.tokens : out.deepstack[l - 1]) = l % 2 == 0 ? b.cache_keys(two) : b.cache_values(two);
  }
  return out;
}

}  // namespace arrcoc
