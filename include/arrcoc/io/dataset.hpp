#pragma once
// Questions with known answers, as `arrcoc scenes` writes them: one JSON object a line (docs/sweep.md names the keys).
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/image.hpp"

namespace arrcoc::io {

struct Sample {
  std::string id;
  std::vector<std::filesystem::path> images;  // beside the file that names them, in prompt order
  std::vector<std::string> image_names;       // as the file spells them
  std::string question;                       // may be empty
  std::vector<std::string> answers;           // any of them is right; none with metric "none"
  std::vector<std::vector<Box>>
      boxes;  // of each picture: all that are needed; none = the whole picture, or nothing in it
  std::string scenario, split, kind = "plain";
  std::string metric = "exact";  // exact | relaxed | none
  Index difficulty = 0;
  Index line = 0;  // of the file, from 1
};

/// What to take of a file. Empty: everything.
struct DatasetChoice {
  std::vector<std::string> scenarios;
  std::string split;
  Index limit = 0;  // the first so many that fit the rest; 0: all
};

/// A JSONL file, or the questions.jsonl of a folder. Error{bad_text} naming the line for anything malformed, an id that
/// comes twice and a missing key; Error{file_missing} naming the line for a picture that is not there;
/// Error{unknown_strategy} for a scenario and Error{bad_text} for a split that no line has. Unknown keys are left
/// alone.
std::vector<Sample> read_questions(const std::filesystem::path& file_or_folder, const DatasetChoice& choice = {});

/// Error{bad_text} naming the line unless every box has an area and lies inside its picture.
void check_boxes(const Sample& sample, std::size_t picture, Index height, Index width, std::string_view where);

/// Height and width as a PNG's header gives them, before anything is decoded; {0, 0} for other kinds of file and
/// damaged ones.
struct PictureSize {
  Index height = 0, width = 0;
};
PictureSize png_size(const std::filesystem::path& file);

}  // namespace arrcoc::io
