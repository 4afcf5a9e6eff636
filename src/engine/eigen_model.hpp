#pragma once
// The model of the eigen backend is put together in one unit, engine_eigen.cpp.
#include "arrcoc/eigen/dispatch.hpp"
#include "arrcoc/qwen3vl/model.hpp"

namespace arrcoc::qwen3vl {

extern template VisionTower<EigenDispatch>::VisionTower(EigenDispatch&, const VisionConfig&, const WeightLookup&);
extern template LanguageModel<EigenDispatch>::LanguageModel(EigenDispatch&, const TextConfig&, const WeightLookup&);

}  // namespace arrcoc::qwen3vl
