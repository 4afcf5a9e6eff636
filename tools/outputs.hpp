#pragma once
// The files that a run names: what it writes may be neither what it reads nor written twice.
#include <filesystem>
#include <string>
#include <vector>

namespace arrcoc::tools {

class RunFiles {
 public:
  /// A file or folder that is read; of a folder, nothing inside may be written. "" and "-" are nothing.
  void reads(const std::string& flag, const std::filesystem::path& file);
  /// A file that is written. Error{bad_output} when its folder is missing, it is a folder, or it is a file named
  /// before.
  void writes(const std::string& flag, const std::filesystem::path& file);
  /// The same for a PNG: the ending of another format is refused.
  void writes_png(const std::string& flag, const std::filesystem::path& file);
  /// A new or empty folder, in which nothing else is written.
  void makes(const std::string& flag, const std::filesystem::path& folder);

 private:
  struct Named {
    std::string flag;
    std::filesystem::path name, real;
    bool written = false, folder = false;
  };
  void add(Named file);
  std::vector<Named> files_;
};

/// FILE, FILE-2, ...: a heatmap for each picture.
std::filesystem::path heatmap_name(const std::filesystem::path& file, std::size_t picture);

}  // namespace arrcoc::tools
