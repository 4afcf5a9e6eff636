// A film in frames: a document pans by, a hard cut, a red car crosses a street; a title stays, a caption comes and
// goes.
#include "arrcoc/core/config.hpp"
#include "paper.hpp"
#include "scenarios.hpp"
#include "words.hpp"

namespace arrcoc::scenes {
namespace {

struct Film {
  Index frames, cut, caption_from, caption_to;  // [caption_from, caption_to)
  Index car_from, car_gone;                     // the car is to be seen in [car_from, car_gone)
  std::string title, caption;
  std::vector<std::string> lines;
  Style type;
  Index pan, car_length, car_row;
};

std::string seconds(Index frame) {
  const Index tenths = (frame * 10 + video_frames_per_second / 2) / video_frames_per_second;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

Film direct(Builder& b) {
  Film f{};
  f.frames = b.params.frames;
  f.cut = f.frames * 31 / 60;
  f.caption_from = f.frames / 2;  // 3.75 s of 7.5 s
  f.caption_to = std::min(f.frames, f.caption_from + std::max<Index>(1, f.frames / 10));
  const Index shot = f.frames - f.cut;
  f.car_from = f.cut + shot / 8;
  f.car_gone = f.cut + std::max<Index>(shot / 8 + 1, shot / 2 + b.between(0, std::max<Index>(0, shot / 3)));
  f.title = std::string(b.pick(shops)) + " TV";
  f.caption = b.word("ABCDEFGHJKLMNPRSTUVXYZ", b.between(4, 6));
  f.type = style_of(b, {30, 30, 30});
  const Index lines = b.params.height * 2 / (f.type.size * 3 / 2), room = b.params.width - 2 * f.type.size;
  for (Index i = 0; i < lines; ++i) {
    std::string line;
    for (std::string w(b.pick(plain_words)); Builder::text_width(line + " " + w, f.type.size) < room;
         w = b.pick(plain_words))
      line += (line.empty() ? "" : " ") + w;
    f.lines.push_back(line);
  }
  f.pan = std::max<Index>(1, b.params.height / 2 / std::max<Index>(1, f.cut));
  f.car_length = b.params.width / 5;
  f.car_row = b.params.height * 3 / 5 + b.between(0, b.params.height / 10);
  return f;
}

struct Seen {
  Box title, caption, car;
};

Seen draw(Builder& b, const Film& f, Index frame) {
  const Index h = b.params.height, w = b.params.width;
  Seen seen;
  if (frame < f.cut) {
    Index row = h / 6 - frame * f.pan;
    for (const std::string& line : f.lines) {
      if (row >= h / 7 && row + f.type.size * 5 / 4 <= h) b.text(line, row, f.type.size, f.type);
      row += f.type.size * 3 / 2;
    }
  } else {
    b.canvas.fill_rect(0, 0, h, w, {176, 208, 236});
    b.canvas.fill_rect(h / 2, 0, h, w, {122, 122, 126});
    for (Index col = -w / 16; col < w; col += w / 6)
      b.canvas.fill_rect(h * 9 / 10, col, h * 9 / 10 + std::max<Index>(2, h / 80), col + w / 12, {240, 240, 230});
    if (frame >= f.car_from && frame < f.car_gone) {  // from the left edge until the last bit has left at the right
      const Index steps = f.car_gone - f.car_from,
                  left = -f.car_length * 3 / 4 + (w + f.car_length * 3 / 4) * (frame - f.car_from) / steps,
                  tall = f.car_length / 4;
      const Color red{214, 40, 40};
      b.canvas.fill_rect(f.car_row - tall / 2, left, f.car_row + tall / 2, left + f.car_length, red);
      b.canvas.fill_rect(f.car_row - tall, left + f.car_length / 5, f.car_row - tall / 2, left + f.car_length * 4 / 5,
                         red);
      for (const Index k : {Index{1}, Index{3}})
        b.canvas.fill_ellipse({f.car_row + tall / 2, left + f.car_length * k / 4}, tall * 2 / 5, tall * 2 / 5,
                              {25, 25, 25});
      seen.car = b.box(f.car_row - tall, left, f.car_row + tall, left + f.car_length);
      b.marks.push_back({"red car", seen.car});
    }
  }
  b.canvas.fill_rect(0, 0, h / 9, w, {24, 30, 60});
  Style white = f.type;
  white.color = {255, 255, 255};
  white.bold = true;
  seen.title = b.text(f.title, (h / 9 - f.type.size) / 2, f.type.size, white);
  b.shape(Shape::star, {h / 18, w - h / 12}, h / 24, palette[3]);
  if (frame >= f.caption_from && frame < f.caption_to) {
    const Index width = Builder::text_width(f.caption, f.type.size), row = h - f.type.size * 2, col = (w - width) / 2;
    b.canvas.fill_rect(row - f.type.size / 4, col - f.type.size / 2, row + f.type.size * 3 / 2,
                       col + width + f.type.size / 2, {10, 10, 10});
    std::erase_if(b.marks, [&](const Mark& m) {
      return m.what.size() == 1 && m.box.row1 > static_cast<double>(row - f.type.size / 4) &&
             m.box.col1 > static_cast<double>(col - f.type.size / 2) &&
             m.box.col0 < static_cast<double>(col + width + f.type.size / 2);
    });
    seen.caption = b.text(f.caption, row, col, white);
  }
  return seen;
}

}  // namespace

Scene video(const SceneParams& p, GlyphAtlas& atlas) {
  require_that(p.frames >= 2 && p.frames <= 600 && p.frames * p.height * p.width <= 400'000'000, Code::bad_config,
               "scenes", [&] {
                 return "frames: expected 2 to 600 and at most 400,000,000 pixels in all, got " +
                        std::to_string(p.frames) + " of " + std::to_string(p.height) + "x" + std::to_string(p.width);
               });
  Builder plan(p, atlas, {246, 244, 238});
  const Film f = direct(plan);
  Question title{"What is the title?", {f.title}, {}},
      car{"After how many seconds has the car left?", {seconds(f.car_gone)}, {}, "relaxed_loose"};
  Question caption{"What does the caption say at " + seconds(f.caption_from) + " s?", {f.caption}, {}};
  Question shown{"From when to when is the caption shown?",
                 {"from " + detail::to_text(video_seconds(f.caption_from)) + " to " +
                  detail::to_text(video_seconds(f.caption_to)) + " seconds"},
                 {},
                 "temporal_iou"};
  car.when = {{video_seconds(f.car_gone), video_seconds(f.car_gone)}};
  caption.when = shown.when = {{video_seconds(f.caption_from), video_seconds(f.caption_to)}};
  Scene s;
  const Rotation turn{p.rotation, p.height, p.width};
  for (Index i = 0; i < f.frames; ++i) {
    Builder b(p, atlas, {246, 244, 238});
    b.rng = Rng(derive_seed(p.seed, "video frame " + std::to_string(i)));
    const Seen seen = draw(b, f, i);
    const auto note = [&](Question& q, const Box& box) {
      if (box.row1 <= box.row0 || box.col1 <= box.col0) return;
      q.boxes.push_back(turn.moved(box));
      q.frames.push_back(i);
    };
    note(title, seen.title);
    note(caption, seen.caption);
    note(shown, seen.caption);
    note(car, seen.car);
    Scene one = b.finish(f.frames);
    if (i == 0) s = one;
    s.frames.push_back({std::move(one.image), std::move(one.marks)});
  }
  s.questions = {title, car, caption, shown};
  s.cut = f.cut;
  return s;
}

}  // namespace arrcoc::scenes
