#pragma once
// A program that runs beside us: no shell, no input, its output read through a pipe.
#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace arrcoc::io {

/// Killed and reaped on destruction; the kernel kills it when the thread that started it ends.
class Child {
 public:
  /// arguments[0] is searched on PATH. Error{program_missing} naming `where` when it is not there.
  Child(const std::vector<std::string>& arguments, std::string where);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();
  /// Up to `size` bytes of its output; fewer only at the end.
  std::size_t read(void* to, std::size_t size);
  /// Waits for its end, when all output has been read: 0, or its exit status or 128 + signal. The same when asked
  /// again.
  int wait();
  /// The beginning of what it said on stderr.
  const std::string& said() const { return said_; }

 private:
  bool listen();
  std::string where_, said_;
  pid_t process_ = -1;
  int status_ = 0;
  int output_ = -1, errors_ = -1;
};

/// The first line of what a program said, without addresses and without what our own arguments look like.
std::string first_line(const std::string& said);

}  // namespace arrcoc::io
