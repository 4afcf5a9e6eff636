#include "arrcoc/torch.hpp"
#include "arrcoc/torch_attention_times.hpp"

#include "engine_impl.hpp"

namespace arrcoc {

std::unique_ptr<Engine> make_torch_engine(const EngineOptions& o) {
  auto folder = open_folder(o);
  refuse_eigen_options(o, "torch");
  const bool bf16 = wants_bf16(o, folder, true, "torch", "");
  require_that(o.attention == "auto" || o.attention == "own" || o.attention == "library", Code::bad_config, "attention",
               [&] { return "expected auto, own or library, got '" + o.attention + "'"; });
  TorchOptions options{.threads = o.threads, .device = o.device, .bf16 = bf16};
  const AttentionTimes times = o.attention == "auto" ? measure_attention(options) : AttentionTimes{};
  options.attention = o.attention == "library" ? TorchAttention::library : times.faster();
  auto engine = std::make_unique<EngineOn<TorchBackend>>(TorchBackend(options), std::move(folder), bf16);
  if (o.device == "cpu")
    engine->note_attention(options.attention == TorchAttention::own ? "own" : "library", {times.own, times.library});
  return engine;
}

}  // namespace arrcoc
