// generation_config.json as transformers 5 reads it (generation/configuration_utils.py, generation/utils.py).
#include <algorithm>
#include <array>
#include <string_view>

#include "config_parts.hpp"

namespace arrcoc::io {
namespace {

/// Settings that say nothing about a greedy or sampled answer of one sequence: ids of padding, caches, what is
/// returned.
constexpr std::array silent_keys{std::string_view("_from_model_config"),
                                 std::string_view("assistant_confidence_threshold"),
                                 std::string_view("assistant_early_exit"),
                                 std::string_view("assistant_ensemble_weight"),
                                 std::string_view("assistant_lookbehind"),
                                 std::string_view("bos_token_id"),
                                 std::string_view("cache_config"),
                                 std::string_view("cache_implementation"),
                                 std::string_view("compile_config"),
                                 std::string_view("continuous_batching_config"),
                                 std::string_view("decoder_start_token_id"),
                                 std::string_view("disable_compile"),
                                 std::string_view("is_assistant"),
                                 std::string_view("low_memory"),
                                 std::string_view("max_cache_len"),
                                 std::string_view("max_matching_ngram_size"),
                                 std::string_view("num_assistant_tokens"),
                                 std::string_view("num_assistant_tokens_schedule"),
                                 std::string_view("output_attentions"),
                                 std::string_view("output_hidden_states"),
                                 std::string_view("output_logits"),
                                 std::string_view("output_scores"),
                                 std::string_view("pad_token_id"),
                                 std::string_view("prefill_chunk_size"),
                                 std::string_view("return_dict_in_generate"),
                                 std::string_view("target_lookbehind"),
                                 std::string_view("transformers_version"),
                                 std::string_view("use_cache")};
constexpr std::array read_keys{std::string_view("do_sample"),
                               std::string_view("temperature"),
                               std::string_view("top_k"),
                               std::string_view("top_p"),
                               std::string_view("min_p"),
                               std::string_view("repetition_penalty"),
                               std::string_view("no_repeat_ngram_size"),
                               std::string_view("bad_words_ids"),
                               std::string_view("suppress_tokens"),
                               std::string_view("begin_suppress_tokens"),
                               std::string_view("min_new_tokens"),
                               std::string_view("max_new_tokens"),
                               std::string_view("eos_token_id")};
/// Settings that are not read, with the value that changes nothing.
constexpr std::pair<std::string_view, double> neutral_values[] = {{"diversity_penalty", 0},
                                                                  {"early_stopping", 0},
                                                                  {"encoder_no_repeat_ngram_size", 0},
                                                                  {"encoder_repetition_penalty", 1},
                                                                  {"epsilon_cutoff", 0},
                                                                  {"eta_cutoff", 0},
                                                                  {"guidance_scale", 1},
                                                                  {"length_penalty", 1},
                                                                  {"max_length", 20},
                                                                  {"min_length", 0},
                                                                  {"num_beam_groups", 1},
                                                                  {"num_beams", 1},
                                                                  {"num_return_sequences", 1},
                                                                  {"penalty_alpha", 0},
                                                                  {"remove_invalid_values", 0},
                                                                  {"renormalize_logits", 0},
                                                                  {"token_healing", 0},
                                                                  {"typical_p", 1},
                                                                  {"use_mtp", 0}};

bool says_something(std::string_view key, const Json& value) {
  if (value.is_null() || std::find(silent_keys.begin(), silent_keys.end(), key) != silent_keys.end() ||
      std::find(read_keys.begin(), read_keys.end(), key) != read_keys.end())
    return false;
  for (const auto& [name, neutral] : neutral_values)
    if (name == key)
      return !((value.is_number() && value.get<double>() == neutral) ||
               (value.is_boolean() && neutral == 0 && !value.get<bool>()));
  return true;
}

std::vector<TokenId> read_ids(const JsonObject& o, const char* key, Index vocab) {
  std::vector<TokenId> out;
  if (!o.has(key)) return out;
  const auto many =
      o.at(key).is_array() ? o.integers(key, 0, vocab - 1) : std::vector<Index>{o.integer(key, 0, vocab - 1)};
  for (const Index id : many)
    if (std::find(out.begin(), out.end(), id) == out.end()) out.push_back(static_cast<TokenId>(id));
  return out;
}

/// Ids that are compared with the vocabulary's and may lie outside of it.
std::vector<TokenId> read_any_ids(const JsonObject& o, const char* key) {
  std::vector<TokenId> out;
  if (!o.has(key)) return out;
  for (const Index id : o.integers(key, -max_vocab, max_vocab)) out.push_back(static_cast<TokenId>(id));
  return out;
}

std::vector<std::vector<TokenId>> read_words(const JsonObject& o, const char* key, Index vocab) {
  std::vector<std::vector<TokenId>> out;
  if (!o.has(key)) return out;
  const Json& words = o.at(key);
  const auto wrong = [&](const std::string& what) { o.problem(key, "expected lists of token ids, got " + what); };
  if (!words.is_array() || words.empty() || words.size() > 100'000) return wrong(shown(words)), out;
  for (const Json& word : words) {
    std::vector<TokenId> ids;
    bool good = word.is_array() && !word.empty() && word.size() <= 4096;
    for (std::size_t i = 0; good && i < word.size(); ++i) {
      good = word[i].is_number_unsigned() && word[i].get<std::uint64_t>() < static_cast<std::uint64_t>(vocab);
      if (good) ids.push_back(word[i].get<TokenId>());
    }
    if (!good) return wrong(shown(word)), out;
    out.push_back(std::move(ids));
  }
  return out;
}

}  // namespace

void read_generation(const std::filesystem::path& folder, const JsonObject& text, const JsonObject& top, Index vocab,
                     GenerationDefaults& g, std::vector<std::string>& unused, std::vector<std::string>& problems) {
  constexpr Index most_tokens = Index{1} << 31;
  if (const auto file = read_object(folder / "generation_config.json", problems)) {
    const JsonObject o(*file, "generation_config.json", problems);
    g.sample = o.boolean("do_sample", g.sample);
    g.temperature = static_cast<float>(o.number("temperature", 0.0, 100.0, g.temperature));
    g.top_p = static_cast<float>(o.number("top_p", 0.0, 1.0, g.top_p));
    g.min_p = static_cast<float>(o.number("min_p", 0.0, 1.0, g.min_p));
    g.repetition_penalty = static_cast<float>(o.number("repetition_penalty", 1e-3, 1e3, g.repetition_penalty));
    g.top_k = o.integer("top_k", 0, max_vocab, g.top_k);
    if (g.sample && g.temperature <= 0.0f)
      o.problem("temperature", "expected more than 0 when do_sample is true, got " + shown(o.at("temperature")));
    if (o.has("max_new_tokens")) g.max_new_tokens = o.integer("max_new_tokens", 1, most_tokens);
    g.bans.no_repeat_ngram_size = o.integer("no_repeat_ngram_size", 0, most_tokens, 0);
    g.bans.min_new_tokens = o.integer("min_new_tokens", 0, most_tokens, 0);
    g.bans.bad_words_ids = read_words(o, "bad_words_ids", vocab);
    g.bans.suppress_tokens = read_any_ids(o, "suppress_tokens");
    g.bans.begin_suppress_tokens = read_any_ids(o, "begin_suppress_tokens");
    g.stop_ids = read_ids(o, "eos_token_id", vocab);
    for (const auto& [key, value] : file->items())
      if (says_something(key, value))
        unused.push_back("generation_config.json's " + printable(key, 60) + " (" + shown(value) + ")");
  }
  if (g.stop_ids.empty()) g.stop_ids = read_ids(text, "eos_token_id", vocab);
  if (g.stop_ids.empty()) g.stop_ids = read_ids(top, "eos_token_id", vocab);
  g.bans.stop_ids = g.stop_ids;
}

}  // namespace arrcoc::io
