#include "arrcoc/eigen.hpp"

#include "engine_impl.hpp"

namespace arrcoc {

std::unique_ptr<Engine> make_eigen_engine(const EngineOptions& o) {
  auto folder = open_folder(o);
  const bool bf16 = wants_bf16(o, folder, eigen::bf16_products, "eigen", "this build has no AVX512-BF16 instructions");
  return std::make_unique<EngineOn<EigenBackend>>(EigenBackend(EigenOptions{.threads = o.threads, .bf16 = bf16}),
                                                  std::move(folder), bf16);
}

namespace {
Registry<EigenBackend> all_strategies(const std::vector<std::filesystem::path>& plugins) {
  Registry<EigenBackend> r;
  register_builtin(r);
  for (const auto& file : plugins) load_plugin(file, r);
  return r;
}
}  // namespace

std::vector<Entry> list_strategies(const std::vector<std::filesystem::path>& plugins) {
  return all_strategies(plugins).entries();
}

EvidenceResult allocate_evidence(const EvidenceRequest& r) {
  const auto made = all_strategies(r.plugins).make(r.pipeline);
  EigenBackend b;
  const Index n = r.grid.count();
  require_that(n > 0, Code::bad_usage, "allocate", "expected a grid of at least one token");
  require_that(
      r.relevance.empty() || static_cast<Index>(r.relevance.size()) == n, Code::shape_mismatch, "allocate", [&] {
        return "relevance: expected " + std::to_string(n) + " values, got " + std::to_string(r.relevance.size());
      });
  const auto given = [&](const HostTensor& t, std::string_view what, bool rows) {
    if (t.empty()) return typename EigenBackend::Tensor{};
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
  EvidenceResult out;
  out.pipeline = full_name(made.spec, r.budget);
  out.settings = made.settings;
  out.scorers = made.pipeline.scorers.names();
  Picture picture;
  picture.native = r.picture;
  picture.grid = r.grid;
  picture.boxes = r.boxes;
  const std::uint64_t seed = derive_seed(r.seed, "image0");  // as a run with a model would take it
  Trace trace;
  if (!r.relevance.empty()) {
    Evidence e;
    e.grid = r.grid;
    e.rgb = r.picture;
    e.boxes = r.boxes;
    check_map(r.relevance, n, "relevance");
    const StageTimer timer(&trace, "allocate");
    Rng rng(seed);
    out.realized.balanced.relevance = r.relevance;
    out.realized.allocation = made.pipeline.allocator.allocate(r.relevance, e, r.budget, rng);
    check_allocation(out.realized.allocation, "allocator");
  } else {
    const unsigned needs = made.pipeline.needs().evidence;
    require_that(!(needs & (Need::textures | Need::rgb)) || !r.picture.empty(), Code::missing_evidence, "allocate",
                 "a stage reads the picture, but none was given");
    require_that(!(needs & Need::query) || !r.query.empty(), Code::missing_evidence, "allocate",
                 "a stage needs the query embedding: expected query.npy, got none");
    require_that(!(needs & Need::vision) || !r.vision.empty(), Code::missing_evidence, "allocate",
                 "a stage needs vision embeddings: expected vision.npy, got none");
    TensorEvidence<EigenBackend> features;
    features.grid = r.grid;
    features.vision = given(r.vision, "vision", true);
    features.query = features.question = given(r.query, "query", false);
    for (const HostTensor& level : r.deepstack) features.deepstack.push_back(given(level, "deepstack", true));
    if ((needs & Need::query) && (needs & Need::vision))
      require_that(b.cols(features.query) == b.cols(features.vision), Code::shape_mismatch, "allocate", [&] {
        return "query: expected " + std::to_string(b.cols(features.vision)) + " values, got " +
               std::to_string(b.cols(features.query));
      });
    out.realized = made.pipeline.realize(b, picture, features, r.budget, seed, &trace);
  }
  out.times = std::move(trace.times);
  return out;
}

}  // namespace arrcoc
