#pragma once
// Token contents by id and ids by content: one text block, one index, no node per entry.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc::io {

class Vocabulary {
 public:
  static constexpr TokenId max_id = (1 << 22) - 1;  // ids above are refused: memory grows with the highest id
  enum class Added : std::uint8_t { yes, duplicate_content, duplicate_id };

  /// `id` in 0..max_id.
  Added add(std::string_view content, TokenId id) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    const std::size_t slot = find_slot(content);
    if (slots_[slot] >= 0) return Added::duplicate_content;
    const auto place = static_cast<std::size_t>(id);
    if (place >= entries_.size()) entries_.resize(place + 1);
    if (entries_[place].used) return Added::duplicate_id;
    entries_[place] = {static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(content.size()), true};
    text_ += content;
    slots_[slot] = id;
    ++count_;
    return Added::yes;
  }
  /// -1 if absent.
  TokenId find(std::string_view content) const { return slots_.empty() ? -1 : slots_[find_slot(content)]; }
  bool has(TokenId id) const { return id >= 0 && id < end_id() && entries_[static_cast<std::size_t>(id)].used; }
  std::string_view content(TokenId id) const {
    const Entry& entry = entries_[static_cast<std::size_t>(id)];
    return std::string_view(text_).substr(entry.begin, entry.length);
  }
  TokenId end_id() const { return static_cast<TokenId>(entries_.size()); }
  std::size_t count() const { return count_; }
  std::size_t text_bytes() const { return text_.size(); }

 private:
  struct Entry {
    std::uint32_t begin = 0, length : 31 = 0, used : 1 = 0;
  };

  std::size_t find_slot(std::string_view content) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = std::hash<std::string_view>{}(content)&mask;
    while (slots_[slot] >= 0 && this->content(slots_[slot]) != content) slot = (slot + 1) & mask;
    return slot;
  }
  void grow() {
    std::vector<TokenId> old(slots_.empty() ? 64 : 2 * slots_.size(), -1);
    old.swap(slots_);
    for (const TokenId id : old)
      if (id >= 0) slots_[find_slot(content(id))] = id;
  }

  std::string text_;
  std::vector<Entry> entries_;
  std::vector<TokenId> slots_;
  std::size_t count_ = 0;
};

}  // namespace arrcoc::io
