#pragma once
// Questions with known answers out of the files that people have: ours, plain JSONL, VLMEvalKit's TSV, lmms-eval's
// exports and sample logs, LLaVA's question files, VQA v2's pairs. docs/sweep.md names every key.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/core/error.hpp"
#include "arrcoc/core/image.hpp"
#include "arrcoc/io/clip_file.hpp"
#include "arrcoc/io/image_file.hpp"

namespace arrcoc::io {

/// A picture of a question: a file, base64 text inside one (a TSV of gigabytes stays on the disk), or base64 itself.
struct DatasetPicture {
  std::filesystem::path file;
  std::int64_t offset = -1, length = 0;  // of base64 text in `file`; offset -1: the file is the picture
  std::string base64{};                  // not empty: the picture, whatever `file` says
  bool operator==(const DatasetPicture&) const = default;
};

/// What makes the pictures of a sample one clip: a video, an animation or a folder of frames, which `images` names, or
/// the frames themselves, in order.
struct SampleClip {
  std::string name;                                 // as the file spells it; of frames the ends and a hash of all
  double frames_per_second = 0;                     // a clock for frames that have none,
  std::vector<double> seconds{};                    // or the time of each
  std::vector<double> box_seconds{};                // of boxes whose frames are not numbered, until the clip is probed
  std::vector<std::pair<double, double>> answer{};  // seconds, from and to, that answer a question about time
  bool operator==(const SampleClip&) const = default;
};

struct Sample {
  std::string id;
  std::vector<DatasetPicture> images;    // in prompt order
  std::vector<std::string> image_names;  // what tells them apart: as the file spells them, or by what they hold
  std::vector<Index> places;             // byte of `question` before which each stands; all 0: before the text
  std::string question;                  // may be empty; <image> marks are taken out
  std::string hint;
  std::vector<std::string> answers;       // any of them is right; none with metric "none" and "unscored"
  std::vector<std::string> options;       // of multiple choice: A, B, ...; an empty text is no option
  std::vector<std::vector<Box>> boxes{};  // of each picture: all that are needed; none = the whole picture, or nothing;
                                          // of a clip one list, whose boxes name their frames
  std::optional<SampleClip> clip{};
  std::string scenario, split, category, kind = "plain";
  std::string metric = "exact";  // measure/metrics.hpp; unscored: asked, not scored; none: not even asked
  Index difficulty = 0;
  Index line = 0;  // of the file, from 1; of a JSON list, the item

  /// Whether a picture stands behind the first byte of the question.
  bool pictures_inside() const {
    return std::any_of(places.begin(), places.end(), [](Index p) { return p != 0; });
  }
};

/// What stands in front of a question: its pictures by name, or its one clip.
std::vector<std::string> source_names(const Sample& sample);
/// The clip of a sample that has one, with its clock. Errors of open_clip.
std::unique_ptr<FrameSource> open_clip(const Sample& sample, const ChooseFrames& choose, ClipOptions options);

/// Takes the marks <image> out of a text, a line of one whole; the byte before which each stood.
std::vector<Index> take_picture_marks(std::string& text);
/// The question with a mark for each picture where one stands inside it; else as it is.
std::string marked_question(const Sample& sample);

/// What is wrong with one item. `kept`: it is asked nevertheless.
struct DataProblem {
  Index line = 0;
  std::string id;
  Code code = Code::bad_text;
  std::string what;
  bool kept = false;
};

/// "line 7 ('b'): no such picture: x.png".
std::string text_of(const DataProblem& problem);

struct Dataset {
  std::string file, format;  // format: one of data_formats
  std::vector<Sample> samples;
  std::vector<DataProblem> problems;  // probe_pictures puts them in the file's order
  Index items = 0;                    // read, the bad ones too
};

inline constexpr std::string_view data_formats[] = {"jsonl", "json", "vlmevalkit", "lmms", "llava", "vqa2"};

/// What to take of a file. Empty: everything.
struct DatasetChoice {
  std::vector<std::string> scenarios{};
  std::string split{};
  Index limit = 0;                      // the first so many that fit the rest; 0: all
  std::string format{};                 // one of data_formats; empty: recognised
  std::filesystem::path pictures{};     // the folder of relative names; empty: the file's own
  std::filesystem::path annotations{};  // vqa2; empty: the questions' name with annotations in it
  std::string metric{};                 // of items that name none; empty: by the file's name and what the item holds
};

/// A file, or the questions.jsonl of a folder. Items that are wrong are listed in `problems`, by line and id, and left
/// out. Error{bad_text} when the file as a whole cannot be read as its format, holds no item, or none that was chosen;
/// Error{unknown_strategy} for a scenario that no item has; Error{bad_usage} for an unknown format or metric; 401, 402.
Dataset read_dataset(const std::filesystem::path& file_or_folder, const DatasetChoice& choice = {});

/// Looks at every picture: its header's size and ratio, or with `decode` all of its pixels, and the boxes in it; at
/// every clip: its frames' times, with `decode` every frame, and the boxes in them. What is wrong joins `problems`, and
/// its samples go. `clips`: how clips are opened; its clock is of frames whose sample has none.
void probe_pictures(Dataset& data, bool decode, const ClipOptions& clips = {});

/// Error with the first problem's code, and the first twenty by name, when there is one.
void refuse_problems(const Dataset& data);

/// As read_dataset, where anything that is wrong with any item is an error. Pictures are only looked for.
std::vector<Sample> read_questions(const std::filesystem::path& file_or_folder, const DatasetChoice& choice = {});

/// The bytes of the picture's file, decoded from base64 where they stand as such. Error{bad_image}, 401, 402.
std::string picture_bytes(const DatasetPicture& picture);
Image read_image(const DatasetPicture& picture, const DecodeOptions& options = {});

/// Our own JSONL line with its end; pictures, or the files of a clip, by the names given.
std::string sample_json(const Sample& sample, const std::vector<std::string>& image_names);

/// How a question becomes the prompt. automatic: multiple choice as VLMEvalKit puts it, all else as it stands.
enum class PromptShape : std::uint8_t { automatic, none, vlmevalkit, qwen3vl, lmms };
inline constexpr std::string_view prompt_shape_names[] = {"auto", "none", "vlmevalkit", "qwen3vl", "lmms"};
std::string shaped_prompt(const Sample& sample, PromptShape shape);
/// The sample with its question in that shape, pictures inside it moved along.
void shape_prompt(Sample& sample, PromptShape shape);
/// FNV-1a over texts and where each ends, 16 hexadecimal digits: runs whose prompts have equal hashes were asked the
/// same.
std::string texts_hash(const std::vector<std::string>& texts);

/// Pixels.
struct PictureSize {
  Index height = 0, width = 0;
};
/// Of the first bytes of a PNG, JPEG or WebP file; {0, 0} where they do not say.
PictureSize header_size(std::string_view bytes);

}  // namespace arrcoc::io
