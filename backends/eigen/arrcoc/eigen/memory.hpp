#pragma once
// Memory for tensors: 64-byte aligned blocks in size classes, kept for reuse so that a steady state touches no new
// pages.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/types.hpp"

namespace arrcoc::eigen {

/// Thread-safe. Blocks outlive their pool's last user because every block holds the pool. Before the pool grows beyond
/// what was in use at once, a free block of up to four times the size is taken: rows that were dropped leave theirs to
/// those that go on.
class MemoryPool : public std::enable_shared_from_this<MemoryPool> {
 public:
  /// At most `keep_bytes` of free blocks are kept; beyond that they go back to the allocator.
  explicit MemoryPool(std::size_t keep_bytes) : keep_bytes_(keep_bytes) {}
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool() {
    for (const Free& f : free_)
      for (float* p : f.blocks) std::free(p);
  }

  /// Room for `count` floats, not initialised; readable 64 bytes past the end. Error E303 if the system has none.
  std::shared_ptr<float> take(Index count) {
    std::size_t size = size_class(static_cast<std::size_t>(count) * sizeof(float) + 64);
    float* p = nullptr;
    {
      const std::lock_guard lock(mutex_);
      const std::size_t most = used_ + kept_ + size > most_used_ ? 4 * size : size;
      auto it = from(size);
      while (it != free_.end() && it->size <= most && it->blocks.empty()) ++it;
      if (it != free_.end() && it->size <= most) {
        size = it->size;
        p = it->blocks.back();
        it->blocks.pop_back();
        kept_ -= size;
      }
      used_ += size;
      most_used_ = std::max(most_used_, used_);
    }
    if (p == nullptr) p = static_cast<float*>(std::aligned_alloc(64, size));
    if (p == nullptr) {
      const std::lock_guard lock(mutex_);
      used_ -= size;
    }
    require_that(p != nullptr, Code::out_of_memory, "eigen",
                 [&] { return "expected " + std::to_string(size) + " bytes, got none"; });
    return {p, [pool = shared_from_this(), size](float* q) { pool->give(q, size); }};
  }

  /// Bytes in free blocks now.
  std::size_t kept_bytes() const {
    const std::lock_guard lock(mutex_);
    return kept_;
  }

 private:
  /// Powers of two up to 4 KiB, then eight steps to the octave (at most 12.5 % lost).
  static std::size_t size_class(std::size_t bytes) {
    if (bytes <= 4096) return std::bit_ceil(bytes < 64 ? std::size_t{64} : bytes);
    const std::size_t step = std::bit_floor(bytes) / 8;
    return (bytes + step - 1) / step * step;
  }
  void give(float* p, std::size_t size) {
    {
      const std::lock_guard lock(mutex_);
      used_ -= size;
      if (kept_ + size <= keep_bytes_) {
        auto it = from(size);
        if (it == free_.end() || it->size != size) it = free_.insert(it, Free{size, {}});
        it->blocks.push_back(p);
        kept_ += size;
        return;
      }
    }
    std::free(p);
  }

  struct Free {
    std::size_t size;
    std::vector<float*> blocks;
  };
  /// The first class of at least `size` bytes.
  std::vector<Free>::iterator from(std::size_t size) {
    return std::lower_bound(free_.begin(), free_.end(), size, [](const Free& f, std::size_t s) { return f.size < s; });
  }

  const std::size_t keep_bytes_;
  mutable std::mutex mutex_;
  std::vector<Free> free_;                           // by size, ascending
  std::size_t kept_ = 0, used_ = 0, most_used_ = 0;  // bytes in free blocks, in the others, and in those at most
};

}  // namespace arrcoc::eigen
