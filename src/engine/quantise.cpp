#include "arrcoc/engine/quantise.hpp"

#include "arrcoc/eigen/dispatch.hpp"
#include "arrcoc/io/quantised_files.hpp"
#include "arrcoc/pipeline/linked.hpp"
#include "arrcoc/qwen3vl/model.hpp"
#include "engine_impl.hpp"

ARRCOC_LINKED_MODEL(arrcoc::EigenDispatch)

namespace arrcoc {
namespace {

/// The matrices that a model keeps in a form, as they are stored.
struct Found {
  std::vector<io::QuantisedMatrix> matrices;
  std::vector<eigen::Weight> stored;
};

/// Builds the model with matrices that hold nothing, which tells their names and uses, and reads all values on the way.
std::map<WeightUse, Found> matrices_of(const io::ModelFolder& folder, const EigenOptions& options) {
  std::map<WeightUse, Found> found;
  EigenDispatch b(options, {[&](std::string_view name, const eigen::Weight& w, WeightUse use, WeightFormat f) {
                    found[use].matrices.push_back({std::string(name), w.out(), w.in()});
                    found[use].stored.push_back(w);
                    return std::make_shared<const eigen::Quantised>(eigen::Quantised{f, w.out(), w.in()});
                  }});
  const qwen3vl::Model<EigenDispatch> model(b, folder.config, checked_weights(folder, true));
  for (const auto& layer : model.text().layers()) {
    layer.experts.import_all(b);
    folder.forget_pages();
  }
  return found;
}

}  // namespace

std::vector<QuantisedFile> quantise_model(const QuantiseRequest& r) {
  const io::ModelFolder folder = open_folder(r.model);
  const EigenOptions options =
      eigen::with_isa({.threads = r.model.threads, .weights = r.model.weights}, Isa::automatic);
  const std::map<WeightUse, Found> found = matrices_of(folder, options);
  require_that(!found.empty(), Code::bad_config, "quantise",
               "expected int8 or int4 for the layers, the head or the tower (--weights, --weights-head, "
               "--weights-tower), got none");
  Index done = 0, all = 0;
  for (const auto& [use, f] : found) all += static_cast<Index>(f.matrices.size());
  const EigenDispatch maker(options);
  std::vector<QuantisedFile> written;
  for (const auto& [use, f] : found) {
    const WeightFormat format = r.model.weights.of(use);
    QuantisedFile file{io::quantised_file(folder.path, use, format), static_cast<Index>(f.matrices.size()), 0, 0};
    Index read = 0;
    file.bytes = io::write_quantised(
        folder.path, folder.identity, use, format, f.matrices, [&, &of = f, for_use = use](std::size_t i) {
          require_that(!r.on_matrix || r.on_matrix(done++, all), Code::bad_output, "quantise", "stopped");
          const Index bytes = of.stored[i].values().bytes();
          file.stored_bytes += bytes;
          if (read += bytes; read > Index{1} << 28) folder.forget_pages(), read = bytes;
          return eigen::bytes_of(*maker.for_use(of.stored[i], for_use).quantised());
        });
    written.push_back(file);
  }
  return written;
}

}  // namespace arrcoc
