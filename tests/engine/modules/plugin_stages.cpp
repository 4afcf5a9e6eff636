// A scorer, a balancer and an allocator as a module, in plain C structs; each FAULT_ breaks one rule of the edge.
#include <cmath>
#include <cstdio>
#include <stdexcept>

#include "arrcoc/engine/plugin_abi.hpp"

namespace {

/// Writes nothing: what is never written is NaN.
int score(const arrcoc_evidence*, const arrcoc_setting*, float*, char*, std::size_t) { return 0; }

/// The mean of the maps, upside down.
int balance(const float* maps, std::int64_t scorers, const arrcoc_evidence* e, const arrcoc_setting*, float* relevance,
            const arrcoc_balance_sink*, char*, std::size_t) {
  for (std::int64_t i = 0; i < e->tokens; ++i) {
    float sum = 0;
    for (std::int64_t m = 0; m < scorers; ++m) sum += maps[m * e->tokens + i];
    relevance[i] = -sum;
  }
  return 0;
}

/// The last `budget` tokens; `fail` 1 complains, 2 complains without a word, 3 gives them in descending order, 4 gives
/// none, 5 all of them, 6 throws, 7 gives a value that is no number, 8 merges.
int allocate(const float*, const arrcoc_evidence* e, std::int64_t budget, std::uint64_t, const arrcoc_setting* settings,
             const arrcoc_allocation_sink* sink, char* error, std::size_t error_bytes) {
  const std::int64_t n = e->tokens;
  const int fail = static_cast<int>(settings[0].number);
  if (fail == 1) std::snprintf(error, error_bytes, "told to fail");
  if (fail == 1 || fail == 2) return 1;
  if (fail == 6) throw std::runtime_error("out of patience");
  if (fail == 5) budget = n;
  if (fail == 4) budget = 0;
  for (std::int64_t i = 0; i < budget; ++i) {
    const std::int64_t token = fail == 3 ? n - 1 - i : n - budget + i;
    sink->keep(sink->to, token, 1, 1, budget - 1 - i, fail == 7 ? std::nanf("") : static_cast<float>(token));
    if (fail == 8) sink->member(sink->to, token, 1);
  }
  return 0;
}

constexpr arrcoc_setting settings[] = {{sizeof(arrcoc_setting), "fail", "float", "0", 0}};
#ifdef FAULT_NAMELESS
constexpr const char* name = "";
#else
constexpr const char* name = "upside_down";
#endif
#ifdef FAULT_EVIDENCE
constexpr std::uint32_t evidence = 1u << 20;
#else
constexpr std::uint32_t evidence = 0;
#endif
constexpr arrcoc_request unknown_rows{sizeof(arrcoc_request), -1, 0, 4, 7, 0, 0, 1, nullptr, 0};
#ifdef FAULT_REQUEST
constexpr std::size_t requests = 1;
#else
constexpr std::size_t requests = 0;
#endif
constexpr arrcoc_about about(const char* of, std::uint32_t needs, std::size_t asked = 0) {
  return {sizeof(arrcoc_about), of, "test", "", "", 0, needs, &unknown_rows, asked, nullptr, 0};
}
const arrcoc_scorer scorers[] = {{sizeof(arrcoc_scorer), about("unwritten", 0, requests), score}};
const arrcoc_balancer balancers[] = {{sizeof(arrcoc_balancer), about(name, evidence), balance}};
const arrcoc_allocator allocators[] = {{sizeof(arrcoc_allocator),
                                        {sizeof(arrcoc_about), "last", "test", "", "", 0, 0, nullptr, 0, settings, 1},
                                        0,
                                        allocate}};

const arrcoc_plugin plugin = {
#if defined(FAULT_ABI)
    arrcoc_plugin_abi + 1,
#elif defined(FAULT_ABI_1)
    1,
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
    scorers,
    1,
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
