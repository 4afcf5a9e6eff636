#pragma once
// The safetensors container: memory-mapped reading, with the header validated before any data byte is used, and
// writing. Source: huggingface/safetensors README; rules in docs/formats.md.
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"

namespace arrcoc::io {

struct TensorEntry {
  std::string dtype;  // as stored: "BF16", "F8_E4M3", ...
  std::vector<Index> shape;
  std::uint64_t begin = 0, end = 0;  // bytes, relative to the data section
};

/// Texts of a header's `__metadata__`.
using SafetensorsMetadata = std::map<std::string, std::string, std::less<>>;

/// Parses and validates a header block (without the 8 length bytes). `data_bytes` = size of the data section.
/// Rejects: not an object, duplicate keys, unknown dtype, negative or overflowing shapes, length != product(shape) *
/// size, holes, overlaps, last end != data_bytes. Throws Error{bad_safetensors} naming the tensor.
std::map<std::string, TensorEntry, std::less<>> parse_safetensors_header(std::string_view json,
                                                                         std::uint64_t data_bytes,
                                                                         std::string_view where,
                                                                         SafetensorsMetadata* metadata = nullptr);

class SafetensorsFile {
 public:
  /// Maps the file read-only. Throws Error 401, 402, 403.
  static SafetensorsFile open(const std::filesystem::path& file);
  const std::map<std::string, TensorEntry, std::less<>>& entries() const { return entries_; }
  const SafetensorsMetadata& metadata() const { return metadata_; }
  /// Empty HostTensor when absent; Error{bad_weight} when its dtype is none of F32, F16, BF16, I32, I64, U8.
  HostTensor tensor(std::string_view name) const;
  /// The same without its values (data is null; absent: nullopt): what a check of names and shapes needs.
  std::optional<HostTensor> describe(std::string_view name) const;
  /// Its bytes, whatever its dtype; empty when absent. They live as long as this object or a copy of it.
  std::span<const std::byte> bytes(std::string_view name) const;
  /// Lets the system take back the pages that have been read; they are read again when they are used again.
  void forget_pages() const;

 private:
  std::map<std::string, TensorEntry, std::less<>> entries_;
  SafetensorsMetadata metadata_;
  std::shared_ptr<const void> mapping_;
  const std::byte* data_ = nullptr;
  std::string path_;
  std::uint64_t size_ = 0;  // of the file
};

/// Writes name -> tensor, aligned, "format": "pt" metadata; temporary name, then rename.
void write_safetensors(const std::filesystem::path& file,
                       const std::map<std::string, HostTensor, std::less<>>& tensors);

/// What a file will hold, in the order of its bytes.
struct PlannedTensor {
  std::string name, dtype;  // dtype as stored
  std::vector<Index> shape;
  Index bytes = 0;
};
/// Writes a file whose tensors `fill` hands over one after the other; data begins at a multiple of `align` bytes.
/// Temporary name, then rename. What `fill` throws passes through, and no file is left.
void write_safetensors_parts(const std::filesystem::path& file, const SafetensorsMetadata& metadata,
                             std::span<const PlannedTensor> tensors, Index align,
                             const std::function<void(const std::function<void(std::string_view)>&)>& fill);

}  // namespace arrcoc::io
