// The folder of a run, as one process adds to it.
#include "arrcoc/sweep/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "arrcoc/io/atomic_file.hpp"
#include "sweep/kept_maps.hpp"
#include "sweep/run_record.hpp"
#include "sweep/run_units.hpp"

namespace arrcoc {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void cannot_write(const fs::path& file) {
  fail(Code::bad_output, "sweep", "cannot write to " + file.string() + ": " + std::strerror(errno));
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

fs::path named(const fs::path& folder) {
  const fs::path f = folder.lexically_normal();
  return f.has_filename() ? f : f.parent_path();  // "run/"
}

/// A file or folder reaches the disk before what builds on it.
void to_disk(const fs::path& what) {
  const int fd = ::open(what.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

constexpr const char* names[] = {"run.json", "rows.jsonl", "timings.jsonl", "units.jsonl"};

/// Nothing but what a process that died at once leaves: a part of the record, and files that nobody wrote to.
bool nothing_in(const fs::path& folder) {
  std::error_code e;
  for (const auto& entry : fs::directory_iterator(folder, e)) {
    const std::string name = entry.path().filename().string();
    const bool empty = std::find(std::begin(names), std::end(names), name) != std::end(names) &&
                       fs::is_regular_file(entry.symlink_status(e)) && entry.file_size(e) == 0;
    if (!empty && !name.starts_with("run.json.partial")) return false;
  }
  return !e;
}

/// Was a record written, and did it reach the disk?
bool has_record(const fs::path& folder) {
  std::error_code e;
  return fs::exists(folder / "run.json", e) && (fs::file_size(folder / "run.json", e) > 0 || e);
}

}  // namespace

void check_run_folder(const fs::path& given) {
  const fs::path folder = named(given), parent = folder.has_parent_path() ? folder.parent_path() : ".";
  std::error_code e;
  require_that(fs::is_directory(parent, e), Code::bad_output, "output",
               [&] { return folder.string() + ": no such folder as " + parent.string(); });
  if (!fs::exists(fs::symlink_status(folder, e))) return;
  const bool fits = fs::is_directory(folder, e) && (nothing_in(folder) || fs::exists(folder / "run.json", e));
  require_that(fits, Code::bad_output, "output", [&] {
    return folder.string() + ": expected a new name, an empty folder or an unfinished run, got something that exists";
  });
}

RunFolder::RunFolder(const fs::path& folder, const RunRecord& record)
    : folder_(named(folder)), record_(record), has_(static_cast<std::size_t>(record.units)) {
  check_run_folder(folder_);
  if (::mkdir(folder_.c_str(), 0777) == 0) made_ = true;
  else if (errno != EEXIST) cannot_write(folder_);
  try {
    open(rows_, "rows.jsonl");
    const bool busy = ::flock(rows_.descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    require_that(!busy, Code::bad_output, "sweep",
                 [&] { return folder_.string() + ": another process adds to this run"; });
    open(timings_, "timings.jsonl");
    open(units_, "units.jsonl");
    if (has_record(folder_)) {
      take_up();
    } else {
      cut();  // rows that no record tells of
      io::write_file(folder_ / "run.json", record_json(record_));
      to_disk(folder_ / "run.json");
      to_disk(folder_);
    }
  } catch (...) {
    for (File* f : {&rows_, &timings_, &units_})
      if (f->descriptor >= 0) ::close(f->descriptor);
    std::error_code ignored;
    if (made_) fs::remove_all(folder_, ignored);
    throw;
  }
  synced_ = now();
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  if (done_.empty())
    for (const char* name : names) fs::remove(folder_ / name, ignored);
  if (done_.empty()) fs::remove_all(folder_ / "maps", ignored);
  if (done_.empty() && made_) fs::remove(folder_, ignored);
  for (File* f : {&rows_, &timings_, &units_}) ::close(f->descriptor);
}

void RunFolder::open(File& file, const char* name) {
  file.name = folder_ / name;
  file.descriptor = ::open(file.name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file.descriptor < 0) cannot_write(file.name);
}

void RunFolder::File::write(std::string_view bytes) {
  std::int64_t at = end;
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(descriptor, bytes.data(), bytes.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) cannot_write(name);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    at += n;
  }
}

bool RunFolder::File::cut() { return ::ftruncate(descriptor, end) == 0; }

void RunFolder::take_up() {
  RunRecord before = read_record(folder_);
  const std::vector<std::string> other = differences(before, record_);
  require_that(other.empty(), Code::bad_usage, "sweep", [&] {
    std::string text =
        folder_.string() + ": holds a run with other settings; go on with the same, or name another --out";
    for (std::size_t i = 0; i < std::min<std::size_t>(other.size(), 5); ++i) text += "; " + other[i];
    return text + (other.size() > 5 ? "; and " + std::to_string(other.size() - 5) + " more" : "");
  });
  require_that(before.shard == record_.shard, Code::bad_usage, "sweep", [&] {
    const auto text = [](const Shard& s) { return std::to_string(s.index) + "/" + std::to_string(s.count); };
    return folder_.string() + ": holds shard " + text(before.shard) + ", expected a folder of its own for " +
           text(record_.shard);
  });
  record_.head = std::move(before.head);  // of who began: the summary does not tell who ended
  const UnitLines lines = read_units(folder_, record_);
  done_ = lines.done;
  for (const UnitDone& u : done_) has_[static_cast<std::size_t>(u.unit)] = true;
  std::error_code e;
  units_.end = lines.bytes;
  rows_.end = done_.empty() ? 0 : done_.back().end;
  timings_.end = static_cast<std::int64_t>(fs::file_size(timings_.name, e));
  const bool complete = static_cast<Index>(done_.size()) == record_.shard.units_of(record_.units);
  if (!complete) timings_.end = std::min(timings_.end, done_.empty() ? 0 : done_.back().timings);
  cut();
}

void RunFolder::cut() {
  for (File* f : {&rows_, &timings_, &units_})
    if (!f->cut()) cannot_write(f->name);
}

void RunFolder::append(Index unit, Index rows, std::string_view row_lines, std::string_view timing_lines,
                       std::string_view map_lines) {
  if (!map_lines.empty()) {
    const fs::path file = maps_file(folder_, unit);
    if (::mkdir(file.parent_path().c_str(), 0777) != 0 && errno != EEXIST) cannot_write(file.parent_path());
    io::write_file(file, map_lines);
    to_disk(file);
  }
  UnitDone u{unit, rows, rows_.end + static_cast<std::int64_t>(row_lines.size()),
             timings_.end + static_cast<std::int64_t>(timing_lines.size()), unit_digest(row_lines)};
  const std::string line = unit_line(u);
  try {
    rows_.write(row_lines);
    timings_.write(timing_lines);
    units_.write(line);
  } catch (...) {
    for (File* f : {&rows_, &timings_, &units_}) f->cut();  // what stays is cut off by who goes on
    throw;
  }
  rows_.end = u.end;
  timings_.end = u.timings;
  units_.end += static_cast<std::int64_t>(line.size());
  has_[static_cast<std::size_t>(unit)] = true;
  done_.push_back(std::move(u));
  if (now() - synced_ > 1) sync();
}

void RunFolder::sync() {
  for (const File* f : {&rows_, &timings_, &units_})
    if (::fdatasync(f->descriptor) != 0 && errno != EINVAL) cannot_write(f->name);
  synced_ = now();
}

void RunFolder::add_timing(std::string_view line) {
  timings_.write(line);
  timings_.end += static_cast<std::int64_t>(line.size());
}

std::vector<SweepGroup> RunFolder::finish() {
  sync();
  return write_summary(folder_, record_);
}

}  // namespace arrcoc
