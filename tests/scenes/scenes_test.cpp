// Laws of every scene: the same everywhere, boxes inside, answers really to be read in the picture.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "scenes/builder.hpp"
#include "scenes/scene.hpp"

using namespace arrcoc;
using namespace arrcoc::scenes;

namespace {

GlyphAtlas& atlas() {
  static GlyphAtlas a;
  return a;
}

SceneParams params(std::string_view scenario, std::uint64_t seed, Index height = 256, Index width = 256) {
  SceneParams p;
  p.scenario = std::string(scenario);
  p.seed = seed;
  p.height = height;
  p.width = width;
  p.frames = 10;
  return p;
}

/// FNV-1a over everything but pixels, so that the text libraries do not matter.
std::uint64_t layout_hash(const Scene& s) {
  std::uint64_t h = 0xcbf29ce484222325ull;
  const auto byte = [&](unsigned char c) { h = (h ^ c) * 0x100000001b3ull; };
  const auto text = [&](std::string_view t) {
    for (const char c : t) byte(static_cast<unsigned char>(c));
    byte(0);
  };
  const auto box = [&](const Box& b) {
    for (const double v : {b.row0, b.col0, b.row1, b.col1})
      text(std::to_string(static_cast<long>(std::lround(v * 16))));
  };
  for (const Mark& m : s.marks) text(m.what), box(m.box);
  for (const Frame& f : s.frames)
    for (const Mark& m : f.marks) text(m.what), box(m.box);
  for (const Question& q : s.questions) {
    text(q.question), text(q.metric), text(q.kind);
    for (const auto& a : q.answers) text(a);
    for (const Box& b : q.boxes) box(b);
  }
  return h;
}

/// How far the pixels under a mask are from a two-colour picture of that mask: 0 = exactly it.
double misfit(const Image& image, const Mark& m, const Mask& mask, Color paper, Color ink) {
  double sum = 0;
  for (Index r = 0; r < mask.height; ++r)
    for (Index c = 0; c < mask.width; ++c) {
      const Index row = static_cast<Index>(m.box.row0) + r, col = static_cast<Index>(m.box.col0) + c;
      if (row >= image.height || col >= image.width) return 1e9;
      const Index a = mask.alpha[static_cast<std::size_t>(r * mask.width + c)];
      for (Index k = 0; k < 3; ++k) {
        const auto at = static_cast<std::size_t>(k);
        sum += std::abs(static_cast<double>(image.view().row(row)[col * 3 + k]) -
                        (paper[at] * (255.0 - static_cast<double>(a)) + ink[at] * static_cast<double>(a)) / 255.0);
      }
    }
  return sum / static_cast<double>(mask.height * mask.width);
}

Color pixel(const Image& image, Index row, Index col) {
  const std::uint8_t* p = image.view().row(row) + col * 3;
  return {p[0], p[1], p[2]};
}

/// Reads one character cell by trying every glyph of that cell width, in both weights; ink = the pixel farthest from
/// the paper.
char read_cell(const Image& image, const Mark& m, Index font, Index size) {
  const auto r0 = static_cast<Index>(m.box.row0), c0 = static_cast<Index>(m.box.col0),
             r1 = static_cast<Index>(m.box.row1), c1 = static_cast<Index>(m.box.col1);
  const Color paper = pixel(image, r0, c0);
  char best = '?';
  double least = 1e18;
  for (char c = 33; c < 127; ++c) {
    if (cell_of(c, size).width != c1 - c0 || cell_of(c, size).height != r1 - r0) continue;
    for (const bool bold : {false, true}) {
      const Mask& mask = atlas().glyph(font, bold, size, c);
      const auto top = std::max_element(mask.alpha.begin(), mask.alpha.end()) - mask.alpha.begin();
      const double a = mask.alpha[static_cast<std::size_t>(top)] / 255.0;
      if (a == 0) continue;
      const Color under = pixel(image, r0 + top / mask.width, c0 + top % mask.width);
      Color ink{};
      for (std::size_t k = 0; k < 3; ++k)
        ink[k] = static_cast<std::uint8_t>(std::clamp(paper[k] + (under[k] - paper[k]) / a, 0.0, 255.0));
      double contrast = 0;
      for (std::size_t k = 0; k < 3; ++k) contrast += std::abs(ink[k] - paper[k]);
      if (contrast < 6) continue;
      const double d = misfit(image, m, mask, paper, ink) / contrast;
      if (d < least) least = d, best = c;
    }
  }
  return best;
}

}  // namespace

TEST_CASE("layouts, boxes, questions and answers are the stored ones") {
  std::ifstream golden(ARRCOC_TESTS_DIR "/golden/scenes.txt");
  REQUIRE(golden.is_open());
  std::string name, hex;
  Index seed = 0, height = 0, width = 0, rows = 0;
  while (golden >> name >> seed >> height >> width >> hex) {
    const Scene s = make_scene(params(name, static_cast<std::uint64_t>(seed), height, width), atlas());
    char got[32];
    std::snprintf(got, sizeof got, "%016llx", static_cast<unsigned long long>(layout_hash(s)));
    CHECK_MESSAGE(hex == got, name << " " << seed << " " << height << " " << width << " " << got);
    ++rows;
  }
  CHECK(rows == 4 * static_cast<Index>(scenarios().size()));
}

TEST_CASE("the same seed draws the same picture, another seed another") {
  for (const ScenarioInfo& s : scenarios()) {
    const Scene a = make_scene(params(s.name, 7), atlas()), b = make_scene(params(s.name, 7), atlas()),
                c = make_scene(params(s.name, 8), atlas());
    CHECK_MESSAGE(a.image == b.image, s.name);
    CHECK_MESSAGE(!(a.image == c.image), s.name);
  }
}

TEST_CASE("every box lies inside the picture and has an area; every question but the void ones has an answer") {
  const Point sizes[] = {{256, 256}, {512, 2048}, {512, 288}, {1024, 1024}};
  for (const ScenarioInfo& s : scenarios())
    for (const Point& size : sizes)
      for (std::uint64_t seed = 0; seed < 3; ++seed) {
        const Index h = size.row, w = size.col;
        const Scene scene = make_scene(params(s.name, seed, h, w), atlas());
        CAPTURE(s.name);
        CAPTURE(h);
        CAPTURE(w);
        CAPTURE(seed);
        const auto inside = [&](const Box& b) {
          return b.row0 >= 0 && b.col0 >= 0 && b.row0 < b.row1 && b.col0 < b.col1 && b.row1 <= static_cast<double>(h) &&
                 b.col1 <= static_cast<double>(w);
        };
        for (const Mark& m : scene.marks) REQUIRE(inside(m.box));
        for (const Question& q : scene.questions) {
          for (const Box& b : q.boxes) REQUIRE(inside(b));
          REQUIRE(!q.answers.empty());
          CHECK((q.metric == "none") == q.answers[0].empty());
          CHECK((q.frames.empty() || q.frames.size() == q.boxes.size()));
        }
        CHECK((s.group == Group::reading || !scene.questions.empty()));
        CHECK(scene.frames.size() == (s.group == Group::video ? 10u : 0u));
      }
}

TEST_CASE("answers in text can be read from the picture with the atlas") {
  Index answers = 0, characters = 0, wrong = 0;
  for (const std::string_view name :
       {"receipt", "form", "formula", "sheet", "ledger", "desk", "tiger", "panorama", "clock", "billboard",
        "eight_queries", "noise_text_blank", "adversarial", "video"})
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      SceneParams p = params(name, seed);
      p.font = static_cast<Index>(seed % 6);
      p.noise = 0;
      const Scene s = make_scene(p, atlas());
      for (const Question& q : s.questions) {
        std::string read;
        if (!q.frames.empty() && q.frames[0] != 0) continue;  // not on the first frame
        for (const Box& b : q.boxes)
          for (const Mark& m : s.marks)
            if (m.what.size() == 1 && m.box.row0 >= b.row0 && m.box.row1 <= b.row1 && m.box.col0 >= b.col0 &&
                m.box.col1 <= b.col1)
              read += read_cell(s.image, m, p.font, static_cast<Index>(m.box.row1 - m.box.row0 + 1) * 4 / 5);
        std::string answer = q.answers[0];
        std::erase(answer, ' ');
        if (read.size() < answer.size() || answer.empty()) continue;  // answered by a shape, or computed
        if (q.kind == "stuffed" || q.kind == "complex" || q.question == "What animal is pictured?") continue;
        read = read.substr(read.size() - answer.size());  // labels come first
        ++answers;
        for (std::size_t i = 0; i < answer.size(); ++i) {
          ++characters;
          const auto same = [](char c) { return c == 'I' || c == '|' ? 'l' : c; };  // drawn alike in some faces
          if (same(read[i]) != same(answer[i])) {
            ++wrong;
            CHECK_MESSAGE(
                false, name << " seed " << seed << ": " << q.question << " expected " << answer << ", read " << read);
            break;
          }
        }
      }
    }
  MESSAGE(answers << " answers, " << characters << " characters read, " << wrong << " answers wrong");
  CHECK(answers > 150);
  CHECK(wrong == 0);
}

TEST_CASE("parameters do what they say") {
  const auto draw = [](auto&& set) {
    SceneParams p = params("receipt", 3);
    p.noise = 0;
    set(p);
    return make_scene(p, atlas());
  };
  const Scene plain = draw([](SceneParams&) {});
  const auto distance = [&](const Scene& s) {
    double sum = 0;
    for (std::size_t i = 0; i < s.image.rgb.size(); ++i) sum += std::abs(int{s.image.rgb[i]} - int{plain.image.rgb[i]});
    return sum / static_cast<double>(s.image.rgb.size());
  };
  const auto worst = [&](const Scene& s) {
    int most = 0;
    for (std::size_t i = 0; i < s.image.rgb.size(); ++i)
      most = std::max(most, std::abs(int{s.image.rgb[i]} - int{plain.image.rgb[i]}));
    return most;
  };
  SUBCASE("noise stays within its amplitude and fills it") {
    const Scene s = draw([](SceneParams& p) { p.noise = 9; });
    CHECK(worst(s) == 9);
    CHECK(layout_hash(s) == layout_hash(plain));
  }
  SUBCASE("blur lowers the contrast and keeps the boxes") {
    const auto steps = [](const Image& i) {
      double d = 0;
      for (std::size_t k = 3; k < i.rgb.size(); ++k) d += std::abs(int{i.rgb[k]} - int{i.rgb[k - 3]});
      return d;
    };
    const Scene s = draw([](SceneParams& p) { p.blur = 2; });
    CHECK(steps(s.image) < 0.7 * steps(plain.image));
    CHECK(layout_hash(s) == layout_hash(plain));
  }
  SUBCASE("JPEG blocks: worse with less quality, nearly nothing at 100") {
    const double q100 = distance(draw([](SceneParams&p) { p.jpeg_quality = 100; })),
                 q75 = distance(draw([](SceneParams&p) { p.jpeg_quality = 75; })),
                 q10 = distance(draw([](SceneParams&p) { p.jpeg_quality = 10; }));
    CHECK(q100 < 1);
    CHECK(q100 < q75);
    CHECK(q75 < q10);
  }
  SUBCASE("rotation moves the boxes with the ink") {
    const Scene s = draw([](SceneParams& p) {
      p.rotation = 80;
      p.polarity = 0;
    });
    CHECK(layout_hash(s) != layout_hash(plain));
    for (const Question& q : s.questions)
      for (const Box& b : q.boxes) {
        int darkest = 255;
        for (auto r = static_cast<Index>(b.row0); r < static_cast<Index>(b.row1); ++r)
          for (auto c = static_cast<Index>(b.col0); c < static_cast<Index>(b.col1); ++c)
            darkest = std::min(darkest, int{pixel(s.image, r, c)[0]});
        CHECK(darkest < 150);
      }
  }
  SUBCASE("a turned dot is where its box says") {
    for (const Index angle : {Index{-200}, Index{150}, Index{400}})
      for (std::uint64_t seed = 0; seed < 6; ++seed) {
        SceneParams p = params("lone_dot", seed, 256, 384);
        p.noise = 0;
        p.rotation = angle;
        const Scene s = make_scene(p, atlas());
        const Box box = s.questions[0].boxes[0];
        for (Index r = 0; r < 256; ++r)
          for (Index c = 0; c < 384; ++c)
            if (const Color at = pixel(s.image, r, c); at[0] < 200 || at[1] < 200 || at[2] < 200) {
              REQUIRE(static_cast<double>(r) >= box.row0 - 1.5);
              REQUIRE(static_cast<double>(r) <= box.row1 + 1.5);
              REQUIRE(static_cast<double>(c) >= box.col0 - 1.5);
              REQUIRE(static_cast<double>(c) <= box.col1 + 1.5);
            }
      }
  }
  SUBCASE("polarity") {
    const auto mean = [](const Image& i) {
      double m = 0;
      for (const auto v : i.rgb) m += v;
      return m / static_cast<double>(i.rgb.size());
    };
    CHECK(mean(draw([](SceneParams& p) { p.polarity = 0; }).image) > 180);
    CHECK(mean(draw([](SceneParams& p) { p.polarity = 1; }).image) < 90);
  }
  SUBCASE("cells across the shorter side, none below 32 px") {
    for (const auto& [cells, side] : {std::pair<Index, Index>{4, 64}, {8, 32}, {64, 32}})
      for (const char* scenario : {"popout", "popout_absence"}) {
        const Scene s = draw([&, c = cells](SceneParams& p) {
          p.scenario = scenario;
          p.cells = c;
        });
        const Index lattice = 256 / side, odd = s.scenario == "popout" ? 0 : 1;
        CHECK(static_cast<Index>(s.marks.size()) == lattice * lattice - odd);
        for (const Mark& m : s.marks) {
          CHECK(m.box.row1 - m.box.row0 <= static_cast<double>(side));
          CHECK(m.box.row1 - m.box.row0 >= 0.4 * static_cast<double>(side));
        }
      }
    for (const Index wrong : {3, 257}) CHECK_THROWS_AS(draw([&](SceneParams& p) { p.cells = wrong; }), Error);
    CHECK(layout_hash(draw([](SceneParams& p) { p.cells = 4; })) == layout_hash(plain));  // a receipt has none
  }
  SUBCASE("font scale scales the cells") {
    const Scene s = draw([](SceneParams&p) {
      p.glyph = 14;
      p.font_scale = 50;
    }),
                t = draw([](SceneParams&p) { p.glyph = 14; });
    CHECK(s.marks[0].box.row1 - s.marks[0].box.row0 == 8);
    CHECK(t.marks[0].box.row1 - t.marks[0].box.row0 == 17);
  }
  SUBCASE("clutter keeps clear of what is asked for") {
    const Scene s = draw([](SceneParams& p) { p.clutter = 60; });
    CHECK(layout_hash(s) == layout_hash(plain));
    CHECK(distance(s) > 0.1);
    for (const Question& q : s.questions)
      for (const Box& b : q.boxes)
        for (auto r = static_cast<Index>(b.row0); r < static_cast<Index>(b.row1); ++r)
          for (auto c = static_cast<Index>(b.col0); c < static_cast<Index>(b.col1); ++c)
            REQUIRE(pixel(s.image, r, c) == pixel(plain.image, r, c));
  }
  SUBCASE("difficulty sets the lines and the noise") {
    const Scene easy = draw([](SceneParams&p) { p.difficulty = 1; }),
                hard = draw([](SceneParams&p) { p.difficulty = 6; });
    CHECK(easy.difficulty == 1);
    CHECK(hard.difficulty > 4);
    CHECK(make_scene(
              [] {
                auto p = params("camouflage", 1);
                p.difficulty = 10;
                return p;
              }(),
              atlas())
              .difficulty == 3 * 255 / 100);
  }
}

TEST_CASE("splits cannot meet") {
  CHECK(split_of(0) == Split::train);
  CHECK(split_of(4'999'999) == Split::train);
  CHECK(split_of(5'000'000) == Split::dev);
  CHECK(split_of(5'999'999) == Split::dev);
  CHECK(split_of(6'000'000) == Split::test);
  std::set<std::uint64_t> seen;  // no layout of one split comes again in another
  for (const std::uint64_t base : {0ull, 5'000'000ull, 6'000'000ull})
    for (std::uint64_t i = 0; i < 50; ++i)
      CHECK(seen.insert(layout_hash(make_scene(params("receipt", base + i), atlas()))).second);
}

TEST_CASE("what is out of range is refused in a sentence") {
  const auto code = [](auto&& set) {
    SceneParams p = params("receipt", 1);
    set(p);
    try {
      make_scene(p, atlas());
    } catch (const Error& e) { return static_cast<int>(e.code()); }
    return 0;
  };
  CHECK(code([](SceneParams&) {}) == 0);
  CHECK(code([](SceneParams& p) { p.scenario = "recipt"; }) == 501);
  CHECK(code([](SceneParams& p) { p.height = 100; }) == 101);
  CHECK(code([](SceneParams& p) { p.width = 10'000; }) == 101);
  CHECK(code([](SceneParams& p) { p.font = 6; }) == 101);
  CHECK(code([](SceneParams& p) { p.difficulty = 11; }) == 101);
  CHECK(code([](SceneParams& p) { p.jpeg_quality = 101; }) == 101);
  CHECK(code([](SceneParams& p) { p.rotation = 900; }) == 101);
  CHECK(code([](SceneParams& p) {
          p.scenario = "video";
          p.frames = 1;
        }) == 101);
}

TEST_CASE("an odd item is odd, and alone") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Scene s = make_scene(params("popout_absence", seed), atlas());
    const Box hole = s.questions[0].boxes[0];
    CHECK(s.marks.size() == 63);
    for (const Mark& m : s.marks)
      CHECK((m.box.row1 <= hole.row0 || hole.row1 <= m.box.row0 || m.box.col1 <= hole.col0 || hole.col1 <= m.box.col0));
    const Scene c = make_scene(params("popout_clutter", seed), atlas());
    const std::string question = c.questions[0].question, color = question.substr(15, question.size() - 16);
    CHECK(std::count_if(c.marks.begin(), c.marks.end(),
                        [&](const Mark& m) { return m.what.starts_with(color + " "); }) == 1);
    const Scene k = make_scene(params("mosaic", seed), atlas());
    CHECK(std::count_if(k.marks.begin(), k.marks.end(), [](const Mark& m) { return m.what == "key"; }) == 1);
  }
}
