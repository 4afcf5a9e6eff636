#include "arrcoc/torch.hpp"

#include "engine_impl.hpp"

namespace arrcoc {

std::unique_ptr<Engine> make_torch_engine(const EngineOptions& o) {
  return std::make_unique<EngineOn<TorchBackend>>(TorchBackend(TorchOptions{.threads = o.threads, .device = o.device}), o);
}

}  // namespace arrcoc
