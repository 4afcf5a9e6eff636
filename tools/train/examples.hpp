#pragma once
// Training examples: a scene, picture or film, turned into pixels, dense-reading labels and tokenised questions.
#include <vector>

#include "../scenes/scene.hpp"
#include "arrcoc/qwen3vl/model.hpp"
#include "small_model.hpp"

namespace arrcoc::train {

// Each token is read in cells of 8 x 5.3 px: what a cell says does not depend on how many marks stand before it.
inline constexpr Index reading_rows = 4, reading_cols = 6, reading_slots = reading_rows * reading_cols;
inline constexpr Index reading_classes =
    1 + 94 + 48 + 9;  // nothing, printable ASCII, coloured shapes, cars and the table

/// 0 for a mark that has no class.
Index reading_class(const std::string& what);

/// Where something that a question is about stands in the picture: what the row `row` of the question should know.
struct Pointing {
  Index row = 0;    // in AskedQuestion::ids
  Index token = 0;  // vision token
  Index cell = 0;   // of the token, in [0, reading_slots)
};

struct AskedQuestion {
  std::vector<TokenId> ids;  // question, template, answer, end of turn
  Index answer_begin = 0;    // ids[answer_begin..] are predicted, each from the id before it
  std::string answer;
  std::string question;
  std::vector<Box> boxes;
  std::vector<Pointing>
      words;  // the row that ends a word of the question -> the last character of that word where it is drawn
  std::vector<Pointing>
      answers;  // the row before a token of the answer -> the first character of that token where it is drawn
};

struct Example {
  qwen3vl::Pixels pixels;
  Grid grid;                         // of one pair of frames
  std::vector<double> seconds;       // of a clip: the time of each of its pairs; of a picture none
  std::vector<std::int64_t> labels;  // [N * reading_slots], 0 = nothing; the mark whose centre lies in the cell, of a
                                     // pair in its first frame
  std::vector<AskedQuestion> questions;
  Index image_height = 0, image_width = 0;
  TokenSet tokens() const { return {grid, seconds.empty() ? 1 : static_cast<Index>(seconds.size())}; }
};

/// At most `max_questions` of the scene's and `max_drills` of drills, drawn by the scene's seed. Of a film every frame,
/// in pairs, the last of an odd count twice; its boxes are those of pairs, and it has neither drills nor pointings.
Example make_example(const scenes::Scene& scene, const ModelConfig& config, Index max_questions, std::uint64_t seed,
                     Index max_drills = 0);

/// Questions that ask to read on from a word ("Read on from coffee."): the words drawn after it, at most 24 characters.
/// Only words that stand once in the picture are asked for. They teach to find a word and to copy what follows, with
/// many more characters than the scenes' own questions have.
std::vector<scenes::Question> reading_drills(const scenes::Scene& scene);

/// The prompt up to and including <|vision_end|>, with `tokens` image pads.
std::vector<TokenId> prefix_ids(Index tokens);
/// The same of an example, its pads marked as source 0; of a clip as ClipLayout::nested has it.
Prompt prefix_of(const Example& e);
inline constexpr Index pads_begin = 4;  // <|im_start|> user \n <|vision_start|>

}  // namespace arrcoc::train
