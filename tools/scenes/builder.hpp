#pragma once
// What every scenario draws with: a canvas that remembers where each character and shape went.
#include <algorithm>
#include <optional>

#include "scene.hpp"

namespace arrcoc::scenes {

enum class Shape : std::uint8_t { circle, square, triangle, diamond, cross, star };
inline constexpr std::array<std::string_view, 6> shape_names{"circle",  "square", "triangle",
                                                             "diamond", "cross",  "star"};

struct Named {
  std::string_view name;
  Color color;
};
inline constexpr std::array<Named, 8> palette{{{"red", {214, 40, 40}},
                                               {"green", {34, 139, 60}},
                                               {"blue", {40, 80, 200}},
                                               {"orange", {240, 140, 20}},
                                               {"purple", {130, 50, 160}},
                                               {"brown", {120, 72, 30}},
                                               {"pink", {240, 120, 180}},
                                               {"black", {20, 20, 20}}}};

/// Side of a cell in px.
inline Index pitch_of(const SceneParams& p) { return std::max<Index>(32, std::min(p.height, p.width) / p.cells); }

struct Style {
  Index font = 0, size = 14;
  bool bold = false;
  Color color{20, 20, 20};
};

class Builder {
 public:
  Builder(const SceneParams& p, GlyphAtlas& atlas, Color background)
      : params(p),
        rng(derive_seed(p.seed, p.scenario)),
        canvas(p.height, p.width, background),
        background_(background),
        atlas_(atlas) {}

  static Index text_width(std::string_view text, Index size) {
    Index w = 0;
    for (const char c : text) w += cell_of(c, size).width;
    return w;
  }
  /// Draws text with its top left corner at (row, col); returns its box.
  Box text(std::string_view s, Index row, Index col, const Style& style) {
    const Index start = col;
    for (const char c : s) {
      const Cell cell = cell_of(c, style.size);
      if (c != ' ') {
        canvas.stamp(atlas_.glyph(style.font, style.bold, style.size, c), row, col, style.color);
        marks.push_back({std::string(1, c), box(row, col, row + cell.height, col + cell.width)});
      }
      col += cell.width;
    }
    return box(row, start, row + style.size * 5 / 4, col);
  }
  Box shape(Shape kind, Point m, Index r, const Named& color) {
    const Index d = r * 7 / 10;
    switch (kind) {
      case Shape::circle: canvas.fill_ellipse(m, r, r, color.color); break;
      case Shape::square: canvas.fill_rect(m.row - d, m.col - d, m.row + d, m.col + d, color.color); break;
      case Shape::triangle:
        polygon({{m.row - r, m.col}, {m.row + d, m.col + r}, {m.row + d, m.col - r}}, color.color);
        break;
      case Shape::diamond:
        polygon({{m.row - r, m.col}, {m.row, m.col + r}, {m.row + r, m.col}, {m.row, m.col - r}}, color.color);
        break;
      case Shape::cross:
        canvas.fill_rect(m.row - r, m.col - r / 3, m.row + r, m.col + r / 3, color.color);
        canvas.fill_rect(m.row - r / 3, m.col - r, m.row + r / 3, m.col + r, color.color);
        break;
      case Shape::star:
        polygon({{m.row - r, m.col},
                 {m.row - r / 4, m.col + r / 4},
                 {m.row, m.col + r},
                 {m.row + r / 4, m.col + r / 4},
                 {m.row + r, m.col},
                 {m.row + r / 4, m.col - r / 4},
                 {m.row, m.col - r},
                 {m.row - r / 4, m.col - r / 4}},
                color.color);
        break;
    }
    const Box b = box(m.row - r, m.col - r, m.row + r, m.col + r);
    marks.push_back({std::string(color.name) + " " + std::string(shape_names[static_cast<std::size_t>(kind)]), b});
    return b;
  }
  void polygon(std::initializer_list<Point> corners, Color c) {
    canvas.fill_polygon(std::span<const Point>(corners.begin(), corners.size()), c);
  }

  void ask(std::string question, std::vector<std::string> answers, std::vector<Box> boxes) {
    questions.push_back({std::move(question), std::move(answers), std::move(boxes), "exact"});
  }

  Index between(Index low, Index high) {
    return low + static_cast<Index>(rng.below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool chance(Index percent) { return between(0, 99) < percent; }
  template <class Container>
  const auto& pick(const Container& c) {
    return c[rng.below(c.size())];
  }
  std::string word(std::string_view alphabet, Index length) {
    std::string s;
    for (Index i = 0; i < length; ++i) s += alphabet[rng.below(alphabet.size())];
    return s;
  }
  /// n distinct members of a list, in random order.
  template <class T>
  std::vector<T> some(std::span<const T> all, Index n) {
    std::vector<T> out;
    for (const Index i : rng.sample(static_cast<Index>(all.size()), n)) out.push_back(all[static_cast<std::size_t>(i)]);
    return out;
  }
  Box box(Index r0, Index c0, Index r1, Index c1) const {
    const auto clip = [](Index v, Index high) { return static_cast<double>(std::clamp<Index>(v, 0, high)); };
    return {clip(r0, params.height), clip(c0, params.width), clip(r1, params.height), clip(c1, params.width)};
  }

  bool is_free(const Box& a) const {
    const auto meets = [&](const Box& m) {
      return a.row0 < m.row1 && m.row0 < a.row1 && a.col0 < m.col1 && m.col0 < a.col1;
    };
    return std::none_of(marks.begin(), marks.end(), [&](const Mark& m) { return meets(m.box); }) &&
           std::none_of(questions.begin(), questions.end(),
                        [&](const Question& q) { return std::any_of(q.boxes.begin(), q.boxes.end(), meets); });
  }
  /// The top left corner of a place of this size where nothing has been drawn that is asked for or marked.
  std::optional<Point> free_place(Index h, Index w) {
    if (h >= params.height || w >= params.width) return std::nullopt;
    for (int tries = 0; tries < 40; ++tries) {
      const Point at{between(0, params.height - h), between(0, params.width - w)};
      if (is_free(box(at.row, at.col, at.row + h, at.col + w))) return at;
    }
    return std::nullopt;
  }

  /// Degrades and turns the picture as the parameters say, moving every box with it.
  Scene finish(Index difficulty) {
    if (params.clutter > 0) scatter();
    canvas.blur(params.blur >= 0 ? params.blur : 0);
    canvas.add_noise(params.noise >= 0 ? params.noise : between(0, 6), rng);
    if (params.jpeg_quality > 0) canvas.jpeg_blocks(params.jpeg_quality);
    Scene s;
    const Rotation turn{params.rotation, params.height, params.width};
    s.image = turn.apply(canvas.take(), background_);
    for (Mark& m : marks) m.box = turn.moved(m.box);
    for (Question& q : questions)
      for (Box& b : q.boxes) b = turn.moved(b);
    s.marks = std::move(marks);
    s.questions = std::move(questions);
    s.scenario = params.scenario;
    s.difficulty = difficulty;
    return s;
  }

  const SceneParams& params;
  Rng rng;
  Canvas canvas;
  std::vector<Mark> marks;
  std::vector<Question> questions;

 private:
  /// Strokes and specks beside everything that matters.
  void scatter() {
    const Index n = params.clutter * params.height * params.width / 65536;
    for (Index i = 0; i < n; ++i) {
      const Index h = between(4, 24), w = between(4, 24);
      const Color c = pick(palette).color;
      const bool speck = chance(40), falling = chance(50);
      const auto at = free_place(h, w);
      if (!at) continue;
      if (speck)
        canvas.fill_ellipse({at->row + h / 2, at->col + w / 2}, std::max<Index>(1, h / 4), std::max<Index>(1, w / 4),
                            c);
      else
        canvas.line({falling ? at->row : at->row + h, at->col}, {falling ? at->row + h : at->row, at->col + w}, 1, c);
    }
  }

  Color background_;
  GlyphAtlas& atlas_;
};

}  // namespace arrcoc::scenes
