// Goal: on every document picture, relevance inside text lies above relevance on blank paper.
//   usage: document_relevance FOLDER      FOLDER holds the pictures named in marked_boxes.json; exit 77 when one is
//                                         missing
// The host part of the default pipeline (texture13 / information + perspectival / tension) with a third map standing
//   for query coupling
// of an untrained model: five maps of pure noise, a coherent map of random hills, and none. Each must hold: median
//   relevance of text
// tokens > 90th percentile of blank tokens. A text token has at least a quarter of its cell in text boxes, a blank one
//   all of it in a
// blank box. Grids are those of smart_resize (32 px a token, 65,536 to 16,777,216 pixels).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/scorers/pixels/information.hpp"
#include "arrcoc/scorers/pixels/perspectival.hpp"
#include "arrcoc/texture/texture13.hpp"

using namespace arrcoc;

namespace {
Grid native_grid(Index height, Index width) {
  const auto even = [](double v) { return static_cast<Index>(std::nearbyint(v)); };  // half to even, as Python rounds
  double h = double(std::max<Index>(1, even(double(height) / 32))) * 32,
         w = double(std::max<Index>(1, even(double(width) / 32))) * 32;
  if (h * w > 16777216) {
    const double beta = std::sqrt(double(height) * double(width) / 16777216);
    h = std::floor(double(height) / beta / 32) * 32;
    w = std::floor(double(width) / beta / 32) * 32;
  } else if (h * w < 65536) {
    const double beta = std::sqrt(65536 / (double(height) * double(width)));
    h = std::ceil(double(height) * beta / 32) * 32;
    w = std::ceil(double(width) * beta / 32) * 32;
  }
  return {Index(h) / 32, Index(w) / 32};
}

std::vector<double> covered(const nlohmann::json& boxes, Grid g, Index height,
                            Index width) {  // largest share of the cell in one box
  std::vector<double> out(std::size_t(g.count()));
  const double tall = double(height) / double(g.rows), wide = double(width) / double(g.cols);
  for (const auto& b : boxes)
    for (Index t = 0; t < g.count(); ++t) {
      const double y = tall * double(t / g.cols), x = wide * double(t % g.cols);
      const double a = std::min(b[2].get<double>(), y + tall) - std::max(b[0].get<double>(), y),
                   c = std::min(b[3].get<double>(), x + wide) - std::max(b[1].get<double>(), x);
      if (a > 0 && c > 0) out[std::size_t(t)] = std::max(out[std::size_t(t)], a * c / (tall * wide));
    }
  return out;
}

double quantile(std::vector<float> v, double q) {
  std::sort(v.begin(), v.end());
  const double at = q * double(v.size() - 1);
  const auto i = std::size_t(at);
  return i + 1 < v.size() ? v[i] + (at - double(i)) * (v[i + 1] - v[i]) : v[i];
}

std::vector<float> random_hills(Grid g, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> out(std::size_t(g.count()));
  for (int k = 0; k < 6; ++k) {
    const double y = rng.uniform() * double(g.rows), x = rng.uniform() * double(g.cols), sign = k % 2 ? 1 : -1,
                 r = double(g.rows + g.cols) / 12;
    for (Index t = 0; t < g.count(); ++t) {
      const double d =
          (double(t / g.cols) - y) * (double(t / g.cols) - y) + (double(t % g.cols) - x) * (double(t % g.cols) - x);
      out[std::size_t(t)] += float(sign / (1 + d / (r * r)));
    }
  }
  return out;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !std::filesystem::is_directory(argv[1])) {
    std::printf("SKIP: no folder of pictures (usage: document_relevance FOLDER)\n");
    return 77;
  }
  std::ifstream file(std::string(ARRCOC_TESTS_DIR) + "/goals/marked_boxes.json");
  const auto marked = nlohmann::json::parse(file);
  bool good = true;
  std::printf("%-20s %9s %6s %6s  %-12s %6s %6s %6s %8s\n", "picture", "grid", "text", "blank", "third map", "median",
              "p90", "margin", "P(t>b)");
  for (const auto& [name, boxes] : marked["pictures"].items()) {
    const auto path = std::filesystem::path(argv[1]) / name;
    if (!std::filesystem::exists(path)) {
      std::printf("SKIP: no picture %s\n", name.c_str());
      return 77;
    }
    const Image image = io::read_image(path);
    if (image.height != boxes["size"][0] || image.width != boxes["size"][1]) {
      std::printf("FAILED: %s is not the picture that was marked\n", name.c_str());
      return 1;
    }
    const Grid grid = native_grid(image.height, image.width);
    const Textures textures = Texture13{}.generate(image.view(), grid);
    Evidence e;
    e.tokens = grid;
    e.rgb = image.view();
    e.textures = &textures;
    std::vector<float> maps = InformationScorer{}.score(e);
    const auto salience = PerspectivalScorer{}.score(e);
    maps.insert(maps.end(), salience.begin(), salience.end());
    const auto text = covered(boxes["text"], grid, image.height, image.width),
               blank = covered(boxes["blank"], grid, image.height, image.width);
    for (int third = 0; third < 7; ++third) {  // 0: none, 1..5: noise, 6: hills
      auto all = maps;
      Rng rng{static_cast<std::uint64_t>(third)};
      if (third >= 1 && third <= 5)
        for (Index i = 0; i < grid.count(); ++i) all.push_back(float(rng.uniform()));
      if (third == 6)
        for (const float v : random_hills(grid, 6)) all.push_back(v);
      const auto relevance = AdaptiveTensionBalancer{}.balance(all, e).relevance;
      std::vector<float> t, b;
      for (std::size_t i = 0; i < relevance.size(); ++i) {
        if (text[i] >= 0.25) t.push_back(relevance[i]);
        else if (blank[i] >= 0.999) b.push_back(relevance[i]);
      }
      double wins = 0;
      for (const float x : t)
        for (const float y : b) wins += x > y;
      const double median = quantile(t, 0.5), p90 = quantile(b, 0.9);
      good = good && median > p90;
      std::printf("%-20s %4ldx%-4ld %6zu %6zu  %-12s %6.3f %6.3f %6.3f %8.3f%s\n", name.c_str(), long(grid.rows),
                  long(grid.cols), t.size(), b.size(),
                  third == 0   ? "none"
                  : third == 6 ? "random hills"
                               : ("noise " + std::to_string(third)).c_str(),
                  median, p90, median - p90, wins / (double(t.size()) * double(b.size())),
                  median > p90 ? "" : "  FAILED");
    }
  }
  std::printf("document_relevance: %s\n", good ? "ok" : "FAILED");
  return good ? 0 : 1;
}
