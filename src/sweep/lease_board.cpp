// Who does which unit of a run that several processes share.
#include "arrcoc/sweep/lease_board.hpp"

#include <charconv>
#include <utility>

namespace arrcoc {
namespace {

std::string key_of(Index unit) { return "unit" + std::to_string(unit); }
bool is_done(const std::string& text) { return text.starts_with("done "); }

}  // namespace

LeaseBoard::LeaseBoard(SharedTable& table, Index units, Worker worker, double patience, Clock clock)
    : table_(table),
      worker_(std::move(worker)),
      patience_(patience),
      clock_(std::move(clock)),
      seen_(static_cast<std::size_t>(units)) {}

std::string LeaseBoard::lease() {
  return "lease " + std::to_string(worker_.restart) + " " + std::to_string(worker_.rank) + " " + worker_.nonce + " " +
         std::to_string(beat_++);
}

/// A lease of a group that was stopped.
bool LeaseBoard::dead(const std::string& text) const {
  Index restart = worker_.restart;
  if (text.starts_with("lease ")) std::from_chars(text.data() + 6, text.data() + text.size(), restart);
  return restart < worker_.restart;
}

bool LeaseBoard::take(Index unit, const std::string& from) {
  const std::string mine = lease(), now = table_.exchange(key_of(unit), from, mine);
  if (now == mine) {
    held_ = unit;
    text_ = mine;
    return true;
  }
  Seen& s = seen_[static_cast<std::size_t>(unit)];
  s.done = is_done(now);
  if (now != s.text) s = {now, clock_(), s.done};
  return false;
}

void LeaseBoard::settle(const std::vector<bool>& has) {
  const std::lock_guard lock(mutex_);
  const std::string mine = "done " + std::to_string(worker_.rank);
  for (std::size_t u = 0; u < seen_.size(); ++u) {
    const std::string key = key_of(static_cast<Index>(u));
    if (!has[u]) {
      table_.exchange(key, mine, "free");
      continue;
    }
    for (std::string from, now; !seen_[u].done; from = now) {
      now = table_.exchange(key, from, mine);
      seen_[u].done = is_done(now);
    }
  }
}

std::optional<Index> LeaseBoard::claim() {
  const std::lock_guard lock(mutex_);
  const auto units = static_cast<Index>(seen_.size()), first = units * worker_.rank / worker_.workers;
  for (Index i = 0; i < units; ++i) {
    const Index unit = (first + i) % units;
    Seen& s = seen_[static_cast<std::size_t>(unit)];
    if (s.done) continue;
    if (s.text.empty() && take(unit, "")) return unit;  // nobody's; else what stands there is known now
    if (s.done) continue;
    const std::string now = table_.exchange(key_of(unit), "?", "?");
    s.done = is_done(now);
    if (now != s.text) s = {now, clock_(), s.done};
    if (s.done) continue;
    const bool ends = now == "free" || dead(now) || clock_() - s.since >= patience_;
    if (ends && take(unit, now)) return unit;
  }
  return {};
}

bool LeaseBoard::all_done() const {
  const std::lock_guard lock(mutex_);
  for (const Seen& s : seen_)
    if (!s.done) return false;
  return true;
}

bool LeaseBoard::renew() {
  const std::lock_guard lock(mutex_);
  if (!held_) return true;
  if (text_.empty()) return false;  // lost before
  const std::string next = lease();
  const bool ours = table_.exchange(key_of(*held_), text_, next) == next;
  text_ = ours ? next : std::string();
  return ours;
}

void LeaseBoard::done() {
  const std::lock_guard lock(mutex_);
  if (!held_) return;
  Seen& s = seen_[static_cast<std::size_t>(*held_)];
  const std::string now =
      text_.empty() ? "" : table_.exchange(key_of(*held_), text_, "done " + std::to_string(worker_.rank));
  s = {now, clock_(), is_done(now)};
  held_.reset();
}

Heartbeat::Heartbeat(LeaseBoard& board, double seconds) : board_(board) {
  thread_ = std::thread([this, seconds] {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return stopping_; })) {
      lock.unlock();
      std::exception_ptr problem;
      try {
        board_.renew();
      } catch (...) { problem = std::current_exception(); }
      lock.lock();
      problem_ = problem;
      if (problem_) return;
    }
  });
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Heartbeat::check() {
  const std::lock_guard lock(mutex_);
  if (problem_) std::rethrow_exception(problem_);
}

}  // namespace arrcoc
