#include "tokenizer_bpe.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <queue>
#include <unordered_map>

namespace arrcoc::io {

void MergeTable::reserve(std::size_t merges) {
  const std::size_t wanted = std::bit_ceil(std::max<std::size_t>(2, 2 * merges));
  if (wanted <= slots_.size()) return;
  std::vector<Merge> old(wanted);
  old.swap(slots_);
  mask_ = wanted - 1;
  for (const Merge& merge : old) {
    if (merge.rank == no_rank) continue;
    std::size_t slot = start(merge.pair);
    while (slots_[slot].rank != no_rank) slot = (slot + 1) & mask_;
    slots_[slot] = merge;
  }
}

bool MergeTable::add(TokenId left, TokenId right, std::uint32_t rank, TokenId merged) {
  reserve(count_ + 1);
  const std::uint64_t pair = key(left, right);
  std::size_t slot = start(pair);
  while (slots_[slot].rank != no_rank) {
    if (slots_[slot].pair == pair) return false;
    slot = (slot + 1) & mask_;
  }
  slots_[slot] = {pair, rank, merged};
  ++count_;
  return true;
}

namespace {
constexpr std::size_t short_piece = 48;  // bytes; scanning wins below

/// Places that wait for one rank, given back in ascending order. They mostly come so; a heap takes those that do not.
class Waiting {
 public:
  bool empty() const { return done_ == in_order_.size() && late_.empty(); }
  void push(std::uint32_t place) {
    if (in_order_.empty() || place >= in_order_.back()) {
      in_order_.push_back(place);
    } else {
      late_.push_back(place);
      std::push_heap(late_.begin(), late_.end(), std::greater<>{});
    }
  }
  std::uint32_t pop() {
    if (late_.empty() || (done_ < in_order_.size() && in_order_[done_] <= late_.front())) {
      const std::uint32_t place = in_order_[done_++];
      if (done_ == in_order_.size()) {
        in_order_.clear();
        done_ = 0;
      }
      return place;
    }
    std::pop_heap(late_.begin(), late_.end(), std::greater<>{});
    const std::uint32_t place = late_.back();
    late_.pop_back();
    return place;
  }

 private:
  std::vector<std::uint32_t> in_order_, late_;
  std::size_t done_ = 0;
};
}  // namespace

void Bpe::encode(std::string_view piece, std::size_t offset, std::vector<TokenAt>& out) const {
  if (piece.size() <= short_piece) encode_short(piece, offset, out);
  else encode_long(piece, offset, out);
}

void Bpe::encode_short(std::string_view piece, std::size_t offset, std::vector<TokenAt>& out) const {
  struct Symbol {
    TokenId id, merged;  // merged: what this symbol and the next become
    std::uint32_t rank;  // of that pair
    std::uint32_t begin;
  };
  std::array<Symbol, short_piece> symbols;
  std::size_t n = piece.size();
  for (std::size_t i = 0; i < n; ++i)
    symbols[i] = {byte_ids[static_cast<unsigned char>(piece[i])], -1, MergeTable::no_rank,
                  static_cast<std::uint32_t>(i)};
  const auto look = [&](std::size_t i) {
    if (i + 1 >= n) {
      symbols[i].rank = MergeTable::no_rank;
      return;
    }
    const MergeTable::Merge& merge = merges.find(symbols[i].id, symbols[i + 1].id);
    symbols[i].rank = merge.rank;
    symbols[i].merged = merge.id;
  };
  for (std::size_t i = 0; i < n; ++i) look(i);
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < n; ++i)
      if (symbols[i].rank < symbols[best].rank) best = i;
    if (symbols[best].rank == MergeTable::no_rank) break;
    symbols[best].id = symbols[best].merged;
    std::copy(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 2, symbols.begin() + static_cast<std::ptrdiff_t>(n),
              symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    --n;
    look(best);
    if (best > 0) look(best - 1);
  }
  for (std::size_t i = 0; i < n; ++i) out.push_back({symbols[i].id, offset + symbols[i].begin});
}

void Bpe::encode_long(std::string_view piece, std::size_t offset, std::vector<TokenAt>& out) const {
  constexpr std::uint32_t none = 0xFFFFFFFF;
  struct Symbol {
    TokenId id;
    std::uint32_t previous, next, rank;  // rank of the pair (this, next); no_rank also once swallowed
  };
  const auto n = static_cast<std::uint32_t>(piece.size());
  std::vector<Symbol> symbols(n);
  for (std::uint32_t i = 0; i < n; ++i)
    symbols[i] = {byte_ids[static_cast<unsigned char>(piece[i])], i == 0 ? none : i - 1, i + 1 == n ? none : i + 1,
                  MergeTable::no_rank};

  std::unordered_map<std::uint32_t, Waiting> by_rank;  // nodes stay where they are
  using Rank = std::pair<std::uint32_t, Waiting*>;
  const auto later = [](const Rank& a, const Rank& b) { return a.first > b.first; };
  std::priority_queue<Rank, std::vector<Rank>, decltype(later)> ranks(later);  // each rank with places waiting, once
  Rank last{MergeTable::no_rank, nullptr};
  const auto look = [&](std::uint32_t i) {
    Symbol& s = symbols[i];
    s.rank = s.next == none ? MergeTable::no_rank : merges.find(s.id, symbols[s.next].id).rank;
    if (s.rank == MergeTable::no_rank) return;
    if (s.rank != last.first) last = {s.rank, &by_rank[s.rank]};
    if (last.second->empty()) ranks.push(last);
    last.second->push(i);
  };
  for (std::uint32_t i = 0; i + 1 < n; ++i) look(i);
  while (!ranks.empty()) {
    const auto [rank, waiting] = ranks.top();
    const std::uint32_t at = waiting->pop();
    if (waiting->empty()) ranks.pop();
    Symbol& left = symbols[at];
    if (left.rank != rank) continue;  // the pair has changed since
    const std::uint32_t right = left.next;
    left.id = merges.find(left.id, symbols[right].id).id;
    left.next = symbols[right].next;
    symbols[right].rank = MergeTable::no_rank;
    if (left.next != none) symbols[left.next].previous = at;
    look(at);
    if (left.previous != none) look(left.previous);
  }
  for (std::uint32_t i = 0; i != none; i = symbols[i].next) out.push_back({symbols[i].id, offset + i});
}

}  // namespace arrcoc::io
