#pragma once
// What is hot beside a backend's kernels: compiled once, in builtin_stages.cpp and image/resize_rows.cpp, with all of
// the compiler's work.
#include "arrcoc/core/check_finite.hpp"
#include "arrcoc/pipeline/pipeline.hpp"
#include "arrcoc/qwen3vl/resize.hpp"

namespace arrcoc {

extern template std::shared_ptr<const SimilarityRows> cosines_of<Similarity>(const HostTensor&);
extern template Index detail::first_suspect<std::uint16_t>(const std::byte*, Index, std::uint16_t);
extern template Index detail::first_suspect<std::uint32_t>(const std::byte*, Index, std::uint32_t);
extern template Image qwen3vl::detail::resize_height<64>(ImageView, Index, Resize, Resampling);

}  // namespace arrcoc
