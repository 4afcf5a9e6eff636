#pragma once
// Persistent workers for loops over disjoint ranges. The caller works too; a loop started inside a loop runs in place.
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc::eigen {

class ThreadPool {
 public:
  /// `threads` in all, the caller among them; 0 = as many as the hardware has.
  explicit ThreadPool(int threads) {
    if (threads <= 0) threads = static_cast<int>(std::thread::hardware_concurrency());
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      turn_.fetch_add(1);
    }
    wake_.notify_all();
    for (auto& w : workers_) w.join();
  }

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// f(begin, end) over [0, n) in ranges of `grain`, the last one shorter. The ranges do not depend on the number of
  /// threads. The first exception is rethrown here after every range that had started has ended.
  template <class F>
  void run(Index n, Index grain, F&& f) {
    if (n <= 0) return;
    if (grain < 1) grain = 1;
    if (n <= grain || workers_.empty() || busy_.exchange(true, std::memory_order_acquire)) {
      for (Index i = 0; i < n; i += grain) f(i, i + grain < n ? i + grain : n);
      return;
    }
    using Plain = std::remove_reference_t<F>;
    Job job;
    job.call = [](const void* p, Index begin, Index end) { (*static_cast<Plain*>(const_cast<void*>(p)))(begin, end); };
    job.context = &f;
    job.n = n;
    job.grain = grain;
    {
      const std::lock_guard lock(mutex_);
      job_ = &job;
      turn_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    job.drain();
    {
      std::unique_lock lock(mutex_);
      job_ = nullptr;
      done_.wait(lock, [&] { return inside_ == 0; });
    }
    busy_.store(false, std::memory_order_release);
    if (job.error) std::rethrow_exception(job.error);
  }

 private:
  struct Job {
    void (*call)(const void*, Index, Index) = nullptr;
    const void* context = nullptr;
    Index n = 0, grain = 1;
    std::atomic<Index> next{0};
    std::atomic<bool> failed{false};
    std::exception_ptr error;

    void drain() {
      while (!failed.load(std::memory_order_relaxed)) {
        const Index begin = next.fetch_add(grain, std::memory_order_relaxed);
        if (begin >= n) return;
        try {
          call(context, begin, begin + grain < n ? begin + grain : n);
        } catch (...) {
          if (!failed.exchange(true)) error = std::current_exception();
        }
      }
    }
  };

  void work() {
    std::uint64_t seen = 0;
    for (;;) {
      // A short wait without sleeping: small kernels follow each other within microseconds.
      for (int i = 0; i < 2000 && turn_.load(std::memory_order_acquire) == seen; ++i) pause();
      Job* job = nullptr;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return turn_.load(std::memory_order_relaxed) != seen; });
        seen = turn_.load(std::memory_order_relaxed);
        if (stop_) return;
        job = job_;
        if (job == nullptr) continue;
        ++inside_;
      }
      job->drain();
      const std::lock_guard lock(mutex_);
      if (--inside_ == 0) done_.notify_one();
    }
  }
  static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::atomic<std::uint64_t> turn_{0};
  std::atomic<bool> busy_{false};
  Job* job_ = nullptr;
  int inside_ = 0;
  bool stop_ = false;
};

}  // namespace arrcoc::eigen
