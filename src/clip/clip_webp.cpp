// Animated WebP through libwebpdemux, which puts the frames together.
#include <webp/decode.h>
#include <webp/demux.h>

#include "clip_parts.hpp"
#include "image/image_codecs.hpp"

namespace arrcoc::io {
namespace {

class Animation final : public InOrder {
 public:
  Animation(std::string bytes, ClipInfo info, Alpha alpha)
      : InOrder(std::move(info)), bytes_(std::move(bytes)), alpha_(alpha) {
    WebPAnimDecoderOptions options;
    WebPAnimDecoderOptionsInit(&options);
    const WebPData data{reinterpret_cast<const std::uint8_t*>(bytes_.data()), bytes_.size()};
    decoder_.reset(WebPAnimDecoderNew(&data, &options));
    require_that(decoder_ != nullptr, Code::bad_video, info_.name, "WebP: the animation is malformed or truncated");
  }

 protected:
  Image frame(Index number) override {
    const std::uint8_t* rgba = decoded(number);
    Image out(info_.height, info_.width);
    flatten_rgba(rgba, out.rgb.data(), static_cast<std::size_t>(info_.height * info_.width), alpha_);
    return out;
  }
  void pass(Index number) override { decoded(number); }

 private:
  const std::uint8_t* decoded(Index number) {
    std::uint8_t* rgba = nullptr;
    int until = 0;
    require_that(WebPAnimDecoderGetNext(decoder_.get(), &rgba, &until) != 0, Code::bad_video, info_.name,
                 [&] { return "the clip ends early: frame " + std::to_string(number) + " cannot be decoded"; });
    return rgba;
  }
  struct Delete {
    void operator()(WebPAnimDecoder* d) const { WebPAnimDecoderDelete(d); }
  };
  std::string bytes_;
  Alpha alpha_;
  std::unique_ptr<WebPAnimDecoder, Delete> decoder_;
};

}  // namespace

std::unique_ptr<FrameSource> open_webp(std::string bytes, const std::string& file, const ChooseFrames& choose,
                                       const ClipOptions& o) {
  const WebPData data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemux(&data), &WebPDemuxDelete);
  require_that(demuxer != nullptr, Code::bad_video, file, "WebP: the file is malformed or cut off");
  require_that(
      (WebPDemuxGetI(demuxer.get(), WEBP_FF_FORMAT_FLAGS) & ANIMATION_FLAG) != 0, Code::bad_video, file,
      "expected a video, got a picture; a clip of pictures is a folder or a list of them, with --fps or --times");
  Listing l{file,
            static_cast<Index>(WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT)),
            static_cast<Index>(WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH)),
            0,
            {},
            0};
  std::vector<double> delays;
  WebPIterator frame;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) != 0) {
    do delays.push_back(static_cast<double>(frame.duration) / 1000);
    while (WebPDemuxNextFrame(&frame) != 0);
    WebPDemuxReleaseIterator(&frame);
  }
  l.total = static_cast<Index>(delays.size());
  clock_of_delays(l, delays);
  ClipInfo info = chosen_frames(std::move(l), choose, o);
  return std::make_unique<Animation>(std::move(bytes), std::move(info), o.alpha);
}

}  // namespace arrcoc::io
