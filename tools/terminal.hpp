#pragma once
// What the program does around the work: Ctrl-C, progress, folders written whole.
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "arrcoc/core/host_tensor.hpp"

namespace arrcoc::tools {

inline constexpr int interrupted_status = 130;

/// Ctrl-C while computing ends the program with 130 at once: nothing is on disk yet. While files are being written it
/// waits for the end of the Writing scope. A second Ctrl-C kills.
void handle_interrupts();
/// Ctrl-C came while writing: long work ends early.
bool interrupt_asked();
class Writing {
 public:
  Writing();
  ~Writing();  // leaves with 130 when Ctrl-C came meanwhile
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
  Meter(std::string verb, std::string what, Index count, bool quiet);
  void show(Index done);
  double seconds();  // since the beginning; clears the line

 private:
  std::string verb_, what_;
  Index count_;
  bool quiet_, shown_ = false, terminal_;
  std::chrono::steady_clock::time_point start_, last_;
};

/// Refuses an output name that cannot work, before the work is done: its folder is missing, or it is a folder itself.
void check_output(const std::filesystem::path& file);

/// Writes every array as NAME.npy into a folder that appears whole. Refused when it exists, unless it is an empty
/// folder.
void check_new_folder(const std::filesystem::path& folder);
void write_arrays(const std::filesystem::path& folder, const std::vector<std::pair<std::string, HostTensor>>& arrays);

double peak_memory_bytes();
/// The peak is what is resident now, from here on; false where the system does not allow it.
bool forget_peak_memory();
bool is_terminal(int descriptor);

}  // namespace arrcoc::tools
