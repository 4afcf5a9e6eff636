#pragma once
// A folder that is gone when the test is over.
#include <unistd.h>
#include <filesystem>
#include <string>

namespace arrcoc::test {

struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "arrcoc_test_XXXXXX").string();
    path = ::mkdtemp(name.data()) ? name : throw std::filesystem::filesystem_error("mkdtemp", std::error_code());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path;
};

}  // namespace arrcoc::test
