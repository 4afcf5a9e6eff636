// A plug-in in plain C structs: a scorer for `arrcoc --plugin libplugin_contrast.so --scorers plugin_contrast`. Needs
// one header, and would do in any language; from a C++ type it is one line (examples/plugin_ink/plugin_ink.cpp).
#include <cmath>
#include <cstdio>

#include "arrcoc/engine/plugin_abi.hpp"

namespace {

/// Distance of a token's mean colour from the picture's, times `gain`.
int score(const arrcoc_evidence* e, const arrcoc_setting* settings, float* out, char* error, std::size_t error_bytes) {
  if (e->textures == nullptr || e->channels < 3) {
    std::snprintf(error, error_bytes, "expected textures with red, green and blue");
    return 1;
  }
  double mean[3] = {0, 0, 0};
  for (std::int64_t i = 0; i < e->tokens; ++i)
    for (int c = 0; c < 3; ++c) mean[c] += e->textures[i * e->channels + c] / static_cast<double>(e->tokens);
  for (std::int64_t i = 0; i < e->tokens; ++i) {
    double sum = 0;
    for (int c = 0; c < 3; ++c) sum += std::pow(e->textures[i * e->channels + c] - mean[c], 2);
    out[i] = static_cast<float>(settings[0].number * std::sqrt(sum));
  }
  return 0;
}

constexpr arrcoc_setting settings[] = {{sizeof(arrcoc_setting), "gain", "float", "1", 1.0}};
constexpr std::uint32_t pixels = 0, textures = 2;
const arrcoc_scorer scorers[] = {
    {sizeof(arrcoc_scorer),
     {sizeof(arrcoc_about), "plugin_contrast", "example", "distance of a token's colour from the picture's mean",
      "O(N)", pixels, textures, nullptr, 0, settings, 1},
     score}};
const arrcoc_plugin plugin = {arrcoc_plugin_abi,
                              sizeof(arrcoc_plugin),
                              arrcoc_plugin_build_id,
                              "contrast",
                              nullptr,
                              0,
                              scorers,
                              1,
                              nullptr,
                              0,
                              nullptr,
                              0};

}  // namespace

extern "C" __attribute__((visibility("default"))) const arrcoc_plugin* arrcoc_plugin_entry() { return &plugin; }
