#include "arrcoc/torch_store.hpp"

#include <c10/util/Logging.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
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

class TorchStore : public SharedTable {
 public:
  TorchStore(const std::string& host, std::uint16_t port, std::string prefix, double seconds)
      : where_(host + ":" + std::to_string(port)), prefix_(std::move(prefix)) {
    FLAGS_caffe2_log_level = std::max(FLAGS_caffe2_log_level, 2);  // c10d prints a C++ stack beside each exception
    asked([&] { store_ = c10::make_intrusive<c10d::TCPStore>(host, options(port, false, seconds)); });
  }
  std::string exchange(const std::string& key, const std::string& from, const std::string& to) override {
    const std::lock_guard lock(mutex_);
    std::string out;
    asked([&] { out = static_cast<c10d::Store&>(*store_).compareSet(prefix_ + key, from, to); });
    return out;
  }

 private:
  template <class F>
  void asked(F&& f) {
    try {
      f();
    } catch (const std::exception&) {  // its text is a C++ stack
      fail(Code::file_unreadable, "store",
           where_ +
               ": expected a store that answers, as `arrcoc store` starts one, got none; what is done stays, and "
               "the same command goes on");
    }
  }
  std::string where_, prefix_;
  c10::intrusive_ptr<c10d::TCPStore> store_;
  std::mutex mutex_;
};

}  // namespace

std::unique_ptr<SharedTable> join_torch_store(const std::string& host, std::uint16_t port, const std::string& prefix,
                                              double seconds) {
  return std::make_unique<TorchStore>(host, port, prefix, seconds);
}

struct TorchStoreServer::Held {
  c10::intrusive_ptr<c10d::TCPStore> store;
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
