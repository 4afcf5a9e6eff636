#pragma once
// Output files and folders appear whole or not at all; input files are looked at before a byte is read.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace arrcoc::io {

/// Writes to a temporary name beside `file` and renames. A link stays, and what it names is written, there already or
/// not; a file's mode stays. Devices and pipes are written through, "-" is stdout. What processes that died left
/// beside it is removed. Error{bad_output}.
void write_file(const std::filesystem::path& file, std::string_view bytes);
/// The same for what `fill` hands over part by part. What it throws passes through, and the file is as it was.
using PartSink = std::function<void(std::string_view)>;
void write_parts(const std::filesystem::path& file, const std::function<void(const PartSink&)>& fill);

inline constexpr std::uint64_t max_input_bytes = std::uint64_t{1} << 30;

/// Reads a whole file of at most `most` bytes. Pipes, devices and folders are refused without waiting for them.
/// Error 401, 402.
std::string read_file(const std::filesystem::path& file, std::uint64_t most = max_input_bytes);
/// Opens a regular file for reading; the descriptor is the caller's. Error 401, 402.
int open_input(const std::filesystem::path& file);

/// A folder that gets its name when it is whole, and goes otherwise. Error{bad_output}.
class UnfinishedFolder {
 public:
  /// Made beside `target`, which is new or an empty folder.
  explicit UnfinishedFolder(const std::filesystem::path& target);
  UnfinishedFolder(const UnfinishedFolder&) = delete;
  UnfinishedFolder& operator=(const UnfinishedFolder&) = delete;
  ~UnfinishedFolder();
  const std::filesystem::path& path() const { return part_; }
  void finish();

 private:
  std::filesystem::path whole_, part_;
  int lock_ = -1;
};

}  // namespace arrcoc::io
