#pragma once
// In what form a backend keeps the matrices of a model, and what it is told of their use.
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "arrcoc/core/types.hpp"

namespace arrcoc {

/// stored: as the file has it. bf16: rounded to nearest even. int8: symmetric, a float32 scale for each output row,
/// codes -127..127. int4: a bf16 scale for each 32 neighbours of an output row, codes -8..7.
enum class WeightFormat : std::uint8_t { stored, bf16, int8, int4 };

inline constexpr std::array<std::string_view, 4> weight_format_names{"auto", "bf16", "int8", "int4"};

constexpr std::string_view name_of(WeightFormat f) { return weight_format_names[static_cast<std::size_t>(f)]; }

/// By its name; nullopt for another.
constexpr std::optional<WeightFormat> weight_format(std::string_view name) {
  for (std::size_t i = 0; i < weight_format_names.size(); ++i)
    if (weight_format_names[i] == name) return static_cast<WeightFormat>(i);
  return std::nullopt;
}

/// Neighbours of an output row that share a scale in int4.
inline constexpr Index scale_group = 32;

/// Bytes of the codes, and of the scales, of a matrix [out, in] in int8 or int4.
constexpr Index code_bytes(WeightFormat f, Index out, Index in) {
  return f == WeightFormat::int8 ? out * in : out * ((in + scale_group - 1) / scale_group) * (scale_group / 2);
}
constexpr Index scale_bytes(WeightFormat f, Index out, Index in) {
  return f == WeightFormat::int8 ? out * 4 : out * ((in + scale_group - 1) / scale_group) * 2;
}

/// A matrix in int8 or int4 as it lies in memory and in files (docs/formats.md). `owner` keeps the bytes alive.
struct FormBytes {
  std::span<const std::byte> codes{}, scales{};
  std::shared_ptr<const void> owner{};
};

/// What a matrix is read for. Layers and the head of the language model are read whole for every token.
enum class WeightUse : std::uint8_t { other, tower, layer, head };

inline constexpr std::array<std::string_view, 4> weight_use_names{"other", "tower", "layers", "head"};

constexpr std::string_view name_of(WeightUse u) { return weight_use_names[static_cast<std::size_t>(u)]; }

/// For each use; `other` stays as it is stored.
struct WeightFormats {
  WeightFormat layers = WeightFormat::stored, head = WeightFormat::stored, tower = WeightFormat::stored;

  constexpr WeightFormat of(WeightUse use) const {
    switch (use) {
      case WeightUse::layer: return layers;
      case WeightUse::head: return head;
      case WeightUse::tower: return tower;
      case WeightUse::other: break;
    }
    return WeightFormat::stored;
  }
  constexpr bool all_stored() const { return *this == WeightFormats{}; }
  constexpr bool operator==(const WeightFormats&) const = default;
};

}  // namespace arrcoc
