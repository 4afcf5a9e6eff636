#pragma once
// Instruction sets that the kernels are written for, and which of them the processor at hand has.
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace arrcoc {

/// Ascending: a processor that has one has all before it, save `automatic`, which stands for the best. generic: any
/// processor of this architecture. avx2: with FMA and F16C. avx512: F, BW, CD, DQ, VL. avx512bf16: pairs of bf16 too
/// (vdpbf16ps). amx: pairs of bf16 in tiles.
enum class Isa : std::uint8_t { automatic, generic, avx2, avx512, avx512bf16, amx };

inline constexpr std::array<std::string_view, 6> isa_names{"auto", "generic", "avx2", "avx512", "avx512bf16", "amx"};

constexpr std::string_view name_of(Isa i) { return isa_names[static_cast<std::size_t>(i)]; }

/// By its name; nullopt for another.
constexpr std::optional<Isa> isa_named(std::string_view name) {
  for (std::size_t i = 0; i < isa_names.size(); ++i)
    if (isa_names[i] == name) return static_cast<Isa>(i);
  return std::nullopt;
}

/// What this translation unit is compiled for, at most avx512bf16: the tiles are asked for at run time.
constexpr Isa compiled_isa() {
#if defined(__AVX512BF16__) && defined(__AVX512F__)
  return Isa::avx512bf16;
#elif defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
  return Isa::avx512;
#elif defined(__AVX2__) && defined(__FMA__)
  return Isa::avx2;
#else
  return Isa::generic;
#endif
}

#if defined(__x86_64__) && defined(__linux__)
/// Whether this process may use tiles: cpuid 7 (AMX-TILE, AMX-BF16) and XCR0 say that there are any, and the kernel,
/// which reserves 8 KB a thread for them, is asked (arch_prctl, ARCH_REQ_XCOMP_PERM).
inline bool may_use_tiles() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & (1u << 27)) == 0) return false;  // OSXSAVE
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & (1u << 24)) == 0 || (d & (1u << 22)) == 0) return false;
  unsigned low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  constexpr unsigned tile_state = 3u << 17;
  return (low & tile_state) == tile_state && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}
#else
inline bool may_use_tiles() { return false; }
#endif

inline bool processor_has(Isa i) {
#if defined(__x86_64__)
  switch (i) {
    case Isa::automatic:
    case Isa::generic: return true;
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return processor_has(Isa::avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    case Isa::avx512bf16: {
      unsigned a = 0, b = 0, c = 0, d = 0;
      return processor_has(Isa::avx512) && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 5)) != 0;
    }
    case Isa::amx: return processor_has(Isa::avx512bf16) && may_use_tiles();
  }
  return false;
#else
  return i == Isa::automatic || i == Isa::generic;
#endif
}

}  // namespace arrcoc
