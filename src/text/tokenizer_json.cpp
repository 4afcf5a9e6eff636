// tokenizer.json: which components we know, and what each must say. docs/formats.md, section "Tokenizer", has the
// table.
#include "arrcoc/core/error.hpp"
#include "arrcoc/io/tokenizer.hpp"
#include "files/json_util.hpp"
#include "tokenizer_files.hpp"
#include "tokenizer_impl.hpp"
#include "tokenizer_sax.hpp"

namespace arrcoc::io {
namespace {

/// Walks the file's components; every refusal names the component and its setting.
class Reader {
 public:
  Reader(Tokenizer::Impl& impl, std::string_view where) : impl_(impl), where_(where) {}

  void normalizer(const Json& node) {
    if (node.is_null()) return;
    const std::string kind = type(node, "normalizer");
    if (kind == "NFC") {
      impl_.nfc.emplace();
    } else if (kind == "Sequence") {
      for (const Json& part : list(node, "normalizers", "normalizer")) normalizer(part);
    } else {
      refuse("normalizer", kind, "NFC or none");
    }
  }

  void pre_tokenizer(const Json& node) {
    require_that(!node.is_null(), Code::bad_tokenizer, where_,
                 "there is no pre_tokenizer; expected a Split and ByteLevel");
    pre_tokenizer_part(node);
    require_that(byte_level_, Code::bad_tokenizer, where_,
                 "the pre_tokenizer has no ByteLevel; expected byte-level BPE");
  }

  void post_processor(const Json& node) {
    if (node.is_null()) return;
    const std::string kind = type(node, "post_processor");
    if (kind == "ByteLevel") return;
    if (kind == "Sequence") {
      for (const Json& part : list(node, "processors", "post_processor")) post_processor(part);
    } else if (kind == "TemplateProcessing") {
      for (const Json& part : list(node, "single", "post_processor"))
        require_that(part.is_object() && part.contains("Sequence"), Code::bad_tokenizer, where_, [&] {
          return "post_processor TemplateProcessing adds tokens; expected one that adds none, got " + shown(part);
        });
    } else {
      refuse("post_processor", kind, "ByteLevel, or a TemplateProcessing that adds nothing");
    }
  }

  void decoder(const Json& node) {
    require_that(!node.is_null(), Code::bad_tokenizer, where_, "there is no decoder; expected ByteLevel");
    const std::string kind = type(node, "decoder");
    if (kind == "Sequence") {
      const Json& parts = list(node, "decoders", "decoder");
      require_that(parts.size() == 1, Code::bad_tokenizer, where_, "decoder Sequence must hold ByteLevel alone");
      decoder(parts[0]);
    } else if (kind != "ByteLevel") {
      refuse("decoder", kind, "ByteLevel");
    }
  }

  void model(const Json& node) {
    require_that(node.is_object(), Code::bad_tokenizer, where_, "there is no model; expected BPE");
    if (node.contains("type")) {
      const std::string kind = type(node, "model");
      if (kind != "BPE") refuse("model", kind, "BPE");
    }
    require_that(node.contains("vocab") && node["vocab"].is_object(), Code::bad_tokenizer, where_,
                 "model BPE has no vocab; expected an object token -> id");
    require_that(node.contains("merges") && node["merges"].is_array(), Code::bad_tokenizer, where_,
                 "model BPE has no merges; expected a list");
    off(node, "dropout", "model BPE");
    off(node, "byte_fallback", "model BPE");
    off(node, "continuing_subword_prefix", "model BPE");
    off(node, "end_of_word_suffix", "model BPE");
    impl_.ignore_merges = flag(node, "ignore_merges", "model BPE", false);
    // unk_token and fuse_unk never act: every byte has a token, which finish() checks.
  }

  /// `rules`: where given, tokenizer_config.json's added_tokens_decoder, whose flags count.
  void added_tokens(const Json& node, const Json* rules) {
    if (node.is_null()) return;
    require_that(node.is_array(), Code::bad_tokenizer, where_,
                 [&] { return "added_tokens must be a list; got " + shown(node); });
    for (const Json& token : node) {
      require_that(token.is_object() && token.contains("content") && token["content"].is_string(), Code::bad_tokenizer,
                   where_, [&] { return "an added token has no content; got " + shown(token); });
      const std::string content = token["content"];
      require_that(token.contains("id") && token["id"].is_number_integer(), Code::bad_tokenizer, where_, [&] {
        return "added token " + in_quotes(content) + " has no id; expected a whole number, got " +
               (token.contains("id") ? shown(token["id"]) : "none");
      });
      const std::string id = token["id"].dump();
      require_that(rules == nullptr || rules->contains(id), Code::bad_tokenizer, where_, [&] {
        return "added token " + in_quotes(content) + " (" + printable(id, 20) +
               ") is not in the added_tokens_decoder of tokenizer_config.json; expected it in both, or no such list "
               "(releases of transformers differ)";
      });
      const Json& flags = rules != nullptr ? (*rules)[id] : token;
      require_that(rules == nullptr || (flags.is_object() && flags.value("content", Json()) == content),
                   Code::bad_tokenizer, where_, [&] {
                     return "id " + printable(id, 20) + " belongs to two tokens; expected one, got " +
                            in_quotes(content) + " and " + shown(flags) + " in tokenizer_config.json";
                   });
      add_added_token(impl_, flags, token["id"].get<std::int64_t>(), where_);
    }
  }

 private:
  [[noreturn]] void refuse(std::string_view component, std::string_view kind, std::string_view expected) const {
    fail(Code::bad_tokenizer, where_,
         "unknown " + std::string(component) + " '" + printable(kind, 60) + "'; expected " + std::string(expected));
  }
  std::string type(const Json& node, std::string_view component) const {
    require_that(node.is_object() && node.contains("type") && node["type"].is_string(), Code::bad_tokenizer, where_,
                 [&] { return std::string(component) + " has no type; got " + shown(node); });
    return node["type"];
  }
  const Json& list(const Json& node, const char* key, std::string_view component) const {
    require_that(node.contains(key) && node[key].is_array(), Code::bad_tokenizer, where_,
                 [&] { return std::string(component) + " " + type(node, component) + " has no list '" + key + "'"; });
    return node[key];
  }
  bool flag(const Json& node, const char* key, std::string_view component, bool otherwise) const {
    if (!node.contains(key) || node[key].is_null()) return otherwise;
    require_that(node[key].is_boolean(), Code::bad_tokenizer, where_, [&] {
      return std::string(component) + ": " + key + " must be true or false; got " + shown(node[key]);
    });
    return node[key];
  }
  /// A setting that must be absent, null, false, 0 or "".
  void off(const Json& node, const char* key, std::string_view component) const {
    if (!node.contains(key)) return;
    const Json& x = node[key];
    const bool is_off = x.is_null() || x == false || x == "" || (x.is_number() && x == 0);
    require_that(is_off, Code::bad_tokenizer, where_, [&] {
      return std::string(component) + " with " + key + " is unknown; expected none, got " + shown(x);
    });
  }

  void pre_tokenizer_part(const Json& node) {
    const std::string kind = type(node, "pre_tokenizer");
    require_that(!byte_level_ || kind == "Sequence", Code::bad_tokenizer, where_, [&] {
      return "pre_tokenizer " + printable(kind, 60) + " comes after ByteLevel; expected ByteLevel last";
    });
    if (kind == "Sequence") {
      for (const Json& part : list(node, "pretokenizers", "pre_tokenizer")) pre_tokenizer_part(part);
    } else if (kind == "Split") {
      require_that(node.contains("pattern") && node["pattern"].is_object() && node["pattern"].contains("Regex") &&
                       node["pattern"]["Regex"].is_string(),
                   Code::bad_tokenizer, where_, "pre_tokenizer Split has no pattern.Regex");
      const Json behaviour = node.value("behavior", Json());
      require_that(behaviour == "Isolated", Code::bad_tokenizer, where_, [&] {
        return "pre_tokenizer Split with behavior " + shown(behaviour) + " is unknown; expected \"Isolated\"";
      });
      off(node, "invert", "pre_tokenizer Split");
      impl_.splits.emplace_back(node["pattern"]["Regex"].get<std::string>(), where_);
    } else if (kind == "ByteLevel") {
      require_that(!flag(node, "add_prefix_space", "pre_tokenizer ByteLevel", true), Code::bad_tokenizer, where_,
                   "pre_tokenizer ByteLevel with add_prefix_space is unknown; expected false");
      if (flag(node, "use_regex", "pre_tokenizer ByteLevel", true)) impl_.splits.emplace_back(gpt2_pattern(), where_);
      byte_level_ = true;
    } else {
      refuse("pre_tokenizer", kind, "Sequence, Split or ByteLevel");
    }
  }

  Tokenizer::Impl& impl_;
  std::string where_;
  bool byte_level_ = false;
};

}  // namespace

void add_added_token(Tokenizer::Impl& impl, const Json& token, std::int64_t id, std::string_view where) {
  const std::string content = token.at("content");
  const auto is = [&](const char* key) {
    if (!token.contains(key)) return false;
    require_that(token[key].is_boolean(), Code::bad_tokenizer, where, [&] {
      return "added token " + in_quotes(content) + ": " + key + " must be true or false; got " + shown(token[key]);
    });
    return token[key].get<bool>();
  };
  impl.add_added({content, Tokenizer::Impl::checked_id(id, content, where), is("special")},
                 {is("normalized"), is("single_word"), is("lstrip"), is("rstrip")}, where);
}

std::shared_ptr<Tokenizer::Impl> read_tokenizer_file(std::string_view json, std::string_view where,
                                                     const TokenizerClass& by_class) {
  auto impl = std::make_shared<Tokenizer::Impl>();
  // Merges may come before the vocabulary they name; they are then kept back.
  std::vector<std::pair<std::string, std::string>> merges;
  const TokenizerSink sink{
      [&](std::string_view content, std::int64_t id) { impl->add_entry(content, id, where); },
      [&](std::string&& left, std::string&& right) { merges.emplace_back(std::move(left), std::move(right)); },
  };
  const Json file = read_tokenizer_json(json, where, sink);
  impl->bpe.merges.reserve(merges.size());
  const auto part = [&](const char* key) { return file.value(key, Json()); };
  Reader reader(*impl, where);
  reader.model(part("model"));
  for (const auto& [left, right] : merges) impl->add_merge(left, right, where);
  if (by_class.qwen2) {
    impl->nfc.emplace();
    impl->splits.emplace_back(qwen2_pattern(), where);
    impl->ignore_merges = false;
  } else {
    reader.normalizer(part("normalizer"));
    reader.pre_tokenizer(part("pre_tokenizer"));
  }
  reader.post_processor(part("post_processor"));
  reader.decoder(part("decoder"));
  reader.added_tokens(part("added_tokens"), by_class.added_tokens);
  return impl;
}

Tokenizer Tokenizer::from_json(std::string_view json, std::string_view where) {
  auto impl = read_tokenizer_file(json, where, {});
  impl->finish(where);
  return Tokenizer(std::move(impl));
}

}  // namespace arrcoc::io
