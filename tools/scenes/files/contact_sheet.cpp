#include <algorithm>

#include "dataset.hpp"
#include "sheet.hpp"

namespace arrcoc::scenes {
namespace {
constexpr Color marked{230, 0, 150};

/// Frames a box one pixel outside of it.
void outline(Image& image, const Box& b, Index thickness) {
  const auto put = [&](Index r, Index c) {
    if (r >= 0 && c >= 0 && r < image.height && c < image.width)
      std::copy(marked.begin(), marked.end(), image.row(r) + c * 3);
  };
  const auto r0 = static_cast<Index>(b.row0), c0 = static_cast<Index>(b.col0), r1 = static_cast<Index>(b.row1),
             c1 = static_cast<Index>(b.col1);
  for (Index t = 0; t < thickness; ++t) {
    for (Index c = c0 - 1 - t; c <= c1 + t; ++c) put(r0 - 1 - t, c), put(r1 + t, c);
    for (Index r = r0 - 1 - t; r <= r1 + t; ++r) put(r, c0 - 1 - t), put(r, c1 + t);
  }
}

/// Means of n x n pixels.
Image shrunk(const Image& in, Index n) {
  Image out(in.height / n, in.width / n);
  for (Index r = 0; r < out.height; ++r)
    for (Index c = 0; c < out.width * 3; ++c) {
      Index sum = 0;
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) sum += in.view().row(r * n + i)[(c / 3 * n + j) * 3 + c % 3];
      out.row(r)[c] = static_cast<std::uint8_t>((sum + n * n / 2) / (n * n));
    }
  return out;
}
}  // namespace

Image contact_sheet(const SceneParams& first, Index rows, Index columns, Index shrink, GlyphAtlas& atlas) {
  require_that(rows > 0 && columns > 0 && shrink > 0, Code::bad_config, "contact_sheet",
               "rows, columns and shrink: expected 1 or more");
  Sheet sheet(rows, columns, first.height / shrink, first.width / shrink);
  SceneParams p = first;
  Scene film;
  for (Index i = 0; i < rows * columns; ++i) {
    Image picture;
    std::vector<Box> boxes;
    if (first.scenario == "video") {  // one film, frames spread over it
      if (i == 0) film = make_scene(p, atlas);
      const Index at = i * (static_cast<Index>(film.frames.size()) - 1) / std::max<Index>(1, rows * columns - 1);
      picture = film.frames[static_cast<std::size_t>(at)].image;
      for (const Question& q : film.questions)
        for (std::size_t k = 0; k < q.boxes.size(); ++k)
          if (q.frames[k] == at) boxes.push_back(q.boxes[k]);
    } else {
      p.seed = first.seed + static_cast<std::uint64_t>(i);
      Scene s = make_scene(p, atlas);
      picture = std::move(s.image);
      if (!s.questions.empty()) boxes = s.questions.front().boxes;
    }
    for (const Box& b : boxes) outline(picture, b, shrink);
    sheet.put(i, shrunk(picture, shrink).view());
  }
  return sheet.take();
}

}  // namespace arrcoc::scenes
