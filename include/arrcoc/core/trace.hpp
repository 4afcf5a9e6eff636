#pragma once
// Named intermediate values and stage times. A null Trace* costs one branch; the library never prints.
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc {

struct StageTime {
  std::string stage;
  double milliseconds = 0;
};

struct Trace {
  /// Called with a tap's name and its values [rows, cols] when `wants(name)`.
  std::function<bool(std::string_view)> wants;
  std::function<void(std::string_view, std::vector<float>, Index rows, Index cols)> tap;
  std::vector<StageTime> times;
  std::vector<std::string> events;  // e.g. "inject.gather image 0: 64 of 256"

  void add_time(std::string_view stage, double ms) {
    for (auto& t : times)
      if (t.stage == stage) {
        t.milliseconds += ms;
        return;
      }
    times.push_back({std::string(stage), ms});
  }
  double time_of(std::string_view stage) const {
    for (const auto& t : times)
      if (t.stage == stage) return t.milliseconds;
    return 0;
  }
};

/// Hands a tensor to the trace if somebody asked for it.
template <class B, class T>
void tap(Trace* trace, std::string_view name, B& backend, const T& tensor) {
  if (trace == nullptr || !trace->tap || !trace->wants || !trace->wants(name)) return;
  trace->tap(name, backend.to_host(tensor), backend.rows(tensor), backend.cols(tensor));
}

/// Adds the time of its scope to a stage.
class StageTimer {
 public:
  StageTimer(Trace* trace, std::string_view stage) : trace_(trace), stage_(stage) {
    if (trace_) start_ = std::chrono::steady_clock::now();
  }
  ~StageTimer() {
    if (trace_)
      trace_->add_time(stage_,
                       std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_).count());
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  Trace* trace_;
  std::string_view stage_;
  std::chrono::steady_clock::time_point start_{};
};

}  // namespace arrcoc
