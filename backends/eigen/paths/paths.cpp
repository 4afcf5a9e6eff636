// Which kernels stand for an instruction set. ARRCOC_PATHS: there is more than what the build's flags give.
#include "arrcoc/eigen/path.hpp"

namespace arrcoc::eigen {

#ifdef ARRCOC_PATHS
extern const Path path_generic, path_avx2, path_avx512, path_avx512bf16;

const Path* path_of(Isa isa) {
  switch (isa) {
    case Isa::automatic: return nullptr;
    case Isa::generic: return &path_generic;
    case Isa::avx2: return &path_avx2;
    case Isa::avx512: return &path_avx512;
    case Isa::avx512bf16:
    case Isa::amx: return &path_avx512bf16;
  }
  return nullptr;
}
#else
extern const Path path_own;

const Path* path_of(Isa isa) { return std::min(isa, Isa::avx512bf16) == path_own.isa ? &path_own : nullptr; }
#endif

}  // namespace arrcoc::eigen
