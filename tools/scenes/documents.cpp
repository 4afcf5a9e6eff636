// Documents: receipt, form, formula, contract with a tiger, camouflaged text, wall-to-wall text, numbered lines.
#include "paper.hpp"
#include "scenarios.hpp"
#include "words.hpp"

namespace arrcoc::scenes {

Scene receipt(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  const Paper look = paper(b, p.polarity);
  b.canvas.fill_rect(0, 0, p.height, p.width, look.ground);
  Style s = style_of(b, look.ink);
  const Index step = s.size * 3 / 2, n = line_count(b, s.size, 3, 2, std::max<Index>(3, p.height / 48), b.rng);
  const Index body = std::min<Index>(p.width - s.size, s.size * 17),
              left = b.between(s.size / 2, std::max<Index>(s.size / 2, p.width - body - s.size / 2));
  Index row = b.between(s.size / 2, std::max<Index>(s.size / 2, p.height - (n + 3) * step - s.size / 2));
  Style head = s;
  head.bold = true;
  const std::string shop(b.pick(shops));
  const Box shop_box =
      b.text(shop, row, left + b.between(0, std::max<Index>(0, body - Builder::text_width(shop, s.size))), head);
  b.ask("Which shop is this?", {shop}, {shop_box});
  row += step;
  Index cents = 0;
  const auto names = b.some<std::string_view>(std::span(goods), std::min<Index>(n, static_cast<Index>(goods.size())));
  for (const std::string_view name : names) {
    const std::string price = money(b);
    const Box left_box = b.text(name, row, left, s);
    const Box right_box = b.text(price, row, left + body - Builder::text_width(price, s.size), s);
    b.ask("How much was the " + std::string(name) + "?", {price}, {left_box, right_box});
    cents += std::stol(price.substr(0, price.find('.'))) * 100 + std::stol(price.substr(price.find('.') + 1));
    row += step;
  }
  b.canvas.fill_rect(row + s.size / 4, left, row + s.size / 4 + 1, left + body, look.ink);
  row += s.size / 2;
  const std::string cent_text = std::to_string(cents % 100),
                    total = std::to_string(cents / 100) + "." + (cent_text.size() < 2 ? "0" + cent_text : cent_text);
  const Box word_box = b.text("TOTAL", row, left, head),
            total_box = b.text(total, row, left + body - Builder::text_width(total, s.size), head);
  b.ask("What is the total?", {total}, {word_box, total_box});
  if (p.height >= 512 && p.width >= 384) {  // room for what is on paper besides the list
    const Index tall = s.size * 2, wide = s.size * 8;
    const auto at = b.chance(60) ? b.free_place(tall + 8, wide + 8) : std::nullopt;
    std::vector<Box> boxes;
    if (at) {
      for (Index col = at->col + 4; col < at->col + 4 + wide;) {
        const Index bar = b.between(1, 4), space = b.between(1, 4);
        b.canvas.fill_rect(at->row + 4, col, at->row + 4 + tall, std::min(col + bar, at->col + 4 + wide), look.ink);
        col += bar + space;
      }
      boxes.push_back(b.box(at->row + 4, at->col + 4, at->row + 4 + tall, at->col + 4 + wide));
      b.marks.push_back({"barcode", boxes[0]});
    }
    b.ask("Is there a barcode?", {at ? "yes" : "no"}, boxes);
  }
  if (p.height >= 512) b.canvas.shade(b.between(0, 10), b.rng);
  return b.finish(n);
}

namespace {
std::string date(Builder& b) {
  const Index month = b.between(1, 12), day = b.between(1, 28);
  return std::to_string(day) + "/" + std::to_string(month);
}
std::string code(Builder& b) {
  const std::string number = b.word(digits, 3);
  return b.word("ABCDEFGHJKLMNPRSTUVWXYZ", 2) + number;
}
std::string random_formula(Builder& b) {
  const Index power = b.between(2, 9);
  const std::string third = b.word("cvtxyz", 1), second = b.word("mkqrab", 1);
  return b.word("EFPVWQ", 1) + "=" + second + third + std::to_string(power);
}
}  // namespace

Scene form(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  const Paper look = paper(b, p.polarity);
  b.canvas.fill_rect(0, 0, p.height, p.width, look.ground);
  Style s = style_of(b, look.ink), label = s;
  label.bold = true;
  struct Field {
    std::string_view name, question;
    std::string value;
    bool critical;
  };
  const std::vector<Field> all{{"Name", "What is the name?", std::string(b.pick(surnames)), false},
                               {"Date", "What is the date?", date(b), false},
                               {"Room", "What is the room?", std::to_string(b.between(100, 999)), false},
                               {"Diagnosis", "What is the diagnosis?", std::string(b.pick(illnesses)), true},
                               {"Dose", "What is the dose?", std::to_string(b.between(1, 99) * 5) + "mg", true},
                               {"Phone", "What is the phone?", b.word(digits, 6), false},
                               {"Doctor", "Who is the doctor?", std::string(b.pick(surnames)), false},
                               {"Weight", "What is the weight?", std::to_string(b.between(40, 120)) + "kg", false},
                               {"Age", "What is the age?", std::to_string(b.between(1, 99)), false},
                               {"Code", "What is the code?", code(b), false}};
  const Index step = s.size * 7 / 4,
              n = std::min<Index>(line_count(b, s.size, 1, 2, std::max<Index>(3, p.height / 56), b.rng),
                                  static_cast<Index>(all.size()));
  const Index indent = Builder::text_width("Diagnosis: ", s.size), body = indent + s.size * 7;
  const Index left = b.between(s.size / 2, std::max<Index>(s.size / 2, p.width - body - s.size / 2));
  Index row = b.between(s.size / 2, std::max<Index>(s.size / 2, p.height - n * step - s.size));
  for (const Field& f : b.some<Field>(std::span(all), n)) {
    Style value = s;
    if (f.name == "Dose")  // faint: one digit matters
      for (std::size_t k = 0; k < 3; ++k)
        value.color[k] = static_cast<std::uint8_t>((look.ink[k] * 2 + look.ground[k]) / 3);
    const Box name_box = b.text(std::string(f.name) + ":", row, left, label),
              value_box = b.text(f.value, row, left + indent, value);
    if (f.name == "Diagnosis")
      b.canvas.frame(row - 2, left + indent - 4, row + s.size * 5 / 4 + 2,
                     left + indent + Builder::text_width(f.value, s.size) + 4, 2, {200, 30, 30});
    b.ask(std::string(f.question), {f.value}, {name_box, value_box});
    row += step;
  }
  return b.finish(n);
}

Scene formula(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  const Paper look = paper(b, p.polarity);
  b.canvas.fill_rect(0, 0, p.height, p.width, look.ground);
  const Style s = style_of(b, look.ink);
  const Index step = s.size * 3 / 2, n = line_count(b, s.size, 2, 2, std::max<Index>(3, p.height / 56), b.rng),
              margin = s.size;
  const std::string text = random_formula(b);
  const std::string page = std::to_string(b.between(1, 99));
  const Index at = b.between(0, n - 1);
  Index row = margin;
  for (Index i = 0; i < n; ++i, row += step) {
    if (i == at) {
      Style big = s;
      big.bold = true;
      const Index col =
          b.between(margin, std::max<Index>(margin, p.width - Builder::text_width(text, s.size) - margin));
      b.ask("What is the formula?", {text}, {b.text(text, row, col, big)});
      continue;
    }
    Index col = margin;
    for (std::string_view w = b.pick(plain_words); col + Builder::text_width(w, s.size) < p.width - margin;
         w = b.pick(plain_words)) {
      b.text(w, row, col, s);
      col += Builder::text_width(w, s.size) + s.size * 13 / 32;
    }
  }
  const Index foot = p.height - margin - s.size;
  const std::string footer = "page " + page;
  b.ask("What is the page number?", {page},
        {b.text(footer, foot, (p.width - Builder::text_width(footer, s.size)) / 2, s)});
  return b.finish(n);
}

Scene tiger(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {252, 252, 250});
  const Style s = style_of(b, {25, 25, 25});
  const Index edge = std::max<Index>(3, p.width / 64), step = s.size * 3 / 2, size = std::min(p.height, p.width) / 3;
  b.canvas.frame(0, 0, p.height, p.width, edge, b.pick(palette).color);
  // The animal: a striped head over a shirt with a slogan, in one of the two lower corners.
  const bool right = b.chance(50);
  const Index col0 = right ? p.width - size - edge : edge, row0 = p.height - size - edge;
  const Point face{row0 + size / 4, col0 + size / 2};
  b.canvas.fill_ellipse(face, size / 4, size / 4, {235, 140, 40});
  for (const Index side : {Index{-1}, Index{1}}) {
    b.canvas.fill_ellipse({face.row - size / 5, face.col + side * size / 6}, size / 12, size / 12, {235, 140, 40});
    b.canvas.fill_ellipse({face.row - size / 24, face.col + side * size / 10}, std::max<Index>(1, size / 32),
                          std::max<Index>(1, size / 32), {20, 20, 20});
    for (Index k = 0; k < 3; ++k)
      b.canvas.line({face.row - size / 10 + k * size / 12, face.col + side * size / 4},
                    {face.row - size / 14 + k * size / 12, face.col + side * size / 7}, std::max<Index>(2, size / 40),
                    {20, 20, 20});
  }
  const Color shirt = b.pick(palette).color;
  b.canvas.fill_rect(row0 + size / 2, col0, row0 + size, col0 + size, shirt);
  const std::string motto(b.pick(mottos));
  Index slogan_size = s.size;
  while (slogan_size > 8 && Builder::text_width(motto, slogan_size) > size - 6) --slogan_size;
  Style slogan = s;
  slogan.size = slogan_size;
  slogan.color = {255, 255, 255};
  const Box motto_box =
      b.text(motto, row0 + size * 5 / 8, col0 + (size - Builder::text_width(motto, slogan_size)) / 2, slogan);
  const Box animal = b.box(row0, col0, row0 + size, col0 + size);
  b.marks.push_back({"tiger", animal});
  // The contract.
  const Index top = edge + s.size, bottom = row0 - step, lines = std::max<Index>(1, (bottom - top) / step),
              clause = b.between(0, lines - 1);
  const std::string terms = std::to_string(b.between(1, 12) * 5) + " days";
  Index row = top;
  for (Index i = 0; i < lines; ++i, row += step) {
    Index col = edge + s.size;
    if (i == clause) {
      const std::string text = "Pay: " + terms;
      const Box box = b.text(text, row, col, s);
      b.ask("What are the payment terms?", {terms}, {box});
      col += Builder::text_width(text, s.size) + s.size / 2;
    }
    for (std::string_view w = b.pick(plain_words); col + Builder::text_width(w, s.size) < p.width - edge - s.size;
         w = b.pick(plain_words)) {
      b.text(w, row, col, s);
      col += Builder::text_width(w, s.size) + s.size * 13 / 32;
    }
  }
  b.ask("What does the shirt say?", {motto}, {motto_box});
  b.ask("What animal is pictured?", {"tiger"}, {animal});
  return b.finish(lines);
}

Scene camouflage(const SceneParams& p, GlyphAtlas& atlas) {
  const Index base = 150;
  Builder b(p, atlas, {base, base, base});
  b.canvas.add_noise(6, b.rng);
  const bool lighter = p.polarity < 0 ? b.chance(50) : p.polarity == 1;
  const Index percent = b.between(3, 12), contrast = (p.contrast > 0 ? p.contrast : percent) * 255 / 100;
  const auto grey = static_cast<std::uint8_t>(lighter ? base + contrast : base - contrast);
  Style s = style_of(b, {grey, grey, grey});
  const Index half = p.height / 2;
  const bool hidden_above = b.chance(50);
  const std::string hidden = b.word("ABCDEFGHJKLMNPRSTUVWXYZ", b.between(3, 6)),
                    loud = b.word("ABCDEFGHJKLMNPRSTUVWXYZ", b.between(3, 6));
  const auto place = [&](Index from, Index to, const std::string& t) {
    return Point{b.between(from + s.size, std::max(from + s.size, to - 2 * s.size)),
                 b.between(s.size, std::max<Index>(s.size, p.width - Builder::text_width(t, s.size) - s.size))};
  };
  const Point h = hidden_above ? place(0, half, hidden) : place(half, p.height, hidden);
  b.ask("What does the grey text say?", {hidden}, {b.text(hidden, h.row, h.col, s)});
  const Point l = hidden_above ? place(half, p.height, loud) : place(0, half, loud);
  b.canvas.fill_rect(l.row - s.size / 2, l.col - s.size / 2, l.row + s.size * 7 / 4,
                     l.col + Builder::text_width(loud, s.size) + s.size / 2, {214, 30, 30});
  Style white = s;
  white.color = {255, 255, 255};
  b.ask("What does the red box say?", {loud}, {b.text(loud, l.row, l.col, white)});
  return b.finish(contrast);
}

Scene page(const SceneParams& p, GlyphAtlas& atlas) {
  Builder b(p, atlas, {250, 250, 250});
  const Paper look = paper(b, p.polarity);
  b.canvas.fill_rect(0, 0, p.height, p.width, look.ground);
  Style s = style_of(b, look.ink);
  const Index step = s.size * 4 / 3 + b.between(0, s.size / 2);
  Index lines = 0;
  for (Index row = b.between(0, s.size); row + s.size * 5 / 4 <= p.height; row += step, ++lines) {
    s.bold = b.chance(25);
    for (Index col = b.between(0, s.size * 2);;) {
      const std::string w = b.chance(40)   ? std::string(b.chance(50) ? b.pick(goods) : b.pick(plain_words))
                            : b.chance(40) ? money(b)
                                           : b.word(printable, b.between(1, 8));
      if (col + Builder::text_width(w, s.size) > p.width) break;
      b.text(w, row, col, s);
      col += Builder::text_width(w, s.size) + s.size * 13 / 32 + b.between(0, s.size / 2);
    }
  }
  return b.finish(lines);
}

namespace {
// Lines "(N)  value", the value in bold in three of four: "What is NOUN N?". `longest` is the longest line there can
//             be.
Scene numbered_lines(const SceneParams& p, GlyphAtlas& atlas, const std::string& noun, std::string_view longest,
                     std::string (*draw)(Builder&)) {
  Builder b(p, atlas, {250, 250, 250});
  const Paper look = paper(b, p.polarity);
  b.canvas.fill_rect(0, 0, p.height, p.width, look.ground);
  const Style s = style_of(b, look.ink);
  Style big = s;
  big.bold = true;
  const Index step = s.size * 3 / 2,
              n = std::min<Index>(line_count(b, s.size, 1, 3, std::max<Index>(4, p.height / 28), b.rng), 90),
              margin = s.size;
  const Index widest = Builder::text_width(longest, s.size),
              columns = std::clamp<Index>((p.width - margin) / (widest + margin), 1, 3),
              width = (p.width - margin) / columns;
  const auto numbers = b.rng.sample(90, n);
  Index row = b.between(margin, std::max(margin, p.height - n * step - margin));
  for (const Index i : numbers) {
    // Each line stands in one of the columns, its value somewhere right of its number.
    const Index col = margin + b.between(0, columns - 1) * width;
    const std::string number = std::to_string(i + 10), label = "(" + number + ")", text = draw(b);
    const Index from = Builder::text_width(label + " ", s.size),
                to = std::max(from, width - margin - Builder::text_width(text, s.size));
    const bool bold = b.chance(75);
    const Index indent = b.between(from, to);
    const Box label_box = b.text(label, row, col, s), box = b.text(text, row, col + indent, bold ? big : s);
    b.ask("What is " + noun + " " + number + "?", {text}, {label_box, box});
    row += step;
  }
  return b.finish(n);
}
std::string code_number_or_price(Builder& b) {
  const Index kind = b.between(0, 3);
  return kind < 2 ? code(b) : kind == 2 ? b.word(digits, 6) : money(b);
}
}  // namespace

Scene sheet(const SceneParams& p, GlyphAtlas& atlas) {
  return numbered_lines(p, atlas, "formula", "(99)  W=mm9", random_formula);
}

Scene ledger(const SceneParams& p, GlyphAtlas& atlas) {
  return numbered_lines(p, atlas, "entry", "(99)  WM000", code_number_or_price);
}

}  // namespace arrcoc::scenes
