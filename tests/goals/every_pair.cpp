// Goal: whatever can be composed runs, and what runs keeps its laws, on crops of real pictures.
//   usage: every_pair MODEL FOLDER [--long]
// MODEL: models/small. FOLDER holds the pictures; exit 77 when one is
// missing. Every (scorer, allocator) pair on crops of 512 x 512 px, 256 tokens, a quarter kept: --long on three
// pictures, else on one, each fifth pair. Then on one crop rows until every pair of values of two axes (texture,
// scorer, query, balancer, allocator, injector, passes) has run; short: until an eighth of the open ones have. Last
// each allocator and each scorer once on a whole picture. A pair that cannot be composed must be refused by a sentence
// of the composition (E1xx, E2xx), and for the pairs of the first part exactly where the decision's phase lies before
// what the pair needs. Held of every run: check_allocation, check_spend, finite maps and relevance of a number a living
// token, a second run gives the same (of every tenth).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "arrcoc/engine/engine.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/npy.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "arrcoc/registry/grammar.hpp"

using namespace arrcoc;
namespace fs = std::filesystem;

namespace {

using Row = std::map<Kind, std::string>;  // a value for every axis
const std::vector<Kind> axes{Kind::texture,   Kind::scorer,   Kind::query, Kind::balancer,
                             Kind::allocator, Kind::injector, Kind::passes};
/// What carries an allocation that no gathering can.
const std::map<std::string, std::string> carriers{{"tiers", "tier"},
                                                  {"one_region", "tier"},
                                                  {"pool", "merge"},
                                                  {"merge_similar", "merge"},
                                                  {"entry_by_relevance", "entry"}};

struct Kit {
  Engine& engine;
  fs::path model, scratch;
  std::vector<Entry> entries;
  std::map<std::string, std::string> injector_of{};  // of a published method's allocator
  std::size_t ran = 0, refused = 0, problems = 0;

  const Entry& entry(Kind k, const std::string& name) const {
    return *std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.kind == k && e.name == name; });
  }
  std::vector<std::string> names(Kind k) const {
    std::vector<std::string> out;
    for (const Entry& e : entries)
      if (e.kind == k) out.push_back(e.name);
    return out;
  }
  /// The file that a strategy cannot work without.
  std::string file_of(const Entry& e) const {
    if (e.name == "given") return (scratch / "map.npy").string();
    if (e.name == "glimpseprune") return (model / "../../plugins/glimpseprune/small.safetensors").string();
    if (e.name == "learned")
      return (model / (e.kind == Kind::scorer ? "scorer" : "balancer")).string() + ".safetensors";
    if (e.name == "learned_depth") return (model / "depth.safetensors").string();
    return (scratch / "networks.safetensors").string();
  }
  Row usual(const std::string& scorer, const std::string& allocator) const {
    const auto own = injector_of.find(allocator);
    std::string injector = own == injector_of.end() ? "gather" : own->second;
    const Phase needs =
        std::max(entry(Kind::scorer, scorer).needs.phase, entry(Kind::allocator, allocator).needs.phase);
    if (injector == "gather" && needs == Phase::layer)
      injector = allocator == "hierarchical" || allocator == "learned_depth" ? "again" : "layer";  // who honours levels
    return {{Kind::texture, "texture13"},
            {Kind::scorer, scorer},
            {Kind::query, "mean"},
            {Kind::balancer, "fixed"},
            {Kind::allocator, allocator},
            {Kind::injector, injector},
            {Kind::passes, looks_back(scorer) ? "coarse_answer" : "once"}};
  }
  static bool looks_back(const std::string& scorer) { return scorer.starts_with("previous") || scorer == "inhibition"; }

  PipelineSpec spec(const Row& row) const {
    Settings settings;
    for (const auto& [kind, name] : row) {
      const std::string prefix = kind == Kind::scorer ? "scorers." + name : std::string(stage_kind(kind).prefix);
      for (const ConfigField& f : entry(kind, name).settings)
        if (f.path == "weights" || f.path == "file") settings[prefix + "." + f.path] = file_of(entry(kind, name));
    }
    if (row.at(Kind::injector) == "layer" || row.at(Kind::injector) == "again") settings["injector.before"] = "-1";
    PipelineSpec out;
    out.texture = row.at(Kind::texture);
    out.query = row.at(Kind::query);
    out.passes = row.at(Kind::passes);
    std::vector<ScorerSpec> scorers{{row.at(Kind::scorer), row.at(Kind::scorer)}};
    if (row.at(Kind::balancer) == "learned")  // trained for three maps
      for (const char* more : {"uniform", "centre", "random"})
        if (scorers.size() < 3 && row.at(Kind::scorer) != more) scorers.push_back({more, more});
    out.decisions = {{scorers, row.at(Kind::balancer), row.at(Kind::allocator), row.at(Kind::injector), {}}};
    out.settings = settings;
    return out;
  }
};

AnswerRequest request(const Kit& kit, const Row& row, const Image& picture) {
  AnswerRequest r;
  r.pictures.push_back({picture, "crop", 0, {{100, 120, 180, 400}}});
  r.prompt = "What does the largest line say?";
  r.pipeline = kit.spec(row);
  r.budget = Budget{0, 0.25};
  r.min_pixels = 1024, r.max_pixels = Index{1} << 24;
  r.generate = row.at(Kind::injector) == "reversible";  // which chooses for each token that is fed back
  r.generation.max_new_tokens = 2;                      // of a first look that answers
  return r;
}

std::string text_of(const Row& row) {
  std::string text;
  for (const Kind k : axes) text += (text.empty() ? "" : "/") + row.at(k);
  return text;
}

/// What was decided last, as it was allocated; what chooses for each token that is fed back leaves no decision behind.
const Realized& decided(const AnswerResult& a) {
  return a.decisions.empty() ? a.pictures.at(0) : a.decisions.back().pictures.at(0);
}

/// Runs a row; what of the laws does not hold, or the refusal in `said`.
bool run(Kit& kit, const Row& row, const Image& picture, bool twice, std::string& said, int& code) {
  said.clear(), code = 0;
  const auto wrong = [&](const std::string& what) {
    std::printf("%s: %s\n", text_of(row).c_str(), what.c_str());
    ++kit.problems;
  };
  try {
    const AnswerRequest r = request(kit, row, picture);
    const AnswerResult a = kit.engine.answer(r);
    const Entry& allocator = kit.entry(Kind::allocator, row.at(Kind::allocator));
    const Realized& p = decided(a);
    check_allocation(p.allocation, "every_pair");
    // A cascade's levels and looks in turn have budgets of their own; the last look's is what is asked for.
    if (row.at(Kind::passes) == "once" && !a.decisions.empty())
      check_spend(p.allocation, *allocator.spend, r.budget, "every_pair");
    const auto n = static_cast<std::size_t>(p.allocation.tokens.count());
    const auto finite = [](const std::vector<float>& v) {
      return std::all_of(v.begin(), v.end(), [](float x) { return std::isfinite(x); });
    };
    if (!a.decisions.empty() && (p.balanced.relevance.size() != n || !finite(p.balanced.relevance)))
      wrong("relevance is not a number a token");
    const std::size_t maps = r.pipeline.last().scorers.size();
    if (!a.decisions.empty() && (p.maps.size() != n * maps || !finite(p.maps))) wrong("a map is not a number a token");
    if (twice && !(decided(kit.engine.answer(r)).allocation == p.allocation)) wrong("a second run keeps others");
    ++kit.ran;
    return true;
  } catch (const Error& e) {
    said = e.what(), code = static_cast<int>(e.code());
    ++kit.refused;
    // An injector that refuses what an allocation asks says so with E203; from anybody else that is a broken law.
    const bool honours = code == static_cast<int>(Code::bad_stage_output) &&
                         (said.starts_with("[injector.") || said.starts_with("[" + row.at(Kind::injector) + "]"));
    const bool network = code == static_cast<int>(Code::bad_weight) && row.at(Kind::texture) != "texture13";
    if ((code >= 203 && code != static_cast<int>(Code::missing_evidence)) && !honours && !network) wrong(said);
    return false;
  }
}

/// The sketches' networks, small, on texture13, of one map; weights that differ and are no noise.
void write_networks(const fs::path& file, Index width) {
  std::map<std::string, HostTensor, std::less<>> tensors;
  const auto add = [&](const std::string& name, std::vector<Index> shape) {
    const Index outputs = shape[0], n = std::accumulate(shape.begin(), shape.end(), Index{1}, std::multiplies<>());
    std::vector<float> values;
    for (Index i = 0; i < n; ++i) values.push_back(std::sin(static_cast<float>(7 * i + 3)) / 2);
    tensors.emplace(name + ".weight", host_tensor(std::move(values), std::move(shape)));
    tensors.emplace(name + ".bias", host_tensor(std::vector<float>(static_cast<std::size_t>(outputs), .1f), {outputs}));
  };
  add("saliency.0", {4, 13, 3, 3}), add("saliency.2", {1, 4, 1, 1});
  add("coupling.0", {4, 13, 1, 1}), add("coupling.2", {width, 4, 1, 1});
  add("policy.0", {4, 3}), add("policy.2", {1, 4});
  io::write_safetensors(file, tensors);
}

/// 512 x 512 px around the middle.
Image crop(const Image& whole) {
  Image out(512, 512);
  const Index top = (whole.height - 512) / 2, left = (whole.width - 512) / 2;
  for (Index y = 0; y < 512; ++y) std::memcpy(out.row(y), whole.view().row(top + y) + 3 * left, 3 * 512);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: every_pair MODEL FOLDER [--long]\n"), 2;
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 12);
  const bool whole = argc > 3 && std::string(argv[3]) == "--long";
  const fs::path model = argv[1], folder = argv[2];
  std::vector<Image> crops;
  Image large;
  for (const char* name : {"paper_table.jpg", "street.jpg", "receipt_cafe.jpg"}) {
    if (!fs::exists(folder / name)) return std::printf("skipped: no %s\n", (folder / name).c_str()), 77;
    const Image picture = io::read_image(folder / name);
    crops.push_back(crop(picture));
    if (crops.size() == 3) large = picture;
  }
  EngineOptions options;
  options.model = model.string();
  const std::unique_ptr<Engine> engine = make_eigen_engine(options);
  const fs::path scratch = fs::temp_directory_path() / ("every_pair_" + std::to_string(std::random_device{}()));
  fs::create_directories(scratch);
  io::write_npy(scratch / "map.npy", host_tensor(std::vector<float>{0, .2f, .7f, .4f, 1, .1f}, {2, 3}));
  write_networks(scratch / "networks.safetensors", engine->model().config.text.hidden_size);
  Kit kit{*engine, model, scratch, engine->strategies()};
  for (const auto& [allocator, injector] : carriers) kit.injector_of[allocator] = injector;
  for (const Preset& p : presets()) {
    const DecisionSpec d = preset_pipeline(p.name).last();
    if (!p.source.empty()) kit.injector_of.try_emplace(d.allocator, d.injector);
  }
  const auto scorers = kit.names(Kind::scorer), allocators = kit.names(Kind::allocator);
  std::set<std::pair<std::pair<Kind, std::string>, std::pair<Kind, std::string>>> open, never;
  for (std::size_t i = 0; i < axes.size(); ++i)
    for (std::size_t j = i + 1; j < axes.size(); ++j)
      for (const std::string& a : kit.names(axes[i]))
        for (const std::string& b : kit.names(axes[j])) open.insert({{axes[i], a}, {axes[j], b}});
  const std::size_t of = open.size();
  const auto covered = [&](const Row& row) {
    for (std::size_t i = 0; i < axes.size(); ++i)
      for (std::size_t j = i + 1; j < axes.size(); ++j)
        open.erase({{axes[i], row.at(axes[i])}, {axes[j], row.at(axes[j])}});
  };
  std::string said;
  int code = 0;
  // Every scorer with every allocator.
  std::size_t pairs = 0, late = 0, count = 0;
  for (std::size_t picture = 0; picture < (whole ? crops.size() : 1); ++picture)
    for (const std::string& s : scorers)
      for (const std::string& a : allocators) {
        if (!whole && ++count % 5 != 0) continue;
        const Row row = kit.usual(s, a);
        const Phase at = kit.entry(Kind::injector, row.at(Kind::injector)).needs.phase;
        const bool possible =
            std::max(kit.entry(Kind::scorer, s).needs.phase, kit.entry(Kind::allocator, a).needs.phase) <= at;
        const bool done = run(kit, row, crops[picture], (pairs + late) % 10 == 0, said, code);
        (done ? pairs : late) += 1;
        if (done) covered(row);
        if (done != possible) {
          std::printf("%s: expected %s, got: %s\n", text_of(row).c_str(), possible ? "a run" : "a refusal",
                      said.c_str());
          ++kit.problems;
        }
      }
  std::printf(
      "pairs of scorer and allocator: %zu ran, %zu refused: the injector decides before there is what they need\n",
      pairs, late);
  // Every two values of two axes.
  std::map<std::string, std::size_t> why;
  const std::size_t stop = whole ? 0 : open.size() - open.size() / 8;
  while (open.size() > stop) {
    const auto first = open.begin()->first, second = open.begin()->second;
    const auto value = [&](Kind k, const char* usual) {
      return first.first == k ? first.second : second.first == k ? second.second : std::string(usual);
    };
    Row row = kit.usual(value(Kind::scorer, "feature_norm"), value(Kind::allocator, "top_k"));
    const auto set = [&](const auto& p) { row[p.first] = p.second; };
    set(first), set(second);
    Row filled = row;  // the other axes from what is still open
    for (const auto& [a, b] : open) {
      const auto takes = [&](const auto& p) {
        return filled[p.first] == p.second ||
               (p.first != first.first && p.first != second.first && row[p.first] == filled[p.first]);
      };
      if (takes(a) && takes(b)) filled[a.first] = a.second, filled[b.first] = b.second;
    }
    if (filled != row && run(kit, filled, crops[0], false, said, code)) covered(filled);
    // Alone, with what may take it: a scorer of the pixels, an allocation with regions.
    std::string refusal;
    for (const char* scorer : {"feature_norm", "uniform"})
      for (const char* allocator : {"top_k", "one_region"}) {
        if (!open.contains({first, second})) continue;
        Row alone = kit.usual(value(Kind::scorer, scorer), value(Kind::allocator, allocator));
        alone[first.first] = first.second, alone[second.first] = second.second;
        if (run(kit, alone, crops[0], false, said, code)) covered(alone);
        else if (refusal.empty()) refusal = said;
      }
    if (open.contains({first, second})) {
      ++why[std::string(name_of(first.first)) + " x " + std::string(name_of(second.first))];
      open.erase({first, second}), never.insert({first, second});
      if (whole) std::printf("  never: %s x %s: %s\n", first.second.c_str(), second.second.c_str(), refusal.c_str());
    }
  }
  std::printf("pairs of values of two axes: %zu, of them %zu ran, %zu are refused, %zu not tried\n", of,
              of - open.size() - never.size(), never.size(), open.size());
  for (const auto& [axis, n] : why) std::printf("  refused, %s: %zu\n", axis.c_str(), n);
  // Each strategy at full size.
  std::size_t full = 0;
  if (whole) {
    for (const std::string& s : scorers) full += run(kit, kit.usual(s, "top_k"), large, false, said, code);
    for (const std::string& a : allocators) full += run(kit, kit.usual("information", a), large, false, said, code);
    for (const Kind k : {Kind::texture, Kind::query, Kind::balancer, Kind::injector, Kind::passes})
      for (const std::string& v : kit.names(k)) {
        Row row = kit.usual(k == Kind::query ? "participatory" : "feature_norm", "top_k");
        row[k] = v;
        full += run(kit, row, large, false, said, code);
      }
  }
  std::printf("full size: %zu runs\n%zu runs, %zu refusals, %zu problems\n", full, kit.ran, kit.refused, kit.problems);
  fs::remove_all(scratch);
  return kit.problems == 0 && pairs > 0 ? 0 : 1;
}
