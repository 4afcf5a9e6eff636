// The part of resizing that is all of its time, once for the engines (engine/hot.hpp).
#include "arrcoc/qwen3vl/resize.hpp"

namespace arrcoc {

template Image qwen3vl::detail::resize_height<64>(ImageView, Index, Resize, Resampling);

}  // namespace arrcoc
