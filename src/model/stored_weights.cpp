#include "stored_weights.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/model_check.hpp"
#include "config_parts.hpp"
#include "plain_name.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view scale_suffix = "_scale_inv";

std::string scale_name(std::string_view name) { return std::string(name) + std::string(scale_suffix); }

void add_identity(const fs::path& file, std::string& identity) {
  std::error_code ignored;
  identity += file.filename().string() + "|" + std::to_string(fs::file_size(file, ignored)) + "|" +
              std::to_string(fs::last_write_time(file, ignored).time_since_epoch().count()) + "\n";
}

/// At most `most` names, and how many more.
template <class Text>
std::string some_names(const std::vector<Text>& names, std::size_t most) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) out += (i ? ", " : "") + printable(names[i], 120);
  if (names.size() > most) out += " and " + std::to_string(names.size() - most) + " more";
  return out;
}

/// As PEFT names the factors of an adapter.
bool is_adapter(std::string_view name) { return name.find("lora_") != std::string_view::npos; }

/// Scales, zero points and tables of quantised weights, as FP8, GPTQ, AWQ, bitsandbytes and compressed-tensors name
/// them.
bool is_scale(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  static constexpr std::array known{
      std::string_view("absmax"),  std::string_view("g_idx"),     std::string_view("input_scale"),
      std::string_view("k_scale"), std::string_view("quant_map"), std::string_view("qzeros"),
      std::string_view("scales"),  std::string_view("v_scale"),   std::string_view("weight_scale")};
  return last.ends_with(scale_suffix) || last.starts_with("weight_scale") || last.starts_with("weight_zero_point") ||
         last.starts_with("quant_state") || std::find(known.begin(), known.end(), last) != known.end();
}

float e4m3_value(unsigned code) {
  const unsigned exponent = (code >> 3) & 15u, mantissa = code & 7u;
  if ((code & 0x7fu) == 0x7fu) return std::numeric_limits<float>::quiet_NaN();
  const float size = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                   : std::ldexp(static_cast<float>(8 + mantissa), static_cast<int>(exponent) - 10);
  return (code & 0x80u) != 0 ? -size : size;
}

}  // namespace

bool present(const fs::path& p) {
  std::error_code ignored;
  return fs::exists(p, ignored);
}

StoredWeights::StoredWeights(const fs::path& folder, const ModelConfig& config)
    : block_(config.fp8_block),
      dequantised_(config.stored_dtype == "bfloat16" ? DType::bf16 : DType::f32),
      folder_(folder.string()) {
  const fs::path single = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
  if (present(single)) {
    files_.push_back(std::make_shared<const SafetensorsFile>(SafetensorsFile::open(single)));
    for (const auto& [name, entry] : files_[0]->entries())
      where_.emplace_hint(where_.end(), name, Place{files_[0].get(), name, &entry});
    add_identity(single, identity_);
    if (present(index)) spare_files_.push_back("model.safetensors.index.json and its shards, beside model.safetensors");
  } else {
    require_that(present(index), Code::file_missing, folder_,
                 "expected model.safetensors or model.safetensors.index.json, got neither");
    open_shards(folder, index);
    add_identity(index, identity_);
  }
}

void StoredWeights::open_shards(const fs::path& folder, const fs::path& index) {
  const std::string where = index.string();
  const Json json = parse_json(read_file(index), Code::bad_safetensors, where);
  require_that(
      json.is_object() && json.contains("weight_map") && json["weight_map"].is_object() && !json["weight_map"].empty(),
      Code::bad_safetensors, where, "expected an object with a weight_map of tensor names to files");
  std::map<std::string, std::shared_ptr<const SafetensorsFile>> opened;
  std::vector<std::string> missing;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    require_that(file.is_string() && plain_name(file.get_ref<const std::string&>()), Code::bad_safetensors, where,
                 [&, &t = tensor, &f = file] {
                   return "weight_map['" + printable(t) + "']: expected the name of a file in this folder, got " +
                          shown(f);
                 });
    const auto& name = file.get_ref<const std::string&>();
    auto& shard = opened[name];
    if (!shard) {
      require_that(present(folder / name), Code::file_missing, where,
                   [&] { return "names the shard " + name + ", which is not in the folder"; });
      shard = std::make_shared<const SafetensorsFile>(SafetensorsFile::open(folder / name));
      files_.push_back(shard);
    }
    if (const auto it = shard->entries().find(tensor); it == shard->entries().end())
      missing.push_back("'" + printable(tensor) + "' in " + name);
    else where_.emplace(it->first, Place{shard.get(), it->first, &it->second});
  }
  for (const auto& [name, shard] : opened) {
    add_identity(folder / name, identity_);
    // What a shard holds counts, listed or not, as in transformers.
    for (const auto& [tensor, entry] : shard->entries()) where_.emplace(tensor, Place{shard.get(), tensor, &entry});
  }
  if (!missing.empty())
    fail(Code::bad_weight, where,
         std::to_string(missing.size()) + " tensors named here are not in their files: " + some_names(missing, 20));
}

StoredWeights::Place StoredWeights::find(std::string_view name) const {
  auto it = where_.find(name);
  if (it == where_.end() && name.substr(0, 6) == "model.") it = where_.find(name.substr(6));
  if (it == where_.end()) it = where_.find("model." + std::string(name));
  return it == where_.end() ? Place{} : it->second;
}

StoredWeights::Place StoredWeights::scales_of(const Place& place) const {
  if (place.entry->dtype != "F8_E4M3") return {};
  const auto it = where_.find(scale_name(place.name));
  return it == where_.end() ? Place{} : it->second;
}

std::optional<HostTensor> StoredWeights::describe(std::string_view name) const {
  const Place place = find(name);
  if (place.file == nullptr) return std::nullopt;
  if (place.entry->dtype != "F8_E4M3") return place.file->describe(place.name);
  const auto broken = [&](const std::string& sentence) {
    fail(Code::bad_weight, folder_, printable(place.name) + ": FP8 values: " + sentence);
  };
  const Place scales = scales_of(place);
  if (scales.file == nullptr) broken("expected their scales, " + printable(scale_name(place.name)) + ", got none");
  if (block_.empty()) broken("expected a quantization_config in config.json, got none");
  const std::vector<Index>& shape = place.entry->shape;
  const std::size_t n = shape.size();
  std::vector<Index> expected = shape;
  if (n < 2) broken("expected a matrix, got " + shape_text(shape));
  for (std::size_t i = 0; i < 2; ++i) expected[n - 2 + i] = (shape[n - 2 + i] + block_[i] - 1) / block_[i];
  if (scales.entry->shape != expected)
    broken("expected scales " + shape_text(expected) + ", got " + shape_text(scales.entry->shape));
  return HostTensor{dequantised_, shape, nullptr, nullptr};
}

std::optional<HostTensor> StoredWeights::tensor(std::string_view name) const {
  const auto described = describe(name);
  if (!described) return std::nullopt;
  const Place place = find(name);
  if (place.entry->dtype != "F8_E4M3") return place.file->tensor(place.name);
  const Place scales = scales_of(place);
  return dequantise_fp8(place.file->bytes(place.name), place.entry->shape, scales.file->tensor(scales.name), block_,
                        dequantised_);
}

void StoredWeights::refuse_foreign(const fs::path& folder) const {
  std::vector<std::string> factors;
  for (const char* file : {"adapter_model.safetensors", "adapter_config.json"})
    if (present(folder / file)) factors.emplace_back(file);
  for (const auto& [name, place] : where_)
    if (is_adapter(name)) factors.emplace_back(name);
  require_that(factors.empty(), Code::bad_weight, folder_, [&] {
    return "this folder holds LoRA factors that were not merged (" + some_names(factors, 3) +
           "): merge them into the weights first";
  });
  for (const std::string_view wrapper : {"module.", "_orig_mod.", "base_model.model.", "_fsdp_wrapped_module."})
    require_that(where_.empty() || !where_.begin()->first.starts_with(wrapper), Code::bad_weight, folder_, [&] {
      return "names of tensors begin with " + std::string(wrapper) +
             ", as a wrapped model saves them: save the model inside, or take the prefix off";
    });
  for (const auto& [name, place] : where_) {
    if (!is_scale(name)) continue;
    const std::string_view base = name.substr(0, name.size() - std::min(name.size(), scale_suffix.size()));
    const Place scaled = name.ends_with(scale_suffix) ? find(base) : Place{};
    require_that(scaled.file != nullptr && scaled.entry->dtype == "F8_E4M3", Code::bad_weight, folder_, [&, &n = name] {
      return printable(n) + ": the scale of a quantised weight; expected F8_E4M3 values beside it, got " +
             (scaled.file == nullptr ? std::string("none that can be read") : scaled.entry->dtype);
    });
  }
}

std::vector<std::string> StoredWeights::unread(const ModelConfig& config) const {
  std::set<std::string, std::less<>> read;
  for (const ExpectedTensor& t : expected_weights(config)) {
    const Place place = find(t.name);
    if (place.file == nullptr) continue;
    read.emplace(place.name);
    read.insert(scale_name(place.name));
  }
  std::vector<std::string_view> names;
  for (const auto& [name, place] : where_)  // old releases stored what every reader computes
    if (!read.contains(name) && !name.ends_with("rotary_emb.inv_freq")) names.push_back(name);
  std::vector<std::string> out = spare_files_;
  if (!names.empty())
    out.push_back(std::to_string(names.size()) + (names.size() == 1 ? " tensor" : " tensors") +
                  " of the checkpoint: " + some_names(names, 8));
  return out;
}

Index StoredWeights::bytes() const {
  Index total = 0;
  for (const auto& [name, place] : where_) total += static_cast<Index>(place.entry->end - place.entry->begin);
  return total;
}

HostTensor dequantise_fp8(std::span<const std::byte> values, const std::vector<Index>& shape, const HostTensor& scales,
                          const std::vector<Index>& block, DType dtype) {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> t{};
    for (unsigned i = 0; i < 256; ++i) t[i] = e4m3_value(i);
    return t;
  }();
  const std::size_t n = shape.size();
  const Index rows = shape[n - 2], cols = shape[n - 1];
  const Index down = (rows + block[0] - 1) / block[0], across = (cols + block[1] - 1) / block[1];
  const std::vector<float> scale = to_floats(scales);
  const auto fill = [&](auto& out, auto convert) {
    std::size_t i = 0;
    for (Index row = 0; i < values.size(); ++row) {  // of all matrices, one after the other
      const float* s = scale.data() + (row / rows * down + row % rows / block[0]) * across;
      for (Index first = 0; first < cols; first += block[1], ++s)
        for (Index col = first; col < std::min(first + block[1], cols); ++col, ++i)
          out[i] = convert(table[static_cast<std::size_t>(values[i])] * *s);
    }
  };
  if (dtype == DType::bf16) {
    std::vector<std::uint16_t> out(values.size());
    fill(out, [](float f) { return f32_to_bf16(f); });
    return host_tensor(std::move(out), shape);
  }
  std::vector<float> out(values.size());
  fill(out, [](float f) { return f; });
  return host_tensor(std::move(out), shape);
}

}  // namespace arrcoc::io
