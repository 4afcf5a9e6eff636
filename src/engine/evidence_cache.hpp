#pragma once
// What the vision tower gave for one set of pictures, kept for other asks up to a bound; what is dropped is made again.
#include <list>
#include <memory>
#include <string>

#include "arrcoc/pipeline/shelf.hpp"

namespace arrcoc {

template <class B>
class EvidenceCache {
 public:
  /// `most`: bytes; the shelf that was used last stays even where it alone is larger.
  explicit EvidenceCache(std::int64_t most) : most_(most) {}

  /// The shelf of `key`, or a place for one; good until drop().
  std::shared_ptr<Shelf<B>>& at(const std::string& key) {
    const auto known = std::find_if(all_.begin(), all_.end(), [&](const Kept& k) { return k.key == key; });
    if (known == all_.end()) all_.push_front({key, nullptr});
    else all_.splice(all_.begin(), all_, known);
    return all_.front().shelf;
  }
  /// Whether more is held than may be, and something could go. `others`: bytes held outside of the cache.
  bool over(B& b, std::int64_t others) const { return (all_.size() > 1 || others > 0) && held(b) + others > most_; }
  /// Drops those unused for longest until half of what may be held is free; how many were dropped.
  Index drop(B& b) {
    Index dropped = 0;
    while (all_.size() > 1 && held(b) > most_ / 2) {
      all_.pop_back();
      ++dropped;
    }
    return dropped;
  }

 private:
  struct Kept {
    std::string key;
    std::shared_ptr<Shelf<B>> shelf;
  };
  std::int64_t held(B& b) const {
    std::int64_t sum = 0;
    for (const Kept& k : all_) sum += k.shelf ? k.shelf->bytes(b) : 0;
    return sum;
  }

  std::int64_t most_;
  std::list<Kept> all_;  // the one used last first
};

}  // namespace arrcoc
