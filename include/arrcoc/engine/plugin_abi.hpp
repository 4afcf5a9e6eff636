#pragma once
// The edge of a plug-in: extern "C", plain structs and pointers only, so that a module built by another compiler can be
// told apart and refused rather than misread. A module exports one function:
//
//   extern "C" const arrcoc_plugin* arrcoc_plugin_entry(void);
//
// Functions return 0, or something else with a sentence in `error` (NUL-terminated, error_bytes at most). They must not
// throw.
#include <cstddef>
#include <cstdint>

extern "C" {

inline constexpr std::uint32_t arrcoc_plugin_abi = 1;
/// Changes whenever a struct below does.
inline constexpr const char* arrcoc_plugin_build_id = "arrcoc-plugin 1, 64-bit";
static_assert(sizeof(void*) == 8, "plug-ins: 64-bit only");

/// One picture. Pointers are null when the strategy did not ask for them (needs) or there is none. Rows are raster
/// order.
struct arrcoc_plugin_evidence {
  std::int64_t rows, cols;           // N = rows * cols tokens
  std::int64_t height, width;        // native pixels
  const std::uint8_t* rgb;           // [height, width, 3]
  std::int64_t channels;             // C
  const float* textures;             // [N, C]
  const char* const* channel_names;  // [C]
  std::int64_t features;             // D
  const float* vision;               // [N, D]
  const float* query;                // [D]
  std::int64_t box_count;
  const double* boxes;  // [box_count, 4]: row0, col0, row1, col1 in native pixels
};

/// A setting and its default; all settings of plug-ins are numbers.
struct arrcoc_plugin_setting {
  const char* name;
  double value;
};

struct arrcoc_plugin_about {
  const char* name;  // unique among strategies of its kind
  const char* source;
  const char* summary;
  std::uint32_t phase;     // 0 pixels, 1 vision
  std::uint32_t evidence;  // Need bits of core/evidence.hpp: rgb 1, textures 2, vision 4, query 16, boxes 256
  const arrcoc_plugin_setting* settings;
  std::size_t setting_count;
};

/// score: fills out [N] with finite numbers, higher = more relevant. `settings` holds setting_count values.
struct arrcoc_plugin_scorer {
  arrcoc_plugin_about about;
  int (*score)(const arrcoc_plugin_evidence* e, const double* settings, float* out, char* error,
               std::size_t error_bytes);
};

/// balance: maps [scorers, N] -> relevance [N].
struct arrcoc_plugin_balancer {
  arrcoc_plugin_about about;
  int (*balance)(const float* maps, std::int64_t scorers, const arrcoc_plugin_evidence* e, const double* settings,
                 float* relevance, char* error, std::size_t error_bytes);
};

/// allocate: writes at most `budget` strictly ascending tokens to kept, their number to *count, a depth mask for each
/// (bit l: DeepStack level l) to depth, and the number each was chosen by to value. The arrays hold N entries.
struct arrcoc_plugin_allocator {
  arrcoc_plugin_about about;
  std::uint32_t spend;  // 0 exact, 1 at most, 2 own count, 3 tiers
  int (*allocate)(const float* relevance, const arrcoc_plugin_evidence* e, std::int64_t budget, std::uint64_t seed,
                  const double* settings, std::int64_t* kept, std::uint32_t* depth, float* value, std::int64_t* count,
                  char* error, std::size_t error_bytes);
};

struct arrcoc_plugin {
  std::uint32_t abi;     // arrcoc_plugin_abi
  std::uint32_t bytes;   // sizeof(arrcoc_plugin)
  const char* build_id;  // arrcoc_plugin_build_id
  const char* name;
  const arrcoc_plugin_scorer* scorers;
  std::size_t scorer_count;
  const arrcoc_plugin_balancer* balancers;
  std::size_t balancer_count;
  const arrcoc_plugin_allocator* allocators;
  std::size_t allocator_count;
};

}  // extern "C"
