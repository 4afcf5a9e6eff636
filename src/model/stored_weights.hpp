#pragma once
// The tensors of a model folder by the names that files give them, FP8 ones as the floats that they stand for.
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/model_config.hpp"
#include "arrcoc/io/safetensors.hpp"

namespace arrcoc::io {

/// Whether there is something of that name; an error is none.
bool present(const std::filesystem::path& p);

class StoredWeights {
 public:
  /// model.safetensors, else the shards of model.safetensors.index.json. Error 401..404.
  StoredWeights(const std::filesystem::path& folder, const ModelConfig& config);

  /// By the released name, or the same without the leading "model.", as saving the model without its head writes it, or
  /// with one more.
  /// nullopt when there is neither; Error{bad_weight} for a dtype that cannot be read.
  std::optional<HostTensor> tensor(std::string_view name) const;
  /// The same without its values.
  std::optional<HostTensor> describe(std::string_view name) const;

  /// Error{bad_weight} for LoRA factors that were not merged, and for scales that belong to no FP8 tensor.
  void refuse_foreign(const std::filesystem::path& folder) const;
  /// A phrase that names the tensors (and files) that no tensor of `config` reads; nothing when there are none.
  std::vector<std::string> unread(const ModelConfig& config) const;

  Index bytes() const;
  void forget_pages() const {
    for (const auto& file : files_) file->forget_pages();
  }
  const std::string& identity() const { return identity_; }  // names, sizes, times of the files

 private:
  struct Place {
    const SafetensorsFile* file = nullptr;
    std::string_view name;  // as stored
    const TensorEntry* entry = nullptr;
  };
  void open_shards(const std::filesystem::path& folder, const std::filesystem::path& index);
  Place find(std::string_view name) const;
  /// The scales of an FP8 tensor.
  Place scales_of(const Place& place) const;

  std::vector<std::shared_ptr<const SafetensorsFile>> files_;
  std::map<std::string_view, Place> where_;  // by names that stand in the files' entries
  std::vector<std::string> spare_files_;
  std::vector<Index> block_;
  DType dequantised_ = DType::f32;
  std::string folder_, identity_;
};

/// Values of `shape` (the last two are rows and columns), one scale for each block of block[0] x block[1] (smaller at
/// the edges): value * scale in float32, then as `dtype` (f32, or bf16 to nearest even). F8_E4M3 without infinities,
/// 0x7f and 0xff are NaN.
HostTensor dequantise_fp8(std::span<const std::byte> values, const std::vector<Index>& shape, const HostTensor& scales,
                          const std::vector<Index>& block, DType dtype);

}  // namespace arrcoc::io
