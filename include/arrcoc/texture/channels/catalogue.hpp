#pragma once
// Every channel by name, and the sets that are made of them.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/config.hpp"
#include "arrcoc/core/split.hpp"
#include "arrcoc/texture/channels/colour.hpp"
#include "arrcoc/texture/channels/duplicate_block.hpp"
#include "arrcoc/texture/channels/edge_distance.hpp"
#include "arrcoc/texture/channels/gabor.hpp"
#include "arrcoc/texture/channels/gradients.hpp"
#include "arrcoc/texture/channels/hats.hpp"
#include "arrcoc/texture/channels/on_off.hpp"
#include "arrcoc/texture/channels/position.hpp"
#include "arrcoc/texture/channels/slic.hpp"
#include "arrcoc/texture/channels/spectral_residual.hpp"
#include "arrcoc/texture/channels/statistics.hpp"
#include "arrcoc/texture/channels/strokes.hpp"
#include "arrcoc/texture/texture13.hpp"

namespace arrcoc::texture {

/// All of texture13's channels, from its one integer pass.
struct Texture13Family {
  static constexpr auto names = Texture13::channel_names;
  static void fill(Picture& p, const Boxes& boxes, std::span<std::vector<float>> out) {
    std::vector<Place> places;
    for (const PixelBox& b : boxes) places.push_back(b.place);
    const Textures t = Texture13{}.generate(p.image, TokenSet(p.grid, std::move(places)));
    for (std::size_t k = 0; k < names.size(); ++k)
      for (std::size_t i = 0; i < out[k].size(); ++i) out[k][i] = t.values[i * names.size() + k];
  }
};

template <class F>
constexpr ChannelFamily family() {
  return {F::names, F::fill};
}
inline constexpr ChannelFamily families[] = {
    family<Texture13Family>(),     family<ColourFamily>(),       family<PositionFamily>(),
    family<GradientFamily>(),      family<StatisticsFamily>(),   family<SpectralResidualFamily>(),
    family<GaborFamily>(),         family<OnOffFamily>(),        family<HatsFamily>(),
    family<StrokesFamily>(),       family<EdgeDistanceFamily>(), family<SlicFamily>(),
    family<DuplicateBlockFamily>()};

/// What one picture cannot say: channels that are filled from a file or refused.
inline constexpr std::string_view slots[] = {"temporal_difference", "flow", "depth", "mask", "attention"};

struct ChannelSet {
  std::string_view name, channels;
};
inline constexpr ChannelSet sets[] = {
    {"d28_13",
     "red+green+blue+row+col+eccentricity+sobel_abs+on_dog+off_dog+luma.3+local_variance+spectral_residual+"
     "edge_distance"},
    {"d28_17",
     "red+green+blue+row+col+eccentricity+sobel_abs+on_dog+off_dog+luma.3+local_variance+spectral_residual+"
     "edge_distance+cluster_distance+black_hat+top_hat+text_likeness"},
    {"full40",
     "red+green+blue+lab_l+lab_a+lab_b+row+col+eccentricity+polar_angle+sobel_x+sobel_y+sobel_abs+orientation+"
     "coherence+corner+colour_contrast+intensity_contrast+orientation_contrast+spectral_residual+local_variance+"
     "intensity_entropy+gradient_entropy+gabor_0+gabor_45+gabor_90+gabor_135+on_dog+off_dog+black_hat+top_hat+"
     "stroke_width+text_likeness+edge_distance+cluster_distance+slic_distance+slic_size+duplicate_block+luma.3+"
     "edge_entropy"}};

/// One channel as it was asked for: `wide` times as high and as wide a box around the same middle.
struct Channel {
  std::string name;  // as written, "luma.3"
  std::string base;  // "luma"
  Index wide = 1;    // 1, 3, 5, 7 or 9
};

inline std::vector<std::string> channel_names() {
  std::vector<std::string> out;
  for (const ChannelFamily& f : families) out.insert(out.end(), f.names.begin(), f.names.end());
  out.insert(out.end(), std::begin(slots), std::end(slots));
  return out;
}

/// "luma+sobel_abs.3+d28_13" -> channels, sets unfolded, each once. `wrong`: what is not, empty when all is.
inline std::vector<Channel> parse_channels(std::string_view text, std::string& wrong) {
  std::vector<Channel> out;
  const std::vector<std::string> known = channel_names();
  for (const std::string& word : arrcoc::split(text, '+')) {
    const auto set =
        std::find_if(std::begin(sets), std::end(sets), [&](const ChannelSet& s) { return s.name == word; });
    for (const std::string& one : set == std::end(sets) ? std::vector{word} : arrcoc::split(set->channels, '+')) {
      Channel c{one, one.substr(0, one.find('.')), 1};
      const std::string tail = one.substr(c.base.size());
      const bool sized = tail == ".3" || tail == ".5" || tail == ".7" || tail == ".9";
      if (sized) c.wide = tail[1] - '0';
      if (std::find(known.begin(), known.end(), c.base) == known.end()) {
        std::string sets_too;
        for (const ChannelSet& s : sets) sets_too += ", " + std::string(s.name);
        wrong = "channels: no channel is named '" + c.base + "'" + nearest_names(c.base, known) +
                "; sets: " + sets_too.substr(2);
        return {};
      }
      if (!tail.empty() && !sized) {
        wrong = "channels: expected .3, .5, .7 or .9 behind '" + c.base + "', got '" + tail + "'";
        return {};
      }
      if (std::none_of(out.begin(), out.end(), [&](const Channel& o) { return o.name == one; })) out.push_back(c);
    }
  }
  return out;
}

}  // namespace arrcoc::texture
