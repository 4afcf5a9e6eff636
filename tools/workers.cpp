#include "workers.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>
#include <utility>

#include "arrcoc/core/config.hpp"
#include "terminal.hpp"

#ifdef ARRCOC_HAVE_TORCH
#include "arrcoc/torch_store.hpp"
#endif

namespace arrcoc::tools {
namespace {

namespace fs = std::filesystem;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Index number_of(const char* name, Index otherwise, Index least) {
  const char* value = std::getenv(name);
  if (value == nullptr) return otherwise;
  Index n = 0;
  require_that(detail::from_text(value, n).empty() && n >= least, Code::bad_usage, "store", [&] {
    return std::string(name) + ": expected a number from " + std::to_string(least) + " on, got '" + value + "'";
  });
  return n;
}

std::pair<std::string, std::uint16_t> host_and_port(const std::string& address) {
  const auto colon = address.rfind(':');
  Index port = 0;
  const bool read = colon != address.npos && colon > 0 && detail::from_text(address.substr(colon + 1), port).empty();
  require_that(read && port >= 1 && port <= 65535, Code::bad_usage, "store",
               [&] { return "--store: expected host:port, got '" + address + "'"; });
  return {address.substr(0, colon), static_cast<std::uint16_t>(port)};
}

/// Does anybody listen there?
bool listens(const std::string& host, std::uint16_t port) {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) return false;
  bool ok = false;
  for (const addrinfo* a = found; a != nullptr && !ok; a = a->ai_next) {
    const int fd = ::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0) continue;
    ok = ::connect(fd, a->ai_addr, a->ai_addrlen) == 0;
    ::close(fd);
  }
  ::freeaddrinfo(found);
  return ok;
}

std::unique_ptr<SharedTable> join(const StoreFlags& f, const std::string& prefix) {
#ifdef ARRCOC_HAVE_TORCH
  const auto [host, port] = host_and_port(f.address);
  return join_torch_store(host, port, prefix, 30);
#else
  (void)f;
  (void)prefix;
  fail(Code::backend_missing, "store",
       "'torch' is not built into this program, whose c10d is the store; configure with -Dtorch=enabled, or take "
       "--shard");
#endif
}

Worker worker_of_environment() {
  Worker w;
  w.rank = number_of("RANK", 0, 0);
  w.workers = std::max(number_of("WORLD_SIZE", 1, 1), w.rank + 1);
  w.restart = number_of("TORCHELASTIC_RESTART_COUNT", 0, 0);
  w.nonce =
      std::to_string(::getpid()) + "_" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  return w;
}

}  // namespace

std::optional<Worker> check_store(const StoreFlags& f) {
  if (f.address.empty()) {
    require_that(std::getenv("TORCHELASTIC_RUN_ID") == nullptr, Code::bad_usage, "store",
                 "torchrun started this, and its workers would all do the same: expected --store host:port, of a "
                 "store that `arrcoc store` holds");
    return {};
  }
  const auto [host, port] = host_and_port(f.address);
  const Worker worker = worker_of_environment();
  require_that(std::isfinite(f.lease) && f.lease >= 0.1 && f.lease <= 86400, Code::bad_usage, "store",
               [&] { return "--lease: expected 0.1 to 86400 seconds, got " + detail::to_text(f.lease); });
#ifndef ARRCOC_HAVE_TORCH
  join(f, "");
#endif
  for (const double until = seconds_now() + 10; !listens(host, port);
       std::this_thread::sleep_for(std::chrono::milliseconds(200)))
    require_that(seconds_now() < until, Code::file_unreadable, "store", [&] {
      return f.address + ": expected a store that answers, as `arrcoc store` starts one, got none in 10 s";
    });
  return worker;
}

fs::path worker_folder(const fs::path& out, Index rank) {
  std::error_code e;
  fs::create_directory(out, e);
  require_that(fs::is_directory(out, e) && !fs::exists(out / "run.json", e), Code::bad_output, "output", [&] {
    return out.string() + ": expected a new name, or a folder of workers' folders (rank0, rank1, ...)";
  });
  return out / ("rank" + std::to_string(rank));
}

Team::Team(const StoreFlags& f, Worker worker, const fs::path& run, const RunRecord& record,
           const std::vector<bool>& has)
    : lease_(f.lease),
      table_(join(f, settings_digest(record) + fs::absolute(run).lexically_normal().string() + "/")),
      board_(std::make_unique<LeaseBoard>(*table_, record.units, std::move(worker), f.lease, seconds_now)) {
  board_->settle(has);
  heart_ = std::make_unique<Heartbeat>(*board_, f.lease / 6);
}

std::optional<Index> Team::next() {
  while (!interrupt_asked()) {
    heart_->check();
    if (const auto unit = board_->claim()) return unit;
    if (board_->all_done()) break;
    std::this_thread::sleep_for(std::chrono::duration<double>(std::clamp(lease_ / 20, 0.02, 1.0)));
  }
  return {};
}

bool Team::still_ours() {
  heart_->check();
  return board_->renew();
}

void Team::done() { board_->done(); }

Shard shard_of(const std::string& text) {
  if (text.empty()) return {};
  if (text != "slurm") return parse_shard(text);
  const auto number = [](const char* name) {
    const char* value = std::getenv(name);
    Index n = 0;
    require_that(value != nullptr && detail::from_text(value, n).empty(), Code::bad_usage, "shard", [&] {
      return "--shard slurm: expected a number in " + std::string(name) + ", got " +
             (value == nullptr ? "none: this is no task of an array job" : "'" + std::string(value) + "'");
    });
    return n;
  };
  const Index first = number("SLURM_ARRAY_TASK_MIN"), last = number("SLURM_ARRAY_TASK_MAX"),
              count = number("SLURM_ARRAY_TASK_COUNT"), id = number("SLURM_ARRAY_TASK_ID"),
              step = count > 1 ? (last - first) / (count - 1) : 1;
  const bool even = step >= 1 && id >= first && id <= last && (id - first) % step == 0;
  require_that(even && (last - first) == step * (count - 1), Code::bad_usage, "shard", [&] {
    return "--shard slurm: expected an array of evenly spaced tasks, got task " + std::to_string(id) + " of " +
           std::to_string(count) + " from " + std::to_string(first) + " to " + std::to_string(last);
  });
  return {(id - first) / step + 1, count};
}

}  // namespace arrcoc::tools
