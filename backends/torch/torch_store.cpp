#include "arrcoc/torch_store.hpp"

#include <c10/util/Logging.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <type_traits>
#include <utility>

#include "arrcoc/core/error.hpp"

namespace arrcoc {
namespace {

c10d::TCPStoreOptions options(std::uint16_t port, bool server, double seconds) {
  c10d::TCPStoreOptions o;
  o.port = port;
  o.isServer = server;
  o.waitWorkers = false;
  o.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * seconds));
  return o;
}

using Client = c10::intrusive_ptr<c10d::TCPStore>;

class TorchStore : public SharedTable {
 public:
  TorchStore(const std::string& host, std::uint16_t port, std::string prefix, double seconds)
      : where_(host + ":" + std::to_string(port)), prefix_(std::move(prefix)), seconds_(seconds) {
    FLAGS_caffe2_log_level = std::max(FLAGS_caffe2_log_level, 2);  // c10d prints a C++ stack beside each exception
    store_ = within([=] { return c10::make_intrusive<c10d::TCPStore>(host, options(port, false, seconds)); });
  }
  std::string exchange(const std::string& key, const std::string& from, const std::string& to) override {
    const std::lock_guard lock(mutex_);
    return within([store = store_, key = prefix_ + key, from, to] {
      return static_cast<c10d::Store&>(*store).compareSet(key, from, to);
    });
  }

 private:
  /// What `f` gives, on a thread of its own: c10d waits without end for a store that hangs with its connection open.
  /// Such a thread stays, and with it all that `f` holds.
  template <class F>
  std::invoke_result_t<F> within(F f) {
    using Result = std::invoke_result_t<F>;
    std::packaged_task<Result()> task(std::move(f));
    std::future<Result> result = task.get_future();
    if (!lost_) std::thread(std::move(task)).detach();
    lost_ = lost_ || result.wait_for(std::chrono::duration<double>(seconds_)) != std::future_status::ready;
    try {
      if (!lost_) return result.get();
    } catch (const std::exception&) {}  // its text is a C++ stack
    fail(Code::file_unreadable, "store",
         where_ +
             ": expected a store that answers, as `arrcoc store` starts one, got none; what is done stays, and "
             "the same command goes on");
  }
  std::string where_, prefix_;
  double seconds_;
  bool lost_ = false;  // it hung once: who waits behind that call does not wait as long again
  Client store_;
  std::mutex mutex_;
};

}  // namespace

std::unique_ptr<SharedTable> join_torch_store(const std::string& host, std::uint16_t port, const std::string& prefix,
                                              double seconds) {
  return std::make_unique<TorchStore>(host, port, prefix, seconds);
}

struct TorchStoreServer::Held {
  Client store;
};

TorchStoreServer::TorchStoreServer(std::uint16_t port) : held_(std::make_unique<Held>()) {
  try {
    held_->store = c10::make_intrusive<c10d::TCPStore>("localhost", options(port, true, 30));
  } catch (const std::exception&) {
    fail(Code::bad_usage, "store", "expected a port that is free, got " + std::to_string(port));
  }
}
TorchStoreServer::~TorchStoreServer() = default;
std::uint16_t TorchStoreServer::port() const { return held_->store->getPort(); }

}  // namespace arrcoc
