#pragma once
// The flags that `answer` and `allocate` share, and what they become.
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrcoc/engine/engine.hpp"
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
  Index max_new_tokens = 128;
  bool sample = false;
  double temperature = -1, top_p = -1, repetition_penalty = -1;  // -1: the model's
  Index top_k = -1;
  bool ignore_eos = false;
  std::string backend = "eigen", dtype = "auto";
  std::string resize = "torchvision", alpha = "white";
  bool exif = false;
  Index min_pixels = 0, max_pixels = 0;  // 0: the model's
  std::string chat_template = "auto";
};

struct QuestionFlags {
  RunConfig run;
  std::string model, system, evidence;
  std::optional<std::string> prompt, prompt_file, config_file, force_ids, json;
  std::vector<std::string> images, plugins, boxes;
  std::optional<std::string> pipeline, texture, scorers, balancer, allocator, injector, grid;
  std::optional<Index> budget, image_min_tokens, image_max_tokens;
  std::optional<double> keep_ratio, pruning_ratio;
  std::string heatmap, dump;
  int threads = 0;
  bool quiet = false;
};

void add_question_flags(CLI::App& app, QuestionFlags& flags, Command& command);

/// Reads what the user typed into one request: pictures decoded, pipeline named, budget checked.
struct Question {
  AnswerRequest request;
  std::vector<ConfigField> run;  // the resolved "run" object
};
Question read_question(QuestionFlags& flags, const Command& command);

/// "org/name", a folder, or ARRCOC_MODEL; Error{file_missing} naming demo-model.
std::string model_name(const std::string& given);
std::filesystem::path hub_cache();
std::unique_ptr<Engine> open_engine(const QuestionFlags& flags);
/// --image-min-tokens and --image-max-tokens in the loaded model's tokens.
void size_in_tokens(const QuestionFlags& flags, const ModelSummary& model, AnswerRequest& request);

/// Every field of "run" and of every stage: the "config" object of a result.
std::vector<ConfigField> resolved_config(const Question& question, const std::vector<ConfigField>& stages);

/// Heatmaps of all pictures: FILE, FILE-2, ... Returns the names.
std::vector<std::string> write_heatmaps(const std::string& file, const std::vector<InputPicture>& pictures,
                                        const std::vector<Realized>& realized);

}  // namespace arrcoc::tools
