#pragma once
// What the kernels work on: tensors, weights and caches.
#include <memory>
#include <string>
#include <utility>

#include "arrcoc/core/host_tensor.hpp"
#include "arrcoc/eigen/memory.hpp"

namespace arrcoc::eigen {

/// float32 [rows, cols], row-major with a row stride, a handle on shared memory. Never mutated once a kernel has
/// returned it.
class Tensor {
 public:
  Tensor() = default;
  Tensor(std::shared_ptr<float> memory, Index rows, Index cols, Index stride)
      : memory_(std::move(memory)), rows_(rows), cols_(cols), stride_(stride) {}

  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  Index stride() const { return stride_; }
  const float* data() const { return memory_.get(); }
  const float* row(Index i) const { return memory_.get() + i * stride_; }
  bool contiguous() const { return stride_ == cols_ || rows_ <= 1; }
  /// For kernels that fill a tensor they have just made.
  float* fill(Index i = 0) { return memory_.get() + i * stride_; }

  /// A view of rows [i, i + rows) and columns [j, j + cols).
  Tensor window(Index i, Index rows, Index j, Index cols) const {
    return {std::shared_ptr<float>(memory_, memory_.get() + i * stride_ + j), rows, cols, stride_};
  }
  /// The same memory in another shape; only if contiguous.
  Tensor reshaped(Index rows, Index cols) const { return {memory_, rows, cols, cols}; }
  const std::shared_ptr<float>& memory() const { return memory_; }

 private:
  std::shared_ptr<float> memory_;
  Index rows_ = 0, cols_ = 0, stride_ = 0;
};

inline std::string shape_of(const Tensor& t) {
  return "[" + std::to_string(t.rows()) + ", " + std::to_string(t.cols()) + "]";
}

struct Quantised;  // quantised.hpp

/// A matrix [out, in], in the type and memory it came in, or in int8 or int4; or a vector [1, n] widened to float32.
class Weight {
 public:
  Weight() = default;
  Weight(HostTensor values, Index out, Index in, bool transposed)
      : values_(std::move(values)), out_(out), in_(in), transposed_(transposed) {}
  template <class Q>
  explicit Weight(std::shared_ptr<const Q> quantised)
      : out_(quantised->out), in_(quantised->in), quantised_(std::move(quantised)) {}

  Index out() const { return out_; }
  Index in() const { return in_; }
  DType dtype() const { return values_.dtype; }
  bool transposed() const { return transposed_; }  // stored as [in, out]
  Index stored_cols() const { return transposed_ ? out_ : in_; }
  /// Row i as stored. T is float for f32 and std::uint16_t for bf16 and f16.
  template <class T>
  const T* stored_row(Index i) const {
    return reinterpret_cast<const T*>(values_.data) + i * stored_cols();
  }
  const HostTensor& values() const { return values_; }
  const Quantised* quantised() const { return quantised_.get(); }  // null: as stored

 private:
  HostTensor values_;
  Index out_ = 0, in_ = 0;
  bool transposed_ = false;
  std::shared_ptr<const Quantised> quantised_;
};

inline std::string shape_of(const Weight& w) {
  return "[" + std::to_string(w.out()) + ", " + std::to_string(w.in()) + "]";
}

/// Keys and values of one layer. Rows already handed out as tensors are never written again; a copy has memory of its
/// own.
class Cache {
 public:
  Cache() = default;
  Cache(std::shared_ptr<MemoryPool> pool, Index capacity, Index width)
      : pool_(std::move(pool)),
        capacity_(capacity < 1 ? 1 : capacity),
        width_(width),
        keys_(pool_->take(capacity_ * width)),
        values_(pool_->take(capacity_ * width)) {}
  Cache(const Cache& other) : pool_(other.pool_), capacity_(other.capacity_), width_(other.width_) {
    if (pool_) move_to(other.capacity_, other);
  }
  Cache& operator=(const Cache& other) { return *this = Cache(other); }
  Cache(Cache&&) noexcept = default;
  Cache& operator=(Cache&&) noexcept = default;
  ~Cache() = default;

  Index rows() const { return rows_; }
  Index width() const { return width_; }
  Index capacity() const { return capacity_; }
  Tensor keys() const { return {keys_, rows_, width_, width_}; }
  Tensor values() const { return {values_, rows_, width_, width_}; }

  void append(const Tensor& k, const Tensor& v) {
    const Index needed = rows_ + k.rows();
    if (needed > capacity_) move_to(needed > 2 * capacity_ ? needed : 2 * capacity_, *this);
    for (Index i = 0; i < k.rows(); ++i) {
      copy(k.row(i), keys_.get() + (rows_ + i) * width_, width_);
      copy(v.row(i), values_.get() + (rows_ + i) * width_, width_);
    }
    rows_ = needed;
  }

 private:
  static void copy(const float* from, float* to, Index n) {
    if (n > 0) std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(float));
  }
  void move_to(Index capacity, const Cache& from) {
    auto keys = pool_->take(capacity * width_), values = pool_->take(capacity * width_);
    copy(from.keys_.get(), keys.get(), from.rows_ * width_);
    copy(from.values_.get(), values.get(), from.rows_ * width_);
    rows_ = from.rows_;
    capacity_ = capacity;
    keys_ = std::move(keys);
    values_ = std::move(values);
  }

  std::shared_ptr<MemoryPool> pool_;
  Index capacity_ = 0, width_ = 0, rows_ = 0;
  std::shared_ptr<float> keys_, values_;
};

}  // namespace arrcoc::eigen
