#include "arrcoc/torch.hpp"

#include "engine_impl.hpp"

namespace arrcoc {

std::unique_ptr<Engine> make_torch_engine(const EngineOptions& o) {
  auto folder = open_folder(o);
  refuse_weight_formats(o, "torch");
  const bool bf16 = wants_bf16(o, folder, true, "torch", "");
  return std::make_unique<EngineOn<TorchBackend>>(
      TorchBackend(TorchOptions{.threads = o.threads, .device = o.device, .bf16 = bf16}), std::move(folder), bf16);
}

}  // namespace arrcoc
