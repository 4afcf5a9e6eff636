#include "arrcoc/eigen/path_times.hpp"
#include "arrcoc/engine/detect.hpp"
#include "arrcoc/io/quantised_files.hpp"
#include "arrcoc/pipeline/detectable.hpp"
#include "arrcoc/pipeline/linked.hpp"
#include "arrcoc/pipeline/passes.hpp"
#include "engine_impl.hpp"

ARRCOC_JOURNEYS_OF(, arrcoc::EigenDispatch)

namespace arrcoc {

namespace {

/// Matrices of the files beside the model.
MadeForms made_forms(std::shared_ptr<const io::QuantisedFiles> files) {
  const bool any = files->any();
  if (!any) return {};
  const auto find = [files = std::move(files)](std::string_view name, const eigen::Weight& w, WeightUse use,
                                               WeightFormat f) -> std::shared_ptr<const eigen::Quantised> {
    const FormBytes bytes = files->find(name, use, f, w.out(), w.in());
    if (bytes.codes.empty()) return nullptr;
    return std::make_shared<const eigen::Quantised>(eigen::quantised_from(f, w.out(), w.in(), bytes));
  };
  return {find, any};
}

class EigenEngine final : public EngineOn<EigenDispatch> {
 public:
  using EngineOn::EngineOn;
  MachineLimits limits() const override {
    MachineLimits m = EngineOn::limits();
    const eigen::RoofRates r = eigen::measure_roofs(*isa_named(model().isa), model().dtype == "bf16", model().threads);
    m.register_flops_per_second = r.flops_per_second;
    m.read_bytes_per_second = r.bytes_per_second;
    return m;
  }
};

}  // namespace

std::unique_ptr<Engine> make_eigen_engine(const EngineOptions& o) {
  const std::optional<Isa> isa = isa_named(o.isa);
  require_that(isa.has_value(), Code::bad_config, "isa",
               [&] { return "expected auto, generic, avx2, avx512, avx512bf16 or amx, got '" + o.isa + "'"; });
  static_cast<void>(eigen::with_isa({}, *isa));  // refuses what is not there
  auto folder = open_folder(o);
  refuse_attention(o, "eigen");
  const bool narrow = wants_bf16(o, folder, !eigen::path_choices(*isa, false, true).empty(), "eigen",
                                 *isa == Isa::automatic ? "this processor has no AVX512-BF16 instructions"
                                                        : "the instructions of --isa have none for it");
  std::vector<eigen::PathTimes> choices = eigen::path_choices(*isa, !narrow || o.dtype == "auto", narrow);
  if (choices.size() > 1) eigen::measure(choices);
  const eigen::PathTimes chosen = eigen::fastest(choices);
  const auto dtype = [](bool bf16) { return std::string(bf16 ? "bf16" : "f32"); };
  EngineFacts facts{.weights = o.weights, .isa = std::string(name_of(chosen.isa))};
  for (const eigen::PathTimes& c : choices)
    if (choices.size() > 1)
      facts.measured.push_back({std::string(name_of(c.isa)), dtype(c.bf16), c.product, c.row, c.attention});
  const EigenOptions options =
      eigen::with_isa({.threads = o.threads, .bf16 = chosen.bf16, .weights = o.weights}, chosen.isa);
  const auto made = std::make_shared<const io::QuantisedFiles>(folder.path, folder.identity, o.weights);
  for (const std::string& what : made->unused()) folder.config.unused.push_back(what);
  facts.quantised_files = made->used();
  return std::make_unique<EigenEngine>(EigenDispatch(options, made_forms(made)), std::move(folder), chosen.bf16,
                                       std::move(facts), o.load_beside);
}

namespace {
Registry<EigenDispatch> all_strategies(const std::vector<std::filesystem::path>& plugins) {
  Registry<EigenDispatch> r;
  register_builtin(r);
  for (const auto& file : plugins) load_plugin(file, r.host);
  return r;
}

/// Relevance that came from elsewhere, in place of scorers and balancer.
struct GivenRelevance {
  static constexpr std::string_view name = "given";
  static constexpr Needs may_need{};
  struct Config {
    std::vector<float> relevance;
  };
  Config config{};
  Balanced balance(std::span<const float>, const Evidence&) const { return {config.relevance, {}, {}}; }
};
}  // namespace

std::vector<Entry> list_strategies(const std::vector<std::filesystem::path>& plugins) {
  return all_strategies(plugins).entries();
}

std::vector<detect::Found> detect_faults(const PipelineSpec& pipeline,
                                         const std::vector<std::filesystem::path>& plugins) {
  EigenDispatch b(eigen::with_isa({}, Isa::automatic));
  const MadePipeline<EigenDispatch> made = all_strategies(plugins).make(pipeline);
  return faults_of(b, made.pipeline);
}

EvidenceResult allocate_evidence(const EvidenceRequest& r) {
  MadePipeline<EigenDispatch> made = all_strategies(r.plugins).make(r.pipeline);
  AnyPipeline<EigenDispatch>& pipeline = made.pipeline;
  require_that(r.pipeline.framing == Framing::native, Code::bad_config, "allocate",
               "picture=grey_square: expected the evidence of that picture, and its name without");
  EigenDispatch b(eigen::with_isa({}, Isa::automatic));
  const Index n = r.grid.count();
  require_that(n > 0, Code::bad_usage, "allocate", "expected a grid of at least one token");
  EvidenceResult out;
  out.pipeline = full_name(made.spec, r.budget);
  out.settings = made.settings;
  out.scorers = pipeline.decisions.back().scorer_names();
  if (!r.relevance.empty()) {
    require_that(static_cast<Index>(r.relevance.size()) == n, Code::shape_mismatch, "allocate", [&] {
      return "relevance: expected " + std::to_string(n) + " values, got " + std::to_string(r.relevance.size());
    });
    require_that(pipeline.decisions.size() == 1, Code::bad_usage, "allocate",
                 "given relevance is of one decision: expected a pipeline of one");
    check_map(r.relevance, n, "relevance");
    pipeline.decisions[0].scorers.clear();
    pipeline.decisions[0].balancer = erase_balancer(GivenRelevance{{r.relevance}});
  }
  const unsigned needs = pipeline.may_need().evidence;
  require_that(!(needs & (Need::textures | Need::rgb | Need::size)) || !r.picture.empty(), Code::missing_evidence,
               "allocate", "a stage reads the picture, but none was given");
  require_that(!(needs & Need::query) || !r.query.empty(), Code::missing_evidence, "allocate",
               "a stage needs the query embedding: expected query.npy, got none");
  require_that(!(needs & Need::question) || !r.query.empty(), Code::missing_evidence, "allocate",
               "a stage needs the question's embeddings: expected query.npy, got none");
  require_that(!(needs & (Need::vision | Need::similarity)) || !r.vision.empty(), Code::missing_evidence, "allocate",
               "a stage needs vision embeddings: expected vision.npy, got none");
  require_that(!(needs & Need::deepstack) || !r.deepstack.empty(), Code::missing_evidence, "allocate",
               "a stage needs DeepStack levels: expected deepstack_0.npy, got none");
  require_that(pipeline.requests(Request::Site::tower).empty(), Code::missing_evidence, "allocate",
               "a stage asks the model's inside, which files cannot answer: give -m and -i in place of --evidence, or "
               "relevance.npy");
  for (const auto& d : pipeline.decisions)
    require_that(d.phase() != Phase::tower && d.phase() != Phase::layer, Code::missing_evidence, "allocate",
                 [&] { return "'" + d.name + "' decides inside the model, which files cannot stand for"; });
  const auto given = [&](const HostTensor& t, std::string_view what, bool rows) {
    if (t.empty()) return typename EigenDispatch::Tensor{};
    const Index count = rows ? n : 1, width = t.count() / count;
    require_that(width > 0 && width * count == t.count() && (!rows || (t.shape.size() == 2 && t.dim(0) == n)),
                 Code::shape_mismatch, "allocate", [&] {
                   return std::string(what) + ": expected " + (rows ? "[" + std::to_string(n) + ", D]" : "[D]") +
                          ", got " + shape_text(t.shape);
                 });
    const auto values = to_floats(t);
    check_map(values, static_cast<Index>(values.size()), what);
    return b.from_host(values, count, width);
  };
  qwen3vl::VisionOut<EigenDispatch> features;
  features.count = n;
  features.tokens = given(r.vision, "vision", true);
  for (const HostTensor& level : r.deepstack) features.deepstack.push_back(given(level, "deepstack", true));
  Query<EigenDispatch> query;
  query.vector = query.words = given(r.query, "query", false);
  if ((needs & Need::query) && (needs & Need::vision))
    require_that(b.cols(query.vector) == b.cols(features.tokens), Code::shape_mismatch, "allocate", [&] {
      return "query: expected " + std::to_string(b.cols(features.tokens)) + " values, got " +
             std::to_string(b.cols(query.vector));
    });
  Picture picture;
  picture.native = r.picture;
  picture.grid = r.grid;
  picture.boxes = r.boxes;
  RunOptions run;
  run.budget = r.budget;
  run.seed = r.seed;
  Trace trace;
  out.realized = realize(b, pipeline, picture, std::move(features), r.query.empty() ? nullptr : &query, run, &trace);
  out.times = std::move(trace.times);
  return out;
}

}  // namespace arrcoc
