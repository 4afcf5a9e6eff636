// Which kernels stand for an instruction set. ARRCOC_PATHS: there is more than what the build's flags give.
#include "arrcoc/eigen/path.hpp"
#include "arrcoc/eigen/roofs.hpp"

namespace arrcoc::eigen {

#ifdef ARRCOC_PATHS
extern const Path path_generic, path_avx2, path_avx512, path_avx512bf16;
extern const Roofs roofs_generic, roofs_avx2, roofs_avx512, roofs_avx512bf16;

namespace {
template <class T>
const T* of(Isa isa, const T& generic, const T& avx2, const T& avx512, const T& avx512bf16) {
  switch (isa) {
    case Isa::automatic: return nullptr;
    case Isa::generic: return &generic;
    case Isa::avx2: return &avx2;
    case Isa::avx512: return &avx512;
    case Isa::avx512bf16:
    case Isa::amx: return &avx512bf16;
  }
  return nullptr;
}
}  // namespace

const Path* path_of(Isa isa) { return of(isa, path_generic, path_avx2, path_avx512, path_avx512bf16); }
const Roofs* roofs_of(Isa isa) { return of(isa, roofs_generic, roofs_avx2, roofs_avx512, roofs_avx512bf16); }
#else
extern const Path path_own;
extern const Roofs roofs_own;

const Path* path_of(Isa isa) { return std::min(isa, Isa::avx512bf16) == path_own.isa ? &path_own : nullptr; }
const Roofs* roofs_of(Isa isa) { return path_of(isa) != nullptr ? &roofs_own : nullptr; }
#endif

}  // namespace arrcoc::eigen
