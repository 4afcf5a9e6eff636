#pragma once
// Stages whose settings name files: heads of trained ones, maps of others. libarrcoc reads them.
#include <filesystem>
#include <memory>

#include "arrcoc/allocators/depth/learned_depth.hpp"
#include "arrcoc/balancers/learned.hpp"
#include "arrcoc/balancers/policy.hpp"
#include "arrcoc/balancers/tension.hpp"
#include "arrcoc/scorers/control/given.hpp"
#include "arrcoc/scorers/learned/learned.hpp"
#include "arrcoc/scorers/learned/saliency_network.hpp"
#include "arrcoc/scorers/learned/texture_coupling.hpp"
#include "arrcoc/texture/named.hpp"

namespace arrcoc {

/// Read and check a head (src/model/learned_head.cpp). Error 401..404.
std::shared_ptr<const LearnedHead<HostTensor>> read_learned_head(const std::filesystem::path& file);
std::shared_ptr<const BalancerHead> read_balancer_head(const std::filesystem::path& file);
std::shared_ptr<const DepthHead> read_depth_head(const std::filesystem::path& file);

/// Layers PREFIX.0.weight, PREFIX.0.bias, PREFIX.2.weight, ... in float32. Error 401..404.
std::shared_ptr<const SmallNetwork> read_small_network(const std::filesystem::path& file, const std::string& prefix);
std::shared_ptr<const ConvNetwork> read_conv_network(const std::filesystem::path& file, const std::string& prefix);
std::shared_ptr<const CouplingNetwork> read_coupling_network(const std::filesystem::path& file);

/// Numbers [rows, cols] of an .npy file, finite. Error 401, 402, 410.
Plane<float> read_map(const std::filesystem::path& file);
/// "depth=a.npy+mask=b.npy" -> maps by channel. Error{bad_config} for a pair without =, a channel that is not among the
/// known, or one that stands twice.
TextureMaps read_maps(std::string_view text, const std::vector<std::string>& known);

/// Reads what `maps` or `file` names.
struct LoadMaps {
  template <class T>
  requires requires(T t) { t.config.maps; }
  void operator()(T& t) const {
    if (!t.config.maps.empty())
      t.maps = std::make_shared<const TextureMaps>(read_maps(t.config.maps, texture::channel_names()));
  }
  void operator()(GivenScorer& s) const {
    if (!s.config.file.empty()) s.map = std::make_shared<const Plane<float>>(read_map(s.config.file));
  }
};

/// Reads what `weights` names; without it a stage can be made and described, not used.
struct LoadHead {
  void operator()(LearnedScorer& s) const {
    if (!s.config.weights.empty()) s.head = read_learned_head(s.config.weights);
  }
  void operator()(LearnedBalancer& s) const {
    if (!s.config.weights.empty()) s.head = read_balancer_head(s.config.weights);
  }
  void operator()(SaliencyNetworkScorer& s) const {
    if (!s.config.weights.empty()) s.network = read_conv_network(s.config.weights, "saliency");
  }
  void operator()(TextureCouplingScorer& s) const {
    if (!s.config.weights.empty()) s.network = read_coupling_network(s.config.weights);
  }
  void operator()(PolicyBalancer& s) const {
    if (!s.config.weights.empty()) s.network = read_small_network(s.config.weights, "policy");
  }
  void operator()(AdaptiveTensionBalancer& s) const {
    if (!s.config.head.empty()) s.network = read_small_network(s.config.head, "tension");
  }
  void operator()(LearnedDepthAllocator& s) const {
    if (!s.config.weights.empty()) s.head = read_depth_head(s.config.weights);
  }
};

}  // namespace arrcoc
