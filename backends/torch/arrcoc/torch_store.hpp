#pragma once
// SharedTable on libtorch's TCPStore (c10d): one process holds the table, the others reach it by host and port.
#include <cstdint>
#include <memory>
#include <string>

#include "arrcoc/core/shared_table.hpp"

namespace arrcoc {

/// The table that another process holds; keys begin with `prefix`. Gives up after `seconds` without an answer.
/// Error{file_unreadable}.
std::unique_ptr<SharedTable> join_torch_store(const std::string& host, std::uint16_t port, const std::string& prefix,
                                              double seconds);

/// Holds a table as long as it lives, on every address of the machine.
class TorchStoreServer {
 public:
  /// `port` 0: one that is free. Error{bad_usage} for one that is taken.
  explicit TorchStoreServer(std::uint16_t port);
  ~TorchStoreServer();
  std::uint16_t port() const;

 private:
  struct Held;
  std::unique_ptr<Held> held_;
};

}  // namespace arrcoc
