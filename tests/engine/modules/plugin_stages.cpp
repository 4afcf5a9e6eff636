// A balancer and an allocator as a module; each FAULT_ breaks one rule of the edge.
#include <cstdio>

#include "arrcoc/engine/plugin_abi.hpp"

namespace {

/// The mean of the maps, upside down.
int balance(const float* maps, std::int64_t scorers, const arrcoc_plugin_evidence* e, const double*, float* relevance,
            char*, std::size_t) {
  const std::int64_t n = e->rows * e->cols;
  for (std::int64_t i = 0; i < n; ++i) {
    float sum = 0;
    for (std::int64_t m = 0; m < scorers; ++m) sum += maps[m * n + i];
    relevance[i] = -sum;
  }
  return 0;
}

/// The last `budget` tokens; `fail` 1 complains, 2 complains without a word, 3 gives them in descending order, 4 gives
/// none.
int allocate(const float*, const arrcoc_plugin_evidence* e, std::int64_t budget, std::uint64_t, const double* settings,
             std::int64_t* kept, std::uint32_t* depth, float* value, std::int64_t* count, char* error,
             std::size_t error_bytes) {
  const std::int64_t n = e->rows * e->cols;
  if (settings[0] == 1) std::snprintf(error, error_bytes, "told to fail");
  if (settings[0] == 1 || settings[0] == 2) return 1;
  for (std::int64_t i = 0; i < budget; ++i) {
    kept[i] = settings[0] == 3 ? n - 1 - i : n - budget + i;
    value[i] = static_cast<float>(kept[i]);
    depth[i] = 1;
  }
  *count = settings[0] == 4 ? 0 : budget;
  return 0;
}

constexpr arrcoc_plugin_setting settings[] = {{"fail", 0.0}};
constexpr std::uint32_t none = 0;
#ifdef FAULT_NAMELESS
constexpr const char* name = "";
#else
constexpr const char* name = "upside_down";
#endif
#ifdef FAULT_EVIDENCE
constexpr std::uint32_t evidence = 64;
#else
constexpr std::uint32_t evidence = 0;
#endif
const arrcoc_plugin_balancer balancers[] = {{{name, "test", "", none, evidence, nullptr, 0}, balance}};
const arrcoc_plugin_allocator allocators[] = {{{"last", "test", "", none, none, settings, 1}, 0, allocate}};

const arrcoc_plugin plugin = {
#ifdef FAULT_ABI
    arrcoc_plugin_abi + 1,
#else
    arrcoc_plugin_abi,
#endif
#ifdef FAULT_SIZE
    sizeof(arrcoc_plugin) - 8,
#else
    sizeof(arrcoc_plugin),
#endif
#ifdef FAULT_BUILD_ID
    "arrcoc-plugin 0",
#else
    arrcoc_plugin_build_id,
#endif
    "stages",
    nullptr,
    0,
    balancers,
    1,
    allocators,
    1};

}  // namespace

#ifndef FAULT_ENTRY
extern "C" __attribute__((visibility("default"))) const arrcoc_plugin* arrcoc_plugin_entry() { return &plugin; }
#else
extern "C" __attribute__((visibility("default"))) const arrcoc_plugin* some_other_function() { return &plugin; }
#endif
