#include "scene.hpp"

#include <algorithm>
#include <array>

#include "scenarios.hpp"

namespace arrcoc::scenes {
namespace {

struct Entry {
  ScenarioInfo info;
  Scene (*draw)(const SceneParams&, GlyphAtlas&);
};
constexpr std::array<Entry, 30> entries{{
    {{"receipt", Group::document, "a shop's receipt: shop, prices, total"}, receipt},
    {{"form", Group::document, "fields of a form, one of them boxed in red, one faint"}, form},
    {{"formula", Group::document, "one line of mathematics in a page of text"}, formula},
    {{"tiger", Group::document, "a contract with a loud animal in its corner"}, tiger},
    {{"camouflage", Group::document, "text of 3 to 12 % contrast beside a red box"}, camouflage},
    {{"page", Group::reading, "text from wall to wall, to be read whole"}, page},
    {{"sheet", Group::reading, "numbered formulas, line by line"}, sheet},
    {{"ledger", Group::reading, "numbered codes, six-digit numbers and prices, line by line"}, ledger},
    {{"desk", Group::reading, "papers with small print among loud things on a desk"}, desk},
    {{"shapes", Group::picture, "up to six coloured shapes"}, shapes},
    {{"popout", Group::picture, "one shape among many differs in colour or form"}, popout},
    {{"street", Group::picture, "cars to count, one of them red"}, street},
    {{"relations", Group::picture, "a thing on, under, left or right of a table"}, relations},
    {{"adversarial", Group::picture, "simple and complex pictures under simple, complex and ambiguous questions"},
     adversarial},
    {{"popout_orientation", Group::picture, "one bar among many is turned"}, popout_orientation},
    {{"popout_size", Group::picture, "one shape among many is larger or smaller"}, popout_size},
    {{"popout_absence", Group::picture, "one place of a lattice is empty"}, popout_absence},
    {{"popout_clutter", Group::picture, "one colour occurs once in a heap of shapes"}, popout_clutter},
    {{"clock", Group::picture, "a room with a tiny clock"}, clock_room},
    {{"panorama", Group::picture, "signs along a road"}, panorama},
    {{"mosaic", Group::picture, "sixteen small pictures, one shows a key"}, mosaic},
    {{"billboard", Group::picture, "a formula in the small print of a billboard"}, billboard},
    {{"lone_dot", Group::control, "one dot on white"}, lone_dot},
    {{"noise_text_blank", Group::control, "noise, small text and nothing, side by side"}, noise_text_blank},
    {{"painting", Group::control, "thrown paint: nothing to find"}, painting},
    {{"gradient", Group::control, "a smooth gradient: nothing to find"}, gradient},
    {{"xray", Group::control, "a radiograph-like picture with a faint spot"}, xray},
    {{"face_wall", Group::control, "a face in front of the wall that is asked for"}, face_wall},
    {{"eight_queries", Group::control, "eight questions with eight different places"}, eight_queries},
    {{"video", Group::video, "pan, cut, a crossing car, a title and a short caption"}, video},
}};

void check(bool ok, const char* name, const char* range, Index got) {
  require_that(ok, Code::bad_config, "scenes",
               [&] { return std::string(name) + ": expected " + range + ", got " + std::to_string(got); });
}

/// Difficulty fills in what was left open: more lines, more noise, less contrast, and from 6 on clutter.
SceneParams resolved(SceneParams p) {
  const Index d = p.difficulty;
  if (d == 0) return p;
  if (p.lines == 0) p.lines = p.scenario == "street" ? 1 + 2 * d : d;
  if (p.noise < 0) p.noise = d;
  if (p.contrast == 0) p.contrast = 13 - d;
  if (p.clutter == 0 && d > 5) p.clutter = (d - 5) * 3;
  return p;
}

}  // namespace

const std::vector<ScenarioInfo>& scenarios() {
  static const std::vector<ScenarioInfo> all = [] {
    std::vector<ScenarioInfo> v;
    for (const Entry& e : entries) v.push_back(e.info);
    return v;
  }();
  return all;
}

const std::vector<std::string>& scenario_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> v;
    for (const Entry& e : entries) v.emplace_back(e.info.name);
    return v;
  }();
  return names;
}

Scene make_scene(const SceneParams& given, GlyphAtlas& atlas) {
  require_that(given.height >= 128 && given.width >= 128 && given.height <= 8192 && given.width <= 8192,
               Code::bad_config, "scenes", [&] {
                 return "size: expected 128 to 8192 px a side, got " + std::to_string(given.height) + "x" +
                        std::to_string(given.width);
               });
  check(given.cells >= 4 && given.cells <= 256, "cells", "4 to 256", given.cells);
  check(given.font_scale >= 25 && given.font_scale <= 2000, "font_scale", "25 to 2000 percent", given.font_scale);
  check(given.contrast >= 0 && given.contrast <= 40, "contrast", "0 to 40 percent", given.contrast);
  check(given.clutter >= 0 && given.clutter <= 1000, "clutter", "0 to 1000", given.clutter);
  check(given.jpeg_quality >= 0 && given.jpeg_quality <= 100, "jpeg_quality", "0 to 100", given.jpeg_quality);
  check(given.difficulty >= 0 && given.difficulty <= 10, "difficulty", "0 to 10", given.difficulty);
  check(given.noise <= 255, "noise", "at most 255 levels", given.noise);
  check(given.blur <= 64, "blur", "at most 64 px", given.blur);
  check(given.rotation >= -500 && given.rotation <= 500, "rotation", "-500 to 500 (1/1000 rad)", given.rotation);
  check(given.lines >= 0, "lines", "0 or more", given.lines);
  check(given.glyph == 0 || (given.glyph >= 6 && given.glyph <= 400), "glyph", "0, or 6 to 400 px", given.glyph);
  const auto it =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.info.name == given.scenario; });
  require_that(it != entries.end(), Code::unknown_strategy, "scenes", [&] {
    std::string known;
    for (const Entry& e : entries) known += (known.empty() ? "" : ", ") + std::string(e.info.name);
    return "unknown scenario '" + given.scenario + "'; expected one of " + known;
  });
  const SceneParams p = resolved(given);
  return it->draw(p, atlas);
}

}  // namespace arrcoc::scenes
