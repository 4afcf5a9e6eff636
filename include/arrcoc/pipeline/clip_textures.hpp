#pragma once
// Textures of a clip, pair by pair, from its frames pulled once more.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/erased.hpp"
#include "arrcoc/pipeline/shelf.hpp"

namespace arrcoc {

/// Of every token of a clip, [frames * grid, C]; the frames of a temporal patch and the one in front of it are in
/// memory. Error{missing_evidence} for a clip whose frames cannot be pulled again; errors of its source.
inline Textures clip_textures(const erased::Texture& texture, const Picture& clip) {
  require_that(clip.frames != nullptr, Code::missing_evidence, "textures",
               "expected a clip whose frames can be pulled once more, got pixels of its pairs alone");
  const std::unique_ptr<FrameSource> source = clip.frames();
  const auto count = static_cast<Index>(source->info().seconds.size());
  Textures out;
  Image before;
  for (Index from = 0; from < count; from += clip.slots) {
    std::vector<Image> images;
    for (Index i = from; i < std::min(count, from + clip.slots); ++i) images.push_back(source->next());
    std::vector<ImageView> views;
    for (const Image& image : images) views.push_back(image.view());
    Textures one = texture.generate_pair(views, before.rgb.empty() ? ImageView{} : before.view(), TokenSet(clip.grid));
    out.channels = std::move(one.channels);
    out.values.insert(out.values.end(), one.values.begin(), one.values.end());
    before = std::move(images.back());
  }
  return out;
}

}  // namespace arrcoc
