#pragma once
// What is hot beside a backend's kernels: compiled in builtin_stages.cpp, with all of the compiler's work, and nowhere
// else.
#include "arrcoc/core/check_finite.hpp"
#include "arrcoc/pipeline/pipeline.hpp"

namespace arrcoc {

extern template std::shared_ptr<const SimilarityRows> cosines_of<Similarity>(const HostTensor&);
extern template Index detail::first_suspect<std::uint16_t>(const std::byte*, Index, std::uint16_t);
extern template Index detail::first_suspect<std::uint32_t>(const std::byte*, Index, std::uint32_t);

}  // namespace arrcoc
