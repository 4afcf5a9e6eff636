#pragma once
// The edge of a plug-in: extern "C", plain structs and pointers only, so that a module built by another compiler can be
// told apart and refused rather than misread. A module exports one function:
//
//   extern "C" const arrcoc_plugin* arrcoc_plugin_entry(void);
//
// Every struct but the module itself says its own size first, and grows at its end alone: what a module does not know
// it does not read, what it does not fill in is zero. Functions return 0, or something else with a sentence in `error`
// (NUL-terminated, error_bytes at most). A C++ type becomes a module with ARRCOC_PLUGIN (engine/plugin.hpp);
// docs/plugins.md teaches both.
#include <cstddef>
#include <cstdint>

extern "C" {

inline constexpr std::uint32_t arrcoc_plugin_abi = 2;
inline constexpr const char* arrcoc_plugin_build_id = "arrcoc-plugin 2, 64-bit";
static_assert(sizeof(void*) == 8, "plug-ins: 64-bit only");

/// What a token covers, in tokens of the full grid; (row, col) is its top-left corner.
struct arrcoc_place {
  float row, col, rows, cols;
  std::int64_t frame;
};

/// A question to the model's inside (core/request.hpp, the same numbers): site 0 tower, 1 layer; what 0 hidden, 1 q, 2
/// k, 3 v, 4 received; rows 0 visual, 1 all, 2 last, 3 question, 4 vision_end, 5 list, 6 text; heads and payers 0 mean,
/// 1 max, 2 each; rope 0 before, 1 after.
struct arrcoc_request {
  std::uint32_t bytes;
  std::int32_t index;  // of the block or layer; negative: from the end
  std::uint8_t site, what, rows, heads, payers, rope;
  const std::int64_t* list;
  std::size_t list_count;
};
struct arrcoc_answer {
  std::uint32_t bytes;
  const float* values;
  const std::int64_t* shape;
  std::size_t rank;
};

/// One picture. Pointers are null when the strategy did not ask for them or there is none.
struct arrcoc_evidence {
  std::uint32_t bytes;
  std::int64_t tokens;               // N, those that are alive
  std::int64_t rows, cols, frames;   // of the full grid
  const arrcoc_place* places;        // [N]; null: the whole raster, in order
  std::int64_t height, width;        // native pixels
  const std::uint8_t* rgb;           // [height, width, 3]
  std::int64_t channels;             // C
  const float* textures;             // [N, C]
  const char* const* channel_names;  // [C]
  std::int64_t features;             // D
  const float* vision;               // [N, D]
  std::int64_t levels;
  const float* const* deepstack;  // [levels] of [N, D]
  const float* query;             // [D]
  std::int64_t words;             // Q
  const float* question;          // [Q, D]
  std::int64_t box_count;
  const double* boxes;  // [box_count, 4]: row0, col0, row1, col1 in native pixels
  void* similarity;     // handed to similarity_row; null: none
  void (*similarity_row)(void* similarity, std::int64_t token, float* out);  // out [N]: cosines
  const arrcoc_answer* answers;                                              // in the order of about.requests
  std::size_t answer_count;
  std::int64_t previous_tokens;  // an earlier look; 0: none
  const arrcoc_place* previous_places;
  const float* previous_relevance;  // [previous_tokens]
  const char* asked;                // the question's text, NUL-terminated
};

/// A setting: its default in `about`, its value in a call. `type` is "int", "float", "bool" or "text", or one of them
/// with [] for a list whose text has commas.
struct arrcoc_setting {
  std::uint32_t bytes;
  const char *name, *type, *text;
  double number;  // of the text, where it is one
};

struct arrcoc_about {
  std::uint32_t bytes;
  const char *name, *source, *summary, *cost;  // name: unique among strategies of its kind
  std::uint32_t phase;                         // 0 pixels, 1 tower, 2 vision, 3 layer: the earliest
  std::uint32_t evidence;                      // Need bits of core/evidence.hpp
  const arrcoc_request* requests;
  std::size_t request_count;
  const arrcoc_setting* settings;
  std::size_t setting_count;
};

/// Where a strategy says what it asks of the model's inside: ask() for each request.
struct arrcoc_request_sink {
  std::uint32_t bytes;
  void* to;
  void (*ask)(void* to, const arrcoc_request* request);
};
/// What a strategy asks with its settings, answered in this order. Null: about.requests, whatever the settings are.
/// A failure is a problem of the settings.
using arrcoc_requests = int (*)(const arrcoc_setting* settings, const arrcoc_request_sink* sink, char* error,
                                std::size_t error_bytes);

/// score: fills out [N] with finite numbers, higher = more relevant.
struct arrcoc_scorer {
  std::uint32_t bytes;
  arrcoc_about about;
  int (*score)(const arrcoc_evidence* e, const arrcoc_setting* settings, float* out, char* error,
               std::size_t error_bytes);
  arrcoc_requests requests = nullptr;
};

/// generate: fills out [N, C] for the evidence's places from its pixels.
struct arrcoc_texture {
  std::uint32_t bytes;
  arrcoc_about about;
  const char* const* channel_names;
  std::size_t channel_count;  // C
  int (*generate)(const arrcoc_evidence* e, const arrcoc_setting* settings, float* out, char* error,
                  std::size_t error_bytes);
};

/// Where a balancer says what it used besides the relevance.
struct arrcoc_balance_sink {
  std::uint32_t bytes;
  void* to;
  void (*tension)(void* to, const char* name, float value);
  void (*weight)(void* to, float share);  // of each scorer, in order
};
/// balance: maps [scorers, N] -> relevance [N].
struct arrcoc_balancer {
  std::uint32_t bytes;
  arrcoc_about about;
  int (*balance)(const float* maps, std::int64_t scorers, const arrcoc_evidence* e, const arrcoc_setting* settings,
                 float* relevance, const arrcoc_balance_sink* sink, char* error, std::size_t error_bytes);
  arrcoc_requests requests = nullptr;
};

/// Where an allocator says what it keeps: keep() for each token, strictly ascending; entry() and member() are of the
/// token kept last.
struct arrcoc_allocation_sink {
  std::uint32_t bytes;
  void* to;
  /// depth: bit l for DeepStack level l; value: the number it was chosen by; rank: 0 = first; cause: of
  /// core/allocation.hpp.
  void (*keep)(void* to, std::int64_t token, std::uint32_t depth, std::uint8_t cause, std::int64_t rank, float value);
  void (*entry)(void* to, std::int64_t layer);
  void (*member)(void* to, std::int64_t token, float weight);
  void (*region)(void* to, std::int64_t row0, std::int64_t col0, std::int64_t row1, std::int64_t col1,
                 std::int64_t tokens);
};
struct arrcoc_allocator {
  std::uint32_t bytes;
  arrcoc_about about;
  std::uint32_t spend;  // 0 exact, 1 at most, 2 own count, 3 tiers, 4 everything: checked
  int (*allocate)(const float* relevance, const arrcoc_evidence* e, std::int64_t budget, std::uint64_t seed,
                  const arrcoc_setting* settings, const arrcoc_allocation_sink* sink, char* error,
                  std::size_t error_bytes);
  arrcoc_requests requests = nullptr;
};

struct arrcoc_plugin {
  std::uint32_t abi;     // arrcoc_plugin_abi
  std::uint32_t bytes;   // sizeof(arrcoc_plugin)
  const char* build_id;  // arrcoc_plugin_build_id
  const char* name;
  const arrcoc_texture* textures;
  std::size_t texture_count;
  const arrcoc_scorer* scorers;
  std::size_t scorer_count;
  const arrcoc_balancer* balancers;
  std::size_t balancer_count;
  const arrcoc_allocator* allocators;
  std::size_t allocator_count;
};

}  // extern "C"
