// Vectors of transformers 5.23, written down when it was run; tests/oracle/video_sampling.py has thousands.
#include <doctest/doctest.h>

#include "arrcoc/qwen3vl/video_sampling.hpp"
#include "arrcoc/qwen3vl/video_size.hpp"

using namespace arrcoc;
using namespace arrcoc::qwen3vl;

TEST_CASE("frames that are sampled, and the times of their pairs") {
  const VideoSampling released;
  const auto frames = sample_frames(250, 25, released);
  CHECK(frames ==
        std::vector<Index>{0, 13, 26, 39, 52, 66, 79, 92, 105, 118, 131, 144, 157, 170, 183, 197, 210, 223, 236, 249});
  CHECK(sample_frames(10, 24, released) == std::vector<Index>{0, 3, 6, 9});
  CHECK(sample_frames(3, 1, released) == std::vector<Index>{0, 1, 2});
  CHECK(sample_frames(9, 24, {.frames = 5}) == std::vector<Index>{0, 2, 4, 6, 8});
  CHECK(sample_frames(7, 2, released, VideoRoute::qwen_vl_utils) == std::vector<Index>{0, 1, 2, 4, 5, 6});
  // Pairs (0, .52), (1.04, 1.56); the third frame of three stands twice.
  const auto seconds = reference_seconds(frames, 25);
  CHECK(patch_seconds(std::span(seconds).first(4)) == std::vector<double>{.26, (1.04 + 1.56) / 2});
  CHECK(patch_seconds(std::span(seconds).first(3)) == std::vector<double>{.26, 1.04});
}

TEST_CASE("the size of a clip's frames") {
  struct Row {
    Index frames, height, width;
    Size size;
    Index patches, tokens;
  };
  for (const Row& r : {Row{4, 360, 640, {352, 640}, 2, 440}, Row{20, 720, 1280, {704, 1280}, 10, 8800},
                       Row{60, 1080, 1920, {480, 832}, 30, 11700}, Row{768, 1080, 1920, {128, 224}, 384, 10752},
                       Row{5, 240, 320, {256, 320}, 3, 240}, Row{7, 100, 100, {96, 96}, 4, 36},
                       Row{4, 20, 40, {32, 64}, 2, 4}, Row{2, 16, 16, {64, 64}, 1, 4}}) {
    const VideoShape s = video_shape(r.frames, r.height, r.width, {});
    CHECK(s.frame == r.size);
    CHECK(s.patches == r.patches);
    CHECK(s.tokens() == r.tokens);
  }
  CHECK(video_shape(60, 1080, 1920, {.frame_cap = 768}).tokens() == 11700);
  CHECK(video_shape(4, 1080, 1920, {.frame_cap = 768}).tokens() == 1440);
  // 768 tokens a frame, sides as multiples of 32: 20 x 36 = 720.
  CHECK(video_shape(60, 1080, 1920, {}, VideoRoute::qwen_vl_utils).frame == Size{640, 1152});
}

TEST_CASE("clips that no sampling and no size fit") {
  const auto code_of = [](auto&& f) {
    try {
      f();
    } catch (const Error& e) { return static_cast<int>(e.code()); }
    return 0;
  };
  CHECK(code_of([] { sample_frames(0, 25, {}); }) == 412);
  CHECK(code_of([] { sample_frames(10, 0, {}); }) == 412);
  CHECK(code_of([] { sample_frames(10, 25, {.fps = -1}); }) == 101);
  CHECK(code_of([] { sample_frames(10, 25, {.frames = 11}); }) == 101);
  CHECK(code_of([] { sample_frames(10, 25, {.min_frames = 9, .max_frames = 8}); }) == 101);
  CHECK(code_of([] { sample_frames(1, 25, {}, VideoRoute::qwen_vl_utils); }) == 412);
  CHECK(code_of([] { video_shape(1, 100, 100, {}); }) == 412);
  CHECK(code_of([] { video_shape(2, 100, 20100, {}); }) == 408);
  CHECK(code_of([] { video_shape(2, 100, 100, {.min_pixels = 9, .max_pixels = 8}); }) == 101);
  CHECK(code_of([] { video_shape(2, 100, 100, {.context_share = 0}); }) == 101);
}
