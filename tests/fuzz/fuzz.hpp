#pragma once
// What every fuzz target shares. A target may end in Error, which is how bad input is refused; whatever else leaves it
// is a finding, and so is memory or time beyond the limits of run.py.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "../io/temporary_folder.hpp"
#include "arrcoc/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace arrcoc::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// How often refuse_or_take came to its end, and the last refusal: seeds that are all refused show nothing.
inline std::size_t taken = 0;
inline std::string refusal;

/// Runs f to its end or to an Error.
template <class F>
void refuse_or_take(F&& f) {
  try {
    f();
    ++taken;
  } catch (const Error& e) { refusal = e.what(); }
}

/// What must hold of whatever is taken.
inline void must(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

/// An input of several texts: the byte 0x1e parts them, what is missing is empty, the last has the rest.
inline std::vector<std::string> parts(std::string_view text, std::size_t count) {
  std::vector<std::string> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = i + 1 < count ? text.find('\x1e') : std::string_view::npos;
    out[i] = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return out;
}

/// A file that costs no disk, with other bytes each time.
class MemoryFile {
 public:
  std::filesystem::path with(std::string_view bytes) {
    must(::ftruncate(file_, 0) == 0 &&
             ::pwrite(file_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()),
         "no memory file");
    return "/proc/self/fd/" + std::to_string(file_);
  }

 private:
  int file_ = ::memfd_create("fuzz", 0);
};

/// A folder for inputs whose names matter; it goes with the process.
struct Folder : test::TemporaryFolder {
  /// Nothing is written for an empty text, and what stood there goes.
  std::filesystem::path put(const char* name, std::string_view bytes) const {
    const auto file = path / name;
    if (bytes.empty()) std::filesystem::remove(file);
    else std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }
};

}  // namespace arrcoc::fuzz
