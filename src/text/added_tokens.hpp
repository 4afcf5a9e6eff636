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

/// How an added token is looked for.
struct AddedTokenRules {
  bool normalized = false;   // after NFC
  bool single_word = false;  // not beside a letter, digit, mark or connector
  bool lstrip = false;       // takes the white space before it along
  bool rstrip = false;       // and behind it
};

class AddedTokenFinder {
 public:
  struct Found {
    std::size_t length = 0;  // 0: no token begins here
    TokenId id = -1;
    AddedTokenRules rules{};
  };

  void add(std::string_view content, TokenId id, AddedTokenRules rules) {
    if (content.empty()) return;
    begins_[static_cast<unsigned char>(content[0])] = true;
    tokens_.push_back({std::string(content), id, rules});
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
      if (low->content.size() == depth + 1) best = {depth + 1, low->id, low->rules};
    }
    return best;
  }

 private:
  struct Entry {
    std::string content;
    TokenId id;
    AddedTokenRules rules;
  };
  std::vector<Entry> tokens_;  // by content, bytewise
  std::array<bool, 256> begins_{};
};

/// The bytes [begin, end) that a found token at text[at] becomes, none of them before `done`; false where it is no
/// single word.
bool added_token_extent(std::string_view text, const AddedTokenFinder::Found& found, std::size_t at, std::size_t done,
                        std::size_t& begin, std::size_t& end);

}  // namespace arrcoc::io
