#pragma once
// Textures of channels chosen by name.
#include <map>
#include <memory>
#include <utility>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/texture/channels/catalogue.hpp"
#include "arrcoc/texture/motion.hpp"

namespace arrcoc {

/// Maps that fill channels: [rows, cols] f32 over the whole picture, of any resolution.
using TextureMaps = std::map<std::string, Plane<float>, std::less<>>;

struct NamedTextureConfig {
  std::string channels = "row+col+luma+saturation+sobel_abs+on_dog+off_dog+text_likeness";  ///< channels and sets, by +
  /// NAME=FILE.npy, joined by +: [rows, cols] over the whole picture; takes the computed one's place
  std::string maps = {};
  std::string validate() const {
    std::string wrong;
    (void)texture::parse_channels(channels, wrong);
    return wrong;
  }
  bool operator==(const NamedTextureConfig&) const = default;
};

/// [H, W, 3] uint8 and places -> [N, C], channels by name (docs/strategies.md has them all), each box-integrated over
/// the place from native pixels; NAME.3 (.5, .7, .9) over a box so many times as high and wide around the same middle,
/// cut at the rim: the same channel on a coarser scale. Channels of a family share their passes. A channel that one
/// picture cannot fill (temporal_difference, flow, depth, mask, attention) comes from a file or is refused; of a clip
/// the first two are filled from its frames, the others from the first frame of each temporal patch. Cost: the sum of
/// the families'.
struct NamedTexture {
  static constexpr std::string_view name = "named";
  using Config = NamedTextureConfig;
  Config config{};
  std::shared_ptr<const TextureMaps> maps = {};  // of config.maps, read by whoever can read files

  /// temporal_difference and flow: means over the steps that lead to the patch's frames, from `before` (empty: none)
  /// and from each frame to the next; 0 without a step.
  Textures generate_pair(std::span<const ImageView> frames, ImageView before, const TokenSet& tokens) const {
    std::string wrong;
    auto all = std::make_shared<TextureMaps>(maps ? *maps : TextureMaps{});
    for (const texture::Channel& c : texture::parse_channels(config.channels, wrong)) {
      require_that(!maps || !maps->contains(c.base), Code::bad_config, name, [&] {
        return "maps: a file is a plane of one picture: expected none for channel '" + c.base + "' of a clip";
      });
      if (all->contains(c.base)) continue;
      if (c.base == "temporal_difference")
        (*all)[c.base] =
            mean_of_steps(frames, before, frames.front().height, frames.front().width,
                          [](ImageView now, ImageView then) { return texture::temporal_difference(now, then); });
      if (c.base == "flow")
        (*all)[c.base] =
            mean_of_steps(frames, before, tokens.grid.rows, tokens.grid.cols,
                          [&](ImageView now, ImageView then) { return texture::flow(now, then, tokens.grid); });
    }
    NamedTexture one = *this;
    one.maps = std::move(all);
    return one.generate(frames.front(), tokens);
  }

  Textures generate(ImageView image, const TokenSet& tokens) const {
    require_that(!image.empty(), Code::shape_mismatch, name, "expected a picture, got an empty one");
    require_that(tokens.grid.rows > 0 && tokens.grid.cols > 0, Code::shape_mismatch, name, [&] {
      return "expected a grid of at least 1 x 1, got " + std::to_string(tokens.grid.rows) + " x " +
             std::to_string(tokens.grid.cols);
    });
    std::string wrong;
    std::vector<texture::Channel> wanted = texture::parse_channels(config.channels, wrong);
    if (!wrong.empty()) fail(Code::bad_config, name, wrong);
    if (maps)
      for (const auto& [map, values] : *maps)
        if (std::none_of(wanted.begin(), wanted.end(), [&, &m = map](const auto& c) { return c.base == m; }))
          wanted.push_back({map, map, 1});
    texture::Picture picture(image, tokens.grid);
    const auto n = static_cast<std::size_t>(tokens.count());
    Textures out{{}, std::vector<float>(n * wanted.size())};
    std::vector<bool> done(wanted.size());
    for (const texture::Channel& c : wanted) out.channels.push_back(c.name);
    const auto put = [&](std::size_t channel, const std::vector<float>& column) {
      for (std::size_t i = 0; i < n; ++i) out.values[i * wanted.size() + channel] = column[i];
      done[channel] = true;
    };
    for (const Index wide : {1, 3, 5, 7, 9}) {
      if (std::none_of(wanted.begin(), wanted.end(), [&](const auto& c) { return c.wide == wide; })) continue;
      const texture::Boxes boxes = boxes_of(image, tokens, wide);
      for (std::size_t c = 0; c < wanted.size(); ++c)
        if (wanted[c].wide == wide && maps && maps->contains(wanted[c].base)) {
          const auto& map = maps->find(wanted[c].base)->second;
          std::vector<float> column;
          for (const auto& b : boxes)
            column.push_back(static_cast<float>(texture::area_mean(map, b, image.height, image.width)));
          put(c, column);
        }
      for (const texture::ChannelFamily& f : texture::families) {
        std::vector<std::vector<float>> columns(f.names.size());
        std::vector<std::pair<std::size_t, std::size_t>> to;  // channel, column of the family
        for (std::size_t c = 0; c < wanted.size(); ++c) {
          const auto at = std::find(f.names.begin(), f.names.end(), wanted[c].base);
          if (done[c] || wanted[c].wide != wide || at == f.names.end()) continue;
          to.emplace_back(c, static_cast<std::size_t>(at - f.names.begin()));
          columns[to.back().second].resize(n);
        }
        if (to.empty()) continue;
        f.fill(picture, boxes, columns);
        for (const auto& [channel, column] : to) put(channel, columns[column]);
      }
    }
    for (std::size_t c = 0; c < wanted.size(); ++c)
      require_that(done[c], Code::missing_evidence, name, [&] {
        return "channel '" + wanted[c].base + "' is filled from a file: expected maps=" + wanted[c].base +
               "=FILE.npy, got none";
      });
    return out;
  }

 private:
  template <class Step>
  static Plane<float> mean_of_steps(std::span<const ImageView> frames, ImageView before, Index height, Index width,
                                    Step&& step) {
    Plane<float> out(height, width);
    float steps = 0;
    for (const ImageView now : frames) {
      if (!before.empty()) {
        const Plane<float> one = step(now, before);
        for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] += one.values[i];
        ++steps;
      }
      before = now;
    }
    for (float& v : out.values) v /= std::max(steps, 1.f);
    return out;
  }
  static texture::Boxes boxes_of(ImageView image, const TokenSet& tokens, Index wide) {
    texture::Boxes out;
    const Grid g = tokens.grid;
    for (Index t = 0; t < tokens.count(); ++t) {
      Place p = tokens.at(t);
      const auto grow = [&](float& from, float& size, Index n) {
        const float more = size * static_cast<float>(wide - 1) / 2, to = from + size + more;
        from = std::max(0.f, from - more);
        size = std::min(static_cast<float>(n), to) - from;
      };
      grow(p.row, p.rows, g.rows);
      grow(p.col, p.cols, g.cols);
      out.push_back(
          {place_range(p.row, p.rows, g.rows, image.height), place_range(p.col, p.cols, g.cols, image.width), p});
    }
    return out;
  }
};
static_assert(check_texture<NamedTexture>());

struct ChannelSetConfig {
  std::string maps = {};  ///< as of `named`: further channels, or in the place of computed ones
  std::string validate() const { return {}; }
  bool operator==(const ChannelSetConfig&) const = default;
};

/// A set of the catalogue under its own name.
template <std::size_t I>
struct ChannelSetTexture {
  static constexpr std::string_view name = texture::sets[I].name;
  using Config = ChannelSetConfig;
  Config config{};
  std::shared_ptr<const TextureMaps> maps = {};

  Textures generate(ImageView image, const TokenSet& tokens) const {
    return NamedTexture{{.channels = std::string(name), .maps = config.maps}, maps}.generate(image, tokens);
  }
};
using D28x13Texture = ChannelSetTexture<0>;
using D28x17Texture = ChannelSetTexture<1>;
using Full40Texture = ChannelSetTexture<2>;
static_assert(check_texture<Full40Texture>());

}  // namespace arrcoc
