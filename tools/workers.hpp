#pragma once
// Several processes that do one sweep: units from a store, a folder for each of them.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrcoc/sweep/lease_board.hpp"
#include "arrcoc/sweep/run_folder.hpp"

namespace arrcoc::tools {

struct StoreFlags {
  std::string address;  // host:port; empty: no store
  double lease = 60;    // seconds
};

/// Which worker this is, by RANK, WORLD_SIZE and TORCHELASTIC_RESTART_COUNT as torchrun sets them; without them the
/// only one; none without --store. Refuses a torchrun without --store, whose workers would all do everything; a store
/// that does not answer within ten seconds; flags and variables out of range.
std::optional<Worker> check_store(const StoreFlags& flags);
/// OUT/rankN; OUT is made. Error{bad_output}.
std::filesystem::path worker_folder(const std::filesystem::path& out, Index rank);

class Team {
 public:
  /// `run`: where the run goes, so that a store may serve others too.
  Team(const StoreFlags& flags, Worker worker, const std::filesystem::path& run, const RunRecord& record,
       const std::vector<bool>& has);
  /// The next unit of this worker, after waiting where others hold all that are left; none: all are done, or a signal
  /// came.
  std::optional<Index> next();
  /// False: the unit went to another worker while this one hung.
  bool still_ours();
  void done();

 private:
  double lease_;
  std::unique_ptr<SharedTable> table_;
  std::unique_ptr<LeaseBoard> board_;
  std::unique_ptr<Heartbeat> heart_;
};

/// --shard i/n, or "slurm": the task of an array job. Error{bad_usage}.
Shard shard_of(const std::string& text);

}  // namespace arrcoc::tools
