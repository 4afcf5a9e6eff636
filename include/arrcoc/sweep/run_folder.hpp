#pragma once
// The folder of a run: rows that stay whatever ends the process, and what says which run they are of.
//
//   run.json        the settings that decide the rows; who goes on must have the same
//   rows.jsonl      the rows of each unit, appended whole
//   timings.jsonl   likewise
//   maps/           a file for each unit, where maps are kept: there before the line that says it is done
//   units.jsonl     a line for each unit that is done: where its rows end, and their digest
//   summary.json, summary.csv   at the end
//
// A unit is a set of pictures with all its questions and columns, by its number in the data; one that was begun and is
// not done is done again.
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/io/dataset.hpp"
#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {

/// The units of one process of several: every count-th, from the index-th (from 1).
struct Shard {
  Index index = 1, count = 1;
  bool has(Index unit) const { return unit % count == index - 1; }
  Index units_of(Index all) const { return (all - index + count) / count; }
  bool operator==(const Shard&) const = default;
};
/// "2/8". Error{bad_usage}.
Shard parse_shard(const std::string& text);

/// What run.json says.
struct RunRecord {
  std::vector<std::pair<std::string, std::string>> head;  // members of summary.json's object too: name, JSON text
  Index units = 0;                                        // of all shards
  Shard shard;
};
/// Error 401, 402, 409.
RunRecord read_record(const std::filesystem::path& run);
/// `choice`, if it is "auto", becomes what the run in this folder said of its backend ("dtype", "isa", "attention"), or
/// `otherwise` where it said nothing, if one began on that backend: `auto` is measured, and near equals could choose
/// anew. Error 401, 402, 409.
void choose_as_before(const std::filesystem::path& run, std::string_view backend, const std::string& key,
                      const std::string& otherwise, std::string& choice);
/// A sentence for each setting that decides rows and is not the same; shards are not compared. What may differ: the
/// model's and the data's place, the time of the model's files, the number of threads.
std::vector<std::string> differences(const RunRecord& before, const RunRecord& now);
/// Over what `differences` compares.
std::string settings_digest(const RunRecord& record);

/// One line of units.jsonl. A unit's rows and timings end where it says, and begin where the line before says.
struct UnitDone {
  Index unit = 0, rows = 0;
  std::int64_t end = 0, timings = 0;  // bytes
  std::string digest;                 // of the rows' bytes
};

/// Error{bad_output}: what stands there is neither nothing, an empty folder nor a run; the parent folder is missing.
void check_run_folder(const std::filesystem::path& folder);

/// The process that adds to a run; it holds a lock on the rows. What nothing was added to goes with it.
class RunFolder {
 public:
  /// Makes the folder, or takes up what stands in it: rows behind the last unit that is done are cut off. Error
  /// {bad_usage} naming the settings that differ; Error{bad_output} while another process adds; Error{bad_text} for
  /// rows that are not what was written.
  RunFolder(const std::filesystem::path& folder, const RunRecord& record);
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  ~RunFolder();

  const std::vector<UnitDone>& done() const { return done_; }
  bool has(Index unit) const { return has_[static_cast<std::size_t>(unit)]; }
  /// The rows of a unit and its timings, whole lines. When they cannot all be written, none are. Error{bad_output}.
  /// `map_lines`, when there are any, have a file of their own before.
  void append(Index unit, Index rows, std::string_view row_lines, std::string_view timing_lines,
              std::string_view map_lines = {});
  /// A line about the whole run, behind all timings.
  void add_timing(std::string_view line);
  /// What was added is on the disk. Error{bad_output}.
  void sync();
  /// Syncs, and writes what the run means. Error{bad_output}.
  std::vector<SweepGroup> finish();

 private:
  struct File {
    std::filesystem::path name;
    int descriptor = -1;
    std::int64_t end = 0;
    void write(std::string_view bytes);  // behind the end, which stays
    bool cut();
  };
  void open(File& file, const char* name);
  void take_up();
  void cut();
  std::filesystem::path folder_;
  RunRecord record_;
  File rows_, timings_, units_;
  std::vector<UnitDone> done_;
  std::vector<bool> has_;
  bool made_ = false;  // the folder is this process's
  double synced_ = 0;
};

/// What timings.jsonl says of how the run was made; the line is empty where no process that ended wrote it down.
struct RunCommand {
  std::string line;  // for a shell
  Index merged = 0;  // the runs that it was made of; 0: it is none that was merged
};
/// The last that stands there. Error 409.
RunCommand command_of_run(const std::filesystem::path& run);

/// One run out of several that did its units. Error{bad_usage} when their settings differ, units are missing, or one
/// was done twice with different rows; the folder appears whole. `command`: a single run's that gives these rows.
std::vector<SweepGroup> merge_runs(const std::vector<std::filesystem::path>& runs, const std::filesystem::path& out,
                                   const std::string& command = {});

/// Over what decides the rows of a data set: questions as asked, answers, boxes, names and sizes of pictures.
std::string data_digest(const io::Dataset& data);
/// Over names and contents of a file, or of a folder's files; of files over a MiB, the beginning and 64 blocks.
std::string content_digest(const std::filesystem::path& file_or_folder);

}  // namespace arrcoc
