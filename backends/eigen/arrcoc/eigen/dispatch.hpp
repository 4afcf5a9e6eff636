#pragma once
// The backend that programs use: its own kernels, as this translation unit is compiled, or those of a path.
#include "arrcoc/eigen/path.hpp"

namespace arrcoc {

/// A template as EigenOn is, for the same reason.
template <class Threads>
class EigenDispatch : public EigenOn<Threads> {
  using Own = EigenOn<Threads>;

 public:
  using typename Own::Tensor;
  using typename Own::Weight;

  explicit EigenDispatch(const EigenOptions& options = {}, MadeForms made = {})
      : Own(options, options.path != nullptr ? options.path->bf16 : eigen::bf16_products, std::move(made)),
        path_(options.path) {}

  Tensor linear(const Tensor& x, const Weight& w, const Weight& bias) const {
    return path_ != nullptr ? path_->linear_bias(*this, x, w, bias) : Own::linear(x, w, bias);
  }
  Tensor linear(const Tensor& x, const Weight& w) const {
    return path_ != nullptr ? path_->linear(*this, x, w) : Own::linear(x, w);
  }
  Weight for_use(const Weight& w, WeightUse use, std::string_view matrix = {}) const {
    return path_ != nullptr ? path_->for_use(*this, w, use, matrix) : Own::for_use(w, use, matrix);
  }
  Tensor matmul(const Tensor& a, const Tensor& c, bool transpose_c) const {
    return path_ != nullptr ? path_->matmul(*this, a, c, transpose_c) : Own::matmul(a, c, transpose_c);
  }
  Tensor embedding(const Weight& w, std::span<const TokenId> ids) const {
    return path_ != nullptr ? path_->embedding(*this, w, ids) : Own::embedding(w, ids);
  }
  Tensor embedding_bag(const Weight& w, std::span<const Index> ids, std::span<const float> weights, Index k) const {
    return path_ != nullptr ? path_->embedding_bag(*this, w, ids, weights, k) : Own::embedding_bag(w, ids, weights, k);
  }
  Tensor layer_norm(const Tensor& x, const Weight& w, const Weight& bias, float eps) const {
    return path_ != nullptr ? path_->layer_norm(*this, x, w, bias, eps) : Own::layer_norm(x, w, bias, eps);
  }
  Tensor rms_norm(const Tensor& x, const Weight& w, float eps) const {
    return path_ != nullptr ? path_->rms_norm(*this, x, w, eps) : Own::rms_norm(x, w, eps);
  }
  Tensor softmax(const Tensor& x) const { return path_ != nullptr ? path_->softmax(*this, x) : Own::softmax(x); }
  Tensor l2_normalize(const Tensor& x) const {
    return path_ != nullptr ? path_->l2_normalize(*this, x) : Own::l2_normalize(x);
  }
  Tensor sum_rows(const Tensor& x) const { return path_ != nullptr ? path_->sum_rows(*this, x) : Own::sum_rows(x); }
  Tensor mean_rows(const Tensor& x) const { return path_ != nullptr ? path_->mean_rows(*this, x) : Own::mean_rows(x); }
  Tensor sum_cols(const Tensor& x) const { return path_ != nullptr ? path_->sum_cols(*this, x) : Own::sum_cols(x); }
  Tensor max_cols(const Tensor& x) const { return path_ != nullptr ? path_->max_cols(*this, x) : Own::max_cols(x); }
  Tensor gelu(const Tensor& x, Gelu kind) const {
    return path_ != nullptr ? path_->gelu(*this, x, kind) : Own::gelu(x, kind);
  }
  Tensor silu_mul(const Tensor& gate, const Tensor& up) const {
    return path_ != nullptr ? path_->silu_mul(*this, gate, up) : Own::silu_mul(gate, up);
  }
  Tensor add(const Tensor& a, const Tensor& b) const {
    return path_ != nullptr ? path_->add(*this, a, b) : Own::add(a, b);
  }
  Tensor mul(const Tensor& a, const Tensor& b) const {
    return path_ != nullptr ? path_->mul(*this, a, b) : Own::mul(a, b);
  }
  Tensor scale(const Tensor& x, float s) const {
    return path_ != nullptr ? path_->scale(*this, x, s) : Own::scale(x, s);
  }
  Tensor bag_rows(const Tensor& x, std::span<const Index> idx, std::span<const float> weights, Index k) const {
    return path_ != nullptr ? path_->bag_rows(*this, x, idx, weights, k) : Own::bag_rows(x, idx, weights, k);
  }
  Tensor scatter_add_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const {
    return path_ != nullptr ? path_->scatter_add_rows(*this, x, idx, src) : Own::scatter_add_rows(x, idx, src);
  }
  Tensor rope(const Tensor& x, Index heads, const Tensor& cos, const Tensor& sin) const {
    return path_ != nullptr ? path_->rope(*this, x, heads, cos, sin) : Own::rope(x, heads, cos, sin);
  }
  Attended<Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& spec) const {
    return path_ != nullptr ? path_->attention(*this, q, k, v, spec) : Own::attention(q, k, v, spec);
  }
  Tensor conv2d(const Tensor& x, const Weight& w, const Weight& bias, const Conv2dSpec& s) const {
    return path_ != nullptr ? path_->conv2d(*this, x, w, bias, s) : Own::conv2d(x, w, bias, s);
  }
  Tensor avg_pool(const Tensor& x, const Conv2dSpec& s) const {
    return path_ != nullptr ? path_->avg_pool(*this, x, s) : Own::avg_pool(x, s);
  }

 private:
  const eigen::Path* path_;
};

using EigenBackend = EigenDispatch<eigen::ThreadPool>;
static_assert(check_backend<EigenBackend>());

}  // namespace arrcoc
