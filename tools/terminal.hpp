#pragma once
// What the program does around the work: Ctrl-C, progress, folders written whole.
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"

namespace arrcoc::tools {

/// SIGINT, SIGTERM and SIGHUP while computing end the program with 128 + signal at once: nothing is on disk yet. While
/// files are being written they wait for the end of the Writing scope. A second one kills. A closed pipe and a file
/// size limit become failed writes; a weight file that is cut while it is mapped becomes one sentence and status 1.
void handle_signals();
/// One came while writing: long work ends early, with this status.
bool interrupt_asked();
int interrupted_status();
class Writing {
 public:
  Writing();
  ~Writing();  // leaves with 128 + signal when one came meanwhile
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;
};

/// One line on stderr for work that takes more than two seconds; rewritten in place on a terminal, one line per stage
/// elsewhere.
class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();
  void stage(std::string what);
  void stop();  // clears the line; nothing is shown afterwards
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  void run();
  bool terminal_ = false, stopping_ = false, shown_ = false;
  std::string what_;
  std::chrono::steady_clock::time_point since_{};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
};

/// Work of known length: done, rate and time left on stderr, twice a second on a terminal and every ten seconds
/// elsewhere.
class Meter {
 public:
  /// `before`: of the count, what was done already, and took no time.
  Meter(std::string verb, std::string what, Index count, bool quiet, Index before = 0);
  /// `note`: more to say, behind it.
  void show(Index done, const std::string& note = {});
  double seconds();  // since the beginning; clears the line

 private:
  std::string verb_, what_;
  Index count_, before_;
  bool quiet_, shown_ = false, terminal_;
  std::chrono::steady_clock::time_point start_, last_;
};

/// Refuses an output name that cannot work, before the work is done: its folder is missing, or it is a folder itself.
void check_output(const std::filesystem::path& file);

/// --threads: 0 (the machine's) to four for each core. Error{bad_config}.
void check_threads(Index threads, std::string_view verb);

/// Writes every array as NAME.npy into a folder that appears whole. Refused when it exists, unless it is an empty
/// folder.
void check_new_folder(const std::filesystem::path& folder);
void write_arrays(const std::filesystem::path& folder, const std::vector<std::pair<std::string, HostTensor>>& arrays);

double peak_memory_bytes();
/// The peak is what is resident now, from here on; false where the system does not allow it.
bool forget_peak_memory();
bool is_terminal(int descriptor);

}  // namespace arrcoc::tools
