#pragma once
// Pictures and clips of the report's page.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/io/dataset.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"
#include "sweep/base64.hpp"
#include "sweep/clip_sheet.hpp"

namespace arrcoc {

/// Pictures made small, each once, as elements of the page.
class Pictures {
 public:
  struct Shown {
    std::string element;  // its id; empty: not found
    Index height = 0, width = 0;
  };
  Pictures(Index side, io::DecodeOptions decode, io::ClipOptions clips)
      : side_(side), decode_(decode), clips_(std::move(clips)) {}

  /// `out` gains the element where the picture is new.
  Shown show(const io::DatasetPicture& picture, const std::string& name, std::string& out) {
    const auto [at, fresh] = shown_.try_emplace(name);
    if (!fresh) return at->second;
    try {
      const Image image = io::read_image(picture, decode_);
      const Index longest = std::max(image.height, image.width);
      const auto [height, width] = qwen3vl::scaled_to(image.height, image.width, std::min(side_, longest));
      at->second = {element(side_ < longest ? qwen3vl::resize_bicubic(image.view(), height, width) : image, out),
                    image.height, image.width};
    } catch (const Error&) { ++missing_; }
    return at->second;
  }
  /// A clip's temporal patches side by side, each by the first of its `slots` frames. `frames`: numbers of all that
  /// were looked at.
  Shown show_clip(const io::Sample& s, const std::vector<Index>& frames, Index slots, std::string& out) {
    std::string name = "clip\n" + s.clip->name;
    for (const Index f : frames) name += "\n" + std::to_string(f);
    const auto [at, fresh] = shown_.try_emplace(name);
    if (!fresh || frames.empty()) return at->second;
    try {
      std::vector<Index> first;
      for (std::size_t i = 0; i < frames.size(); i += static_cast<std::size_t>(slots)) first.push_back(frames[i]);
      const auto source = io::open_clip(
          s, [&](Index, double) { return first; }, clips_);
      const double side = std::sqrt(8.0 * static_cast<double>(side_ * side_) / static_cast<double>(first.size()));
      const Image sheet = clip_sheet(*source, std::clamp<Index>(static_cast<Index>(side), 48, 160));
      at->second = {element(sheet, out), source->info().height, source->info().width};
    } catch (const Error&) { ++missing_; }
    return at->second;
  }
  Index count() const { return count_; }
  Index missing() const { return missing_; }

 private:
  /// Appends the picture to `out`; its element's id.
  std::string element(const Image& image, std::string& out) {
    const std::string jpeg = base64(io::encode_jpeg(image.view(), 80)), id = "p-" + std::to_string(++count_);
    out += "<script type=\"text/plain\" id=\"" + id + "\">data:image/jpeg;base64," + jpeg + "</script>\n";
    return id;
  }
  Index side_, count_ = 0, missing_ = 0;
  io::DecodeOptions decode_;
  io::ClipOptions clips_;
  std::map<std::string, Shown> shown_;
};

}  // namespace arrcoc
