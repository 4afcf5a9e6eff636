// generation_config.json as transformers 5 reads it (generation/configuration_utils.py, generation/utils.py).
#include <algorithm>
#include <string_view>

#include "config_parts.hpp"

namespace arrcoc::io {
namespace {

/// Settings that say nothing about a greedy or sampled answer of one sequence: ids of padding, caches, what is
/// returned.
constexpr std::string_view silent_generation_keys[] = {"_from_model_config",
                                                       "assistant_confidence_threshold",
                                                       "assistant_early_exit",
                                                       "assistant_ensemble_weight",
                                                       "assistant_lookbehind",
                                                       "bos_token_id",
                                                       "cache_config",
                                                       "cache_implementation",
                                                       "compile_config",
                                                       "continuous_batching_config",
                                                       "decoder_start_token_id",
                                                       "disable_compile",
                                                       "is_assistant",
                                                       "low_memory",
                                                       "max_cache_len",
                                                       "max_matching_ngram_size",
                                                       "num_assistant_tokens",
                                                       "num_assistant_tokens_schedule",
                                                       "output_attentions",
                                                       "output_hidden_states",
                                                       "output_logits",
                                                       "output_scores",
                                                       "pad_token_id",
                                                       "prefill_chunk_size",
                                                       "return_dict_in_generate",
                                                       "target_lookbehind",
                                                       "transformers_version",
                                                       "use_cache"};
constexpr std::string_view generation_keys[] = {
    "do_sample",          "temperature",          "top_k",         "top_p",           "min_p",
    "repetition_penalty", "no_repeat_ngram_size", "bad_words_ids", "suppress_tokens", "begin_suppress_tokens",
    "min_new_tokens",     "max_new_tokens",       "eos_token_id"};
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
  if (value.is_null() || is_among(silent_generation_keys, key) || is_among(generation_keys, key)) return false;
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
      if (says_something(key, value)) unused.push_back(unused_setting("generation_config.json", key, value));
  }
  if (g.stop_ids.empty()) g.stop_ids = read_ids(text, "eos_token_id", vocab);
  if (g.stop_ids.empty()) g.stop_ids = read_ids(top, "eos_token_id", vocab);
  g.bans.stop_ids = g.stop_ids;
}

}  // namespace arrcoc::io
