#pragma once
// The heads of trained stages: their settings name files, which libarrcoc reads.
#include <filesystem>
#include <memory>

#include "arrcoc/allocators/depth/learned_depth.hpp"
#include "arrcoc/balancers/learned.hpp"
#include "arrcoc/scorers/learned/learned.hpp"

namespace arrcoc {

/// Read and check a head (src/model/learned_head.cpp). Error 401..404.
std::shared_ptr<const LearnedHead<HostTensor>> read_learned_head(const std::filesystem::path& file);
std::shared_ptr<const BalancerHead> read_balancer_head(const std::filesystem::path& file);
std::shared_ptr<const DepthHead> read_depth_head(const std::filesystem::path& file);

/// Reads what `weights` names; without it a stage can be made and described, not used.
struct LoadHead {
  void operator()(LearnedScorer& s) const {
    if (!s.config.weights.empty()) s.head = read_learned_head(s.config.weights);
  }
  void operator()(LearnedBalancer& s) const {
    if (!s.config.weights.empty()) s.head = read_balancer_head(s.config.weights);
  }
  void operator()(LearnedDepthAllocator& s) const {
    if (!s.config.weights.empty()) s.head = read_depth_head(s.config.weights);
  }
};

}  // namespace arrcoc
