#include "terminal.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/npy.hpp"

namespace arrcoc::tools {
namespace {

std::atomic<bool> writing{false};
std::atomic<int> interrupted{0};  // the signal
static_assert(std::atomic<int>::is_always_lock_free);

void say(std::string_view words) { [[maybe_unused]] const auto n = ::write(STDERR_FILENO, words.data(), words.size()); }

void on_interrupt(int signal) {
  if (writing.load()) {
    interrupted.store(signal);
    return;
  }
  say("\narrcoc: interrupted\n");
  ::_exit(128 + signal);
}

/// The name of the file that is mapped at `address`, from a line "begin-end mode offset device inode name" of
/// /proc/self/maps; with nothing that a signal handler may not do. `line` is what the name points into.
std::string_view mapped_file(std::uintptr_t address, char (&line)[4096]) {
  const int fd = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  std::size_t n = 0;
  for (char c; fd >= 0 && ::read(fd, &c, 1) == 1;) {
    if (c != '\n') {
      if (n < sizeof line) line[n++] = c;
      continue;
    }
    std::uintptr_t ends[2] = {0, 0};
    std::size_t i = 0;
    for (std::uintptr_t& end : ends) {
      for (; i < n && line[i] != '-' && line[i] != ' '; ++i)
        end = end * 16 + static_cast<std::uintptr_t>(line[i] <= '9' ? line[i] - '0' : line[i] - 'a' + 10);
      ++i;
    }
    const std::string_view text(line, n);
    if (address >= ends[0] && address < ends[1] && text.find('/') != std::string_view::npos) {
      ::close(fd);
      return text.substr(text.find('/'));
    }
    n = 0;
  }
  if (fd >= 0) ::close(fd);
  return "a mapped file";
}

/// A page that the file under it does not have any more.
void on_lost_page(int signal, siginfo_t* info, void*) {
  if (info->si_code != BUS_ADRERR) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
    return;
  }
  static char line[4096];
  say("\narrcoc: error: [");
  say(mapped_file(reinterpret_cast<std::uintptr_t>(info->si_addr), line));
  say("] was cut while it was in use; replace weight files by renaming (E402)\n");
  ::_exit(1);
}

}  // namespace

void handle_signals() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one kills
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  struct sigaction before {};
  ::sigaction(SIGHUP, nullptr, &before);
  if (before.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);  // nohup stays nohup
  struct sigaction lost {};
  lost.sa_sigaction = on_lost_page;
  lost.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &lost, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe and a file that grew too large are failed writes, not a sudden end
  ::signal(SIGXFSZ, SIG_IGN);
}

bool interrupt_asked() { return interrupted.load() != 0; }
int interrupted_status() { return 128 + (interrupt_asked() ? interrupted.load() : SIGINT); }

Writing::Writing() { writing.store(true); }
Writing::~Writing() {
  writing.store(false);
  if (interrupt_asked()) ::_exit(interrupted_status());
}

Progress::Progress(bool quiet) : terminal_(is_terminal(STDERR_FILENO)) {
  if (!quiet) thread_ = std::thread([this] { run(); });
}
Progress::~Progress() { stop(); }

void Progress::stage(std::string what) {
  const std::lock_guard lock(mutex_);
  what_ = std::move(what);
  since_ = std::chrono::steady_clock::now();
  wake_.notify_all();
}

void Progress::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Progress::run() {
  using namespace std::chrono_literals;
  std::unique_lock lock(mutex_);
  std::string told;
  while (!stopping_) {
    wake_.wait_for(lock, 500ms);
    if (stopping_ || what_.empty()) continue;
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - since_).count();
    if (seconds < 2) continue;
    if (terminal_) {
      std::fprintf(stderr, "\r%s ... %lld s\033[K", what_.c_str(), static_cast<long long>(seconds));
      shown_ = true;
    } else if (told != what_) {
      std::fprintf(stderr, "%s ...\n", what_.c_str());
      told = what_;
    }
    std::fflush(stderr);
  }
  if (shown_) std::fputs("\r\033[K", stderr);
}

Meter::Meter(std::string verb, std::string what, Index count, bool quiet, Index before)
    : verb_(std::move(verb)),
      what_(std::move(what)),
      count_(count),
      before_(before),
      quiet_(quiet),
      terminal_(is_terminal(STDERR_FILENO)),
      start_(std::chrono::steady_clock::now()),
      last_(start_) {}

void Meter::show(Index done, const std::string& note) {
  const auto now = std::chrono::steady_clock::now();
  if (quiet_ || done == before_ ||
      now - last_ < (terminal_ ? std::chrono::milliseconds(500) : std::chrono::seconds(10)))
    return;
  last_ = now;
  const double rate = static_cast<double>(done - before_) / std::chrono::duration<double>(now - start_).count();
  std::fprintf(stderr, "%s%s: %lld of %lld %s, %.1f a second, %.0f s left%s%s%s", terminal_ ? "\r" : "", verb_.c_str(),
               static_cast<long long>(done), static_cast<long long>(count_), what_.c_str(), rate,
               static_cast<double>(count_ - done) / rate, note.empty() ? "" : "; ", note.c_str(),
               terminal_ ? "\033[K" : "\n");
  shown_ = true;
}

double Meter::seconds() {
  if (terminal_ && shown_) std::fputs("\r\033[K", stderr);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void check_output(const std::filesystem::path& file) {
  if (file.empty() || file == "-") return;
  std::error_code e;
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  require_that(std::filesystem::is_directory(folder, e), Code::bad_output, "output",
               [&] { return file.string() + ": no such folder as " + folder.string(); });
  require_that(!std::filesystem::is_directory(file, e), Code::bad_output, "output",
               [&] { return file.string() + ": expected a file's name, got a folder"; });
}

void check_new_folder(const std::filesystem::path& folder) {
  std::error_code e;
  std::filesystem::path name = folder;
  if (!name.has_filename()) name = name.parent_path();  // "dump/"
  const auto parent = name.has_parent_path() ? name.parent_path() : std::filesystem::path(".");
  require_that(std::filesystem::is_directory(parent, e), Code::bad_output, "output",
               [&] { return folder.string() + ": no such folder as " + parent.string(); });
  if (!std::filesystem::exists(std::filesystem::symlink_status(folder, e))) return;
  require_that(std::filesystem::is_directory(folder, e) && std::filesystem::is_empty(folder, e) && !e, Code::bad_output,
               "output",
               [&] { return folder.string() + ": expected a new name or an empty folder, got something that exists"; });
}

void write_arrays(const std::filesystem::path& folder, const std::vector<std::pair<std::string, HostTensor>>& arrays) {
  check_new_folder(folder);
  io::UnfinishedFolder part(folder);
  for (const auto& [name, array] : arrays) io::write_npy(part.path() / (name + ".npy"), array);
  part.finish();
}

double peak_memory_bytes() {
  std::ifstream status("/proc/self/status");  // ru_maxrss counts what the parent held when it started us
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) * 1024.0;
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_maxrss) * 1024.0;
}

bool forget_peak_memory() {
  std::ofstream file("/proc/self/clear_refs");
  return static_cast<bool>(file << "5" << std::flush);
}

void check_threads(Index threads, std::string_view verb) {
  const Index most = 4 * std::max<Index>(1, std::thread::hardware_concurrency());
  require_that(threads >= 0 && threads <= most, Code::bad_config, verb, [&] {
    return "--threads: expected 0 to " + std::to_string(most) + " (four for each core), got " + std::to_string(threads);
  });
}

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

}  // namespace arrcoc::tools
