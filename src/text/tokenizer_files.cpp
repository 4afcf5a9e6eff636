// A model folder's tokenizer: tokenizer.json, or vocab.json + merges.txt, with the added tokens of
// tokenizer_config.json.
#include "tokenizer_files.hpp"

#include <charconv>

#include "arrcoc/core/error.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "files/json_util.hpp"
#include "tokenizer_sax.hpp"

namespace arrcoc::io {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<Tokenizer::Impl> read_vocabulary_and_merges(const fs::path& vocab, const fs::path& merges) {
  auto impl = std::make_shared<Tokenizer::Impl>();
  const std::string vocab_name = vocab.string(), merges_name = merges.string();
  {
    const std::string text = read_file(vocab);
    const TokenizerSink sink{
        [&](std::string_view content, std::int64_t id) { impl->add_entry(content, id, vocab_name); }, nullptr};
    read_tokenizer_json(text, vocab_name, sink, true);
  }
  const std::string text = read_file(merges);
  std::string_view rest = text;
  for (std::size_t rank = 0; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const auto [left, right] = split_merge(line, merges_name, rank++);
    impl->add_merge(left, right, merges_name);
  }
  impl->nfc.emplace();
  impl->splits.emplace_back(qwen2_pattern(), vocab_name);
  return impl;
}

/// Without a tokenizer.json the class alone says how text is cut.
void check_class(const Json& config, std::string_view where) {
  if (!config.contains("tokenizer_class") || config["tokenizer_class"].is_null()) return;
  const Json& name = config["tokenizer_class"];
  require_that(name == "Qwen2Tokenizer" || name == "Qwen2TokenizerFast", Code::bad_tokenizer, where, [&] {
    return "unknown tokenizer_class " + shown(name) +
           " beside vocab.json and merges.txt; expected Qwen2Tokenizer, or a tokenizer.json";
  });
}

/// Whether transformers reads the folder with Qwen2Tokenizer: the config names it, or names none and the model is one
/// of Qwen's.
bool is_qwen2(const Json& config, const fs::path& folder) {
  const Json name = config.value("tokenizer_class", Json());
  if (!name.is_null()) return name == "Qwen2Tokenizer" || name == "Qwen2TokenizerFast";
  const fs::path model = folder / "config.json";
  if (!fs::exists(model)) return false;
  const Json json = parse_json(read_file(model), Code::bad_model_config, model.string());
  const Json type = json.is_object() ? json.value("model_type", Json()) : Json();
  return type == "qwen3_vl" || type == "qwen3_vl_moe";
}

/// {"151644": {"content": "<|im_start|>", ...}, ...}; tokens the tokenizer already has must agree.
void add_decoder_tokens(Tokenizer::Impl& impl, const Json& tokens, std::string_view where) {
  require_that(tokens.is_object(), Code::bad_tokenizer, where,
               [&] { return "added_tokens_decoder must be an object; got " + shown(tokens); });
  std::vector<std::pair<std::int64_t, const Json*>> in_order;
  for (auto item = tokens.begin(); item != tokens.end(); ++item) {
    const std::string& key = item.key();
    const Json& token = item.value();
    std::int64_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    require_that(error == std::errc() && end == key.data() + key.size() && id >= 0, Code::bad_tokenizer, where,
                 [&] { return "added_tokens_decoder: expected an id as key, got '" + printable(key, 60) + "'"; });
    require_that(token.is_object() && token.contains("content") && token["content"].is_string(), Code::bad_tokenizer,
                 where, [&] { return "added token " + printable(key, 60) + " has no content; got " + shown(token); });
    in_order.emplace_back(id, &token);
  }
  std::sort(in_order.begin(), in_order.end());
  for (const auto& [id, token] : in_order) {
    const auto known = impl.added_by_content.find((*token)["content"]);
    if (known != impl.added_by_content.end() && known->second == id) continue;
    add_added_token(impl, *token, id, where);
  }
}

}  // namespace

Tokenizer Tokenizer::from_folder(const fs::path& folder) {
  const fs::path file = folder / "tokenizer.json", vocab = folder / "vocab.json", merges = folder / "merges.txt";
  const fs::path config_file = folder / "tokenizer_config.json", added_file = folder / "added_tokens.json";
  const bool whole = fs::exists(file);
  require_that(whole || (fs::exists(vocab) && fs::exists(merges)), Code::file_missing, folder.string(),
               "no tokenizer; expected tokenizer.json, or vocab.json and merges.txt");
  const std::string where = (whole ? file : vocab).string();
  Json config = Json::object();
  if (fs::exists(config_file)) config = parse_json(read_file(config_file), Code::bad_tokenizer, config_file.string());
  require_that(config.is_object(), Code::bad_tokenizer, config_file.string(),
               [&] { return "expected a JSON object, got " + shown(config); });
  if (!whole) check_class(config, config_file.string());
  TokenizerClass by_class;
  by_class.qwen2 = is_qwen2(config, folder);
  const Json listed = config.value("added_tokens_decoder", Json());
  if (by_class.qwen2 && listed.is_object() && !listed.empty()) by_class.added_tokens = &listed;
  const std::shared_ptr<Impl> impl =
      whole ? read_tokenizer_file(read_file(file), where, by_class) : read_vocabulary_and_merges(vocab, merges);
  if (config.contains("added_tokens_decoder")) {
    add_decoder_tokens(*impl, config["added_tokens_decoder"], config_file.string());
  } else if (!whole && fs::exists(added_file)) {
    const Json tokens = parse_json(read_file(added_file), Code::bad_tokenizer, added_file.string());
    require_that(tokens.is_object(), Code::bad_tokenizer, added_file.string(), "expected a JSON object token -> id");
    for (auto item = tokens.begin(); item != tokens.end(); ++item) {
      const std::string& content = item.key();
      const Json& id = item.value();
      require_that(id.is_number_integer(), Code::bad_tokenizer, added_file.string(),
                   [&] { return "added token " + in_quotes(content) + " has no id; got " + shown(id); });
      add_added_token(*impl, Json{{"content", content}, {"special", content.starts_with("<|")}}, id.get<std::int64_t>(),
                      added_file.string());
    }
  }
  impl->finish(where);
  return Tokenizer(impl);
}

}  // namespace arrcoc::io
