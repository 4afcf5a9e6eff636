// A film is what its questions say: cut, caption, car, and the seconds of each.
#include <doctest/doctest.h>

#include <cmath>

#include "scenes/scene.hpp"

using namespace arrcoc;
using namespace arrcoc::scenes;

TEST_CASE("a video has its cut, its caption and its car where it says") {
  SceneParams p;
  p.scenario = "video";
  p.seed = 5;
  GlyphAtlas atlas;
  const Scene s = make_scene(p, atlas);
  CHECK(s.cut == 31);
  REQUIRE(s.questions.size() == 4);
  using When = std::vector<std::pair<double, double>>;
  CHECK(s.questions[0].when.empty());
  CHECK(s.questions[2].when == When{{3.75, 4.5}});
  CHECK(s.questions[3].when == When{{3.75, 4.5}});
  CHECK(s.questions[3].answers == std::vector<std::string>{"from 3.75 to 4.5 seconds"});
  CHECK(s.questions[3].frames == s.questions[2].frames);
  CHECK(s.questions[0].frames.size() == 60);
  CHECK(s.questions[2].frames == std::vector<Index>{30, 31, 32, 33, 34, 35});
  const auto change = [&](std::size_t a, std::size_t b) {
    double sum = 0;
    for (std::size_t i = 0; i < s.image.rgb.size(); ++i)
      sum += std::abs(int{s.frames[a].image.rgb[i]} - int{s.frames[b].image.rgb[i]});
    return sum;
  };
  for (std::size_t f = 1; f < 60; ++f) CHECK((f == 31 || change(f, f - 1) < change(31, 30)));
  const Question& car = s.questions[1];
  for (std::size_t i = 1; i < car.boxes.size(); ++i) CHECK(car.boxes[i].col1 >= car.boxes[i - 1].col1);
  CHECK(static_cast<Index>(std::lround(std::stod(car.answers[0]) * 8)) == car.frames.back() + 1);
  const double gone = static_cast<double>(car.frames.back() + 1) / 8;
  CHECK(car.when == When{{gone, gone}});
}
