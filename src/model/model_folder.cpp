#include "arrcoc/io/model_folder.hpp"

#include <cctype>

#include "arrcoc/core/random.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/model_check.hpp"
#include "files/json_util.hpp"
#include "plain_name.hpp"
#include "stored_weights.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

bool is_folder(const fs::path& p) {
  std::error_code ignored;
  return fs::is_directory(p, ignored);
}

/// `org/name` -> the snapshot that refs/main names.
fs::path resolve(const std::string& name, const fs::path& hub_cache) {
  require_that(!name.empty(), Code::file_missing, "model", "expected a folder or org/name, got an empty name");
  if (is_folder(name)) return name;
  require_that(!present(name), Code::file_missing, name, "expected a model folder, got a file");
  const auto slash = name.find('/');
  const bool hub_name =
      slash != std::string::npos && plain_name(name.substr(0, slash)) && plain_name(name.substr(slash + 1));
  require_that(hub_name, Code::file_missing, name, "no such folder");
  const std::string advice = "; get it with: hf download " + name;
  const fs::path repo = hub_cache / ("models--" + name.substr(0, slash) + "--" + name.substr(slash + 1));
  require_that(!hub_cache.empty() && present(repo / "refs" / "main"), Code::file_missing, name, [&] {
    return "no such folder, and no such model in the Hub cache" +
           (hub_cache.empty() ? std::string() : " (" + hub_cache.string() + ")") + advice;
  });
  std::string revision = read_file(repo / "refs" / "main");
  while (!revision.empty() && std::isspace(static_cast<unsigned char>(revision.back()))) revision.pop_back();
  require_that(plain_name(revision), Code::file_unreadable, name,
               [&] { return "refs/main: expected the name of a snapshot, got '" + printable(revision, 60) + "'"; });
  const fs::path snapshot = repo / "snapshots" / revision;
  require_that(present(snapshot / "config.json"), Code::file_missing, name,
               [&] { return "snapshot " + revision + " has no config.json" + advice; });
  return snapshot;
}

void check_tokenizer(const ModelConfig& c, const Tokenizer& t, const std::string& where) {
  std::string problems;
  const auto add = [&](const std::string& sentence) { problems += (problems.empty() ? "" : "; ") + sentence; };
  if (t.size() > c.text.vocab_size)
    add("vocab_size: expected at least " + std::to_string(t.size()) + ", the tokenizer's ids, got " +
        std::to_string(c.text.vocab_size));
  for (const char* content : {"<|im_start|>", "<|im_end|>"})
    if (t.id_of(content) < 0) add("the tokenizer has no " + std::string(content));
  const struct {
    const char* key;
    const char* content;
    TokenId id;
    bool needed;
  } table[] = {{"image_token_id", "<|image_pad|>", c.image_token, true},
               {"video_token_id", "<|video_pad|>", c.video_token, false},
               {"vision_start_token_id", "<|vision_start|>", c.vision_start, true},
               {"vision_end_token_id", "<|vision_end|>", c.vision_end, true}};
  for (const auto& row : table) {
    const TokenId id = t.id_of(row.content);
    if (!c.has_vision || (id < 0 && !row.needed)) continue;
    if (id < 0) add("the tokenizer has no " + std::string(row.content));
    else if (id != row.id)
      add("config.json." + std::string(row.key) + ": expected " + std::to_string(id) + ", the tokenizer's " +
          row.content + ", got " + std::to_string(row.id));
  }
  if (!problems.empty()) fail(Code::bad_model_config, where, problems);
}

std::string hex(std::uint64_t v) {
  std::string s;
  for (int shift = 60; shift >= 0; shift -= 4) s += "0123456789abcdef"[(v >> shift) & 15];
  return s;
}

}  // namespace

fs::path find_model_folder(const std::string& name_or_path, const fs::path& hub_cache) {
  return resolve(name_or_path, hub_cache);
}

ModelFolder open_model(const std::string& name_or_path, const std::filesystem::path& hub_cache,
                       const std::string& template_choice) {
  ModelFolder m;
  m.path = resolve(name_or_path, hub_cache);
  const std::string where = m.path.string();
  m.config = read_model_config(m.path);
  const Json config = parse_json(read_file(m.path / "config.json"), Code::bad_model_config, where);
  m.untrained = config.contains("arrcoc_untrained") && config["arrcoc_untrained"] == true;

  const auto held = std::make_shared<const StoredWeights>(m.path, m.config);
  m.identity = hex(derive_seed(0, held->identity()));
  held->refuse_foreign(m.path);
  const auto problems = check_weights(m.config, [&](std::string_view name) { return held->describe(name); });
  if (!problems.empty()) {
    std::string all = problems[0];
    for (std::size_t i = 1; i < problems.size(); ++i) all += "; " + problems[i];
    for (const std::string& what : held->unread(m.config)) all += "; not read: " + what;
    fail(Code::bad_weight, where, all);
  }
  for (std::string& what : held->unread(m.config)) m.config.unused.push_back(std::move(what));
  m.weight_bytes = held->bytes();
  m.forget_pages = [held] { held->forget_pages(); };
  m.weights = [held](std::string_view name) { return held->tensor(name); };

  m.tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from_folder(m.path));
  check_tokenizer(m.config, *m.tokenizer, where);
  m.chat_template = recognise_chat_template(m.path, template_choice);
  return m;
}

}  // namespace arrcoc::io
