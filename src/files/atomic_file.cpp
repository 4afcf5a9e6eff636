#include "arrcoc/io/atomic_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "arrcoc/core/error.hpp"

namespace arrcoc::io {
namespace {

struct Close {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using File = std::unique_ptr<std::FILE, Close>;

[[noreturn]] void cannot_write(const std::filesystem::path& file) {
  fail(Code::bad_output, "output", "cannot write " + file.string() + ": " + std::strerror(errno));
}

void write_all(std::FILE* f, std::string_view bytes, const std::filesystem::path& file) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), f) != bytes.size() || std::fflush(f) != 0) cannot_write(file);
}

}  // namespace

void write_file(const std::filesystem::path& name, std::string_view bytes) {
  if (name == "-") return write_all(stdout, bytes, "standard output");
  std::error_code ignored;
  // A link keeps pointing where it did: what it names is replaced, not the link.
  std::filesystem::path file =
      std::filesystem::is_symlink(name, ignored) ? std::filesystem::weakly_canonical(name, ignored) : name;
  if (file.empty()) file = name;
  const auto status = std::filesystem::status(file, ignored);
  if (std::filesystem::is_directory(status)) {
    errno = EISDIR;
    cannot_write(file);
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {  // a device or a pipe
    const File f(std::fopen(file.c_str(), "wb"));
    if (!f) cannot_write(file);
    return write_all(f.get(), bytes, file);
  }
  std::filesystem::path temporary = file;
  temporary += ".partial" + std::to_string(::getpid()) + "_" +
               std::to_string(std::hash<std::thread::id>{}(std::this_thread::get_id()));
  try {
    File f(std::fopen(temporary.c_str(), "wb"));
    if (!f) cannot_write(file);
    write_all(f.get(), bytes, file);
    if (std::fclose(f.release()) != 0) cannot_write(file);
    if (std::rename(temporary.c_str(), file.c_str()) != 0) cannot_write(file);
  } catch (...) {
    const int error = errno;
    std::filesystem::remove(temporary, ignored);
    errno = error;
    throw;
  }
}

std::string read_file(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  require_that(std::filesystem::exists(status), Code::file_missing, "input",
               [&] { return "no such file: " + file.string(); });
  require_that(!std::filesystem::is_directory(status), Code::file_unreadable, "input",
               [&] { return "expected a file, got a folder: " + file.string(); });
  const File f(std::fopen(file.c_str(), "rb"));
  require_that(f != nullptr, Code::file_unreadable, "input",
               [&] { return "cannot read " + file.string() + ": " + std::strerror(errno); });
  std::string out;
  char buffer[1 << 16];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, f.get())) > 0;) out.append(buffer, n);
  require_that(std::ferror(f.get()) == 0, Code::file_unreadable, "input",
               [&] { return "cannot read " + file.string() + ": " + std::strerror(errno); });
  return out;
}

}  // namespace arrcoc::io
