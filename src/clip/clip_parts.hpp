#pragma once
// One reader per kind of clip, behind open_clip.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/clip_file.hpp"

namespace arrcoc::io {

/// What a file says of all its frames, before some are chosen.
struct Listing {
  std::string name;
  Index height = 0, width = 0, total = 0;
  std::vector<double> seconds;   // [total], from the first frame on; empty: the file has no clock
  double frames_per_second = 0;  // on average
};

/// The frames that `choose` takes, with the file's clock or the one that the options give.
ClipInfo chosen_frames(Listing listing, const ChooseFrames& choose, const ClipOptions& options);

/// The clock of an animation: how long each frame is shown. A delay of 0 says nothing, but behind the last frame.
void clock_of_delays(Listing& listing, const std::vector<double>& delays);

/// Frames that come one after another, those that were not chosen too.
class InOrder : public FrameSource {
 public:
  explicit InOrder(ClipInfo info) : info_(std::move(info)) {}
  const ClipInfo& info() const override { return info_; }
  Image next() override {
    require_that(taken_ < info_.indices.size(), Code::bad_video, info_.name, [&] {
      return "expected at most " + std::to_string(info_.indices.size()) + " frames to be asked for, got one more";
    });
    const Index wanted = info_.indices[taken_++];
    while (at_ < wanted) pass(at_++);
    return frame(at_++);
  }

 protected:
  virtual Image frame(Index number) = 0;
  virtual void pass(Index number) = 0;
  ClipInfo info_;
  std::size_t taken_ = 0;

 private:
  Index at_ = 0;
};

std::unique_ptr<FrameSource> open_video(const std::string& file, const ChooseFrames&, const ClipOptions&);
std::unique_ptr<FrameSource> open_apng(std::string bytes, const std::string& file, const ChooseFrames&,
                                       const ClipOptions&);
std::unique_ptr<FrameSource> open_gif(std::string bytes, const std::string& file, const ChooseFrames&,
                                      const ClipOptions&);
std::unique_ptr<FrameSource> open_webp(std::string bytes, const std::string& file, const ChooseFrames&,
                                       const ClipOptions&);
/// Frames of what ffmpeg decodes, in PPM or (with alpha) PAM. `input`: options in front of -i; `stamps`: the time of
/// each frame in units of the container, or none, and frames are counted.
std::unique_ptr<FrameSource> open_ffmpeg(const std::string& file, const std::vector<std::string>& input, ClipInfo info,
                                         const std::vector<Index>& stamps, bool transparent, const ClipOptions&);

}  // namespace arrcoc::io
