#include "terminal.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <system_error>

#include "arrcoc/io/npy.hpp"

namespace arrcoc::tools {
namespace {

std::atomic<bool> writing{false}, interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_interrupt(int) {
  if (writing.load()) {
    interrupted.store(true);
    return;
  }
  constexpr char words[] = "\narrcoc: interrupted\n";
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, words, sizeof words - 1);
  ::_exit(interrupted_status);
}

}  // namespace

void handle_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESETHAND;  // the second one kills
  ::sigaction(SIGINT, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);  // a closed pipe is a failed write, not a sudden end
}

bool interrupt_asked() { return interrupted.load(); }

Writing::Writing() { writing.store(true); }
Writing::~Writing() {
  writing.store(false);
  if (interrupted.load()) ::_exit(interrupted_status);
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

Meter::Meter(std::string verb, std::string what, Index count, bool quiet)
    : verb_(std::move(verb)),
      what_(std::move(what)),
      count_(count),
      quiet_(quiet),
      terminal_(is_terminal(STDERR_FILENO)),
      start_(std::chrono::steady_clock::now()),
      last_(start_) {}

void Meter::show(Index done) {
  const auto now = std::chrono::steady_clock::now();
  if (quiet_ || done == 0 || now - last_ < (terminal_ ? std::chrono::milliseconds(500) : std::chrono::seconds(10)))
    return;
  last_ = now;
  const double rate = static_cast<double>(done) / std::chrono::duration<double>(now - start_).count();
  std::fprintf(stderr, "%s%s: %lld of %lld %s, %.1f a second, %.0f s left%s", terminal_ ? "\r" : "", verb_.c_str(),
               static_cast<long long>(done), static_cast<long long>(count_), what_.c_str(), rate,
               static_cast<double>(count_ - done) / rate, terminal_ ? "   " : "\n");
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
  std::filesystem::path whole = folder;
  if (!whole.has_filename()) whole = whole.parent_path();  // "dump/"
  std::filesystem::path part = whole;
  part += ".part" + std::to_string(::getpid());
  std::error_code e;
  std::filesystem::create_directory(part, e);
  require_that(!e, Code::bad_output, "output", [&] { return part.string() + ": " + e.message(); });
  try {
    for (const auto& [name, array] : arrays) io::write_npy(part / (name + ".npy"), array);
    std::filesystem::rename(part, whole);  // onto nothing or an empty folder
  } catch (const std::filesystem::filesystem_error& failure) {
    std::filesystem::remove_all(part, e);
    fail(Code::bad_output, "output", whole.string() + ": " + failure.code().message());
  } catch (...) {
    std::filesystem::remove_all(part, e);
    throw;
  }
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

bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }

}  // namespace arrcoc::tools
