#include "arrcoc/xtensor.hpp"

#include "engine_impl.hpp"

namespace arrcoc {

std::unique_ptr<Engine> make_xtensor_engine(const EngineOptions& o) {
  return std::make_unique<EngineOn<XtensorBackend>>(XtensorBackend({.threads = o.threads}), o);
}

}  // namespace arrcoc
