#pragma once
// The fixtures of published methods, plugins/METHOD/fixture.json: small tensors, and what the transcription
// METHOD.py makes of them.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "arrcoc/core/similarity.hpp"
#include "registry/host_stages.hpp"

namespace arrcoc::tests::fixtures {

using Json = nlohmann::json;

inline const std::filesystem::path folder = std::filesystem::path(ARRCOC_TESTS_DIR).parent_path() / "plugins";

inline HostTensor tensor(const Json& from) {
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

inline Answered answered(const Json& from) {
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
inline Evidence evidence_of(const Json& c, Image& image) {
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

inline bool near(double got, double expected) {
  return std::abs(got - expected) <= 1e-6 * std::max(1.0, std::abs(expected));
}

/// The stages of one decision of a method, with the settings of a pick.
struct Stages {
  std::vector<Any<erased::Scorer>> scorers;
  AnyBalancer balancer;
  AnyAllocator allocator;
};
inline Stages stages_of(const std::string& method, std::size_t decision, const Json& pick) {
  PipelineSpec spec = preset_pipeline(method);
  for (const auto& [path, text] : pick.value("settings", Settings{}))
    spec.settings[path] = path.ends_with(".weights") ? (folder / text).string() : text;
  const DecisionSpec& d = spec.decisions.at(decision);
  const std::string before = decision_prefix(decision);
  Stages out;
  for (const ScorerSpec& s : d.scorers)
    out.scorers.push_back(made(host_stages().scorers, s.name, spec.settings, before + "scorers." + s.alias));
  out.balancer = made(host_stages().balancers, d.balancer, spec.settings, before + "balancer");
  out.allocator = made(host_stages().allocators, d.allocator, spec.settings, before + "allocator");
  return out;
}
inline Budget budget_of(const Json& pick) {
  return {pick.at("budget").get<Index>(), 1, 0, 0, pick.value("last", Index{0})};
}

/// Scores of all scorers, one after the other, within 1e-6.
inline void check_scores(const std::vector<float>& maps, const Json& pick) {
  if (!pick.contains("scores")) return;
  std::vector<double> expected;
  for (const Json& map : pick.at("scores"))
    for (const Json& value : map) expected.push_back(value.get<double>());
  REQUIRE(maps.size() == expected.size());
  for (std::size_t t = 0; t < maps.size(); ++t) {
    CAPTURE(t);
    CAPTURE(maps[t]);
    CAPTURE(expected[t]);
    CHECK(near(static_cast<double>(maps[t]), expected[t]));
  }
}

/// The same tokens, and the same members with weights within 1e-6.
inline void check_kept(const Allocation& a, const Json& pick) {
  CHECK(a.kept == pick.at("kept").get<std::vector<Index>>());
  CHECK(a.merge.empty() == !pick.contains("merge"));
  if (!pick.contains("merge") || a.merge.size() != pick.at("merge").size()) return;
  for (std::size_t i = 0; i < a.merge.size(); ++i) {
    std::map<Index, double> got, expected;
    for (const MergePart& m : a.merge[i]) got[m.token] += static_cast<double>(m.weight);
    for (const Json& m : pick.at("merge")[i]) expected[m[0].get<Index>()] += m[1].get<double>();
    CAPTURE(i);
    CHECK(got.size() == expected.size());
    for (const auto& entry : expected) {
      const auto& [token, weight] = entry;
      CAPTURE(entry.first);
      CHECK(got.count(token) == 1);
      CHECK(near(got[token], weight));
    }
  }
}

/// `visit(method, case, pick)` of every pick; how many methods.
template <class Visit>
int for_each_pick(const Visit& visit) {
  int methods = 0;
  for (const Preset& p : presets()) {
    if (p.source.empty()) continue;
    const std::string method(p.name);
    CAPTURE(method);
    const std::filesystem::path file = folder / method / "fixture.json";
    REQUIRE(std::filesystem::exists(file));
    ++methods;
    std::ifstream in(file);
    for (const Json& c : Json::parse(in)) {
      const std::string name = c.at("name");
      CAPTURE(name);
      for (const Json& pick : c.at("picks")) {
        const std::string at = pick.at("budget").dump() + " " + pick.value("settings", Json::object()).dump();
        CAPTURE(at);
        visit(method, c, pick);
      }
    }
  }
  return methods;
}

}  // namespace arrcoc::tests::fixtures
