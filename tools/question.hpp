#pragma once
// The flags that `answer` and `allocate` share, and what they become.
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrcoc/engine/engine.hpp"
#include "arrcoc/io/image_file.hpp"
#include "clip_flags.hpp"
#include "terminal.hpp"
#include "verbs.hpp"

namespace arrcoc::tools {

/// What a run is, as a config file and a result file hold it under "run". Flags win over the file.
struct RunConfig {
  std::string pipeline = "default";  // a preset, a full name, or "stock"
  Index budget = 0;                  // tokens; 0: keep_ratio counts
  double keep_ratio = 0.25;
  std::string budget_scope = "image";  // or "prompt"
  std::uint64_t seed = 0;
  Index max_new_tokens = -1;  // -1: the model's, or 128
  bool sample = false;
  double temperature = -1, top_p = -1, min_p = -1, repetition_penalty = -1;  // -1: the model's
  Index top_k = -1;
  bool ignore_eos = false;
  std::string backend = "eigen", dtype = "auto", isa = "auto", device = "cpu";
  std::string attention = "auto";                                               // or own, library
  std::string weights = "auto", weights_head = "auto", weights_tower = "auto";  // or bf16, int8, int4
  std::string depth = "all";                                                    // DeepStack levels of kept tokens
  std::string resize = "torchvision", alpha = "white";
  bool exif = false, long_context = false;
  Index min_pixels = 0, max_pixels = 0;  // 0: the model's
  Index max_decoded_pixels = 0;          // of a picture as it is stored; 0: the library's own limit
  std::string chat_template = "auto";
  bool literal = false, rendered = false;  // of the prompt
};

struct QuestionFlags {
  RunConfig run;
  std::string model, system, evidence;
  std::optional<std::string> prompt, prompt_file, messages, config_file, force_ids, json;
  std::vector<std::string> images, plugins, boxes;
  std::optional<std::string> pipeline, grid, scoring_question;
  std::map<Kind, std::optional<std::string>> stages;  // --texture, --scorers ...: of the first decision
  std::optional<Index> budget, image_min_tokens, image_max_tokens;
  std::optional<double> keep_ratio, pruning_ratio;
  std::string heatmap, dump;
  std::string route;  // sets what these do not
  CLI::Option *alpha_flag = nullptr, *exif_flag = nullptr, *resize_flag = nullptr;
  ClipFlags clip;
  std::vector<std::string> videos;
  std::vector<RequestPart> parts;                         // pictures and clips as they were typed
  std::vector<const CLI::Option*> of_clips, of_pictures;  // flags that say nothing without one
  int threads = 0;
  bool quiet = false, strict = false, interleave = false;
};

/// The choice that a flag names; Error{bad_config} with all of them.
template <class Choice>
Choice chosen(std::string_view flag, std::string_view value,
              std::initializer_list<std::pair<std::string_view, Choice>> known) {
  std::string all;
  for (const auto& [name, choice] : known) {
    if (name == value) return choice;
    all += (all.empty() ? "" : ", ") + std::string(name);
  }
  fail(Code::bad_config, "answer",
       "--" + std::string(flag) + ": expected one of " + all + ", got '" + std::string(value) + "'");
}

/// The flags of every verb that asks; `answer`, `allocate` and `bench` take all, `sweep` those of pictures, machine and
/// generation.
void add_question_flags(CLI::App& app, QuestionFlags& flags, Command& command);
void add_picture_flags(CLI::App& app, QuestionFlags& flags);
void add_machine_flags(CLI::App& app, QuestionFlags& flags);
void add_generation_flags(CLI::App& app, QuestionFlags& flags);
/// --literal and --rendered.
void add_prompt_flags(CLI::App& app, QuestionFlags& flags);
/// How clips are taken, --config over its defaults; `dataset`: without a time for each frame. Behind the other flags.
void add_clip_setting_flags(CLI::App& verb, QuestionFlags& flags, const Command& command, bool dataset);
/// --video and that; of `answer`, `allocate` and `bench`.
void add_clip_flags(CLI::App& verb, QuestionFlags& flags, const Command& command);
/// The order in which pictures and clips were typed.
void take_parts(const CLI::App& verb, QuestionFlags& flags);
/// Reads the settings of clips; `clips` false: those that were given are Error{bad_usage} because of `none`.
void check_clip_settings(QuestionFlags& flags, AnswerRequest& request, bool clips, const std::string& none);
/// The settings of clips with what the model's own processor says of those that were not given.
ClipFlags resolved_clips(const QuestionFlags& flags, const ModelConfig& model);
/// What is wrong with the flags of clips is said before the model is loaded.
void check_clips(QuestionFlags& flags, AnswerRequest& request);
/// --config over the defaults of `run`; before the flags are read.
void apply_run_config(QuestionFlags& flags, const Command& command);

/// Resize, pixel limits, system prompt and generation: what all questions of a run have in common.
void read_shared(const QuestionFlags& flags, AnswerRequest& request);
/// --route: sets what the flags of pictures do not.
void take_route(QuestionFlags& flags);
io::DecodeOptions decode_options(const QuestionFlags& flags);

/// Reads what the user typed into one request: pictures decoded, pipeline named, budget checked.
struct Question {
  AnswerRequest request;
  std::vector<ConfigField> run;  // the resolved "run" object, and the settings of clips where there are some
};
Question read_question(QuestionFlags& flags, const Command& command);
/// Decodes its pictures, with their boxes.
void read_pictures(const QuestionFlags& flags, Question& question);
/// The clips, opened when the question is asked, in sizes of the loaded model where nothing else is said; their
/// settings go into the question's `run`.
void add_clips(const QuestionFlags& flags, const ModelConfig& model, Question& question);

/// "org/name", a folder, or ARRCOC_MODEL; Error{file_missing} naming demo-model.
std::string model_name(const std::string& given);
std::filesystem::path hub_cache();
/// --weights, --weights-head and --weights-tower. Error{bad_config}.
WeightFormats weight_formats(const RunConfig& run);
/// `beside`: it may come before its weights do (EngineOptions::load_beside).
std::unique_ptr<Engine> open_engine(const QuestionFlags& flags, bool beside = false);
/// --image-min-tokens and --image-max-tokens in the loaded model's tokens.
void size_in_tokens(const QuestionFlags& flags, const ModelSummary& model, AnswerRequest& request);

/// Fills in what only the loaded model says, and tells in one line on stderr what was given and is not used; with
/// --strict an Error{unused_input}.
void settle(const QuestionFlags& flags, const ModelSummary& model, AnswerRequest& request);

/// Every field of "run" and of every stage: the "config" object of a result.
/// `pipeline`: the full name that ran, with its budget.
std::vector<ConfigField> resolved_config(const Question& question, const std::vector<ConfigField>& stages,
                                         const std::string& pipeline);

/// The relevance that a heatmap shows: 1 everywhere where a pipeline has none.
std::vector<float> drawn_relevance(const Realized& realized);
/// A file that was drawn and not yet written.
struct Drawn {
  std::filesystem::path file;
  std::string bytes;
};
/// Heatmaps of all pictures: FILE, FILE-2, ...
std::vector<Drawn> draw_heatmaps(const std::string& file, const std::vector<InputPicture>& pictures,
                                 const std::vector<Realized>& realized, Framing framing);
/// The same of pictures and clips in prompt order; a clip's frames are decoded once more, and its sheet or, where FILE
/// ends in .webp, its animation is drawn of them.
std::vector<Drawn> draw_heatmaps(const std::string& file, const ModelConfig& model, const AnswerRequest& request,
                                 const AnswerResult& result);
/// Writes them and returns their names.
std::vector<std::string> write_drawn(const std::vector<Drawn>& drawn);
bool is_webp(const std::filesystem::path& file);
/// `slots`: frames of a temporal patch. The bytes of a PNG, or of an animated WebP.
std::string draw_clip(const InputClip& clip, const Realized& realized, const SeenSource& source, Index slots,
                      bool animated);

}  // namespace arrcoc::tools
