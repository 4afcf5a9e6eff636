#pragma once
// Byte-pair merging: the pair of lowest rank first, of equals the leftmost. Short pieces by scanning, long ones by a
// heap (n log n).
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "arrcoc/core/types.hpp"
#include "arrcoc/io/tokenizer.hpp"

namespace arrcoc::io {

/// (left id, right id) -> rank and merged id. Open addressing, at most half full.
class MergeTable {
 public:
  static constexpr std::uint32_t no_rank = 0xFFFFFFFF;
  struct Merge {
    std::uint64_t pair = ~std::uint64_t{0};
    std::uint32_t rank = no_rank;
    TokenId id = -1;
  };

  void reserve(std::size_t merges);
  /// False if the pair is already there.
  bool add(TokenId left, TokenId right, std::uint32_t rank, TokenId merged);
  /// A Merge of rank no_rank if the pair does not merge.
  const Merge& find(TokenId left, TokenId right) const {
    const std::uint64_t pair = key(left, right);
    std::size_t slot = start(pair);
    while (slots_[slot].rank != no_rank && slots_[slot].pair != pair) slot = (slot + 1) & mask_;
    return slots_[slot];
  }
  std::size_t count() const { return count_; }

 private:
  static std::uint64_t key(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }
  std::size_t start(std::uint64_t pair) const {
    return static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15u) >> 32) & mask_;
  }

  std::vector<Merge> slots_ = std::vector<Merge>(2);
  std::size_t mask_ = 1, count_ = 0;
};

class Bpe {
 public:
  std::array<TokenId, 256> byte_ids{};  // id of each byte's own token
  MergeTable merges;

  /// Appends the tokens of `piece`, each with `begin` = offset + its first byte.
  void encode(std::string_view piece, std::size_t offset, std::vector<TokenAt>& out) const;

 private:
  void encode_short(std::string_view piece, std::size_t offset, std::vector<TokenAt>& out) const;
  void encode_long(std::string_view piece, std::size_t offset, std::vector<TokenAt>& out) const;
};

}  // namespace arrcoc::io
