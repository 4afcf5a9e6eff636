#pragma once
// Tokens are dropped between blocks of the vision tower, or between layers of the language model; or a first look with
// some layers chooses who enters it again.
#include <string>

#include "arrcoc/core/request.hpp"
#include "arrcoc/injectors/injector.hpp"

namespace arrcoc {

struct TowerDropConfig {
  Index before = -1;  ///< block of the tower that the dropped tokens never enter; negative: from the end
  bool operator==(const TowerDropConfig&) const = default;
};

/// Whole 2x2 patch groups go before a block. DeepStack levels tapped before are gathered to the survivors.
struct TowerDropInjector {
  static constexpr std::string_view name = "tower";
  static constexpr Phase phase = Phase::tower;
  static constexpr unsigned honours = Honour::depth;
  using Config = TowerDropConfig;
  Config config{};
  Index before() const { return config.before; }
};

struct LayerDropConfig {
  double before = 2;  ///< layer that the dropped tokens never enter; negative: from the end, in (0, 1): at that share
  std::string validate() const {
    return names_depth(before, 4096)
               ? ""
               : "before: expected a layer, or a share of the depth in (0, 1), got " + std::to_string(before);
  }
  bool operator==(const LayerDropConfig&) const = default;
};

/// Rows go before a layer: they have no key or value from there on, and each layer's cache has its own length. Text
/// rows and positions stay. (FastV: Chen et al. 2024, section 4.1, drops so before layer K.)
struct LayerDropInjector {
  static constexpr std::string_view name = "layer";
  static constexpr Phase phase = Phase::layer;
  static constexpr unsigned honours = Honour::none;
  using Config = LayerDropConfig;
  Config config{};
  Index before() const { return index_at(config.before); }
};

struct ReversibleConfig {
  Index before =
      2;  ///< first layer of the language model that looks at the chosen tokens alone; negative: from the end
  bool operator==(const ReversibleConfig&) const = default;
};

/// A budget that can be taken back: everything stays in the cache, and each token that is fed back chooses anew what
/// the layers from `before` on look at, by what the layers in front of it saw. The prompt, and so the answer's first
/// token, sees everything. An experiment: hidden rows are masked, which saves no work. (DSTP and FastOCR choose again
/// at each decoded token, the whole cache kept; strategies.md 19.)
struct ReversibleInjector {
  static constexpr std::string_view name = "reversible";
  static constexpr Phase phase = Phase::layer;
  static constexpr unsigned honours = Honour::none;
  static constexpr bool reversible = true;
  using Config = ReversibleConfig;
  Config config{};
  Index before() const { return config.before; }
};

struct AgainConfig {
  Index before = 3;  ///< layers of the language model that the first look runs; at most all of them
  bool operator==(const AgainConfig&) const = default;
};

/// Two looks: the first layers run over everything that lives, the decision reads them, and the language model begins
/// again at layer 0 with those that were kept. As SELECT, but the choice knows how the model itself reads the question.
/// The first look is paid for: its layers are counted as evidence.
struct AgainInjector {
  static constexpr std::string_view name = "again";
  static constexpr Phase phase = Phase::layer;
  static constexpr unsigned honours = Honour::depth;
  static constexpr bool again = true;
  using Config = AgainConfig;
  Config config{};
  Index before() const { return config.before; }
};

}  // namespace arrcoc
