#pragma once
// Pictures with known answers: a vector description rendered in integers, with exact boxes for every answer.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "glyphs.hpp"

namespace arrcoc::scenes {

/// Something that was drawn: a character (its code) or a shape (its class name). The box is its cell in pixels.
struct Mark {
  std::string what;
  Box box;
  Point centre() const {
    return {static_cast<Index>((box.row0 + box.row1) / 2), static_cast<Index>((box.col0 + box.col1) / 2)};
  }
};

struct Question {
  std::string question;
  std::vector<std::string> answers;  // any of them is right
  std::vector<Box> boxes;            // all are needed to answer; none = the whole picture, or nothing in it
  std::string metric =
      "exact";  // exact | relaxed_loose (numbers within 5 %) | none (allocation figures only; the answer is empty)
  std::string kind = "plain";  // plain | simple | complex | ambiguous | empty | contradictory | stuffed | void
  Index tokens_low = 0,
        tokens_high = 0;  // the band of tokens a good budget lies in, at 1,024 native tokens; 0, 0 = not stated
  std::vector<Index> frames = {};                    // of a video: the frame of each box
  std::vector<std::pair<double, double>> when = {};  // of a video: seconds [from, to] that answer it; a moment twice
};

struct SceneParams {
  std::uint64_t seed = 0;
  Index height = 256, width = 256;  // 256 to 4096
  std::string scenario = "receipt";
  Index lines = 0;              // text lines or shapes wanted; 0 = as many as the scenario likes at this size
  Index cells = 8;              // across the shorter side, of pictures of things; a cell is at least 32 px wide
  Index glyph = 0;              // px; 0 = drawn by the seed
  Index font = -1;              // index into font_families; -1 = drawn by the seed
  Index noise = -1, blur = -1;  // levels, px; -1 = drawn by the seed
  Index rotation = 0;           // 1/1000 rad
  int polarity = -1;            // 0 dark on light, 1 light on dark, -1 drawn by the seed
  Index font_scale = 100;       // percent of the glyph size that the seed draws
  Index contrast = 0;           // camouflage: percent of 255; 0 = 3 to 12, drawn by the seed
  Index clutter = 0;            // strokes per 256x256 px, clear of everything that is asked for
  Index jpeg_quality = 0;       // JPEG-like blocks of that quality, in integers; 0 = none
  Index difficulty = 0;  // 1 to 10 sets lines, noise, contrast and clutter where they are not set; 0 = leave them
  Index frames = 60;     // of a video, at 8 frames a second
};

struct Frame {
  Image image;
  std::vector<Mark> marks;
};

struct Scene {
  Image image;
  std::vector<Mark> marks;
  std::vector<Question> questions;
  std::string scenario;
  Index difficulty = 0;            // lines or shapes drawn
  std::vector<Frame> frames = {};  // of a video; image and marks above are those of its first frame
  Index cut = 0;                   // of a video: the first frame of the second shot
};
inline constexpr Index video_frames_per_second = 8;
constexpr double video_seconds(Index frame) {
  return static_cast<double>(frame) / static_cast<double>(video_frames_per_second);
}

enum class Split : std::uint8_t { train, dev, test };
inline constexpr std::uint64_t first_dev_seed = 5'000'000, first_test_seed = 6'000'000;
constexpr Split split_of(std::uint64_t seed) {
  return seed < first_dev_seed ? Split::train : seed < first_test_seed ? Split::dev : Split::test;
}
constexpr std::string_view name_of(Split s) { return s == Split::train ? "train" : s == Split::dev ? "dev" : "test"; }

enum class Group : std::uint8_t { document, picture, reading, control, video };
constexpr std::string_view name_of(Group g) {
  return g == Group::document  ? "document"
         : g == Group::picture ? "picture"
         : g == Group::reading ? "reading"
         : g == Group::control ? "control"
                               : "video";
}
struct ScenarioInfo {
  std::string_view name;
  Group group;
  std::string_view summary;
};
/// Every scenario, in order.
const std::vector<ScenarioInfo>& scenarios();
const std::vector<std::string>& scenario_names();

/// Draws one scene. Error{unknown_strategy} for an unknown scenario, Error{bad_config} for a size or a parameter out of
/// range.
Scene make_scene(const SceneParams& params, GlyphAtlas& atlas);

}  // namespace arrcoc::scenes
