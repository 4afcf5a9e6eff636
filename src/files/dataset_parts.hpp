#pragma once
// What the readers of datasets share: the list of problems, pictures by name, answers in whatever form.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "arrcoc/io/dataset.hpp"
#include "files/json_util.hpp"

namespace arrcoc::io {

/// Thrown inside a reader for one item; the reader lists it and goes on.
struct BadItem {
  Code code = Code::bad_text;
  std::string what;
};
[[noreturn]] inline void bad_item(std::string what, Code code = Code::bad_text) {
  throw BadItem{code, std::move(what)};
}

/// One file being read.
class Reading {
 public:
  Reading(const std::filesystem::path& file, const DatasetChoice& choice, Dataset& out);

  /// Checks what every format has in common and takes the sample, or lists what is wrong with it. `fill` makes it.
  template <class Fill>
  void item(Index line, Fill&& fill) {
    Sample s;
    s.line = line;
    s.metric.clear();
    ++out_.items;
    try {
      fill(s);
      finish(s);
    } catch (const BadItem& bad) {
      out_.problems.push_back({line, s.id, bad.code, bad.what, false});
      return;
    } catch (const Error& error) {  // of the parsers; their sentence without its frame
      std::string what = error.what();
      if (const auto end = what.find("] "); end != std::string::npos) what.erase(0, end + 2);
      if (const auto end = what.rfind(" (E"); end != std::string::npos) what.erase(end);
      out_.problems.push_back({line, s.id, error.code(), what, false});
      return;
    }
    out_.samples.push_back(std::move(s));
  }

  /// A picture by what a file says of it: a path, a file: or data: URL. `text` is the raw text that holds it, `at` its
  /// place in the file (-1: unknown); a data: URL that stands there as it is stays on the disk.
  void add_picture(Sample& s, const std::string& name, std::string_view text = {}, std::int64_t at = -1) const;

  /// A clip by what a file says of it: a video, an animation or a folder.
  void add_clip(Sample& s, const std::string& name) const;

  /// Items without answers that name no metric are a problem, unless no item has any.
  void refuse_unanswered();

  const std::filesystem::path& file() const { return file_; }
  const std::filesystem::path& pictures() const { return pictures_; }
  const DatasetChoice& choice() const { return choice_; }
  Dataset& out() const { return out_; }

 private:
  void finish(Sample& s);
  std::filesystem::path file_, pictures_;
  const DatasetChoice& choice_;
  Dataset& out_;
  std::string metric_;                // by the file's name
  std::set<Index> unanswered_;        // lines
  std::map<std::string, Index> ids_;  // -> line
};

/// The texts of a Python list of strings and numbers, as str() writes it; none for anything else.
std::optional<std::vector<std::string>> python_list(std::string_view text);
/// A string, or a number as its file spells it. BadItem naming `key` otherwise.
std::string scalar_text(const Json& value, std::string_view key);
/// A string, a number, or a list of these (or of {"answer": ...}); strings that are Python lists are read as such.
std::vector<std::string> answer_texts(const Json& value, std::string_view key, bool python);
std::vector<Box> box_list(const Json& value, std::string_view key);
/// `of`: the picture of each, or of a clip the frame by its number; empty: the first picture, or by `box_seconds`.
void place_boxes(Sample& s, const std::vector<Box>& boxes, std::vector<Index> of);

/// base64, white space and a missing end allowed; none where a character is none of it.
std::optional<std::string> base64_bytes(std::string_view text);
std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = 0xcbf29ce484222325ull);
std::string hex16(std::uint64_t value);

/// What is wrong with a box of a picture of that size; empty: nothing.
std::string box_outside(const Box& box, Index height, Index width);
/// Size and times of all frames of a sample's clip; with `decode` each is decoded. Errors of open_clip.
ClipInfo every_frame(const Sample& s, bool decode, const ClipOptions& options);
/// Boxes that name a time get their frame; what is wrong with them, empty: nothing.
std::string place_in_frames(Sample& s, const ClipInfo& clip);

// Each format.
void read_json_lines(Reading& reading);  // jsonl, lmms, llava: by what a line holds
void read_json_list(Reading& reading);   // one JSON list
void read_vlmevalkit(Reading& reading);  // TSV
void read_vqa2(Reading& reading);        // two JSON files
void fill_from_json(Reading& reading, Sample& s, const Json& j, std::string_view raw, std::int64_t at);

/// Cells of a TSV as pandas reads it: RFC 4180 quotes, line ends inside them. Cells of the column `big` are not kept:
/// only where they stand.
struct TsvCell {
  std::string text;                                          // of big cells the first 64 bytes
  std::int64_t offset = 0, length = 0;                       // in the file, quotes left out
  std::uint64_t hash = 0;                                    // of big cells
  std::vector<std::pair<std::int64_t, std::int64_t>> items;  // of big cells that are a list: offset and length of each
};
class TsvReader {
 public:
  explicit TsvReader(const std::filesystem::path& file);
  ~TsvReader();
  TsvReader(const TsvReader&) = delete;
  TsvReader& operator=(const TsvReader&) = delete;
  /// False at the end. Blank lines are passed over. `line`: where the row begins.
  bool next(std::vector<TsvCell>& row, Index& line, std::size_t big = SIZE_MAX);

 private:
  struct State;
  State* state_;
};
/// A cell as a TSV holds it: in quotes where it has to be.
std::string tsv_cell(std::string_view text);

}  // namespace arrcoc::io
