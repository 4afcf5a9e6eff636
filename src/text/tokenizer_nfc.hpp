#pragma once
// NFC as Hugging Face `tokenizers` runs it: its tables are those of Unicode 9.0, so later characters neither compose
// nor reorder.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace arrcoc::io {

/// Where each byte of a rewritten text comes from. Empty: the text is as it was.
class OffsetMap {
 public:
  /// From `to` (rewritten) on, the text comes from `from`: byte for byte if `verbatim`, else as one block.
  void add(std::size_t to, std::size_t from, bool verbatim) { parts_.push_back({to, from, verbatim}); }
  std::size_t source_of(std::size_t at) const;

 private:
  struct Part {
    std::size_t to, from;
    bool verbatim;
  };
  std::vector<Part> parts_;
};

struct NormalText {
  std::string_view text;                 // the argument itself, or `storage`
  std::unique_ptr<std::string> storage;  // on the heap, so that moving keeps `text` valid
  OffsetMap sorted, composed;            // rewritten -> sorted -> source
  std::size_t source_of(std::size_t at) const { return sorted.source_of(composed.source_of(at)); }
};

class Nfc {
 public:
  Nfc();
  /// `text` is valid UTF-8, under 2 GiB. Linear but for sorting long runs of combining marks (n log n).
  NormalText operator()(std::string_view text) const;

 private:
  struct Tables;
  std::shared_ptr<const Tables> tables_;
};

}  // namespace arrcoc::io
