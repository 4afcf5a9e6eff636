#pragma once
// The backend that programs use: EigenBackend with the kernels of a path in place of this translation unit's own.
#include "arrcoc/eigen/path.hpp"

namespace arrcoc {

/// Needs the library arrcoc_paths, which libarrcoc holds; no kernel is compiled where this is used. `options`: those of
/// eigen::with_isa; Error{bad_config} for others, which name no kernels.
class EigenDispatch : public EigenBackend {
 public:
  explicit EigenDispatch(const EigenOptions& options, MadeForms made = {})
      : EigenBackend(options, path_in(options).bf16, std::move(made)), path_(options.path) {}

  Tensor linear(const Tensor& x, const Weight& w, const Weight& bias) const {
    return path_->linear_bias(*this, x, w, bias);
  }
  Tensor linear(const Tensor& x, const Weight& w) const { return path_->linear(*this, x, w); }
  Weight for_use(const Weight& w, WeightUse use, std::string_view matrix = {}) const {
    return path_->for_use(*this, w, use, matrix);
  }
  Tensor matmul(const Tensor& a, const Tensor& c, bool transpose_c) const {
    return path_->matmul(*this, a, c, transpose_c);
  }
  Tensor embedding(const Weight& w, std::span<const TokenId> ids) const { return path_->embedding(*this, w, ids); }
  Tensor embedding_bag(const Weight& w, std::span<const Index> ids, std::span<const float> weights, Index k) const {
    return path_->embedding_bag(*this, w, ids, weights, k);
  }
  Tensor layer_norm(const Tensor& x, const Weight& w, const Weight& bias, float eps) const {
    return path_->layer_norm(*this, x, w, bias, eps);
  }
  Tensor rms_norm(const Tensor& x, const Weight& w, float eps) const { return path_->rms_norm(*this, x, w, eps); }
  Tensor softmax(const Tensor& x) const { return path_->softmax(*this, x); }
  Tensor l2_normalize(const Tensor& x) const { return path_->l2_normalize(*this, x); }
  Tensor sum_rows(const Tensor& x) const { return path_->sum_rows(*this, x); }
  Tensor mean_rows(const Tensor& x) const { return path_->mean_rows(*this, x); }
  Tensor sum_cols(const Tensor& x) const { return path_->sum_cols(*this, x); }
  Tensor max_cols(const Tensor& x) const { return path_->max_cols(*this, x); }
  Tensor gelu(const Tensor& x, Gelu kind) const { return path_->gelu(*this, x, kind); }
  Tensor silu_mul(const Tensor& gate, const Tensor& up) const { return path_->silu_mul(*this, gate, up); }
  Tensor add(const Tensor& a, const Tensor& b) const { return path_->add(*this, a, b); }
  Tensor mul(const Tensor& a, const Tensor& b) const { return path_->mul(*this, a, b); }
  Tensor scale(const Tensor& x, float s) const { return path_->scale(*this, x, s); }
  Tensor bag_rows(const Tensor& x, std::span<const Index> idx, std::span<const float> weights, Index k) const {
    return path_->bag_rows(*this, x, idx, weights, k);
  }
  Tensor scatter_add_rows(const Tensor& x, std::span<const Index> idx, const Tensor& src) const {
    return path_->scatter_add_rows(*this, x, idx, src);
  }
  Tensor rope(const Tensor& x, Index heads, const Tensor& cos, const Tensor& sin) const {
    return path_->rope(*this, x, heads, cos, sin);
  }
  Attended<Tensor> attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionSpec& spec) const {
    return path_->attention(*this, q, k, v, spec);
  }
  Tensor conv2d(const Tensor& x, const Weight& w, const Weight& bias, const Conv2dSpec& s) const {
    return path_->conv2d(*this, x, w, bias, s);
  }
  Tensor avg_pool(const Tensor& x, const Conv2dSpec& s) const { return path_->avg_pool(*this, x, s); }

 private:
  static const eigen::Path& path_in(const EigenOptions& options) {
    require_that(options.path != nullptr, Code::bad_config, "eigen",
                 "options: expected those of with_isa, got no kernels");
    return *options.path;
  }

  const eigen::Path* path_;
};
static_assert(check_backend<EigenDispatch>());

}  // namespace arrcoc
