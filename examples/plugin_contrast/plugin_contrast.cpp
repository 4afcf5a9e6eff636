// A plug-in: a scorer for `arrcoc --plugin libplugin_contrast.so --scorers plugin_contrast`. Built as a shared module;
// needs one header.
#include <cmath>
#include <cstdio>

#include "arrcoc/engine/plugin_abi.hpp"

namespace {

/// Distance of a cell's mean colour from the picture's, times `gain`.
int score(const arrcoc_plugin_evidence* e, const double* settings, float* out, char* error, std::size_t error_bytes) {
  if (e->textures == nullptr || e->channels < 3) {
    std::snprintf(error, error_bytes, "expected textures with red, green and blue");
    return 1;
  }
  const std::int64_t n = e->rows * e->cols;
  double mean[3] = {0, 0, 0};
  for (std::int64_t i = 0; i < n; ++i)
    for (int c = 0; c < 3; ++c) mean[c] += e->textures[i * e->channels + c] / static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i) {
    double sum = 0;
    for (int c = 0; c < 3; ++c) sum += std::pow(e->textures[i * e->channels + c] - mean[c], 2);
    out[i] = static_cast<float>(settings[0] * std::sqrt(sum));
  }
  return 0;
}

constexpr arrcoc_plugin_setting settings[] = {{"gain", 1.0}};
constexpr std::uint32_t pixels = 0, textures = 2;
const arrcoc_plugin_scorer scorers[] = {
    {{"plugin_contrast", "example", "distance of a cell's colour from the picture's mean", pixels, textures, settings,
      1},
     score}};
const arrcoc_plugin plugin = {
    arrcoc_plugin_abi, sizeof(arrcoc_plugin), arrcoc_plugin_build_id, "contrast", scorers, 1, nullptr, 0, nullptr, 0};

}  // namespace

extern "C" __attribute__((visibility("default"))) const arrcoc_plugin* arrcoc_plugin_entry() { return &plugin; }
