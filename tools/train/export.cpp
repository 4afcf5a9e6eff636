#include "export.hpp"

#include <cmath>
#include <cstring>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/model_writer.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "small_model.hpp"

namespace arrcoc::train {
namespace {

HostTensor to_bf16(const std::string& name, const HostTensor& t, const std::vector<Index>& shape,
                   const std::string& where) {
  require_that(!t.empty(), Code::bad_weight, where,
               [&] { return name + ": missing; the state is of another configuration"; });
  require_that(t.shape == shape, Code::bad_weight, where,
               [&] { return name + ": another shape than the small model's; the state is of another configuration"; });
  std::vector<std::uint16_t> out;
  for (const float x : to_floats(t)) {
    require_that(std::isfinite(x), Code::bad_number, where,
                 [&] { return name + ": expected finite numbers, got " + std::to_string(x); });
    out.push_back(f32_to_bf16(x));
  }
  return host_tensor(std::move(out), shape);
}

}  // namespace

Exported export_model(const std::filesystem::path& state, const std::filesystem::path& folder, bool latest) {
  const auto file = io::SafetensorsFile::open(state);
  Exported made;
  io::ModelFiles model;
  model.config = small_config();
  model.config.stored_dtype = "bfloat16";
  TokenId id = Vocabulary::first_special;
  for (const auto text : Vocabulary::special) model.added_tokens.push_back({std::string(text), id++, true});
  for (const auto text : Vocabulary::words) model.added_tokens.push_back({std::string(text), id++, false});
  const std::string average = "average.";
  made.averaged = !latest && !file.tensor(average + "model.language_model.norm.weight").empty();
  for (const auto& [name, shape] : tensor_list(model.config)) {
    const HostTensor& t = model.tensors[name] =
        to_bf16(name, file.tensor(made.averaged ? average + name : name), shape, state.string());
    made.parameters += static_cast<long>(t.count());
  }
  if (const HostTensor s = file.tensor("step"); !s.empty() && s.dtype == DType::i64)
    std::memcpy(&made.step, s.data, sizeof made.step);
  io::write_model_folder(folder, model);
  return made;
}

}  // namespace arrcoc::train
