// Leases of a run's units, with a clock that the test moves.
#include "arrcoc/sweep/lease_board.hpp"

#include <doctest/doctest.h>

#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "arrcoc/core/error.hpp"

using namespace arrcoc;

namespace {

class MemoryTable : public SharedTable {
 public:
  std::string exchange(const std::string& key, const std::string& from, const std::string& to) override {
    const std::lock_guard lock(mutex_);
    const auto at = texts_.find(key);
    if (at == texts_.end()) return from.empty() ? texts_[key] = to : from;
    if (at->second == from) at->second = to;
    return at->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> texts_;
};

struct Desk {
  MemoryTable table;
  double now = 0;
  LeaseBoard board(Index rank, Index restart = 0, Index units = 4) {
    return {table, units, {rank, 2, restart, "n" + std::to_string(rank)}, 10, [this] { return now; }};
  }
};

}  // namespace

TEST_CASE("each unit goes to one worker, from its own part on, and none is left when all are done") {
  Desk d;
  LeaseBoard a = d.board(0), b = d.board(1);
  CHECK(a.claim() == 0);
  CHECK(b.claim() == 2);
  a.done();
  b.done();
  CHECK(a.claim() == 1);
  CHECK(b.claim() == 3);
  a.done();
  CHECK_FALSE(a.claim());  // b works at the last
  CHECK_FALSE(a.all_done());
  b.done();
  CHECK_FALSE(a.claim());
  CHECK(a.all_done());
}

TEST_CASE("a lease without a heartbeat ends after the patience of who looks; with one it stays") {
  Desk d;
  LeaseBoard a = d.board(0, 0, 1), b = d.board(1, 0, 1);
  CHECK(a.claim() == 0);
  d.now = 100;  // b has not looked yet: its time begins now
  CHECK_FALSE(b.claim());
  d.now = 109.5;
  CHECK_FALSE(b.claim());
  CHECK(a.renew());
  d.now = 110.5;
  CHECK_FALSE(b.claim());
  d.now = 120.4;
  CHECK_FALSE(b.claim());
  d.now = 120.5;
  CHECK(b.claim() == 0);
  CHECK_FALSE(a.renew());  // lost
  CHECK_FALSE(a.renew());
  a.done();  // and done by the other alone
  CHECK(b.renew());
  CHECK_FALSE(a.all_done());
  b.done();
  CHECK_FALSE(a.claim());
  CHECK(a.all_done());
}

TEST_CASE("leases of a group that was stopped end at once, those of the same group do not") {
  Desk d;
  LeaseBoard a = d.board(0, 0, 1), same = d.board(1, 0, 1), next = d.board(1, 1, 1);
  CHECK(a.claim() == 0);
  CHECK_FALSE(same.claim());
  CHECK(next.claim() == 0);
  CHECK_FALSE(a.renew());
  CHECK_FALSE(same.claim());  // nor does an older group take from a newer one
}

TEST_CASE("a worker that comes back says what its folder holds, and what it lacks is free") {
  Desk d;
  {
    LeaseBoard a = d.board(0);
    for (const Index unit : {0, 1}) {
      CHECK(a.claim() == unit);
      a.done();
    }
  }
  LeaseBoard a = d.board(0, 1), b = d.board(1, 1);
  a.settle({false, true, false, true});  // 0 did not reach the disk; 3 did, and the store has not heard of it
  b.settle({false, false, false, false});
  std::set<Index> left;
  while (const auto unit = b.claim()) {
    left.insert(*unit);
    b.done();
  }
  CHECK(left == std::set<Index>{0, 2});
  CHECK(b.all_done());
}

TEST_CASE("a heartbeat renews until the table is gone, and says so") {
  struct Going : SharedTable {
    int calls = 0;
    std::string exchange(const std::string&, const std::string&, const std::string& to) override {
      require_that(++calls < 4, Code::file_unreadable, "store", "gone");
      return to;
    }
  } table;
  LeaseBoard board(table, 1, {0, 1, 0, "n"}, 10, [] { return 0.0; });
  CHECK(board.claim() == 0);
  Heartbeat heart(board, 0.001);
  bool said = false;
  for (int i = 0; i < 5000 && !said; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    try {
      heart.check();
    } catch (const Error& e) { said = e.code() == Code::file_unreadable; }
  }
  CHECK(said);
}
