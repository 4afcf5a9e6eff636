#include "child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "arrcoc/core/error.hpp"

namespace arrcoc::io {
namespace {

constexpr std::size_t most_said = 1 << 16;
constexpr int pipe_bytes = 1 << 20;

struct Pipe {
  int ends[2] = {-1, -1};
  explicit Pipe(const std::string& where) {
    require_that(::pipe2(ends, O_CLOEXEC) == 0, Code::file_unreadable, where,
                 [] { return "no pipe: " + std::string(std::strerror(errno)); });
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    shut(0);
    shut(1);
  }
  void shut(int end) {
    if (ends[end] >= 0) ::close(std::exchange(ends[end], -1));
  }
  int take(int end) { return std::exchange(ends[end], -1); }
};

/// Between fork and exec: only what is safe in a copy of a program with many threads.
[[noreturn]] void become(char* const* arguments, pid_t parent, int nothing, int output, int errors, int report) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  if (::dup2(nothing, 0) >= 0 && ::dup2(output, 1) >= 0 && ::dup2(errors, 2) >= 0) ::execvp(arguments[0], arguments);
  const int reason = errno;
  [[maybe_unused]] const ssize_t told = ::write(report, &reason, sizeof reason);
  ::_exit(127);
}

}  // namespace

Child::Child(const std::vector<std::string>& arguments, std::string where) : where_(std::move(where)) {
  std::vector<char*> words;
  for (const std::string& a : arguments) words.push_back(const_cast<char*>(a.c_str()));
  words.push_back(nullptr);
  Pipe output(where_), errors(where_), report(where_);
  ::fcntl(output.ends[1], F_SETPIPE_SZ, pipe_bytes);  // fewer turns between the two; refused, it works all the same
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ == 0) become(words.data(), parent, nothing, output.ends[1], errors.ends[1], report.ends[1]);
  if (nothing >= 0) ::close(nothing);
  require_that(process_ > 0, Code::out_of_memory, where_,
               [&] { return arguments[0] + " cannot be started: " + std::strerror(errno); });
  for (Pipe* p : {&output, &errors, &report}) p->shut(1);
  int reason = 0;
  ssize_t n = 0;
  do n = ::read(report.ends[0], &reason, sizeof reason);
  while (n < 0 && errno == EINTR);
  if (n > 0) {
    ::waitpid(process_, nullptr, 0);
    fail(Code::program_missing, where_,
         "a video needs the programs ffprobe and ffmpeg (Debian package ffmpeg), and '" + arguments[0] +
             (reason == ENOENT ? "' was not found" : "' cannot be started: " + std::string(std::strerror(reason))));
  }
  output_ = output.take(0);
  errors_ = errors.take(0);
}

Child::~Child() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {}
  }
  if (output_ >= 0) ::close(output_);
  if (errors_ >= 0) ::close(errors_);
}

/// Takes what is there of stderr, and drops what is too much; false at its end.
bool Child::listen() {
  std::array<char, 4096> some;
  const ssize_t n = ::read(errors_, some.data(), some.size());
  if (n > 0) said_.append(some.data(), std::min(static_cast<std::size_t>(n), most_said - said_.size()));
  return n > 0 || (n < 0 && errno == EINTR);
}

std::size_t Child::read(void* to, std::size_t size) {
  std::size_t got = 0;
  while (got < size) {
    std::array<pollfd, 2> ready{pollfd{output_, POLLIN, 0}, pollfd{errors_, POLLIN, 0}};
    if (::poll(ready.data(), errors_ >= 0 ? 2 : 1, -1) < 0) {
      require_that(errno == EINTR, Code::file_unreadable, where_,
                   [] { return "poll: " + std::string(std::strerror(errno)); });
      continue;
    }
    if (errors_ >= 0 && ready[1].revents != 0 && !listen()) ::close(std::exchange(errors_, -1));
    if (ready[0].revents == 0) continue;
    const ssize_t n = ::read(output_, static_cast<char*>(to) + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  return got;
}

int Child::wait() {
  while (errors_ >= 0)
    if (!listen()) ::close(std::exchange(errors_, -1));
  if (process_ <= 0) return status_;  // waitpid(-1) would take any other child's end
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {}
  process_ = -1;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return status_;
}

std::string first_line(const std::string& said) {
  std::string line = said.substr(0, said.find('\n'));
  if (line.starts_with('['))  // "[mov,mp4 @ 0x5581c0] moov atom not found"
    if (const auto end = line.find("] "); end != std::string::npos) line.erase(0, end + 2);
  for (auto at = line.find("file:"); at != std::string::npos; at = line.find("file:", at)) line.erase(at, 5);
  return line.empty() ? "no reason was given" : line;
}

}  // namespace arrcoc::io
