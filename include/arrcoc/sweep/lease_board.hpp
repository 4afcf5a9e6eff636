#pragma once
// Units of one run for several workers that come, hang and die: each unit is leased, and a lease is kept alive by a
// heartbeat. No clock is shared: a lease ends when one and the same worker has seen it unchanged for so long.
//
// A unit's text in the table: nothing, "free", "lease RESTART RANK NONCE BEAT", "done RANK".
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "arrcoc/core/shared_table.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// Which process this is. `restart` counts the restarts of the whole group: leases of an earlier one are dead at once.
struct Worker {
  Index rank = 0, workers = 1, restart = 0;
  std::string nonce;  // of this process alone, without a space
};

class LeaseBoard {
 public:
  using Clock = std::function<double()>;  // seconds, never backwards
  /// `patience`: seconds after which a lease without a heartbeat ends.
  LeaseBoard(SharedTable& table, Index units, Worker worker, double patience, Clock clock);

  /// Before the first claim: `has` names the units in this worker's folder. They are done; what its rank once said it
  /// did and the folder lacks is free again.
  void settle(const std::vector<bool>& has);
  /// A unit that is this worker's from now on; none: the others' leases are to be waited for, or all_done().
  std::optional<Index> claim();
  bool all_done() const;
  /// False when the lease was lost to another worker; true without one.
  bool renew();
  /// Of the unit that is held, once its rows are in the folder. A unit that was lost meanwhile stays the other's.
  void done();

 private:
  struct Seen {
    std::string text;
    double since = 0;
    bool done = false;
  };
  bool take(Index unit, const std::string& from);
  bool dead(const std::string& text) const;
  std::string lease();
  SharedTable& table_;
  Worker worker_;
  double patience_;
  Clock clock_;
  std::vector<Seen> seen_;
  std::optional<Index> held_;
  std::string text_;  // of the lease that is held
  Index beat_ = 0;
  mutable std::mutex mutex_;
};

/// Renews the board's lease from a thread of its own.
class Heartbeat {
 public:
  Heartbeat(LeaseBoard& board, double seconds);
  ~Heartbeat();
  /// Throws what ended it, if anything did.
  void check();

 private:
  LeaseBoard& board_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::exception_ptr problem_;
  std::thread thread_;
};

}  // namespace arrcoc
