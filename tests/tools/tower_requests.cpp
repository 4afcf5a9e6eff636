// What the oracle of tower requests runs:
//   tower_requests BACKEND MODEL PIXELS.npy GRIDS.npy REQUESTS.txt OUT
// Runs the vision tower of a model folder on PIXELS [P, patch values] of pictures with GRIDS [pictures, 3] (frames,
// patch rows, patch columns), with and without the requests: the outputs must be the same bits. Writes OUT/tokens.npy
// and OUT/PICTURE_REQUEST.npy. REQUESTS holds one a line: "index what rows heads payers before|after [token...]".
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/npy.hpp"
#include "arrcoc/qwen3vl/vision_tower.hpp"
#include "tools/on_backend.hpp"

using namespace arrcoc;

namespace {

template <class E>
E named(const std::string& word, std::initializer_list<E> values) {
  for (const E v : values)
    if (name_of(v) == word) return v;
  fail(Code::bad_usage, "tower_requests", "no such word: " + word);
}

std::vector<Request> read_requests(const std::string& file) {
  using R = Request;
  const auto over = {R::Over::mean, R::Over::max, R::Over::each};
  std::vector<Request> all;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    std::string what, rows, heads, payers, rope;
    Request r;
    in >> r.index >> what >> rows >> heads >> payers >> rope;
    r.what = named(what, {R::What::hidden, R::What::q, R::What::k, R::What::v, R::What::received});
    r.rows = named(rows, {R::Rows::visual, R::Rows::all, R::Rows::list});
    r.heads = named(heads, over);
    r.payers = named(payers, over);
    r.rope = rope == "before" ? R::Rope::before : R::Rope::after;
    for (Index token = 0; in >> token;) r.list.push_back(token);
    all.push_back(r);
  }
  return all;
}

template <class B>
void run(const std::vector<std::string>& words) {
  B b;
  const io::ModelFolder folder = io::open_model(words[1], {});
  const qwen3vl::VisionTower<B> tower(b, folder.config.vision, folder.weights);
  const HostTensor pixels = io::read_npy(words[2]), grids = io::read_npy(words[3]);
  require_that(grids.dtype == DType::i64 && grids.shape.size() == 2 && grids.dim(1) == 3, Code::bad_array, words[3],
               "expected int64 [pictures, 3]");
  std::vector<qwen3vl::PatchPlan> of;
  for (Index p = 0; p < grids.dim(0); ++p) {
    const auto* g = reinterpret_cast<const Index*>(grids.data) + 3 * p;
    of.push_back({{g[0], g[1], g[2]}, {}, {}});
  }
  const auto rows = b.from_host(pixels.floats(), pixels.dim(0), pixels.dim(1));
  const auto out = tower.run(b, rows, of, nullptr, read_requests(words[4])), plain = tower.run(b, rows, of);
  const auto same = [&](const auto& x, const auto& y) {
    const std::vector<float> first = b.to_host(x), second = b.to_host(y);
    require_that(
        first.size() == second.size() && std::memcmp(first.data(), second.data(), first.size() * sizeof(float)) == 0,
        Code::bad_stage_output, "tower_requests", "the tower's outputs differ with and without requests");
  };
  same(out.tokens, plain.tokens);
  for (std::size_t level = 0; level < plain.deepstack.size(); ++level)
    same(out.deepstack[level], plain.deepstack[level]);
  const std::filesystem::path to = words[5];
  io::write_npy(to / "tokens.npy", host_tensor(b.to_host(out.tokens), {b.rows(out.tokens), b.cols(out.tokens)}));
  for (std::size_t p = 0; p < out.answers.size(); ++p)
    for (std::size_t r = 0; r < out.answers[p].size(); ++r)
      io::write_npy(to / (std::to_string(p) + "_" + std::to_string(r) + ".npy"), out.answers[p][r].values);
}

}  // namespace

int main(int count, char** words) {
  return tests::main_on_backend(
      count, words, "tower_requests", "MODEL PIXELS.npy GRIDS.npy REQUESTS.txt OUT",
      [](std::size_t n) { return n == 6; }, []<class B>(const std::vector<std::string>& all) { run<B>(all); });
}
