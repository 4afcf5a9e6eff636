// VLMEvalKit's TSV, row by row: pictures stay on the disk, whatever the size of the file.
#include <cstdio>
#include <cstring>
#include <set>

#include "files/dataset_parts.hpp"
#include "text/utf8.hpp"

namespace arrcoc::io {
namespace {

constexpr std::size_t longest_cell = std::size_t{16} << 20, reference = 64;

struct Columns {
  std::map<std::string, std::size_t> at;
  std::size_t find(const std::string& name) const {
    const auto found = at.find(name);
    return found == at.end() ? SIZE_MAX : found->second;
  }
};

/// Pictures of rows by index, for rows that name another row; and the first row that held each picture.
struct Shared {
  std::map<std::string, std::pair<std::vector<DatasetPicture>, std::vector<std::string>>> rows;
  std::map<std::uint64_t, std::string> names;
};

}  // namespace

struct TsvReader::State {
  std::FILE* file = nullptr;
  std::string where;
  char buffer[1 << 16];
  std::size_t size = 0, at = 0;
  std::int64_t base = 0;  // of the buffer in the file
  Index line = 1;

  int get() {
    if (at == size) {
      base += static_cast<std::int64_t>(size);
      size = std::fread(buffer, 1, sizeof buffer, file);
      at = 0;
      require_that(std::ferror(file) == 0, Code::file_unreadable, "input", [&] { return "cannot read " + where; });
      if (size == 0) return EOF;
    }
    return static_cast<unsigned char>(buffer[at++]);
  }
  int peek() {
    const int c = get();
    if (c != EOF) --at;
    return c;
  }
  std::int64_t place() const { return base + static_cast<std::int64_t>(at); }
};

TsvReader::TsvReader(const std::filesystem::path& file) : state_(new State) {
  state_->where = file.string();
  state_->file = std::fopen(file.c_str(), "rb");
  if (state_->file == nullptr) {
    const std::string name = state_->where;
    delete state_;
    fail(Code::file_unreadable, "input", "cannot read " + name);
  }
  char mark[3];
  if (std::fread(mark, 1, 3, state_->file) != 3 || std::memcmp(mark, "\xef\xbb\xbf", 3) != 0) std::rewind(state_->file);
  else state_->base = 3;
}

TsvReader::~TsvReader() {
  std::fclose(state_->file);
  delete state_;
}

bool TsvReader::next(std::vector<TsvCell>& row, Index& line, std::size_t big) {
  State& s = *state_;
  for (;;) {
    row.clear();
    line = s.line;
    bool ended = false;
    while (!ended) {
      TsvCell cell;
      const bool large = row.size() == big;
      cell.hash = fnv1a("");
      bool quoted = s.peek() == '"';
      if (quoted) s.get();
      cell.offset = s.place();
      std::int64_t item = -1;  // of a list: where the one that is open began
      char mark = 0;
      for (bool inside = quoted;;) {
        const std::int64_t here = s.place();
        const int c = s.get();
        if (c == EOF) {
          ended = true;
          cell.length = here - cell.offset;
          if (inside) cell.length = -1;  // the quote was never closed
          break;
        }
        if (c == '\n') ++s.line;
        if (inside && c == '"') {
          if (s.peek() != '"') {
            inside = false;
            cell.length = here - cell.offset;
            continue;
          }
          s.get();
        } else if (!inside && (c == '\t' || c == '\n')) {
          ended = c == '\n';
          if (!quoted) cell.length = here - cell.offset;
          break;
        } else if (!inside && c == '\r' && s.peek() == '\n') {
          if (!quoted) cell.length = here - cell.offset;
          continue;
        }
        if (large) {
          cell.hash = (cell.hash ^ static_cast<std::uint64_t>(c)) * 0x100000001b3ull;
          if (cell.text.size() < reference + 1) cell.text += static_cast<char>(c);
          if (cell.text.starts_with('[') && (c == '\'' || c == '"')) {
            if (item < 0) {
              mark = static_cast<char>(c);
              item = s.place();
            } else if (c == mark) {
              cell.items.emplace_back(item, here - item);
              item = -1;
            }
          }
        } else {
          cell.text += static_cast<char>(c);
          if (cell.text.size() > longest_cell) {  // a quote that nobody closed has taken the rest
            cell.length = -1;
            cell.text.resize(64);
            while (!ended) {
              const int next = s.get();
              ended = next == EOF || next == '\n';
              if (next == '\n') ++s.line;
            }
            break;
          }
        }
      }
      row.push_back(std::move(cell));
    }
    if (row.size() == 1 && row[0].text.empty()) {
      if (s.peek() == EOF) return false;
      continue;
    }
    return true;
  }
}

std::string tsv_cell(std::string_view text) {
  if (text.find_first_of("\t\r\n\"") == text.npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

void read_vlmevalkit(Reading& reading) {
  const std::string where = reading.file().string();
  TsvReader tsv(reading.file());
  std::vector<TsvCell> row;
  Index line = 0;
  if (!tsv.next(row, line)) return;
  Columns columns;
  for (std::size_t i = 0; i < row.size(); ++i) {
    require_that(utf8::first_invalid(row[i].text) == std::string_view::npos, Code::bad_text, where,
                 "line 1: expected UTF-8");
    require_that(columns.at.emplace(row[i].text, i).second, Code::bad_text, where,
                 [&] { return "line 1: two columns are named '" + printable(row[i].text, 60) + "'"; });
  }
  const std::size_t wide = row.size(), index = columns.find("index"), question = columns.find("question"),
                    image = columns.find("image"), path = columns.find("image_path"),
                    video = columns.find(columns.at.contains("video_path") ? "video_path" : "video");
  for (const char* name : {"index", "question"})
    require_that(columns.find(name) != SIZE_MAX, Code::bad_text, where,
                 [&] { return "line 1: expected a column '" + std::string(name) + "', got none"; });
  require_that(image != SIZE_MAX || path != SIZE_MAX || video != SIZE_MAX, Code::bad_text, where,
               "line 1: expected a column 'image' or 'image_path', got neither, and no 'video' or 'video_path'");
  Shared shared;
  struct Late {  // rows that name a row further down
    std::size_t sample;
    std::string row;
  };
  std::vector<Late> late;
  while (tsv.next(row, line, image)) {
    std::string names_row;
    reading.item(line, [&](Sample& s) {
      if (row.size() > index) s.id = printable(row[index].text, 200);
      for (const TsvCell& cell : row)
        if (cell.length < 0) bad_item("a quote is never closed");
      if (row.size() != wide)
        bad_item("expected " + std::to_string(wide) + " cells, got " + std::to_string(row.size()));
      for (std::size_t i = 0; i < wide; ++i)
        if (i != image &&
            (utf8::first_invalid(row[i].text) != std::string_view::npos || row[i].text.find('\0') != std::string::npos))
          bad_item("expected UTF-8 without NUL bytes");
      const auto cell = [&](const char* name) {
        const std::size_t at = columns.find(name);
        return at == SIZE_MAX ? std::string() : row[at].text;
      };
      s.question = row[question].text;
      const std::string answer = cell(columns.at.contains("answer") ? "answer" : "answers");
      if (auto list = python_list(answer)) s.answers = *list;
      else if (!answer.empty()) s.answers = {answer};
      s.hint = cell("hint");
      s.category = cell("category");
      s.split = cell("split");
      s.metric = cell("metric");
      s.scenario = cell("scenario");
      for (char c = 'A'; c <= 'Z'; ++c)
        if (const std::string option = cell(std::string(1, c).c_str()); !option.empty()) {
          s.options.resize(static_cast<std::size_t>(c - 'A') + 1);
          s.options.back() = option;
        }
      std::vector<std::string> paths;
      if (path != SIZE_MAX && !row[path].text.empty()) {
        if (auto list = python_list(row[path].text)) paths = *list;
        else paths = {row[path].text};
      }
      if (video != SIZE_MAX && !row[video].text.empty()) {
        reading.add_clip(s, row[video].text);
      } else if (image == SIZE_MAX || row[image].text.empty()) {
        for (const std::string& p : paths) reading.add_picture(s, p);
      } else if (const TsvCell& c = row[image]; c.text.size() <= reference && c.items.empty()) {
        names_row = c.text;  // the index of the row that holds it
        if (const auto at = shared.rows.find(names_row); at != shared.rows.end()) {
          s.images = at->second.first;
          s.image_names = at->second.second;
          names_row.clear();
        } else if (names_row == s.id) {
          bad_item("image: names its own row");
        } else {
          s.images.push_back({});  // for now
          s.image_names.push_back(names_row);
        }
      } else {
        std::vector<std::pair<std::int64_t, std::int64_t>> items = c.items;
        if (items.empty()) items.emplace_back(c.offset, c.length);
        if (!paths.empty() && paths.size() != items.size())
          bad_item("image_path: expected one for each of " + std::to_string(items.size()) + " pictures, got " +
                   std::to_string(paths.size()));
        for (std::size_t k = 0; k < items.size(); ++k) {
          s.images.push_back({reading.file(), items[k].first, items[k].second});
          const std::string own = s.id + (items.size() > 1 ? "_" + std::to_string(k) : "") + ".jpg",
                            first = shared.names.emplace(c.hash + k, own).first->second;
          s.image_names.push_back(paths.empty() ? first : paths[k]);
        }
        shared.rows.emplace(s.id, std::pair(s.images, s.image_names));
      }
      if (const std::string boxes = cell("boxes"); !boxes.empty())
        place_boxes(s, box_list(parse_json(boxes, Code::bad_text, "boxes", 1'000'000), "boxes"), {});
    });
    const std::vector<Sample>& samples = reading.out().samples;
    if (!names_row.empty() && !samples.empty() && samples.back().line == line)
      late.push_back({samples.size() - 1, names_row});
  }
  std::set<std::size_t> lost;
  for (const Late& l : late) {
    Sample& s = reading.out().samples[l.sample];
    if (const auto at = shared.rows.find(l.row); at != shared.rows.end()) {
      s.images = at->second.first;
      s.image_names = at->second.second;
      s.places.assign(s.images.size(), 0);
      s.boxes.resize(s.images.size());
      continue;
    }
    reading.out().problems.push_back(
        {s.line, s.id, Code::bad_text,
         "image: neither base64 nor the index of a row that holds a picture: '" + printable(l.row, 64) + "'", false});
    lost.insert(l.sample);
  }
  std::vector<Sample> kept;
  for (std::size_t i = 0; i < reading.out().samples.size(); ++i)
    if (!lost.contains(i)) kept.push_back(std::move(reading.out().samples[i]));
  reading.out().samples = std::move(kept);
}

}  // namespace arrcoc::io
