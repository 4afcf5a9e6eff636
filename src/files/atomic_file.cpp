#include "arrcoc/io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>

#include "arrcoc/core/error.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

struct Close {
  void operator()(std::FILE* f) const { std::fclose(f); }
};
using File = std::unique_ptr<std::FILE, Close>;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void cannot_write(const fs::path& file, const char* verb = "cannot write ") {
  fail(Code::bad_output, "output", verb + file.string() + ": " + std::strerror(errno));
}

void write_all(std::FILE* f, const std::function<void(const PartSink&)>& fill, const fs::path& file) {
  fill([&](std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), f) != bytes.size()) cannot_write(file);
  });
  if (std::fflush(f) != 0) cannot_write(file);
}

/// What a chain of links ends in, whether that is there or not.
fs::path end_of_links(fs::path file) {
  std::error_code e;
  for (int i = 0; i < 40 && fs::is_symlink(fs::symlink_status(file, e)); ++i) {
    const fs::path to = fs::read_symlink(file, e);
    if (e) break;
    file = to.is_absolute() ? to : file.parent_path() / to;
  }
  return file;
}

// Whoever writes NAME.partial... holds a lock on it, which ends with the process, however that ends: what can be locked
// is nobody's any more.
std::string partial_name(const fs::path& target) { return target.filename().string() + ".partial"; }

void remove_leftovers(const fs::path& target) {
  const std::string start = partial_name(target);
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  std::error_code e;
  for (fs::directory_iterator it(folder, e), end; !e && it != end; it.increment(e)) {
    if (!it->path().filename().string().starts_with(start)) continue;
    const Descriptor fd(::open(it->path().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    std::error_code ignored;
    if (fd.get() >= 0 && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) fs::remove_all(it->path(), ignored);
  }
}

/// Makes and locks a partial file or folder of `target`: its descriptor and its name.
std::pair<int, fs::path> make_partial(const fs::path& target, bool folder, mode_t mode) {
  remove_leftovers(target);
  static std::atomic<unsigned> count{0};
  for (int tries = 0; tries < 1000; ++tries) {
    fs::path name = target;
    name.replace_filename(partial_name(target) + std::to_string(::getpid()) + "_" + std::to_string(count++));
    if (folder && ::mkdir(name.c_str(), 0777) != 0) {
      if (errno == EEXIST) continue;
      fail(Code::bad_output, "output",
           "cannot make " + target.string() + ": its parent folder is missing or cannot be written (" +
               std::strerror(errno) + ")");
    }
    Descriptor fd(::open(name.c_str(),
                         folder ? O_RDONLY | O_DIRECTORY | O_CLOEXEC : O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (fd.get() < 0) {
      if (errno == EEXIST || (folder && errno == ENOENT)) continue;
      cannot_write(target);
    }
    ::flock(fd.get(), LOCK_EX);
    struct stat mine {
    }, there{};  // somebody may have taken it for a leftover before it was locked
    if (::fstat(fd.get(), &mine) == 0 && ::stat(name.c_str(), &there) == 0 && mine.st_ino == there.st_ino)
      return {fd.release(), name};
  }
  errno = EEXIST;
  cannot_write(target);
}

}  // namespace

void write_file(const fs::path& name, std::string_view bytes) {
  write_parts(name, [&](const PartSink& out) { out(bytes); });
}

void write_parts(const fs::path& name, const std::function<void(const PartSink&)>& fill) {
  if (name == "-") return write_all(stdout, fill, "standard output");
  std::error_code ignored;
  const fs::path file = end_of_links(name);
  const auto status = fs::status(file, ignored);
  if (fs::is_directory(status)) {
    errno = EISDIR;
    cannot_write(file);
  }
  const bool there = fs::exists(status);
  if (there && !fs::is_regular_file(status)) {  // a device or a pipe
    const File f(std::fopen(file.c_str(), "wb"));
    if (!f) cannot_write(file);
    return write_all(f.get(), fill, file);
  }
  const auto [fd, temporary] = make_partial(file, false, 0666);
  try {
    const Descriptor lock(::dup(fd));
    File f(::fdopen(fd, "wb"));
    if (!f) {
      ::close(fd);
      cannot_write(file);
    }
    if (there && ::fchmod(fd, static_cast<mode_t>(status.permissions()) & 07777) != 0) cannot_write(file);
    write_all(f.get(), fill, file);
    if (std::fclose(f.release()) != 0) cannot_write(file);
    if (std::rename(temporary.c_str(), file.c_str()) != 0) cannot_write(file);
  } catch (...) {
    const int error = errno;
    fs::remove(temporary, ignored);
    errno = error;
    throw;
  }
}

int open_input(const fs::path& file) {
  // A pipe would wait for its writer.
  Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    fail(missing ? Code::file_missing : Code::file_unreadable, "input",
         missing ? "no such file: " + file.string() : "cannot read " + file.string() + ": " + std::strerror(errno));
  }
  struct stat info {};
  require_that(::fstat(fd.get(), &info) == 0, Code::file_unreadable, "input",
               [&] { return "cannot read " + file.string() + ": " + std::strerror(errno); });
  if (!S_ISREG(info.st_mode))
    fail(Code::file_unreadable, "input",
         std::string("expected a file, got a ") +
             (S_ISDIR(info.st_mode)    ? "folder"
              : S_ISFIFO(info.st_mode) ? "pipe"
              : S_ISSOCK(info.st_mode) ? "socket"
                                       : "device") +
             ": " + file.string());
  return fd.release();
}

std::string read_file(const fs::path& file, std::uint64_t most) {
  const Descriptor fd(open_input(file));
  const auto check_size = [&](std::uint64_t size) {
    require_that(size <= most, Code::file_unreadable, "input", [&] {
      return file.string() + ": expected at most " + std::to_string(most) + " bytes, got " +
             (size == most + 1 ? "more" : std::to_string(size));
    });
  };
  struct stat info {};
  ::fstat(fd.get(), &info);
  const auto told = static_cast<std::uint64_t>(info.st_size);
  check_size(told);
  std::string out(static_cast<std::size_t>(told) + 1, '\0');
  std::size_t have = 0;
  for (;;) {  // a file may grow meanwhile, and those of /proc say 0
    if (have == out.size()) out.resize(have + std::max<std::size_t>(4096, have / 2));
    const ssize_t n = ::read(fd.get(), out.data() + have, out.size() - have);
    require_that(n >= 0, Code::file_unreadable, "input",
                 [&] { return "cannot read " + file.string() + ": " + std::strerror(errno); });
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
    check_size(have > most ? most + 1 : have);
  }
  out.resize(have);
  return out;
}

UnfinishedFolder::UnfinishedFolder(const fs::path& target) : whole_(target.lexically_normal()) {
  if (!whole_.has_filename()) whole_ = whole_.parent_path();  // "out/"
  std::tie(lock_, part_) = make_partial(whole_, true, 0);
}

UnfinishedFolder::~UnfinishedFolder() {
  std::error_code ignored;
  if (!part_.empty()) fs::remove_all(part_, ignored);
  ::close(lock_);
}

void UnfinishedFolder::finish() {
  if (std::rename(part_.c_str(), whole_.c_str()) != 0) cannot_write(whole_, "cannot rename to ");
  part_.clear();
}

}  // namespace arrcoc::io
