#pragma once
// NumPy .npy version 1 and 2, C order, little-endian: f4, i4, i8, u1 (and f2, f8 when reading, widened or narrowed to
// f4).
#include <filesystem>

#include "arrcoc/core/host_tensor.hpp"

namespace arrcoc::io {
HostTensor read_npy(const std::filesystem::path& file);                      // Error 401, 402, 410
void write_npy(const std::filesystem::path& file, const HostTensor& array);  // temporary name, then rename
}  // namespace arrcoc::io
