// {simple, complex} picture x {simple, complex} question, and the questions that are not quite questions.
#include "paper.hpp"
#include "scenarios.hpp"
#include "words.hpp"

namespace arrcoc::scenes {
namespace {

std::string price_text(Index cents) {
  const std::string rest = std::to_string(cents % 100);
  return std::to_string(cents / 100) + "." + (rest.size() < 2 ? "0" : "") + rest;
}

void ask_banded(Builder& b, std::string question, std::string answer, std::vector<Box> boxes, std::string kind,
                Index low, Index high) {
  b.questions.push_back(
      {std::move(question), {std::move(answer)}, std::move(boxes), "exact", std::move(kind), low, high});
}

/// Nothing in the picture answers these: they ask for spread, not for focus.
void ask_ambiguous(Builder& b) {
  b.questions.push_back({"Describe this", {""}, {}, "none", "ambiguous"});
  b.questions.push_back({"Tell me about it", {""}, {}, "none", "ambiguous"});
  b.questions.push_back({"", {""}, {}, "none", "empty"});
  b.questions.push_back({"What is written on the blue red car?", {""}, {}, "none", "contradictory"});
}

/// A flat sign with one word, by day or by night.
void simple_picture(Builder& b) {
  const Index h = b.params.height, w = b.params.width;
  const bool night = b.chance(50), right = b.chance(50);
  b.canvas.fill_rect(0, 0, h, w, night ? Color{24, 28, 60} : Color{170, 210, 240});
  b.canvas.fill_rect(h * 3 / 4, 0, h, w, night ? Color{30, 50, 34} : Color{120, 170, 90});
  const Index r = std::min(h, w) / 12;
  const Point light{r * 2, right ? w - r * 2 : r * 2};
  b.canvas.fill_ellipse(light, r, r, night ? Color{235, 235, 220} : Color{250, 205, 50});
  if (night) b.canvas.fill_ellipse({light.row - r / 3, light.col + r / 2}, r, r, {24, 28, 60});
  const Box sky = b.box(light.row - r, light.col - r, light.row + r, light.col + r);
  b.marks.push_back({night ? "moon" : "sun", sky});
  Style s = style_of(b, {250, 250, 250});
  s.size = s.size * 3 / 2;
  s.bold = true;
  std::string word;  // four different letters and more, so that the comparison has one answer
  for (const Index i : b.rng.sample(20, b.between(4, 6))) word += "ABCDEFGHKLMNPRSTUVXY"[i];
  const Index width = Builder::text_width(word, s.size), col = (w - width) / 2, row = b.between(h * 2 / 5, h / 2);
  b.canvas.fill_rect(row + s.size, w / 2 - std::max<Index>(2, w / 80), h * 7 / 8, w / 2 + std::max<Index>(2, w / 80),
                     {90, 90, 90});
  b.canvas.fill_rect(row - s.size / 2, col - s.size / 2, row + s.size * 7 / 4, col + width + s.size / 2,
                     b.pick(palette).color);
  const Box sign = b.text(word, row, col, s);
  ask_banded(b, "Is it day or night?", night ? "night" : "day", {sky}, "simple", 64, 100);
  ask_banded(b, "What does the sign say?", word, {sign}, "simple", 64, 100);
  ask_banded(b, "Compare the second and the fourth letter of the sign and say which comes first in the alphabet.",
             std::string(1, std::min(word[1], word[3])), {sign}, "complex", 64, 200);
}

/// A page of prices, in as many columns as fit.
void complex_picture(Builder& b) {
  const Index h = b.params.height, w = b.params.width;
  const Paper look = paper(b, b.params.polarity);
  b.canvas.fill_rect(0, 0, h, w, look.ground);
  const Style s = style_of(b, look.ink);
  const Index step = s.size * 4 / 3, pitch = s.size * 15 / 2, columns = std::max<Index>(1, (w - s.size) / pitch),
              rows = std::max<Index>(4, (h - s.size) / step);
  std::vector<Index> cents;
  std::vector<Box> boxes;
  for (Index i = 0; i < rows * columns; ++i) {
    const Index row = s.size / 2 + (i % rows) * step, col = s.size / 2 + (i / rows) * pitch;
    if (row + s.size * 5 / 4 > h) continue;
    cents.push_back(b.between(100, 9999));
    b.text(b.pick(goods), row, col, s);
    const std::string price = price_text(cents.back());
    boxes.push_back(b.text(price, row, col + pitch - s.size / 2 - Builder::text_width(price, s.size), s));
  }
  if (cents.size() < 4) return;
  if (cents[1] == cents[3]) return;
  ask_banded(b, "Is the paper light or dark?", look.ground[0] > look.ink[0] ? "light" : "dark", {}, "simple", 64, 160);
  ask_banded(b, "Compare the second and the fourth price and say which is larger.",
             price_text(std::max(cents[1], cents[3])), {boxes[1], boxes[3]}, "complex", 300, 400);
  ask_banded(b, "Answer simply, in one word, without details. Then add up the first three prices to the cent.",
             price_text(cents[0] + cents[1] + cents[2]), {boxes[0], boxes[1], boxes[2]}, "stuffed", 300, 400);
}

}  // namespace

Scene adversarial(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  const bool is_complex = b.chance(50);
  is_complex ? complex_picture(b) : simple_picture(b);
  ask_ambiguous(b);
  return b.finish(is_complex ? 2 : 1);
}

}  // namespace arrcoc::scenes
