// What the oracle of places in the vision tower runs:
//   tower_places BACKEND MODEL CASE...
// Each CASE is a folder: pixels.npy [P, patch values] and grids.npy [pictures, 3] (frames, patch rows, patch columns),
// then either kept.txt (a line of tokens for each picture: the pixels are of whole pictures) or places.npy [N, 5] with
// counts.npy [pictures] (the pixels are of these places), or neither. segments.txt: a line of token counts for each
// picture, or an empty one. drop.txt: what a hook keeps, "block token..." for each picture, the tokens counted among
// the living. Writes tokens.npy, level_L.npy, survivors.txt (what the hook left of each picture), hidden_P.npy and
// received_P.npy (the last block's, of picture P) and, of the hook, asked_BLOCK_P.npy (received in the block below).
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/npy.hpp"
#include "arrcoc/qwen3vl/pixels.hpp"
#include "arrcoc/qwen3vl/vision_tower.hpp"
#include "tools/on_backend.hpp"

using namespace arrcoc;

namespace {

std::vector<std::vector<Index>> read_lines(const std::filesystem::path& file) {
  std::vector<std::vector<Index>> all;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    all.emplace_back();
    for (Index one = 0; in >> one;) all.back().push_back(one);
  }
  return all;
}

std::vector<Index> read_indices(const std::filesystem::path& file) {
  const HostTensor t = io::read_npy(file.string());
  require_that(t.dtype == DType::i64, Code::bad_array, file.string(), "expected int64");
  const auto* at = reinterpret_cast<const Index*>(t.data);
  return {at, at + t.count()};
}

std::vector<float> read_floats(const std::filesystem::path& file) {
  const HostTensor t = io::read_npy(file.string());
  return {t.floats().begin(), t.floats().end()};
}

std::vector<qwen3vl::Pixels> read_pictures(const std::filesystem::path& folder, const VisionConfig& c) {
  const std::vector<float> rows = read_floats(folder / "pixels.npy");
  const std::vector<Index> grids = read_indices(folder / "grids.npy");
  const bool part = exists(folder / "places.npy"), subset = exists(folder / "kept.txt");
  const std::vector<float> places = part ? read_floats(folder / "places.npy") : std::vector<float>{};
  const std::vector<Index> counts = part ? read_indices(folder / "counts.npy") : std::vector<Index>{};
  const auto kept = read_lines(folder / "kept.txt"), segments = read_lines(folder / "segments.txt");
  const Index group = c.spatial_merge_size * c.spatial_merge_size * c.patch_values();
  std::vector<qwen3vl::Pixels> all;
  auto from = rows.begin();
  const float* place = places.data();
  for (std::size_t p = 0; p < grids.size() / 3; ++p) {
    qwen3vl::Pixels x{{}, {grids[3 * p], grids[3 * p + 1], grids[3 * p + 2]}};
    for (Index i = 0; part && i < counts[p]; ++i, place += 5)
      x.places.push_back({place[0], place[1], place[2], place[3], static_cast<Index>(place[4])});
    const Index values = part ? counts[p] * group : x.patches.count() * c.patch_values();
    x.rows.assign(from, from + values);
    from += values;
    if (!segments.empty()) x.segments = segments.at(p);
    all.push_back(subset ? qwen3vl::subset_pixels(x, kept.at(p), c.spatial_merge_size, c.patch_values()) : x);
  }
  return all;
}

template <class B>
struct ListedDrops : qwen3vl::TowerHook<B> {
  std::map<Index, qwen3vl::TowerKeep> keep;
  std::vector<Request> asks;
  std::filesystem::path to;

  std::vector<Request> requests() const override { return asks; }
  std::optional<qwen3vl::TowerKeep> before_block(B&, Index block, const qwen3vl::TowerView<B>& view) override {
    const auto at = keep.find(block);
    if (at == keep.end()) return std::nullopt;
    for (std::size_t r = 0; r < asks.size(); ++r)
      for (std::size_t p = 0; asks[r].index == block - 1 && p < view.answers.size(); ++p)
        io::write_npy(to / ("asked_" + std::to_string(block) + "_" + std::to_string(p) + ".npy"),
                      view.answers[p].at(r).values);
    return at->second;
  }
};

template <class B>
void run(const std::vector<std::string>& words) {
  B b;
  const io::ModelFolder folder = io::open_model(words[1], {});
  const VisionConfig& c = folder.config.vision;
  const qwen3vl::VisionTower<B> tower(b, c, folder.weights);
  for (std::size_t w = 2; w < words.size(); ++w) {
    const std::filesystem::path to = words[w];
    std::vector<qwen3vl::PatchPlan> plans;
    std::vector<float> rows;
    for (const qwen3vl::Pixels& p : read_pictures(to, c)) {
      plans.push_back({p.patches, p.places, p.segments});
      rows.insert(rows.end(), p.rows.begin(), p.rows.end());
    }
    ListedDrops<B> hook;
    hook.to = to;
    for (const auto& line : read_lines(to / "drop.txt")) {
      hook.keep[line.at(0)].emplace_back(line.begin() + 1, line.end());
      if (line[0] > 0 && hook.keep[line[0]].size() == 1)
        hook.asks.push_back({.index = line[0] - 1, .what = Request::What::received});
    }
    const std::vector<Request> last{{.index = -1, .what = Request::What::hidden},
                                    {.index = -1, .what = Request::What::received}};
    const auto out =
        tower.run(b, b.from_host(rows, static_cast<Index>(rows.size()) / c.patch_values(), c.patch_values()), plans,
                  nullptr, last, hook.keep.empty() ? nullptr : &hook);
    const auto write = [&](const std::string& name, const auto& t) {
      io::write_npy(to / (name + ".npy"), host_tensor(b.to_host(t), {b.rows(t), b.cols(t)}));
    };
    write("tokens", out.tokens);
    for (std::size_t l = 0; l < out.deepstack.size(); ++l) write("level_" + std::to_string(l), out.deepstack[l]);
    std::ofstream kept(to / "survivors.txt");
    for (const auto& picture : out.kept) {
      for (const Index t : picture) kept << t << ' ';
      kept << '\n';
    }
    for (std::size_t p = 0; p < out.answers.size(); ++p) {
      io::write_npy(to / ("hidden_" + std::to_string(p) + ".npy"), out.answers[p][0].values);
      io::write_npy(to / ("received_" + std::to_string(p) + ".npy"), out.answers[p][1].values);
    }
  }
}

}  // namespace

int main(int count, char** words) {
  return tests::main_on_backend(
      count, words, "tower_places", "MODEL CASE...", [](std::size_t n) { return n >= 3; },
      []<class B>(const std::vector<std::string>& all) { run<B>(all); });
}
