// Pictures of datasets: by path or URL, or as base64 where they stand; their sizes from their headers.
#include <algorithm>
#include <fstream>

#include "arrcoc/io/atomic_file.hpp"
#include "files/dataset_parts.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

constexpr Index most_apart = 200;  // sides of a picture; the model's own resize refuses more

std::string without_percent(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    out += escaped ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escaped) i += 2;
  }
  return out;
}

std::string stored_text(const DatasetPicture& p, std::int64_t most) {
  std::ifstream f(p.file, std::ios::binary);
  std::string text(static_cast<std::size_t>(std::min(p.length, most)), '\0');
  f.seekg(p.offset);
  f.read(text.data(), static_cast<std::streamsize>(text.size()));
  require_that(f.good(), Code::file_unreadable, "input", [&] { return "cannot read " + p.file.string(); });
  return text;
}

std::string from_base64(std::string_view text, const DatasetPicture& p) {
  auto bytes = base64_bytes(text);
  require_that(bytes.has_value(), Code::bad_image, p.file.string(), "the picture is not base64");
  return std::move(*bytes);
}

/// The first bytes of the picture; fewer where it has fewer.
std::string head_of(const DatasetPicture& p, std::int64_t most) {
  if (!p.base64.empty()) return from_base64(std::string_view(p.base64).substr(0, static_cast<std::size_t>(most)), p);
  if (p.offset >= 0) return from_base64(stored_text(p, most), p);
  std::ifstream f(p.file, std::ios::binary);
  std::string head(static_cast<std::size_t>(most), '\0');
  f.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(f.gcount()));
  return head;
}

PictureSize size_of(const DatasetPicture& p, bool decode) {
  if (!decode)
    for (const std::int64_t most : {std::int64_t{1} << 12, std::int64_t{1} << 18, std::int64_t{1} << 22}) {
      const PictureSize size = header_size(head_of(p, most));
      if (size.height > 0) return size;
    }
  const Image image = read_image(p);  // whatever is wrong with it, or a format that is not known here
  return {image.height, image.width};
}

std::string sentence_of(const Error& error) {
  std::string what = error.what();
  if (const auto end = what.rfind(" (E"); end != std::string::npos) what.erase(end);
  return what;
}

/// Clips that were looked at, by name and clock.
struct SeenClip {
  ClipInfo info;
  Code code = Code::bad_video;
  std::string what;  // is wrong with it; empty: nothing
};
using SeenClips = std::map<std::string, SeenClip>;

/// What is wrong with the clip of a sample, or with its boxes.
std::optional<DataProblem> clip_problem(Sample& s, bool decode, const ClipOptions& options, SeenClips& seen) {
  std::string key = s.images.front().file.string() + "\n" + s.clip->name + "\n" + hex16(s.images.size());
  for (const double t : s.clip->seconds) key += "\n" + std::to_string(t);
  const auto [at, fresh] = seen.try_emplace(key + "\n" + std::to_string(s.clip->frames_per_second));
  SeenClip& now = at->second;
  if (fresh) try {
      now.info = every_frame(s, decode, options);
    } catch (const Error& error) {
      if (error.code() == Code::program_missing) throw;  // nothing is wrong with the clip
      now.code = error.code();
      now.what = "clip " + printable(s.clip->name, 200) + ": " + sentence_of(error);
    }
  if (!now.what.empty()) return DataProblem{s.line, s.id, now.code, now.what, false};
  const std::string wrong = place_in_frames(s, now.info);
  return wrong.empty() ? std::nullopt : std::optional(DataProblem{s.line, s.id, Code::bad_text, wrong, false});
}

}  // namespace

void Reading::add_picture(Sample& s, const std::string& name, std::string_view text, std::int64_t at) const {
  if (name.starts_with("data:")) {
    const auto comma = name.find(',');
    if (comma == name.npos || !std::string_view(name).substr(0, comma).ends_with(";base64"))
      bad_item("images: expected data:...;base64,..., got " + printable(name, 60));
    const std::string_view payload = std::string_view(name).substr(comma + 1);
    if (!base64_bytes(payload) || payload.empty()) bad_item("images: the data: URL is not base64", Code::bad_image);
    DatasetPicture p{file_};
    const auto place = at < 0 ? text.npos : text.find(payload);
    if (place != text.npos) {
      p.offset = at + static_cast<std::int64_t>(place);
      p.length = static_cast<std::int64_t>(payload.size());
    } else {
      p.base64 = std::string(payload);
    }
    s.images.push_back(std::move(p));
    s.image_names.push_back("data:" + hex16(fnv1a(payload)));
    return;
  }
  if (name.starts_with("http://") || name.starts_with("https://"))
    bad_item("images: nothing is downloaded: " + printable(name, 200), Code::file_missing);
  std::string path = name;
  if (path.starts_with("file://")) {
    path.erase(0, 7);
    if (path.starts_with("localhost/")) path.erase(0, 9);
    path = without_percent(path);
  }
  std::error_code e;
  fs::path found = pictures_ / path;
  if (!fs::is_regular_file(found, e)) {  // as Windows spells it
    std::string other = path;
    std::replace(other.begin(), other.end(), '\\', '/');
    if (other != path && fs::is_regular_file(pictures_ / other, e)) found = pictures_ / other;
    else bad_item("no such picture: " + printable((pictures_ / path).string(), 300), Code::file_missing);
  }
  s.images.push_back({found});
  s.image_names.push_back(name);
}

std::string picture_bytes(const DatasetPicture& p) {
  if (!p.base64.empty()) return from_base64(p.base64, p);
  if (p.offset >= 0) return from_base64(stored_text(p, p.length), p);
  return read_file(p.file);
}

Image read_image(const DatasetPicture& p, const DecodeOptions& options) {
  if (p.base64.empty() && p.offset < 0) return read_image(p.file, options);
  const std::string bytes = picture_bytes(p);
  return decode_image(std::as_bytes(std::span(bytes)), options, p.file.string());
}

PictureSize header_size(std::string_view b) {
  const auto byte = [&](std::size_t i) { return static_cast<Index>(static_cast<unsigned char>(b[i])); };
  const auto big = [&](std::size_t i, std::size_t n) {
    Index v = 0;
    for (std::size_t k = 0; k < n; ++k) v = v << 8 | byte(i + k);
    return v;
  };
  const auto little = [&](std::size_t i, std::size_t n) {
    Index v = 0;
    for (std::size_t k = n; k-- > 0;) v = v << 8 | byte(i + k);
    return v;
  };
  if (b.size() >= 24 && b.starts_with("\x89PNG\r\n\x1a\n") && b.substr(12, 4) == "IHDR")
    return {big(20, 4), big(16, 4)};
  if (b.size() >= 30 && b.starts_with("RIFF") && b.substr(8, 4) == "WEBP") {
    const std::string_view kind = b.substr(12, 4);
    if (kind == "VP8X") return {little(27, 3) + 1, little(24, 3) + 1};
    if (kind == "VP8L" && byte(20) == 0x2f) {
      const Index bits = little(21, 4);
      return {(bits >> 14 & 0x3fff) + 1, (bits & 0x3fff) + 1};
    }
    if (kind == "VP8 " && b.substr(23, 3) == "\x9d\x01\x2a") return {little(28, 2) & 0x3fff, little(26, 2) & 0x3fff};
    return {};
  }
  if (!b.starts_with("\xff\xd8")) return {};
  for (std::size_t at = 2; at + 9 < b.size();) {
    if (byte(at) != 0xff) return {};
    const Index marker = byte(at + 1);
    if (marker == 0xff) {  // filling
      ++at;
      continue;
    }
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc)
      return {big(at + 5, 2), big(at + 7, 2)};
    if (marker == 0xd9 || marker == 0xda) return {};
    at += 2 + static_cast<std::size_t>(big(at + 2, 2));
  }
  return {};
}

std::string box_outside(const Box& b, Index height, Index width) {
  if (b.row0 >= 0 && b.col0 >= 0 && b.row0 < b.row1 && b.col0 < b.col1 && b.row1 <= static_cast<double>(height) &&
      b.col1 <= static_cast<double>(width))
    return {};
  const Json shown_box{b.row0, b.col0, b.row1, b.col1};
  return "box outside the picture: expected 0 <= row0 < row1 <= " + std::to_string(height) +
         " and 0 <= col0 < col1 <= " + std::to_string(width) + ", got " + shown(shown_box);
}

void probe_pictures(Dataset& data, bool decode, const ClipOptions& clips) {
  struct Seen {
    PictureSize size;
    Code code = Code::bad_image;
    std::string what;
  };
  std::map<std::string, Seen> seen;  // by name and place: pictures are shared
  SeenClips seen_clips;
  std::vector<Sample> good;
  for (Sample& s : data.samples) {
    std::optional<DataProblem> problem;
    for (std::size_t p = 0; p < s.images.size() && !problem && !s.clip; ++p) {
      const DatasetPicture& picture = s.images[p];
      const auto [at, fresh] =
          seen.try_emplace(picture.file.string() + "\n" + std::to_string(picture.offset) + "\n" + s.image_names[p]);
      Seen& now = at->second;
      if (fresh) {
        try {
          now.size = size_of(picture, decode);
          const Index longer = std::max(now.size.height, now.size.width),
                      shorter = std::min(now.size.height, now.size.width);
          if (shorter < 1 || longer > most_apart * shorter)
            now.what = "sides of " + std::to_string(now.size.width) + "x" + std::to_string(now.size.height) +
                       " px: expected at most " + std::to_string(most_apart) + " times apart";
          else if (now.size.width > most_decoded_pixels / now.size.height)
            now.what = "expected at most " + std::to_string(most_decoded_pixels) + " pixels, the header says " +
                       std::to_string(now.size.width) + "x" + std::to_string(now.size.height);
        } catch (const Error& error) {
          now.code = error.code();
          now.what = sentence_of(error);
        }
      }
      if (!now.what.empty()) {
        problem = {s.line, s.id, now.code, "picture " + printable(s.image_names[p], 200) + ": " + now.what, false};
        break;
      }
      for (const Box& b : s.boxes[p])
        if (std::string wrong = box_outside(b, now.size.height, now.size.width); !wrong.empty())
          problem = {s.line, s.id, Code::bad_text, std::move(wrong), false};
    }
    if (s.clip) problem = clip_problem(s, decode, clips, seen_clips);
    if (problem) data.problems.push_back(std::move(*problem));
    else good.push_back(std::move(s));
  }
  data.samples = std::move(good);
  std::stable_sort(data.problems.begin(), data.problems.end(),
                   [](const DataProblem& a, const DataProblem& b) { return a.line < b.line; });
}

}  // namespace arrcoc::io
