#pragma once
// A model whose weights are imported at once, or on a thread of its own while something else is done.
#include <atomic>
#include <chrono>
#include <future>
#include <utility>

#include "arrcoc/qwen3vl/model.hpp"

namespace arrcoc {

template <class B>
class LoadedModel {
 public:
  /// `beside`: returns at once; what loading meets is thrown by get() then. The backend's kernels may be called
  /// meanwhile.
  LoadedModel(const B& b, const ModelConfig& config, WeightLookup lookup, bool beside) {
    auto load = [this, b = B(b), config, lookup = std::move(lookup)]() mutable {
      const auto start = std::chrono::steady_clock::now();
      const WeightLookup watched = [&](std::string_view name) {
        if (given_up_.load(std::memory_order_relaxed)) throw GivenUp();
        return lookup(name);
      };
      qwen3vl::Model<B> model(b, config, watched);
      milliseconds_ = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
      return model;
    };
    if (beside) coming_ = std::async(std::launch::async, std::move(load));
    else model_ = load();
  }
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;
  /// Loading that nobody waits for ends at the next tensor.
  ~LoadedModel() {
    given_up_.store(true, std::memory_order_relaxed);
    if (coming_.valid()) coming_.wait();
  }

  /// Waits. Not from two threads at once. After an error there is no model: the engine goes.
  const qwen3vl::Model<B>& get() {
    if (coming_.valid()) model_ = coming_.get();
    return model_;
  }
  /// That importing took; once the model is there.
  double milliseconds() const { return milliseconds_; }

 private:
  struct GivenUp {};
  std::atomic<bool> given_up_{false};
  std::future<qwen3vl::Model<B>> coming_;
  qwen3vl::Model<B> model_;
  double milliseconds_ = 0;
};

}  // namespace arrcoc
