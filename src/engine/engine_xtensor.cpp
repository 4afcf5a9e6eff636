#include "arrcoc/xtensor.hpp"

#include "engine_impl.hpp"

namespace arrcoc {

std::unique_ptr<Engine> make_xtensor_engine(const EngineOptions& o) {
  auto folder = open_folder(o);
  refuse_attention(o, "xtensor");
  refuse_eigen_options(o, "xtensor");
  const bool bf16 = wants_bf16(o, folder, false, "xtensor", "it computes in float32 only");
  return std::make_unique<EngineOn<XtensorBackend>>(XtensorBackend({.threads = o.threads}), std::move(folder), bf16);
}

}  // namespace arrcoc
