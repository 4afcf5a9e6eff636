// Pictures that catch a strategy cheating: entropy without meaning, nothing to find, things that draw the eye and are
// not asked for.
#include "paper.hpp"
#include "scenarios.hpp"
#include "words.hpp"

namespace arrcoc::scenes {
namespace {
void ask_void(Builder& b, std::string question) {
  b.questions.push_back({std::move(question), {""}, {}, "none", "void"});
}

constexpr std::array<std::string_view, 3> thirds{"left", "middle", "right"};
}  // namespace

/// Three panels: noise (most entropy), one word again and again (most information), blank (none).
Scene noise_text_blank(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  const Paper look = paper(b, p.polarity);
  b.canvas.fill_rect(0, 0, p.height, p.width, look.ground);
  Style s = style_of(b, look.ink);
  const std::string word = b.word("ABCDEFGHJKLMNPRSTUVXYZ", b.between(3, 4));
  const auto order = b.rng.sample(3, 3);
  const Index w = p.width / 3, gap = s.size / 2;
  for (std::size_t i = 0; i < 3; ++i) {
    const Index c0 = static_cast<Index>(i) * w + gap, c1 = static_cast<Index>(i + 1) * w - gap, r0 = gap,
                r1 = p.height - gap;
    const Box panel = b.box(r0, c0, r1, c1);
    if (order[i] == 0) {
      b.canvas.fill_noise(r0, c0, r1, c1, 0, 255, b.rng);
      b.marks.push_back({"noise", panel});
      b.ask("Which part is noise: left, middle or right?", {std::string(thirds[i])}, {panel});
    } else if (order[i] == 1) {
      Box first{};
      for (Index row = r0; row + s.size * 5 / 4 <= r1; row += s.size * 5 / 4)
        for (Index col = c0; col + Builder::text_width(word, s.size) <= c1;
             col += Builder::text_width(word, s.size) + s.size / 2) {
          const Box box = b.text(word, row, col, s);
          if (first.row1 == 0) first = box;
        }
      b.ask("What does the small text say?", {word}, {first});  // any of the copies would do
    } else {
      b.ask("Which part is blank: left, middle or right?", {std::string(thirds[i])}, {panel});
    }
  }
  return b.finish(3);
}

/// Paint thrown about: much to see, nothing to find.
Scene painting(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {232, 224, 206});
  const Index h = p.height, w = p.width, reach = std::min(h, w) / 3;
  for (Index i = 0; i < 90; ++i) {
    const Color c = b.pick(palette).color;
    Index row = b.between(0, h), col = b.between(0, w);
    const Index thickness = b.between(1, std::max<Index>(2, reach / 32)), bends = b.between(2, 6);
    for (Index k = 0; k < bends; ++k) {
      const Index r = row + b.between(-reach, reach), q = col + b.between(-reach, reach);
      b.canvas.line({row, col}, {r, q}, thickness, c);
      row = r, col = q;
    }
    const Index drops = b.between(2, 8);
    for (Index k = 0; k < drops; ++k) {
      const Index r = b.between(1, std::max<Index>(2, reach / 24)), y = row + b.between(-reach / 3, reach / 3),
                  x = col + b.between(-reach / 3, reach / 3);
      b.canvas.fill_ellipse({y, x}, r, r, c);
    }
  }
  ask_void(b, "What is important in this picture?");
  ask_void(b, "Describe this");
  return b.finish(0);
}

Scene gradient(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {128, 128, 128});
  const Color dark = b.pick(palette).color;
  const Color light{static_cast<std::uint8_t>(dark[0] + (255 - dark[0]) * 4 / 5),
                    static_cast<std::uint8_t>(dark[1] + (255 - dark[1]) * 4 / 5),
                    static_cast<std::uint8_t>(dark[2] + (255 - dark[2]) * 4 / 5)};
  static constexpr std::array<std::string_view, 4> sides{"top", "bottom", "left", "right"};
  const Index lightest = b.between(0, 3);
  const bool rows = lightest < 2, first = lightest % 2 == 0;
  b.canvas.gradient(first ? light : dark, first ? dark : light, rows ? 1 : 0, rows ? 0 : 1);
  b.ask("Which side is lightest: top, bottom, left or right?", {std::string(sides[static_cast<std::size_t>(lightest)])},
        {});
  ask_void(b, "What is important in this picture?");
  return b.finish(0);
}

/// A radiograph-like picture: soft bones on black and one faint spot.
Scene xray(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {14, 16, 20});
  const Index h = p.height, w = p.width;
  const auto grey = [](Index v) {
    return Color{static_cast<std::uint8_t>(v), static_cast<std::uint8_t>(v + 3), static_cast<std::uint8_t>(v + 8)};
  };
  b.canvas.fill_ellipse({h / 2, w / 2}, h * 9 / 20, w * 9 / 20, grey(46));
  for (const Index side : {Index{-1}, Index{1}}) {  // lungs, ribs over them
    b.canvas.fill_ellipse({h / 2, w / 2 + side * w / 5}, h * 7 / 20, w * 3 / 20, grey(24));
    for (Index k = 0; k < 6; ++k) {
      const Index row = h / 4 + k * h / 11, t = std::max<Index>(2, h / 50);
      b.canvas.line({row, w / 2}, {row + h / 24, w / 2 + side * w / 4}, t, grey(78));
      b.canvas.line({row + h / 24, w / 2 + side * w / 4}, {row + h / 9, w / 2 + side * w * 7 / 20}, t, grey(70));
    }
  }
  for (Index k = 0; k < 12; ++k)
    b.canvas.fill_rect(h / 12 + k * h / 14, w / 2 - w / 30, h / 12 + k * h / 14 + h / 20, w / 2 + w / 30, grey(104));
  const bool right = b.chance(50);
  const Index r = std::max<Index>(4, std::min(h, w) / 40), rib = b.between(1, 4), shift = b.between(-w / 24, w / 24);
  const Point spot{h / 4 + rib * h / 11 + h / 16, w / 2 + (right ? 1 : -1) * w / 5 + shift};
  b.canvas.fill_ellipse(spot, r, r, grey(112));
  const Box box = b.box(spot.row - r, spot.col - r, spot.row + r, spot.col + r);
  b.marks.push_back({"spot", box});
  b.canvas.blur(std::max<Index>(1, std::min(h, w) / 170));
  b.ask("On which side is the spot: left or right?", {right ? "right" : "left"}, {box});
  ask_void(b, "What is important in this picture?");
  return b.finish(1);
}

/// A face draws every salience map; the wall is what is asked for.
Scene face_wall(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {200, 200, 200});
  const Named wall = b.pick(palette);
  Named eyes = b.pick(palette);
  b.canvas.fill_rect(0, 0, p.height, p.width, wall.color);
  const Index r = std::min(p.height, p.width) / 6, h = r * 5 / 4;
  const Index row = b.between(h + 2, p.height - h - 2), col = b.between(r + 2, p.width - r - 2);
  b.canvas.fill_ellipse({row, col}, h, r, {242, 204, 170});
  b.canvas.fill_ellipse({row - h * 3 / 4, col}, h / 4 + 1, r * 3 / 5, {70, 46, 30});
  for (const Index side : {Index{-1}, Index{1}}) {
    b.canvas.fill_ellipse({row - h / 5, col + side * r * 2 / 5}, std::max<Index>(3, r / 6), std::max<Index>(4, r / 5),
                          {255, 255, 255});
    b.canvas.fill_ellipse({row - h / 5, col + side * r * 2 / 5}, std::max<Index>(2, r / 8), std::max<Index>(2, r / 8),
                          eyes.color);
  }
  b.canvas.line({row - h / 8, col}, {row + h / 6, col - r / 10}, std::max<Index>(1, r / 20), {200, 150, 120});
  b.canvas.fill_ellipse({row + h / 2, col}, std::max<Index>(2, h / 10), r * 2 / 5, {190, 60, 60});
  const Box face = b.box(row - h, col - r, row + h, col + r);
  b.marks.push_back({"face", face});
  std::vector<Box> rest;  // what is not the face
  for (const Box& side : {b.box(0, 0, row - h, p.width), b.box(row - h, 0, row + h, col - r),
                          b.box(row - h, col + r, row + h, p.width), b.box(row + h, 0, p.height, p.width)})
    if (side.row1 > side.row0 && side.col1 > side.col0) rest.push_back(side);
  b.ask("What colour is the wall?", {std::string(wall.name)}, rest);
  const Index eye_h = std::max<Index>(3, r / 6), eye_w = std::max<Index>(4, r / 5);
  b.ask("What colour are the eyes?", {std::string(eyes.name)},
        {b.box(row - h / 5 - eye_h, col - r * 2 / 5 - eye_w, row - h / 5 + eye_h, col - r * 2 / 5 + eye_w),
         b.box(row - h / 5 - eye_h, col + r * 2 / 5 - eye_w, row - h / 5 + eye_h, col + r * 2 / 5 + eye_w)});
  return b.finish(1);
}

/// One picture, eight questions whose answers lie in eight different places.
Scene eight_queries(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  const Paper look = paper(b, p.polarity);
  b.canvas.fill_rect(0, 0, p.height, p.width, look.ground);
  Style s = style_of(b, look.ink), label = s;
  label.bold = true;
  const bool wide = p.width >= p.height;
  const Index rows = wide ? 2 : 4, cols = wide ? 4 : 2, h = p.height / rows, w = p.width / cols, pad = 3;
  for (Index i = 0; i < 8; ++i) {
    const Index r0 = (i / cols) * h + pad, c0 = (i % cols) * w + pad, r1 = r0 + h - 2 * pad, c1 = c0 + w - 2 * pad;
    b.canvas.frame(r0, c0, r1, c1, 1, look.ink);
    const std::string name(1, static_cast<char>('A' + i)), number = b.word(digits, 3);
    const Box head = b.text(name, r0 + pad, c0 + pad, label);
    const Index down = b.between(0, std::max<Index>(0, h - 2 * pad - s.size * 3)),
                along = b.between(0, std::max<Index>(0, w - 4 * pad - Builder::text_width(number, s.size)));
    const Box box = b.text(number, std::min(r0 + s.size * 3 / 2 + down, r1 - s.size * 5 / 4), c0 + pad + along, s);
    b.ask("What number is in panel " + name + "?", {number}, {head, box});
  }
  return b.finish(8);
}

}  // namespace arrcoc::scenes
