#pragma once
// Evidence made for failure detectors: a picture of noise with everything a decision may read, in which one token can
// be planted, sunk, or made equal to all others.
#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "arrcoc/core/random.hpp"
#include "arrcoc/core/similarity.hpp"

namespace arrcoc::detect {

inline constexpr Grid evidence_grid{6, 8};
inline constexpr Index token_side = 32;  // px of a token's cell

/// One picture's evidence, and the pixels it points to. Features have 16 columns, two DeepStack levels, a question of
/// four rows; requests are answered for two heads of 8.
struct Scene {
  std::shared_ptr<Image> image;
  Evidence evidence;

  /// `scale`: of everything that is neither a pixel nor the question, which is the same in every scene.
  Scene(Grid grid, std::uint64_t seed, const std::vector<Request>& requests, float scale = 1)
      : image(std::make_shared<Image>(grid.rows * token_side, grid.cols * token_side)), rng_(seed), scale_(scale) {
    for (std::uint8_t& v : image->rgb) v = static_cast<std::uint8_t>(198 + rng_.below(6));
    Evidence& e = evidence;
    e.tokens = TokenSet(grid);
    e.rgb = image->view();
    e.size = FrameSize{image->height, image->width};
    Rng asked(1);  // one question, whatever the picture
    for (Index i = 0; i < 4 * width; ++i) question_.push_back(static_cast<float>(asked.uniform()) - 0.5f);
    vision_ = rows(grid.count());
    ask();
    e.deepstack = {host_tensor(rows(grid.count()), {grid.count(), width}),
                   host_tensor(rows(grid.count()), {grid.count(), width})};
    e.boxes = std::vector<Box>{box(grid.count() / 2)};
    Look before{TokenSet(grid), values(grid.count()), {0}, {}, 0.5};
    before.attention = values(grid.count());
    e.previous = std::move(before);
    for (const Request& r : requests) e.answers.push_back({r, answer(r)});
    take_features();
  }

  /// Everything speaks for a token: text-like pixels on a blank ground, the question (which becomes its embedding), the
  /// answer box, and the most attention that rows which know the question, or the tower's patches, pay.
  void plant(Index t) {
    for (Index y = 4; y < token_side - 4; ++y)
      for (Index x = 2; x < token_side - 2; ++x)
        if (y / 3 % 2 == 0 && (x * 7 + y / 3 * 5) / 3 % 4 < 2) paint(t, y, x, 25);
    const auto own = vision_.begin() + t * width;
    for (Index i = 0; i < 4; ++i) std::copy_n(own, width, question_.begin() + i * width);
    ask();
    evidence.boxes = std::vector<Box>{box(t)};
    change_received([&](std::span<float> all) { all[at(t)] = 4 * scale_; });
    change_previous(t, 4 * scale_);
    take_features();
  }
  /// Nothing speaks for it: it looks like the token in front of it, or behind, and least attention is paid to it.
  void sink(Index t) {
    const Index like = t % evidence.tokens.grid.cols > 0 ? t - 1 : t + 1;
    for (Index y = 0; y < token_side; ++y)
      for (Index x = 0; x < token_side; ++x) paint(t, y, x, 200);
    for (std::size_t i = 0; i < width; ++i) vision_[at(t) * width + i] = vision_[at(like) * width + i];
    change_received([&](std::span<float> all) { all[at(t)] = 0; });
    change_previous(t, 0);
    take_features();
  }
  /// No token differs from another in anything.
  void level() {
    std::fill(image->rgb.begin(), image->rgb.end(), std::uint8_t{200});
    for (std::size_t i = 0; i < vision_.size(); ++i) vision_[i] = vision_[i % width];
    change_received([](std::span<float> all) { std::fill(all.begin(), all.end(), all[0]); });
    Look flat = *evidence.previous;
    std::fill(flat.relevance.begin(), flat.relevance.end(), 1.f);
    std::fill(flat.attention.begin(), flat.attention.end(), 1.f);
    evidence.previous = std::move(flat);
    const HostTensor one = host_tensor(vision_, {evidence.count(), width});
    evidence.deepstack = {one, one};
    for (Answered& a : evidence.answers)
      if (a.request.what != Request::What::received) {
        std::vector<float> all = to_floats(a.values);
        const auto row = all.size() / static_cast<std::size_t>(a.values.dim(0));
        for (std::size_t i = 0; i < all.size(); ++i) all[i] = all[i % row];
        a.values = host_tensor(std::move(all), a.values.shape);
      }
    take_features();
  }

 private:
  static constexpr Index width = 16, heads = 2;

  static std::size_t at(Index t) { return static_cast<std::size_t>(t); }
  Box box(Index t) const {
    const auto row = static_cast<double>(t / evidence.tokens.grid.cols * token_side),
               col = static_cast<double>(t % evidence.tokens.grid.cols * token_side);
    return {row, col, row + token_side, col + token_side};
  }
  void paint(Index t, Index y, Index x, std::uint8_t to) {
    const Grid g = evidence.tokens.grid;
    std::fill_n(image->row(t / g.cols * token_side + y) + 3 * (t % g.cols * token_side + x), 3, to);
  }
  std::vector<float> values(Index n) {
    std::vector<float> out(at(n));
    for (float& v : out) v = scale_ * (0.1f + 0.4f * static_cast<float>(rng_.uniform()));
    return out;
  }
  /// Rows around none: the cosine of two is near 0.
  std::vector<float> rows(Index n) {
    std::vector<float> out(at(n * width));
    for (float& v : out) v = scale_ * (static_cast<float>(rng_.uniform()) - 0.5f);
    return out;
  }
  HostTensor answer(const Request& r) {
    using What = Request::What;
    const Index n = evidence.count();
    const bool one = r.rows == Request::Rows::last || r.rows == Request::Rows::vision_end;
    const Index paying = one ? 1 : r.rows == Request::Rows::list ? std::ssize(r.list) : 4;
    if (r.what == What::received) {
      std::vector<Index> shape;
      if (r.payers == Request::Over::each) shape.push_back(paying);
      if (r.heads == Request::Over::each) shape.push_back(heads);
      shape.push_back(n);
      Index count = 1;
      for (const Index s : shape) count *= s;
      return host_tensor(values(count), std::move(shape));
    }
    const Index tokens = r.rows == Request::Rows::visual || r.rows == Request::Rows::all ? n : paying,
                columns = r.what == What::hidden || r.heads == Request::Over::each ? width : width / heads;
    std::vector<float> all = rows(tokens * width);
    all.resize(at(tokens * columns));
    return host_tensor(std::move(all), {tokens, columns});
  }
  /// change([N]) for each head and paying row of each answer, but what the picture's end pays, which knows no question.
  template <class F>
  void change_received(F&& change) {
    for (Answered& a : evidence.answers) {
      if (a.request.what != Request::What::received || a.request.rows == Request::Rows::vision_end) continue;
      std::vector<float> all = to_floats(a.values);
      for (std::size_t i = 0; i < all.size(); i += at(evidence.count()))
        change(std::span<float>(all).subspan(i, at(evidence.count())));
      a.values = host_tensor(std::move(all), a.values.shape);
    }
  }
  void change_previous(Index t, float to) {
    Look look = *evidence.previous;
    look.relevance[at(t)] = look.attention[at(t)] = to;
    evidence.previous = std::move(look);
  }
  void ask() {
    std::vector<float> mean(width);
    for (std::size_t i = 0; i < question_.size(); ++i) mean[i % width] += question_[i] / 4;
    evidence.question = host_tensor(question_, {4, width});
    evidence.query = host_tensor(std::move(mean), {width});
  }
  void take_features() {
    HostTensor t = host_tensor(vision_, {evidence.count(), width});
    evidence.similarity = std::shared_ptr<const SimilarityRows>(std::make_shared<const Similarity>(t));
    evidence.vision = std::move(t);
  }

  Rng rng_;
  float scale_;
  std::vector<float> vision_, question_;
};

}  // namespace arrcoc::detect
