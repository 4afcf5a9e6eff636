#pragma once
// Failure detectors on a pipeline by name.
#include <filesystem>
#include <vector>

#include "arrcoc/measure/detectors.hpp"
#include "arrcoc/registry/grammar.hpp"

namespace arrcoc {

/// What the detectors of measure/detectors.hpp and measure/assembly_detectors.hpp find in a pipeline, strategies of
/// plug-ins among its stages, without a model. Error as of making the pipeline.
std::vector<detect::Found> detect_faults(const PipelineSpec& pipeline,
                                         const std::vector<std::filesystem::path>& plugins = {});

}  // namespace arrcoc
