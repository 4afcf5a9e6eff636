// Every published method keeps what its transcription (plugins/METHOD/METHOD.py) keeps: scores to 1e-6, selections and
// members equal, weights to 1e-6.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "arrcoc/core/similarity.hpp"
#include "registry/host_stages.hpp"

using namespace arrcoc;
using tests::host_stages, tests::made;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path folder = fs::path(ARRCOC_TESTS_DIR).parent_path() / "plugins";

HostTensor tensor(const Json& from) {
  return host_tensor(from.at("values").get<std::vector<float>>(), from.at("shape").get<std::vector<Index>>());
}

/// The one of `names` that a value is called by.
template <class E>
E named(const Json& from, const char* key, E usual, int count) {
  if (!from.contains(key)) return usual;
  for (int i = 0; i < count; ++i)
    if (name_of(static_cast<E>(i)) == from.at(key).get<std::string>()) return static_cast<E>(i);
  FAIL("no such " << key << ": " << from.at(key));
  return usual;
}

Answered answered(const Json& from) {
  Request r;
  r.site = named(from, "site", Request::Site::tower, 2);
  r.index = from.at("index");
  r.what = named(from, "what", Request::What::received, 5);
  r.rows = named(from, "rows", Request::Rows::visual, 7);
  r.heads = named(from, "heads", Request::Over::mean, 3);
  r.payers = named(from, "payers", Request::Over::mean, 3);
  r.rope = from.value("rope", "after") == "before" ? Request::Rope::before : Request::Rope::after;
  return {r, tensor(from)};
}

/// What a case looks at. `image` outlives the evidence.
Evidence evidence_of(const Json& c, Image& image) {
  Evidence e;
  e.tokens = TokenSet(Grid{c.at("grid")[0].get<Index>(), c.at("grid")[1].get<Index>()}, c.value("frames", Index{1}));
  if (c.contains("alive")) e.tokens = subset(e.tokens, c.at("alive").get<std::vector<Index>>());
  if (c.contains("vision")) {
    const HostTensor vision = tensor(c.at("vision"));
    e.vision = vision;
    e.similarity = std::shared_ptr<const SimilarityRows>(std::make_shared<const Similarity>(vision));
  }
  if (c.contains("question")) e.question = tensor(c.at("question"));
  if (c.contains("query")) e.query = tensor(c.at("query"));
  if (c.contains("pixels")) {
    const HostTensor pixels = tensor(c.at("pixels"));
    image = Image(pixels.dim(0), pixels.dim(1));
    for (Index y = 0; y < pixels.dim(0); ++y)
      for (Index x = 0; x < 3 * pixels.dim(1); ++x)
        image.row(y)[x] = static_cast<std::uint8_t>(float_at(pixels, 3 * y * pixels.dim(1) + x));
    e.rgb = image.view();
  }
  for (const Json& r : c.at("requests")) e.answers.push_back(answered(r));
  return e;
}

bool near(double got, double expected) { return std::abs(got - expected) <= 1e-6 * std::max(1.0, std::abs(expected)); }

void check_pick(const std::string& method, const Json& c, const Json& pick) {
  PipelineSpec spec = preset_pipeline(method);
  for (const auto& [path, text] : pick.value("settings", Settings{}))
    spec.settings[path] = path.ends_with(".weights") ? (folder / text).string() : text;
  const std::size_t index = c.value("decision", 0);
  const DecisionSpec& d = spec.decisions.at(index);
  const std::string before = decision_prefix(index);
  Image image(1, 1);
  const Evidence e = evidence_of(c, image);
  std::vector<float> maps;
  for (std::size_t i = 0; i < d.scorers.size(); ++i) {
    const auto scorer =
        made(host_stages().scorers, d.scorers[i].name, spec.settings, before + "scorers." + d.scorers[i].alias);
    const std::vector<float> map = scorer->score(e);
    maps.insert(maps.end(), map.begin(), map.end());
    if (!pick.contains("scores")) continue;
    const auto expected = pick.at("scores").at(i).get<std::vector<double>>();
    REQUIRE(map.size() == expected.size());
    for (std::size_t t = 0; t < map.size(); ++t) {
      CAPTURE(t);
      CAPTURE(map[t]);
      CAPTURE(expected[t]);
      CHECK(near(static_cast<double>(map[t]), expected[t]));
    }
  }
  const auto balancer = made(host_stages().balancers, d.balancer, spec.settings, before + "balancer");
  const auto allocator = made(host_stages().allocators, d.allocator, spec.settings, before + "allocator");
  const Balanced balanced = balancer->balance(maps, e);
  const Budget budget{pick.at("budget").get<Index>(), 1, 0, 0, pick.value("last", Index{0})};
  Rng rng(1);
  const Allocation a = allocator->allocate(balanced.relevance, e, budget, rng);
  CHECK_NOTHROW(check_allocation(a, method));
  CHECK_NOTHROW(check_spend(a, allocator.facts.spend, budget, method));
  CHECK(a.kept == pick.at("kept").get<std::vector<Index>>());
  CHECK(a.merge.empty() == !pick.contains("merge"));
  if (!pick.contains("merge") || a.merge.size() != pick.at("merge").size()) return;
  for (std::size_t i = 0; i < a.merge.size(); ++i) {
    std::map<Index, double> got, expected;
    for (const MergePart& m : a.merge[i]) got[m.token] += static_cast<double>(m.weight);
    for (const Json& m : pick.at("merge")[i]) expected[m[0].get<Index>()] += m[1].get<double>();
    CAPTURE(i);
    CHECK(got.size() == expected.size());
    for (const auto& [token, weight] : expected) {
      CAPTURE(token);
      CHECK(got.count(token) == 1);
      CHECK(near(got[token], weight));
    }
  }
}

}  // namespace

TEST_CASE("every published method keeps what its transcription keeps") {
  int methods = 0, picks = 0;
  for (const Preset& p : presets()) {
    if (p.source.empty()) continue;
    const std::string method(p.name);
    CAPTURE(method);
    const fs::path file = folder / method / "fixture.json";
    REQUIRE(fs::exists(file));
    ++methods;
    std::ifstream in(file);
    for (const Json& c : Json::parse(in)) {
      const std::string name = c.at("name");
      CAPTURE(name);
      for (const Json& pick : c.at("picks")) {
        const std::string at = pick.at("budget").dump() + " " + pick.value("settings", Json::object()).dump();
        CAPTURE(at);
        check_pick(method, c, pick);
        ++picks;
      }
    }
  }
  int folders = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    folders += entry.is_directory() && entry.path().filename() != "__pycache__";
  CHECK(methods == folders);
  CHECK(picks >= 2 * methods);
}
