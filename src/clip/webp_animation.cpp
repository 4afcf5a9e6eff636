#include "arrcoc/io/webp_animation.hpp"

#include <webp/encode.h>
#include <webp/mux.h>

#include "arrcoc/core/error.hpp"

namespace arrcoc::io {

struct WebpAnimation::Encoder {
  int height, width;
  WebPConfig config{};
  std::unique_ptr<WebPAnimEncoder, decltype(&WebPAnimEncoderDelete)> state{nullptr, &WebPAnimEncoderDelete};

  void check(bool good) const {
    require_that(good, Code::bad_image, "webp", [&] {
      const char* why = state ? WebPAnimEncoderGetError(state.get()) : "no encoder";
      return "an animation of " + std::to_string(height) + "x" + std::to_string(width) +
             " px cannot be written: " + (why == nullptr || *why == 0 ? "no memory" : why);
    });
  }
};

WebpAnimation::WebpAnimation(Index height, Index width, float quality) {
  require_that(height > 0 && width > 0 && height <= WEBP_MAX_DIMENSION && width <= WEBP_MAX_DIMENSION, Code::bad_image,
               "webp", [&] {
                 return "sides of a frame: expected 1 to " + std::to_string(WEBP_MAX_DIMENSION) + " px, got " +
                        std::to_string(height) + "x" + std::to_string(width);
               });
  encoder_ = std::make_unique<Encoder>(Encoder{static_cast<int>(height), static_cast<int>(width)});
  encoder_->check(WebPConfigPreset(&encoder_->config, WEBP_PRESET_PICTURE, quality) != 0);
  WebPAnimEncoderOptions options;
  encoder_->check(WebPAnimEncoderOptionsInit(&options) != 0);
  encoder_->state.reset(WebPAnimEncoderNew(encoder_->width, encoder_->height, &options));
  encoder_->check(encoder_->state != nullptr);
}

WebpAnimation::~WebpAnimation() = default;

void WebpAnimation::add(ImageView frame, Index milliseconds) {
  Encoder& e = *encoder_;
  require_that(frame.height == e.height && frame.width == e.width, Code::shape_mismatch, "webp", [&] {
    return "a frame: expected " + std::to_string(e.height) + "x" + std::to_string(e.width) + " px, got " +
           std::to_string(frame.height) + "x" + std::to_string(frame.width);
  });
  WebPPicture picture;
  e.check(WebPPictureInit(&picture) != 0);
  const std::unique_ptr<WebPPicture, decltype(&WebPPictureFree)> owner(&picture, &WebPPictureFree);
  picture.use_argb = 1;
  picture.height = e.height;
  picture.width = e.width;
  const int stride = static_cast<int>(frame.width) * 3;
  e.check(WebPPictureImportRGB(&picture, frame.row(0), stride) != 0 &&
          WebPAnimEncoderAdd(e.state.get(), &picture, static_cast<int>(milliseconds), &e.config) != 0);
}

std::string WebpAnimation::finish(Index milliseconds) {
  Encoder& e = *encoder_;
  e.check(WebPAnimEncoderAdd(e.state.get(), nullptr, static_cast<int>(milliseconds), nullptr) != 0);
  WebPData data;
  WebPDataInit(&data);
  const std::unique_ptr<WebPData, decltype(&WebPDataClear)> owner(&data, &WebPDataClear);
  e.check(WebPAnimEncoderAssemble(e.state.get(), &data) != 0);
  return {reinterpret_cast<const char*>(data.bytes), data.size};
}

}  // namespace arrcoc::io
