// The finer cases: one odd item by orientation, size, absence or in clutter; tiny targets; wide pictures; mosaics.
#include "paper.hpp"
#include "scenarios.hpp"
#include "words.hpp"

namespace arrcoc::scenes {
namespace {

void plain_ground(Builder& b) {
  const auto v = static_cast<std::uint8_t>(b.between(225, 255));
  b.canvas.fill_rect(0, 0, b.params.height, b.params.width, {v, v, v});
}

struct Lattice {
  Index pitch, rows, cols;
  Point at(Index i) const { return {(i / cols) * pitch + pitch / 2, (i % cols) * pitch + pitch / 2}; }
};
Lattice lattice_of(const SceneParams& p) { return {pitch_of(p), p.height / pitch_of(p), p.width / pitch_of(p)}; }

void ask_odd(Builder& b, const Lattice& g, Index odd, std::string answer, const Box& box) {
  b.ask("What is unusual here?", {std::move(answer)}, {box});
  b.ask("In which row is the unusual place?", {std::to_string(odd / g.cols + 1)}, {box});
  b.ask("In which column is the unusual place?", {std::to_string(odd % g.cols + 1)}, {box});
}

/// A bar at `eighths` of a half turn from horizontal (0 flat, 4 upright).
Box bar(Builder& b, Point m, Index half, Index eighths, Color c) {
  static constexpr std::array<Point, 8> directions{
      {{0, 1000}, {383, 924}, {707, 707}, {924, 383}, {1000, 0}, {924, -383}, {707, -707}, {383, -924}}};
  const Point d = directions[static_cast<std::size_t>(eighths % 8)];
  const Index along = half * Canvas::eighths,
              across = along / 5;  // all bars are as thick and as long, whichever way they lie
  const Index lr = d.row * along / 1000, lc = d.col * along / 1000, tr = d.col * across / 1000,
              tc = -d.row * across / 1000;
  const Index r = m.row * Canvas::eighths, q = m.col * Canvas::eighths;
  const Point corners[] = {
      {r + lr + tr, q + lc + tc}, {r - lr + tr, q - lc + tc}, {r - lr - tr, q - lc - tc}, {r + lr - tr, q + lc - tc}};
  b.canvas.fill_fine_polygon(corners, c);
  const Box box = b.box(m.row - half, m.col - half, m.row + half, m.col + half);
  b.marks.push_back({"bar", box});
  return box;
}

}  // namespace

Scene popout_orientation(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  plain_ground(b);
  const Lattice g = lattice_of(p);
  const Index common = b.between(0, 7), turn = b.between(2, 6), odd = b.between(0, g.rows * g.cols - 1);
  const Color c = b.pick(palette).color;
  for (Index i = 0; i < g.rows * g.cols; ++i) {
    const Box box = bar(b, g.at(i), g.pitch * 7 / 20, i == odd ? common + turn : common, c);
    if (i == odd) ask_odd(b, g, odd, "turned bar", box);
  }
  return b.finish(g.rows * g.cols);
}

Scene popout_size(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  plain_ground(b);
  const Lattice g = lattice_of(p);
  const auto shape = static_cast<Shape>(b.between(0, 5));
  const Named color = b.pick(palette);
  const bool large = b.chance(50);
  const Index odd = b.between(0, g.rows * g.cols - 1);
  for (Index i = 0; i < g.rows * g.cols; ++i) {
    const Box box = b.shape(shape, g.at(i),
                            i != odd ? g.pitch * 3 / 10
                            : large  ? g.pitch * 9 / 20
                                     : g.pitch * 3 / 20,
                            color);
    if (i == odd)
      ask_odd(b, g, odd,
              std::string(large ? "large " : "small ") + std::string(shape_names[static_cast<std::size_t>(shape)]),
              box);
  }
  return b.finish(g.rows * g.cols);
}

Scene popout_absence(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  plain_ground(b);
  const Lattice g = lattice_of(p);
  const auto shape = static_cast<Shape>(b.between(0, 5));
  const Named color = b.pick(palette);
  const Index odd = b.between(0, g.rows * g.cols - 1), r = g.pitch * 3 / 10;
  for (Index i = 0; i < g.rows * g.cols; ++i) {
    const Point m = g.at(i);
    if (i != odd) b.shape(shape, m, r, color);
    else ask_odd(b, g, odd, "empty place", b.box(m.row - r, m.col - r, m.row + r, m.col + r));
  }
  return b.finish(g.rows * g.cols - 1);
}

Scene popout_clutter(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  plain_ground(b);
  const Lattice g = lattice_of(p);
  const Index odd = b.between(0, g.rows * g.cols - 1), unique = b.between(0, 7);
  for (Index i = 0; i < g.rows * g.cols; ++i) {
    Index c = b.between(0, 6);
    if (c >= unique) ++c;
    const auto shape = static_cast<Shape>(b.between(0, 5));
    const Index slack = g.pitch / 10, r = b.between(g.pitch / 5, g.pitch * 2 / 5 - 1), dr = b.between(-slack, slack),
                dc = b.between(-slack, slack);
    const Named color = palette[static_cast<std::size_t>(i == odd ? unique : c)];
    const Point m = g.at(i);
    const Box box = b.shape(shape, {m.row + dr, m.col + dc}, r, color);
    if (i == odd)
      b.ask("Which shape is " + std::string(color.name) + "?",
            {std::string(shape_names[static_cast<std::size_t>(shape)])}, {box});
  }
  return b.finish(g.rows * g.cols);
}

Scene lone_dot(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {255, 255, 255});
  const Named color = b.pick(palette);
  const Index r = std::max<Index>(4, std::min(p.height, p.width) / 80), row = b.between(r, p.height - r),
              col = b.between(r, p.width - r);
  b.canvas.fill_ellipse({row, col}, r, r, color.color);
  const Box box = b.box(row - r, col - r, row + r, col + r);
  b.marks.push_back({std::string(color.name) + " dot", box});
  b.questions.push_back({"What is in the picture?",
                         {std::string(color.name) + " dot", "a " + std::string(color.name) + " dot"},
                         {box},
                         "exact",
                         "simple",
                         1,
                         100});
  b.ask("What colour is the dot?", {std::string(color.name)}, {box});
  return b.finish(1);
}

/// A room in which only a clock of about 50 px (in 4096) can be read.
Scene clock_room(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {226, 216, 196});
  const Index h = p.height, w = p.width, floor = h * 7 / 10;
  b.canvas.fill_rect(floor, 0, h, w, {150, 112, 78});
  for (Index k = 1; k < 5; ++k)
    b.canvas.fill_rect(floor + (h - floor) * k / 5, 0, floor + (h - floor) * k / 5 + std::max<Index>(1, h / 512), w,
                       {128, 94, 64});
  const Index window = b.between(w / 20, w / 2);  // the window and the sofa: large, and of no use
  b.canvas.fill_rect(h / 8, window, h / 2, window + w / 4, {240, 240, 240});
  b.canvas.fill_rect(h / 8 + h / 64, window + w / 64, h / 2 - h / 64, window + w / 4 - w / 64, {150, 200, 235});
  b.canvas.fill_rect(h / 8, window + w / 8 - w / 200 - 1, h / 2, window + w / 8 + w / 200 + 1, {240, 240, 240});
  b.marks.push_back({"window", b.box(h / 8, window, h / 2, window + w / 4)});
  const Color cloth = b.pick(palette).color;
  const Index sofa = b.between(w / 20, w / 2);
  b.canvas.fill_rect(floor - h / 10, sofa, floor + h / 10, sofa + w * 2 / 5, cloth);
  b.canvas.fill_rect(floor - h / 40, sofa - w / 40, floor + h / 8, sofa + w / 30, cloth);
  b.canvas.fill_rect(floor - h / 40, sofa + w * 2 / 5 - w / 30, floor + h / 8, sofa + w * 2 / 5 + w / 40, cloth);
  b.marks.push_back({"sofa", b.box(floor - h / 10, sofa - w / 40, floor + h / 8, sofa + w * 2 / 5 + w / 40)});
  Style s = style_of(b, {250, 240, 120});
  s.bold = true;
  const Index hour = b.between(1, 12), minute = b.between(0, 59);
  const std::string time = std::to_string(hour) + ":" + (minute < 10 ? "0" : "") + std::to_string(minute);
  const Index width = Builder::text_width(time, s.size), rim = std::max<Index>(2, s.size / 4);
  const auto at = b.free_place(s.size * 5 / 4 + 2 * rim, width + 2 * rim);
  const Point m = at ? *at : Point{2, 2};
  b.canvas.fill_rect(m.row, m.col, m.row + s.size * 5 / 4 + 2 * rim, m.col + width + 2 * rim, {40, 40, 44});
  const Box box = b.text(time, m.row + rim, m.col + rim, s);
  b.ask("What time is it?", {time}, {box});
  return b.finish(1);
}

/// Signs along a road; best seen in a picture several times as wide as high.
Scene panorama(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {180, 214, 240});
  const Index h = p.height, w = p.width, horizon = h * 3 / 5;
  for (Index col = 0; col < w;) {  // hills
    const Index half = b.between(w / 16 + 8, w / 8 + 8), up = b.between(h / 8, h / 3);
    b.polygon({{horizon, col - half / 2}, {horizon - up, col + half / 2}, {horizon, col + half * 3 / 2}},
              {static_cast<std::uint8_t>(110 + up % 40), 160, 120});
    col += half;
  }
  b.canvas.fill_rect(horizon, 0, h, w, {150, 180, 110});
  b.canvas.fill_rect(h * 4 / 5, 0, h * 9 / 10, w, {110, 110, 114});
  Style s = style_of(b, {255, 255, 255});
  static constexpr std::array<std::string_view, 6> ordinals{"first", "second", "third", "fourth", "fifth", "sixth"};
  const Index n = p.lines > 0 ? std::clamp<Index>(p.lines, 1, 6) : 3, pitch = w / n;
  for (Index i = 0; i < n; ++i) {
    Index length = b.between(3, 6);
    while (length > 1 && s.size * 28 / 32 * length + s.size > pitch) --length;
    const std::string word = b.word("ABCDEFGHJKLMNPRSTUVXYZ", length);
    const Index width = Builder::text_width(word, s.size),
                col = i * pitch + s.size / 2 + b.between(0, std::max<Index>(0, pitch - width - s.size));
    const Index row = b.between(h / 4, std::max(h / 4, h / 2 - s.size));
    b.canvas.fill_rect(row + s.size, col + width / 2 - 2, h * 4 / 5, col + width / 2 + 2, {90, 90, 90});
    b.canvas.fill_rect(row - s.size / 4, col - s.size / 3, row + s.size * 3 / 2, col + width + s.size / 3,
                       i % 2 == 0 ? Color{20, 90, 50} : Color{30, 60, 140});
    const Box box = b.text(word, row, col, s);
    b.ask("What is written on the " + std::string(ordinals[static_cast<std::size_t>(i)]) + " sign?", {word}, {box});
  }
  return b.finish(n);
}

namespace {
void draw_tile(Builder& b, std::string_view what, Point m, Index r, Color back) {
  const Color c{40, 50, 60};
  const Index t = std::max<Index>(2, r / 5);
  if (what == "key") {
    b.canvas.fill_ellipse({m.row, m.col - r / 2}, r * 2 / 5, r * 2 / 5, {200, 160, 30});
    b.canvas.fill_ellipse({m.row, m.col - r / 2}, r / 5, r / 5, back);
    b.canvas.fill_rect(m.row - t / 2, m.col - r / 5, m.row + t - t / 2, m.col + r * 4 / 5, {200, 160, 30});
    for (const Index k : {Index{2}, Index{3}})
      b.canvas.fill_rect(m.row, m.col + r * k / 4 - t / 2, m.row + r * 2 / 5, m.col + r * k / 4 + t - t / 2,
                         {200, 160, 30});
  } else if (what == "cup") {
    b.canvas.fill_ellipse({m.row, m.col + r / 2}, r * 2 / 5, r * 2 / 5, c);
    b.canvas.fill_ellipse({m.row, m.col + r / 2}, r / 5, r / 5, back);
    b.polygon({{m.row - r / 2, m.col - r * 3 / 5},
               {m.row - r / 2, m.col + r / 2},
               {m.row + r * 3 / 5, m.col + r / 3},
               {m.row + r * 3 / 5, m.col - r * 2 / 5}},
              c);
  } else if (what == "leaf") {
    b.polygon({{m.row - r * 4 / 5, m.col + r * 3 / 5},
               {m.row - r / 8, m.col + r / 2},
               {m.row + r / 2, m.col - r / 4},
               {m.row + r / 4, m.col - r / 2},
               {m.row - r / 2, m.col - r / 8}},
              {50, 140, 60});
    b.canvas.line({m.row + r * 4 / 5, m.col - r * 4 / 5}, {m.row - r / 3, m.col + r / 4}, std::max<Index>(2, t / 2),
                  {90, 70, 30});
  } else {
    b.canvas.fill_ellipse(m, r * 3 / 4, r * 3 / 4, {230, 200, 60});
    b.canvas.fill_ellipse({m.row - r / 5, m.col + r * 2 / 5}, r * 3 / 5, r * 3 / 5, back);
  }
}
}  // namespace

/// 4x4 small pictures with letters; exactly one shows the key.
Scene mosaic(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  Style s = style_of(b, {20, 20, 20});
  s.bold = true;
  const Index th = p.height / 4, tw = p.width / 4, key = b.between(0, 15), asked = b.between(0, 15),
              gap = std::max<Index>(1, std::min(th, tw) / 32);
  std::string asked_what;
  Box asked_box, key_box;
  for (Index i = 0; i < 16; ++i) {
    const Index r0 = (i / 4) * th, c0 = (i % 4) * tw, r = std::min(th, tw) * 3 / 10;
    Color back{};
    for (auto& v : back) v = static_cast<std::uint8_t>(b.between(185, 245));
    b.canvas.fill_rect(r0 + gap, c0 + gap, r0 + th - gap, c0 + tw - gap, back);
    const Index other = b.between(1, 3);
    const std::string what(tiles[static_cast<std::size_t>(i == key ? 0 : other)]);
    draw_tile(b, what, {r0 + th * 11 / 20, c0 + tw * 11 / 20}, r, back);
    b.text(std::string(1, static_cast<char>('A' + i)), r0 + gap + 1, c0 + gap + 2, s);
    const Box box = b.box(r0 + gap, c0 + gap, r0 + th - gap, c0 + tw - gap);
    b.marks.push_back({what, box});
    if (i == key) key_box = box;
    if (i == asked) asked_what = what, asked_box = box;
  }
  b.ask("Which tile has the key?", {std::string(1, static_cast<char>('A' + key))}, {key_box});
  b.ask("What is in tile " + std::string(1, static_cast<char>('A' + asked)) + "?", {asked_what}, {asked_box});
  return b.finish(16);
}

/// A tower beside a billboard that has the formula in its small print.
Scene billboard(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {196, 220, 240});
  const Index h = p.height, w = p.width;
  const bool right = b.chance(50);
  const Index axis = right ? w * 4 / 5 : w / 5, ground = h * 7 / 8, half = w / 8;
  b.canvas.fill_rect(ground, 0, h, w, {130, 150, 110});
  const Color iron{110, 90, 76};
  b.polygon({{h / 12, axis},
             {h / 2, axis + half / 3},
             {ground, axis + half},
             {ground, axis + half / 2},
             {h * 3 / 4, axis},
             {ground, axis - half / 2},
             {ground, axis - half},
             {h / 2, axis - half / 3}},
            iron);
  for (const Index k : {Index{2}, Index{3}})
    b.canvas.fill_rect(h * k / 4 - h / 64, axis - half * k / 6, h * k / 4 + h / 64, axis + half * k / 6, iron);
  b.marks.push_back({"tower", b.box(h / 12, axis - half, ground, axis + half)});
  const Style s = style_of(b, {250, 250, 250});
  Style large = s;
  large.size = s.size * 3 / 2;
  large.bold = true;
  const Index c0 = right ? w / 24 : w * 3 / 8, c1 = c0 + w * 7 / 12, r0 = h / 4,
              r1 = std::max(h * 3 / 5, r0 + s.size * 6);
  for (const Index side : {c0 + w / 12, c1 - w / 12}) b.canvas.fill_rect(r1, side - 2, ground, side + 2, {80, 80, 80});
  b.canvas.fill_rect(r0, c0, r1, c1, b.pick(palette).color);
  const std::string brand(b.pick(shops)), first = b.word("EFPVWQ", 1), second = b.word("mkqrab", 1),
                                          third = b.word("cvtxyz", 1), power = std::to_string(b.between(2, 9));
  const std::string text = first + "=" + second + third + power;
  const Box name = b.text(brand, r0 + s.size, c0 + s.size, large);
  const Index room = std::max<Index>(0, c1 - c0 - Builder::text_width(text, s.size) - s.size);
  const Box print = b.text(text, r1 - s.size * 3 / 2, c0 + s.size / 2 + b.between(0, room), s);
  b.ask("What is the formula?", {text}, {print});
  b.ask("What is the name on the billboard?", {brand}, {name});
  return b.finish(2);
}

}  // namespace arrcoc::scenes
