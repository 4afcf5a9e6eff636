#pragma once
// Output files appear whole or not at all.
#include <filesystem>
#include <span>
#include <string_view>

namespace arrcoc::io {
/// Writes to a temporary name beside `file` and renames. Devices and pipes are written through, "-" is stdout.
/// Error{bad_output}.
void write_file(const std::filesystem::path& file, std::string_view bytes);
/// Reads a whole file. Error 401, 402.
std::string read_file(const std::filesystem::path& file);
}  // namespace arrcoc::io
