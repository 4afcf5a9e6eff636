#pragma once
// A table of texts that several processes share: what units of work are handed out through.
#include <string>

namespace arrcoc {

class SharedTable {
 public:
  virtual ~SharedTable() = default;
  /// Puts `to` where `from` stands, "" where nothing does, in one step. What stands there afterwards, so that it was
  /// done exactly when that is `to`; with nothing there and `from` given, `from`. Any thread may ask.
  /// Error{file_unreadable} when the table is gone.
  virtual std::string exchange(const std::string& key, const std::string& from, const std::string& to) = 0;
};

}  // namespace arrcoc
