#pragma once
// Finds added tokens in a text, the longest at each place. The sorted list is walked as a trie: cost O(longest token)
// per place whose first byte begins any token, whatever their number.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/types.hpp"

namespace arrcoc::io {

class AddedTokenFinder {
 public:
  struct Found {
    std::size_t length = 0;  // 0: no token begins here
    TokenId id = -1;
  };

  void add(std::string_view content, TokenId id) {
    if (content.empty()) return;
    begins_[static_cast<unsigned char>(content[0])] = true;
    tokens_.push_back({std::string(content), id});
  }
  /// After the last add, before the first look.
  void seal() {
    std::sort(tokens_.begin(), tokens_.end(), [](const Entry& a, const Entry& b) { return a.content < b.content; });
  }
  bool empty() const { return tokens_.empty(); }

  /// The longest token that begins at text[at].
  Found at(std::string_view text, std::size_t at) const {
    Found best;
    if (!begins_[static_cast<unsigned char>(text[at])]) return best;
    auto low = tokens_.begin(), high = tokens_.end();
    for (std::size_t depth = 0; at + depth < text.size(); ++depth) {
      const int wanted = static_cast<unsigned char>(text[at + depth]);
      const auto byte = [depth](const Entry& e) {
        return depth < e.content.size() ? static_cast<unsigned char>(e.content[depth]) : -1;
      };
      low = std::lower_bound(low, high, wanted, [&](const Entry& e, int c) { return byte(e) < c; });
      high = std::upper_bound(low, high, wanted, [&](int c, const Entry& e) { return c < byte(e); });
      if (low == high) break;
      if (low->content.size() == depth + 1) best = {depth + 1, low->id};
    }
    return best;
  }

 private:
  struct Entry {
    std::string content;
    TokenId id;
  };
  std::vector<Entry> tokens_;  // by content, bytewise
  std::array<bool, 256> begins_{};
};

}  // namespace arrcoc::io
