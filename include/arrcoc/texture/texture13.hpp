#pragma once
// The thirteen channels the host-plane scorers read, box-integrated over each token's cell from native pixels.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/stages.hpp"
#include "arrcoc/texture/cell_sums.hpp"
#include "arrcoc/texture/clusters.hpp"
#include "arrcoc/texture/log2_table.hpp"
#include "arrcoc/texture/surround.hpp"

namespace arrcoc {

struct Texture13Config {
  Index clusters = 8;       ///< k of the k-means over cells; 1..64
  Index cluster_steps = 4;  ///< Lloyd iterations; 1..100
  float edge_floor = 8.f;   ///< grey levels of gradient (Sobel / 4) below which orientation counts as none; > 0
  /// Empty, or what is out of range.
  std::string validate() const {
    if (clusters < 1 || clusters > 64) return "clusters: expected 1..64, got " + std::to_string(clusters);
    if (cluster_steps < 1 || cluster_steps > 100)
      return "cluster_steps: expected 1..100, got " + std::to_string(cluster_steps);
    if (!(edge_floor > 0.f && edge_floor < 1e6f))
      return "edge_floor: expected a number in (0, 1e6), got " + std::to_string(edge_floor);
    return {};
  }
  bool operator==(const Texture13Config&) const = default;
};

/// [H, W, 3] uint8 and a grid -> [N, 13], every channel in [0, 1]. One integer pass over the pixels, O(H W + N k). Cell
/// rule: see texture/cell_sums.hpp.
///   red green blue        mean / 255
///   row col               cell centre / grid size
///   edge_x edge_y         mean |gx|, |gy| / 1020, Sobel 3x3 on luma
///   coherence             |J| anisotropy: sqrt((Jxx - Jyy)^2 + 4 Jxy^2) / (Jxx + Jyy + floor^2), J = cell mean of the
///                         structure tensor
///   colour_contrast       root mean square over the cell's pixels of their distance in (r - g, (r + g) / 2 - b) from
///                         the surround's mean
///   intensity_contrast    the same for luma: sqrt(variance + (mean - surround)^2)
///   orientation_contrast  how much the edge amplitude at 0, 45, 90, 135 degrees exceeds the surround's
///   cluster_distance      share-weighted distance to the picture's k-means centres
///   edge_entropy          Shannon entropy of the cell's histogram of edge strengths (flat, weak, strong) / log2 3
/// Contrasts are means over surrounds of radius 1, 2 and 4 cells, the cell itself left out.
/// Source: Itti, Koch, Niebur 1998, sections II.A and II.B (colour, intensity, orientation; centre-surround). Differs:
/// the centre is a pixel, the surrounds are boxes of cells, and orientation keeps only the excess, so that blank cells
/// beside text do not light up.
struct Texture13 {
  static constexpr std::string_view name = "texture13";
  using Config = Texture13Config;
  Config config{};
  /// Optional: calls body(i) for i in [0, n), in any order and on any threads. Results do not depend on it.
  std::function<void(Index n, const std::function<void(Index)>& body)> parallel_for = {};

  enum Channel : std::size_t {
    red,
    green,
    blue,
    row,
    col,
    edge_x,
    edge_y,
    coherence,
    colour_contrast,
    intensity_contrast,
    orientation_contrast,
    cluster_distance,
    edge_entropy,
    channel_count
  };
  static constexpr std::array<std::string_view, channel_count> channel_names{"red",
                                                                             "green",
                                                                             "blue",
                                                                             "row",
                                                                             "col",
                                                                             "edge_x",
                                                                             "edge_y",
                                                                             "coherence",
                                                                             "colour_contrast",
                                                                             "intensity_contrast",
                                                                             "orientation_contrast",
                                                                             "cluster_distance",
                                                                             "edge_entropy"};

  Textures generate(ImageView image, const TokenSet& tokens) const {
    const Grid grid = tokens.grid;
    require_that(!image.empty(), Code::shape_mismatch, name, "expected a picture, got an empty one");
    require_that(grid.rows > 0 && grid.cols > 0, Code::shape_mismatch, name, [&] {
      return "expected a grid of at least 1 x 1, got " + std::to_string(grid.rows) + " x " + std::to_string(grid.cols);
    });
    if (const auto wrong = config.validate(); !wrong.empty()) fail(Code::bad_config, name, wrong);
    const auto cells = sum_cells(image, grid);
    const Surround table(grid, [&](Index t) { return fields_of(cells[static_cast<std::size_t>(t)]); });
    const auto unit = [](const Place& p) { return p.unit(); };
    if (tokens.raster() || std::all_of(tokens.places.begin(), tokens.places.end(), unit)) {
      Textures whole = of_places(cells, TokenSet(grid), table);
      if (tokens.raster() && tokens.frames == 1) return whole;
      Textures out{whole.channels, {}};
      for (Index t = 0; t < tokens.count(); ++t) {
        const Place p = tokens.at(t);
        const auto* own =
            &whole.values[static_cast<std::size_t>(grid.at(static_cast<Index>(p.row), static_cast<Index>(p.col))) *
                          channel_count];
        out.values.insert(out.values.end(), own, own + channel_count);
      }
      return out;
    }
    std::vector<texture::CellSums> sums;
    for (const Place& p : tokens.places)
      sums.push_back(texture::sum_pixels(image, place_range(p.row, p.rows, grid.rows, image.height),
                                         place_range(p.col, p.cols, grid.cols, image.width)));
    return of_places(sums, tokens, table);
  }

 private:
  std::vector<texture::CellSums> sum_cells(ImageView image, Grid grid) const {
    std::vector<texture::CellSums> sums(static_cast<std::size_t>(grid.count()));
    if (parallel_for) {
      parallel_for(grid.rows, [&](Index r) {
        texture::detail::Columns scratch(image.width);
        texture::sum_cell_row(image, grid, r, scratch, &sums[static_cast<std::size_t>(grid.at(r, 0))]);
      });
    } else {
      texture::detail::Columns scratch(image.width);
      for (Index r = 0; r < grid.rows; ++r)
        texture::sum_cell_row(image, grid, r, scratch, &sums[static_cast<std::size_t>(grid.at(r, 0))]);
    }
    return sums;
  }

  enum Field : std::size_t { count, luma, red_green, blue_yellow, xx, yy, xy, fields };
  using Surround = texture::AreaTable<fields>;
  static Surround::Row fields_of(const texture::CellSums& s) {
    return {s.pixels, s.luma, 2 * (s.red - s.green), s.red + s.green - 2 * s.blue, s.jxx, s.jyy, s.jxy};
  }

  Textures of_places(const std::vector<texture::CellSums>& sums, const TokenSet& tokens, const Surround& table) const {
    Textures out;
    out.channels.assign(channel_names.begin(), channel_names.end());
    out.values.resize(sums.size() * channel_count);
    for (std::size_t i = 0; i < sums.size(); ++i)
      own_channels(sums[i], tokens.grid, tokens.at(static_cast<Index>(i)), &out.values[i * channel_count]);
    contrasts(sums, tokens, table, out.values);
    clusters(out.values, sums.size());
    return out;
  }

  void own_channels(const texture::CellSums& s, Grid grid, const Place& place, float* out) const {
    const double n = static_cast<double>(s.pixels);
    out[red] = static_cast<float>(static_cast<double>(s.red) / (255 * n));
    out[green] = static_cast<float>(static_cast<double>(s.green) / (255 * n));
    out[blue] = static_cast<float>(static_cast<double>(s.blue) / (255 * n));
    out[row] = static_cast<float>((static_cast<double>(place.centre_row()) + 0.5) / static_cast<double>(grid.rows));
    out[col] = static_cast<float>((static_cast<double>(place.centre_col()) + 0.5) / static_cast<double>(grid.cols));
    out[edge_x] = static_cast<float>(static_cast<double>(s.edge_x) / (1020 * n));
    out[edge_y] = static_cast<float>(static_cast<double>(s.edge_y) / (1020 * n));
    const double difference = static_cast<double>(s.jxx - s.jyy) / n, cross = 2 * static_cast<double>(s.jxy) / n;
    const double floor = 16.0 * config.edge_floor * config.edge_floor;  // J is in (4 grey levels)^2
    out[coherence] = static_cast<float>(std::sqrt(difference * difference + cross * cross) /
                                        (static_cast<double>(s.jxx + s.jyy) / n + floor));
    std::int64_t left = s.pixels;
    double entropy = static_cast<double>(s.pixels) * texture::log2_of(static_cast<std::uint64_t>(s.pixels));
    for (std::size_t k = 0; k <= s.above.size(); ++k) {
      const std::int64_t rest = k < s.above.size() ? s.above[k] : 0, bin = left - rest;
      if (bin > 0) entropy -= static_cast<double>(bin) * texture::log2_of(static_cast<std::uint64_t>(bin));
      left = rest;
    }
    out[edge_entropy] = static_cast<float>(entropy / (n * texture::log2_of(texture::edge_thresholds.size() + 1)));
  }

  static std::array<double, 4> amplitudes(double jxx, double jyy, double jxy, double n) {
    const double half = 0.5 * (jxx + jyy);
    const std::array<double, 4> energy{jxx, half + jxy, jyy, half - jxy};
    std::array<double, 4> out;
    for (std::size_t k = 0; k < 4; ++k) out[k] = energy[k] > 0 ? std::sqrt(energy[k] / n) : 0.0;
    return out;
  }

  static void contrasts(const std::vector<texture::CellSums>& sums, const TokenSet& tokens, const Surround& table,
                        std::vector<float>& values) {
    for (Index t = 0; t < tokens.count(); ++t) {
      const Place place = tokens.at(t);
      const Window cells{static_cast<Index>(place.row), static_cast<Index>(std::ceil(place.row + place.rows)),
                         static_cast<Index>(place.col), static_cast<Index>(std::ceil(place.col + place.cols))};
      const auto& s = sums[static_cast<std::size_t>(t)];
      const auto own = fields_of(s);
      const double n = static_cast<double>(s.pixels);
      const auto mean_of = [&](std::size_t f) { return static_cast<double>(own[f]) / n; };
      const auto spread = [](double squares, double mean, double around) {  // E (x - around)^2 from E x^2 and E x
        const double v = squares - mean * mean;
        return (v > 0 ? v : 0) + (mean - around) * (mean - around);
      };
      const auto here = amplitudes(double(s.jxx), double(s.jyy), double(s.jxy), n);
      double colour = 0, intensity = 0, orientation = 0;
      for (const Index radius : {1, 2, 4}) {
        auto ring = table.ring(cells, radius);
        if (ring[count] == 0) ring = own;  // a grid of one cell is its own surround
        const double m = static_cast<double>(ring[count]);
        const auto around = [&](std::size_t f) { return static_cast<double>(ring[f]) / m; };
        intensity += std::sqrt(spread(static_cast<double>(s.luma2) / n, mean_of(luma), around(luma)));
        const double means = mean_of(red_green) * mean_of(red_green) + mean_of(blue_yellow) * mean_of(blue_yellow);
        const double variance = static_cast<double>(s.colour2) / n - means;
        const double rg = mean_of(red_green) - around(red_green), by = mean_of(blue_yellow) - around(blue_yellow);
        colour += std::sqrt((variance > 0 ? variance : 0) + rg * rg + by * by);
        const auto there = amplitudes(double(ring[xx]), double(ring[yy]), double(ring[xy]), m);
        for (std::size_t k = 0; k < 4; ++k) orientation += here[k] > there[k] ? here[k] - there[k] : 0.0;
      }
      float* out = &values[static_cast<std::size_t>(t) * channel_count];
      // Largest possible values: luma 255; colour twice 255 on each opponent axis, not both at once; amplitude 1020 at
      // each of 4 angles.
      out[colour_contrast] = static_cast<float>(std::min(1.0, colour / (3 * 1020.0)));
      out[intensity_contrast] = static_cast<float>(intensity / (3 * 255.0));
      out[orientation_contrast] = static_cast<float>(orientation / (3 * 4 * 1020.0));
    }
  }

  void clusters(std::vector<float>& values, std::size_t n) const {
    std::array<std::vector<float>, texture::cluster_dims> features;
    constexpr std::array<std::size_t, texture::cluster_dims> from{red, green, blue, edge_x, edge_y, edge_entropy};
    constexpr std::array<float, texture::cluster_dims> gain{
        0.5f, 0.5f, 0.5f, 3.f, 3.f, 1.f};  // mean gradients are small numbers; ground of another colour is no figure
    for (std::size_t d = 0; d < from.size(); ++d) {
      features[d].resize(n);
      for (std::size_t i = 0; i < n; ++i) features[d][i] = gain[d] * values[i * channel_count + from[d]];
    }
    const auto distance = texture::cluster_distance(features, config.clusters, config.cluster_steps);
    for (std::size_t i = 0; i < n; ++i)
      values[i * channel_count + cluster_distance] = std::min(1.f, distance[i] * 0.5f);
  }
};
static_assert(check_texture<Texture13>());

}  // namespace arrcoc
