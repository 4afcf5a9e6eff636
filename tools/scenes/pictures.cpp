// Pictures of things: shapes, pop-out, street, relations.
#include "builder.hpp"
#include "scenarios.hpp"

namespace arrcoc::scenes {
namespace {

/// n places on a grid of square cells `pitch` px wide, in random order, each moved a little inside its cell.
std::vector<Point> places(Builder& b, Index n, Index pitch, Index slack) {
  const Index rows = b.params.height / pitch, cols = b.params.width / pitch;
  std::vector<Point> out;
  for (const Index cell : b.rng.sample(rows * cols, std::min(n, rows * cols)))
    out.push_back({(cell / cols) * pitch + pitch / 2 + b.between(-slack, slack),
                   (cell % cols) * pitch + pitch / 2 + b.between(-slack, slack)});
  return out;
}

std::string name_of(Shape s) { return std::string(shape_names[static_cast<std::size_t>(s)]); }

Color ground(Builder& b) {
  const auto v = static_cast<std::uint8_t>(b.between(225, 255));
  return {v, v, v};
}

/// A small car seen from the side, `length` px long.
Box car(Builder& b, Point m, Index length, const Named& color) {
  const Index h = length / 4;
  b.canvas.fill_rect(m.row - h / 2, m.col - length / 2, m.row + h / 2, m.col + length / 2, color.color);
  b.polygon({{m.row - h / 2, m.col - length / 3},
             {m.row - h * 5 / 4, m.col - length / 5},
             {m.row - h * 5 / 4, m.col + length / 5},
             {m.row - h / 2, m.col + length / 3}},
            color.color);
  b.canvas.fill_rect(m.row - h, m.col - length / 7, m.row - h * 5 / 8, m.col + length / 7, {190, 220, 240});
  for (const Index side : {Index{-1}, Index{1}})
    b.canvas.fill_ellipse({m.row + h / 2, m.col + side * length / 4}, std::max<Index>(2, h * 2 / 5),
                          std::max<Index>(2, h * 2 / 5), {25, 25, 25});
  const Box box = b.box(m.row - h * 5 / 4, m.col - length / 2, m.row + h, m.col + length / 2);
  b.marks.push_back({std::string(color.name) + " car", box});
  return box;
}

}  // namespace

Scene shapes(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  b.canvas.fill_rect(0, 0, p.height, p.width, ground(b));
  const Index pitch = pitch_of(p), r = pitch * 2 / 5, n = p.lines > 0 ? p.lines : b.between(1, 6);
  struct Drawn {
    Shape shape;
    Named color;
    Box box;
    Point at;
  };
  std::vector<Drawn> drawn;
  for (const Point m : places(b, n, pitch, pitch / 12)) {
    const auto shape = static_cast<Shape>(b.between(0, 5));
    const Named color = b.pick(palette);
    drawn.push_back({shape, color, b.shape(shape, m, r, color), m});
  }
  for (const Drawn& d : drawn) {
    const auto same_shape =
        std::count_if(drawn.begin(), drawn.end(), [&](const Drawn& o) { return o.shape == d.shape; });
    const auto same_color =
        std::count_if(drawn.begin(), drawn.end(), [&](const Drawn& o) { return o.color.name == d.color.name; });
    if (same_shape == 1) b.ask("What colour is the " + name_of(d.shape) + "?", {std::string(d.color.name)}, {d.box});
    if (same_color == 1) b.ask("What shape is " + std::string(d.color.name) + "?", {name_of(d.shape)}, {d.box});
  }
  std::vector<Box> all;
  for (const Drawn& d : drawn) all.push_back(d.box);
  b.ask("How many shapes are there?", {std::to_string(drawn.size())}, all);
  return b.finish(static_cast<Index>(drawn.size()));
}

Scene popout(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  b.canvas.fill_rect(0, 0, p.height, p.width, ground(b));
  const Index pitch = pitch_of(p), rows = p.height / pitch, cols = p.width / pitch;
  const auto common = static_cast<Shape>(b.between(0, 5));
  const Named color = b.pick(palette);
  Shape odd_shape = common;
  Named odd_color = color;
  const bool by_color = b.chance(50);
  while (!by_color && odd_shape == common) odd_shape = static_cast<Shape>(b.between(0, 5));
  while (by_color && odd_color.name == color.name) odd_color = b.pick(palette);
  const Index odd = b.between(0, rows * cols - 1);
  for (Index i = 0; i < rows * cols; ++i) {
    const Point m{(i / cols) * pitch + pitch / 2, (i % cols) * pitch + pitch / 2};
    const Box box = b.shape(i == odd ? odd_shape : common, m, pitch * 3 / 10, i == odd ? odd_color : color);
    if (i == odd) b.ask("What is unusual here?", {std::string(odd_color.name) + " " + name_of(odd_shape)}, {box});
  }
  return b.finish(rows * cols);
}

Scene street(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {170, 205, 235});
  b.canvas.fill_rect(p.height / 3, 0, p.height, p.width, {120, 120, 124});
  for (Index col = 0; col < p.width;) {  // houses
    const Index w = b.between(p.width / 12, p.width / 6), h = b.between(p.height / 8, p.height / 4);
    const auto v = static_cast<std::uint8_t>(b.between(120, 200));
    b.canvas.fill_rect(p.height / 3 - h, col, p.height / 3, col + w,
                       {v, static_cast<std::uint8_t>(v - 20), static_cast<std::uint8_t>(v - 40)});
    col += w;
  }
  const Index pitch = pitch_of(p),
              n = p.lines > 0 ? p.lines
                              : b.between(3, std::min<Index>(25, (p.height * 2 / 3 / pitch) * (p.width / pitch) / 2));
  std::vector<Point> where;
  for (const Point m : places(b, 4096, pitch, pitch / 8))
    if (m.row > p.height / 3 + pitch / 2 && static_cast<Index>(where.size()) < n) where.push_back(m);
  std::vector<Box> cars;
  std::size_t leftmost = 0;
  std::vector<Named> colors;
  for (std::size_t i = 0; i < where.size(); ++i) {
    colors.push_back(i == 0 ? palette[0] : palette[1 + b.rng.below(palette.size() - 1)]);  // one red car
    cars.push_back(car(b, where[i], b.between(pitch * 3 / 5, pitch * 9 / 10), colors.back()));
    if (cars[i].col0 < cars[leftmost].col0) leftmost = i;
  }
  b.ask("How many cars are there?", {std::to_string(cars.size())}, cars);
  if (!cars.empty())
    b.ask("What colour is the car at the left?", {std::string(colors[leftmost].name)}, {cars[leftmost]});
  if (const Point m{0, cars.empty() ? p.width / 2 : static_cast<Index>(cars[0].col0 + cars[0].col1) / 2};
      std::abs(m.col - p.width / 2) > p.width / 16)
    b.ask("Where is the red car: left or right?", {m.col < p.width / 2 ? "left" : "right"}, {cars[0]});
  return b.finish(n);
}

Scene relations(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  b.canvas.fill_rect(0, 0, p.height, p.width, ground(b));
  const Index unit = pitch_of(p), r = unit * 2 / 5;
  // A thing on, under, left or right of a table.
  const Point m{b.between(unit * 2, p.height - unit * 2), b.between(unit * 2, p.width - unit * 2)};
  const Color wood{120, 72, 30};
  b.canvas.fill_rect(m.row - unit / 8, m.col - unit * 3 / 4, m.row + unit / 8, m.col + unit * 3 / 4, wood);
  for (const Index side : {Index{-1}, Index{1}})
    b.canvas.fill_rect(m.row, m.col + side * unit * 5 / 8 - unit / 16, m.row + unit * 9 / 8,
                       m.col + side * unit * 5 / 8 + unit / 16, wood);
  const Box table = b.box(m.row - unit / 8, m.col - unit * 3 / 4, m.row + unit * 9 / 8, m.col + unit * 3 / 4);
  b.marks.push_back({"table", table});
  static constexpr std::array<std::string_view, 4> where{"on", "under", "left", "right"};
  const auto at = static_cast<std::size_t>(b.between(0, 3));
  const Point offsets[] = {{-unit / 8 - r, 0}, {unit * 5 / 8, 0}, {unit / 2, -unit * 5 / 4}, {unit / 2, unit * 5 / 4}};
  const auto shape = static_cast<Shape>(b.between(0, 5));
  const Named color = b.pick(palette);
  const Box thing = b.shape(shape, {m.row + offsets[at].row, m.col + offsets[at].col}, r, color);
  b.ask("Where is the " + name_of(shape) + ": on, under, left or right of the table?", {std::string(where[at])},
        {thing, table});
  b.ask("What colour is the " + name_of(shape) + "?", {std::string(color.name)}, {thing});
  return b.finish(1);
}

}  // namespace arrcoc::scenes
