#pragma once
// What the parts of TorchBackend share: shape checks, and the edge where autograd is switched and the library's
// exceptions end.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <new>
#include <string>

#include "arrcoc/torch.hpp"

namespace arrcoc::torch_detail {

inline std::string first_line(const char* text) {
  std::string s(text);
  s.resize(std::min(s.find('\n'), s.size()));
  return s;
}

template <class F>
auto edge(std::string_view where, const TorchOptions& o, F&& f) {
  const c10::AutoGradMode mode(o.keep_graph && c10::GradMode::is_enabled());
  try {
    return f();
  } catch (const c10::OutOfMemoryError& e) {
    fail(Code::out_of_memory, where, first_line(e.what_without_backtrace()));
  } catch (const c10::Error& e) {
    const std::string sentence = first_line(e.what_without_backtrace());
    // The CPU allocator reports through the general class.
    fail(sentence.find("can't allocate memory") != std::string::npos ? Code::out_of_memory : Code::device_error, where,
         sentence);
  } catch (const std::bad_alloc&) { fail(Code::out_of_memory, where, "host memory exhausted"); }
}

inline std::string shape_of(const at::Tensor& t) {
  return t.defined() ? shape_text({t.sizes().data(), static_cast<std::size_t>(t.dim())}) : "no tensor";
}

inline void need(bool ok, std::string_view where, std::string_view expected, const at::Tensor& got) {
  require_that(ok, Code::shape_mismatch, where,
               [&] { return "expected " + std::string(expected) + ", got " + shape_of(got); });
}
inline void need_matrix(const at::Tensor& t, std::string_view where) {
  need(t.defined() && t.dim() == 2, where, "a [rows, cols] tensor", t);
}
inline void need_width(const at::Tensor& t, Index cols, std::string_view where) {
  need(t.defined() && t.dim() == 2 && t.size(1) == cols, where, "[rows, " + std::to_string(cols) + "]", t);
}
inline void need_weight(const at::Tensor& w, Index n, std::string_view where) {
  need(w.defined() && w.dim() == 1 && w.size(0) == n, where, "a weight [" + std::to_string(n) + "]", w);
}
inline void need_repeatable(const at::Tensor& a, const at::Tensor& b, std::string_view where) {
  need_matrix(a, where);
  need(b.defined() && b.dim() == 2 && b.size(1) == a.size(1) && (b.size(0) == a.size(0) || b.size(0) == 1), where,
       shape_of(a) + " or one row of it", b);
}

/// On the device, checked against the rows it points into. A copy: autograd may hold it longer than the caller's span
/// lives.
template <class T>
at::Tensor index_tensor(std::span<const T> idx, Index rows, at::Device device, std::string_view where) {
  for (const T i : idx)
    require_that(i >= 0 && static_cast<Index>(i) < rows, Code::shape_mismatch, where,
                 [&] { return "row index: expected in [0, " + std::to_string(rows) + "), got " + std::to_string(i); });
  at::Tensor t = at::empty({static_cast<Index>(idx.size())}, at::kLong);
  std::copy(idx.begin(), idx.end(), t.mutable_data_ptr<Index>());
  return t.to(device);
}

}  // namespace arrcoc::torch_detail
