// A desk seen from above: papers with small print among loud things without any.
#include "paper.hpp"
#include "scenarios.hpp"
#include "words.hpp"

namespace arrcoc::scenes {
namespace {

struct PaperKind {
  std::string_view name, label;
  std::string (*value)(Builder&);
};
const std::array<PaperKind, 12> paper_kinds{
    {{"receipt", "total", [](Builder& b) { return money(b); }},
     {"bill", "amount", [](Builder& b) { return money(b); }},
     {"menu", "lunch", [](Builder& b) { return std::string(b.pick(goods)); }},
     {"badge", "name", [](Builder& b) { return std::string(b.pick(surnames)); }},
     {"letter", "sender", [](Builder& b) { return std::string(b.pick(surnames)); }},
     {"card", "phone", [](Builder& b) { return b.word(digits, 6); }},
     {"parcel", "weight", [](Builder& b) { return std::to_string(b.between(2, 98)) + "kg"; }},
     {"ticket", "gate", [](Builder& b) { return std::to_string(b.between(100, 999)); }},
     {"chart", "illness", [](Builder& b) { return std::string(b.pick(illnesses)); }},
     {"poster", "shop", [](Builder& b) { return std::string(b.pick(shops)); }},
     {"note", "motto", [](Builder& b) { return std::string(b.pick(mottos)); }},
     {"form", "number", [](Builder& b) { return b.word(digits, 5); }}}};

/// What catches the eye and says nothing: a mug, a striped cloth, grains, a heap of shapes.
void thing(Builder& b, Point at, Index side) {
  const Named& one = b.pick(palette);
  const Named& two = b.pick(palette);
  const Point middle{at.row + side / 2, at.col + side / 2};
  switch (b.between(0, 3)) {
    case 0:
      b.canvas.fill_ellipse(middle, side / 2, side / 2, one.color);
      b.canvas.fill_ellipse(middle, side * 2 / 5, side * 2 / 5, {70, 44, 24});
      break;
    case 1: {
      const Index stripe = b.between(3, 9);
      b.canvas.fill_rect(at.row, at.col, at.row + side, at.col + side, one.color);
      for (Index r = 0; r + stripe <= side; r += 2 * stripe)
        b.canvas.fill_rect(at.row + r, at.col, at.row + r + stripe, at.col + side, two.color);
      break;
    }
    case 2: b.canvas.fill_noise(at.row, at.col, at.row + side, at.col + side, 60, 220, b.rng); break;
    default:
      for (int i = 0; i < 8; ++i) {
        const Index r = std::max<Index>(3, side / 8);
        const Named& color = b.pick(palette);
        const Point m{b.between(at.row + r, at.row + side - r), b.between(at.col + r, at.col + side - r)};
        b.canvas.fill_ellipse(m, r, r / 2 + 1, color.color);
      }
  }
  b.marks.push_back({"thing", b.box(at.row, at.col, at.row + side, at.col + side)});
}

/// A line of words of at most `width` px.
std::string prose(Builder& b, Index size, Index width) {
  std::string line(b.pick(plain_words));
  for (;;) {
    const std::string longer = line + " " + std::string(b.pick(plain_words));
    if (Builder::text_width(longer, size) > width) return line;
    line = longer;
  }
}

}  // namespace

Scene desk(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {150, 112, 74});
  for (Index row = 0; row < p.height; row += std::max<Index>(24, p.height / 10)) {  // planks
    const auto shade = static_cast<std::uint8_t>(b.between(0, 14));
    b.canvas.fill_rect(row, 0, row + std::max<Index>(24, p.height / 10) - 2, p.width,
                       {static_cast<std::uint8_t>(156 - shade), static_cast<std::uint8_t>(118 - shade),
                        static_cast<std::uint8_t>(80 - shade)});
  }
  const Style type = style_of(b, {30, 30, 34});
  const Index step = type.size * 3 / 2, edge = type.size,
              width = std::min(type.size * b.between(13, 20), p.width * 3 / 4) - 2 * edge;
  const Index wanted = p.lines > 0 ? p.lines : b.between(6, 10);
  Index laid = 0;
  for (const PaperKind& sheet :
       b.some<PaperKind>(std::span(paper_kinds), std::min<Index>(wanted, static_cast<Index>(paper_kinds.size())))) {
    const Index most = std::max<Index>(2, (p.height * 3 / 4 - 2 * edge) / step - 3),
                lines = std::min(most, b.between(2, 6)), said = b.between(0, lines - 1);
    const std::string value = sheet.value(b), label = std::string(sheet.label) + ":";
    const Index gap = type.size / 2, before = Builder::text_width(label, type.size) + gap;
    const bool below = before + Builder::text_width(value, type.size) > width;  // of its label
    const Index tall = (lines + 2 + (below ? 1 : 0)) * step + 2 * edge, wide = width + 2 * edge;
    const auto at = b.free_place(tall, wide);
    if (!at) continue;
    const auto light = static_cast<std::uint8_t>(b.between(228, 252));
    b.canvas.fill_rect(at->row, at->col, at->row + tall, at->col + wide,
                       {light, light, static_cast<std::uint8_t>(light - b.between(0, 24))});
    Style head = type;
    head.bold = true;
    Index row = at->row + edge;
    const Index col = at->col + edge;
    b.text(std::string(sheet.name), row, col, head);
    row += step;
    for (Index i = 0; i <= lines; ++i, row += step) {
      if (i != said) {
        b.text(prose(b, type.size, width), row, col, type);
        continue;
      }
      b.text(label, row, col, type);
      if (below) row += step;
      const Box box = b.text(value, row, below ? col : col + before, type);
      b.ask("What is the " + std::string(sheet.label) + " on the " + std::string(sheet.name) + "?", {value}, {box});
    }
    b.marks.push_back({std::string(sheet.name), b.box(at->row, at->col, at->row + tall, at->col + wide)});
    ++laid;
  }
  for (Index i = b.between(4, 8); i > 0; --i) {
    const Index side = std::max<Index>(16, std::min(p.height, p.width) / b.between(8, 24));
    if (const auto at = b.free_place(side, side)) thing(b, *at, side);
  }
  return b.finish(laid);
}

}  // namespace arrcoc::scenes
