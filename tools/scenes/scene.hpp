#pragma once
// Pictures with known answers: a vector description rendered in integers, with exact boxes for every answer.
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "glyphs.hpp"

namespace arrcoc::scenes {

/// Something that was drawn: a character (its code) or a shape (its class name). The box is its cell in pixels.
struct Mark {
  std::string what;
  Box box;
  Point centre() const { return {static_cast<Index>((box.row0 + box.row1) / 2), static_cast<Index>((box.col0 + box.col1) / 2)}; }
};

struct Question {
  std::string question;
  std::vector<std::string> answers;   // any of them is right
  std::vector<Box> boxes;             // all are needed to answer
  std::string metric = "exact";
};

struct SceneParams {
  std::uint64_t seed = 0;
  Index height = 256, width = 256;   // 256 to 4096
  std::string scenario = "receipt";
  Index lines = 0;                   // text lines or shapes wanted; 0 = as many as the scenario likes at this size
  Index glyph = 0;                   // px; 0 = drawn by the seed
  Index font = -1;                   // index into font_families; -1 = drawn by the seed
  Index noise = -1, blur = -1;       // levels, px; -1 = drawn by the seed
  Index rotation = 0;                // 1/1000 rad
  int polarity = -1;                 // 0 dark on light, 1 light on dark, -1 drawn by the seed
};

struct Scene {
  Image image;
  std::vector<Mark> marks;
  std::vector<Question> questions;
  std::string scenario;
  Index difficulty = 0;              // lines or shapes drawn
};

enum class Split : std::uint8_t { train, dev, test };
constexpr Split split_of(std::uint64_t seed) { return seed < 5'000'000 ? Split::train : seed < 6'000'000 ? Split::dev : Split::test; }
constexpr std::string_view name_of(Split s) { return s == Split::train ? "train" : s == Split::dev ? "dev" : "test"; }

/// Every scenario's name, in order.
const std::vector<std::string>& scenario_names();

/// Draws one scene. Error{unknown_strategy} for an unknown scenario, Error{bad_config} for a size out of range.
Scene make_scene(const SceneParams& params, GlyphAtlas& atlas);

}  // namespace arrcoc::scenes
