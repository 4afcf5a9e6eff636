// Where models lie: what was typed, ARRCOC_MODEL, the bundled one, and the Hub cache by the variables that
// huggingface_hub reads.
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "question.hpp"

namespace arrcoc::tools {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// As Python's expandvars(expanduser(path)): ~ and ~/... by HOME (another's ~name stays), then $NAME and ${NAME} once;
/// a name that is not set stays.
std::string expanded(std::string path) {
  if (const std::string home = environment("HOME"); !home.empty() && path.starts_with('~'))
    if (path.size() == 1 || path[1] == '/') path = home.substr(0, home.find_last_not_of('/') + 1) + path.substr(1);
  std::string out;
  const auto in_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (std::size_t at = 0; at < path.size();) {
    const bool braces = path[at] == '$' && at + 1 < path.size() && path[at + 1] == '{';
    std::size_t first = at + (braces ? 2 : 1), last = first;
    if (path[at] == '$')
      while (last < path.size() && (braces ? path[last] != '}' : in_name(path[last]))) ++last;
    const std::string name = path.substr(std::min(first, path.size()), last - first);
    const char* value =
        path[at] == '$' && !name.empty() && (!braces || last < path.size()) ? std::getenv(name.c_str()) : nullptr;
    if (value != nullptr) {
      out += value;
      at = last + (braces ? 1 : 0);
    } else {
      out += path[at++];
    }
  }
  return out;
}

/// models/small where this program was built (some folders above it) or installed (share/arrcoc); empty: not there.
fs::path bundled_model() {
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  fs::path above = program.parent_path();
  for (int i = 0; i < 4 && !above.empty(); ++i, above = above.parent_path())
    for (const fs::path& at : {above / "models" / "small", above / "share" / "arrcoc" / "models" / "small"})
      if (fs::exists(at / "config.json", ignored)) return at;
  return {};
}

}  // namespace

std::string model_name(const std::string& given) {
  if (!given.empty()) return given;
  if (std::string named = environment("ARRCOC_MODEL"); !named.empty()) return named;
  if (const fs::path bundled = bundled_model(); !bundled.empty()) return bundled.string();
  fail(Code::bad_usage, "model",
       "expected -m DIR, -m ORG/NAME or ARRCOC_MODEL, got none, and the bundled model is not beside this program; "
       "`arrcoc demo-model --out DIR` writes a small model to try");
}

std::filesystem::path hub_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (auto cache = environment(name); !cache.empty()) return expanded(std::move(cache));
  if (auto home = environment("HF_HOME"); !home.empty())
    return std::filesystem::path(expanded(std::move(home))) / "hub";
  if (auto home = environment("XDG_CACHE_HOME"); !home.empty())
    return std::filesystem::path(expanded(std::move(home))) / "huggingface" / "hub";
  if (auto home = environment("HOME"); !home.empty())
    return std::filesystem::path(expanded(std::move(home))) / ".cache" / "huggingface" / "hub";
  return {};
}

}  // namespace arrcoc::tools
