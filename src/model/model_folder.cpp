#include "arrcoc/io/model_folder.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "arrcoc/core/random.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/model_check.hpp"
#include "arrcoc/io/safetensors.hpp"
#include "files/json_util.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

bool present(const fs::path& p) {
  std::error_code ignored;
  return fs::exists(p, ignored);
}
bool is_folder(const fs::path& p) {
  std::error_code ignored;
  return fs::is_directory(p, ignored);
}

/// One part of "org/name", a snapshot's name, a shard: a plain file name.
bool plain_name(std::string_view s) {
  return !s.empty() && s.size() < 256 && s.front() != '.' && std::all_of(s.begin(), s.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
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

struct WeightFiles {
  std::vector<std::shared_ptr<const SafetensorsFile>> files;
  std::map<std::string, const SafetensorsFile*, std::less<>> where;

  /// By the released name, or the same without the leading "model.", as saving the model without its head writes it.
  std::pair<const SafetensorsFile*, std::string_view> find(std::string_view name) const {
    auto it = where.find(name);
    if (it == where.end() && name.substr(0, 6) == "model.") it = where.find(name.substr(6));
    return it == where.end() ? std::pair<const SafetensorsFile*, std::string_view>{}
                             : std::pair{it->second, std::string_view(it->first)};
  }
};

void add_identity(const fs::path& file, std::string& identity) {
  std::error_code ignored;
  identity += file.filename().string() + "|" + std::to_string(fs::file_size(file, ignored)) + "|" +
              std::to_string(fs::last_write_time(file, ignored).time_since_epoch().count()) + "\n";
}

void open_shards(const fs::path& folder, const fs::path& index, WeightFiles& out, std::string& identity) {
  const std::string where = index.string();
  const Json json = parse_json(read_file(index), Code::bad_safetensors, where);
  require_that(
      json.is_object() && json.contains("weight_map") && json["weight_map"].is_object() && !json["weight_map"].empty(),
      Code::bad_safetensors, where, "expected an object with a weight_map of tensor names to files");
  std::map<std::string, std::shared_ptr<const SafetensorsFile>> opened;
  std::vector<std::string> missing;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    require_that(file.is_string() && plain_name(file.get_ref<const std::string&>()), Code::bad_safetensors, where,
                 [&, &t = tensor, &f = file] {
                   return "weight_map['" + printable(t) + "']: expected the name of a file in this folder, got " +
                          shown(f);
                 });
    const auto& name = file.get_ref<const std::string&>();
    auto& shard = opened[name];
    if (!shard) {
      require_that(present(folder / name), Code::file_missing, where,
                   [&] { return "names the shard " + name + ", which is not in the folder"; });
      shard = std::make_shared<const SafetensorsFile>(SafetensorsFile::open(folder / name));
      out.files.push_back(shard);
    }
    if (shard->entries().find(tensor) == shard->entries().end())
      missing.push_back("'" + printable(tensor) + "' in " + name);
    out.where.emplace(tensor, shard.get());
  }
  for (const auto& [name, shard] : opened) add_identity(folder / name, identity);
  if (missing.empty()) return;
  std::string list = missing[0];
  for (std::size_t i = 1; i < missing.size() && i < 20; ++i) list += ", " + missing[i];
  fail(Code::bad_weight, where, std::to_string(missing.size()) + " tensors named here are not in their files: " + list);
}

std::shared_ptr<const WeightFiles> open_weights(const fs::path& folder, std::string& identity) {
  auto out = std::make_shared<WeightFiles>();
  const fs::path single = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
  if (present(single)) {
    out->files.push_back(std::make_shared<const SafetensorsFile>(SafetensorsFile::open(single)));
    for (const auto& [name, entry] : out->files[0]->entries()) out->where.emplace(name, out->files[0].get());
    add_identity(single, identity);
  } else {
    require_that(present(index), Code::file_missing, folder.string(),
                 "expected model.safetensors or model.safetensors.index.json, got neither");
    open_shards(folder, index, *out, identity);
    add_identity(index, identity);
  }
  return out;
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

  std::string files;
  const auto held = open_weights(m.path, files);
  m.identity = hex(derive_seed(0, files));
  const auto problems = check_weights(m.config, [&](std::string_view name) {
    const auto [file, stored] = held->find(name);
    return file == nullptr ? std::nullopt : file->describe(stored);
  });
  if (!problems.empty()) {
    std::string all = problems[0];
    for (std::size_t i = 1; i < problems.size(); ++i) all += "; " + problems[i];
    fail(Code::bad_weight, where, all);
  }
  for (const auto& [name, file] : held->where) {
    const TensorEntry& e = file->entries().find(name)->second;
    m.weight_bytes += static_cast<Index>(e.end - e.begin);
  }
  m.weights = [held](std::string_view name) -> std::optional<HostTensor> {
    const auto [file, stored] = held->find(name);
    if (file == nullptr) return std::nullopt;
    return file->tensor(stored);
  };

  m.tokenizer = std::make_shared<const Tokenizer>(Tokenizer::from_folder(m.path));
  check_tokenizer(m.config, *m.tokenizer, where);
  m.chat_template = recognise_chat_template(m.path, template_choice);
  return m;
}

}  // namespace arrcoc::io
