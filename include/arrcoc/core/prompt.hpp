#pragma once
// A rendered question: token ids with the places of the pictures and clips marked.
#include <string>
#include <vector>

#include "arrcoc/core/places.hpp"

namespace arrcoc {

/// One picture, or one temporal patch of a clip, inside the ids: `grid.count()` pad ids starting at column `begin`.
struct VisionSpan {
  Index begin = 0;
  Grid grid;        // merged tokens
  Index image = 0;  // which source, picture or clip, in prompt order
  Index frame = 0;  // of a clip: which of its temporal patches; of a picture 0
  bool operator==(const VisionSpan&) const = default;
  Index end() const { return begin + grid.count(); }
};

/// What becomes of a clip's <|vision_start|><|video_pad|><|vision_end|>. In the first two each temporal patch is its
/// time as text, `<0.3 seconds>`, and a pair of vision marks around its pads. Source: transformers' Qwen3VLProcessor.
enum class ClipLayout : std::uint8_t {
  nested,  // the patches stand in place of the pad, inside the clip's own pair of marks: 5.10 and later
  flat,    // they stand in place of all three: 4.57 to 5.9
  block,   // Qwen2-VL's, for experiments: one pair of marks around all pads, no times; t grows by one a patch
};

/// How the times of a clip are written.
enum class ClipTimestamps : std::uint8_t {
  seconds,  // `<207.9 seconds>`, as transformers' Qwen3VLProcessor writes them
  hms,      // `<00:03:27>`, hours, minutes and whole seconds that have passed; an experiment
};

struct Prompt {
  std::vector<TokenId> ids;       // [L]
  std::vector<VisionSpan> spans;  // in prompt order, disjoint; those of a clip one after the other
  std::vector<Index> question;    // columns that hold the user's own words: no template, no pads, no special tokens
  std::vector<Index> words;       // [question.size()] whose word each of them is: 0, 1, ...; white space parts words
  std::string asked{};            // the user's own words as text
};

/// The tokens of each source of a prompt: the raster of its grid, as many frames as it has spans. Error{bad_prompt}
/// unless sources are numbered in prompt order from 0, and a source's spans stand together with one grid, frame 0, 1...
inline std::vector<TokenSet> sources_of(const Prompt& prompt) {
  std::vector<TokenSet> out;
  for (const VisionSpan& s : prompt.spans) {
    const auto known = static_cast<Index>(out.size());
    const bool next = s.image == known && s.frame == 0,
               again = known > 0 && s.image == known - 1 && s.frame == out.back().frames && s.grid == out.back().grid;
    require_that(next || again, Code::bad_prompt, "prompt", [&] {
      return "spans: expected sources in order, their frames together and of one grid, got frame " +
             std::to_string(s.frame) + " of source " + std::to_string(s.image) + " behind " + std::to_string(known) +
             " sources";
    });
    if (next) out.emplace_back(s.grid);
    else ++out.back().frames;
  }
  return out;
}

}  // namespace arrcoc
