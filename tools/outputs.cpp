#include "outputs.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <system_error>

#include "arrcoc/core/error.hpp"
#include "terminal.hpp"

namespace arrcoc::tools {
namespace {

namespace fs = std::filesystem;

/// Links followed, whether their end is there or not.
fs::path real_name(const fs::path& file) {
  std::error_code e;
  fs::path at = file;
  for (int i = 0; i < 40 && fs::is_symlink(fs::symlink_status(at, e)); ++i) {
    const fs::path to = fs::read_symlink(at, e);
    at = to.is_absolute() ? to : at.parent_path() / to;
  }
  const fs::path real = fs::weakly_canonical(fs::absolute(at, e), e);
  return real.empty() ? at : real;
}

bool inside(const fs::path& file, const fs::path& folder) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return end == folder.end() && rest != file.end();
}

}  // namespace

void RunFiles::add(Named file) {
  if (file.name.empty() || file.name == "-") return;
  std::error_code e;
  const bool special =
      fs::exists(file.name, e) && !fs::is_regular_file(file.name, e) && !fs::is_directory(file.name, e);
  if (special) return;  // a device takes what several flags write
  file.real = real_name(file.name);
  for (const Named& other : files_) {
    if (!file.written && !other.written) continue;
    std::error_code ignored;
    const bool same = file.real == other.real || fs::equivalent(file.real, other.real, ignored);
    // Something new may lie in a folder that is read; nothing else in one that is made.
    const auto taken = [&](const Named& f, const Named& folder) {
      return folder.folder && inside(f.real, folder.real) && (folder.written || fs::exists(f.real, ignored));
    };
    const bool within = taken(file, other) || taken(other, file);
    require_that(!same && !within, Code::bad_output, "output", [&] {
      return file.flag + " " + file.name.string() + ": expected a file of its own, got " +
             (same ? "that of " : "one in the folder of ") + other.flag + " " + other.name.string();
    });
  }
  files_.push_back(std::move(file));
}

void RunFiles::reads(const std::string& flag, const fs::path& file) {
  std::error_code e;
  add({flag, file, {}, false, fs::is_directory(file, e)});
}

void RunFiles::writes(const std::string& flag, const fs::path& file) {
  check_output(file);
  add({flag, file, {}, true, false});
}

void RunFiles::writes_png(const std::string& flag, const fs::path& file) {
  std::string ending = file.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  constexpr std::array others{".jpg",  ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff",
                              ".avif", ".heic", ".svg",  ".pdf", ".npy", ".json"};
  require_that(std::find(others.begin(), others.end(), ending) == others.end(), Code::bad_output, "output", [&] {
    return flag + " " + file.string() + ": a PNG is written; expected a name that ends in .png, got " + ending;
  });
  writes(flag, file);
}

void RunFiles::makes(const std::string& flag, const fs::path& folder) {
  check_new_folder(folder);
  add({flag, folder.has_filename() ? folder : folder.parent_path(), {}, true, true});
}

fs::path heatmap_name(const fs::path& file, std::size_t picture) {
  fs::path out = file;
  if (picture > 0)
    out.replace_filename(out.stem().string() + "-" + std::to_string(picture + 1) + out.extension().string());
  return out;
}

}  // namespace arrcoc::tools
