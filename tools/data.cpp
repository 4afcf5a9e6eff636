#include "data.hpp"

#include <algorithm>
#include <cstdio>

namespace arrcoc::tools {
namespace {

io::PromptShape shape_of(const std::string& name) {
  const auto at = std::find(std::begin(io::prompt_shape_names), std::end(io::prompt_shape_names), name);
  require_that(at != std::end(io::prompt_shape_names), Code::bad_usage, "shape",
               [&] { return "--shape: expected auto, none, vlmevalkit, qwen3vl or lmms, got '" + name + "'"; });
  return static_cast<io::PromptShape>(at - std::begin(io::prompt_shape_names));
}

std::string without_breaks(std::string text) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != text.npos; at += 2) text.replace(at, 1, "\\n");
  return text;
}

}  // namespace

void add_data_flags(CLI::App& app, DataFlags& f) {
  for (CLI::Option* o : {
           app.add_option("--data", f.file,
                          "a folder that `scenes` wrote, or a file of questions: JSONL, a VLMEvalKit TSV, lmms-eval's "
                          "samples, LLaVA's questions, a VQA v2 questions file"),
           app.add_option("--format", f.choice.format,
                          "jsonl, json, vlmevalkit, lmms, llava or vqa2 (default: recognised)"),
           app.add_option("--pictures", f.pictures, "the folder of the pictures (default: the file's)"),
           app.add_option("--annotations", f.annotations, "vqa2: the answers (default: the file beside the questions)"),
           app.add_option("--metric", f.choice.metric, "of questions that name none (docs/metrics.md)"),
           app.add_option("--shape", f.shape,
                          "how a question becomes the prompt: auto (options as VLMEvalKit lists them, all else as it "
                          "stands), none, vlmevalkit, qwen3vl or lmms"),
           app.add_option("--scenario", f.choice.scenarios, "these scenarios alone; comma-separated")->delimiter(','),
           app.add_option("--split", f.choice.split, "this split alone: train, dev or test"),
           app.add_option("--limit", f.choice.limit, "the first so many questions"),
           app.add_flag("--strict", f.strict, "anything wrong with any question or picture is an error at the start"),
       })
    o->group("Data");
}

io::Dataset read_data(const DataFlags& f, bool quiet, const io::ClipOptions& clips) {
  const io::PromptShape shape = shape_of(f.shape);
  require_that(f.choice.limit >= 0, Code::bad_config, "data",
               [&] { return "--limit: expected at least 0, got " + std::to_string(f.choice.limit); });
  io::DatasetChoice choice = f.choice;
  choice.pictures = f.pictures;
  choice.annotations = f.annotations;
  io::Dataset data = io::read_dataset(f.file, choice);
  for (io::Sample& s : data.samples)  // frames whose item has no clock
    if (std::error_code e; s.clip && s.clip->frames_per_second == 0 && s.clip->seconds.empty() &&
                           std::filesystem::is_directory(s.images.front().file, e))
      s.clip->frames_per_second = clips.frames_per_second;
  io::probe_pictures(data, f.strict, clips);
  if (f.strict || data.samples.empty()) io::refuse_problems(data);
  if (!data.problems.empty()) {
    for (const io::DataProblem& p : data.problems)
      std::fprintf(stderr, "%s: %s%s\n", data.file.c_str(), io::text_of(p).c_str(), p.kept ? "" : "; left out");
    std::fprintf(stderr, "%s: %zu problems, %zu of %lld questions are asked\n", data.file.c_str(), data.problems.size(),
                 data.samples.size(), static_cast<long long>(data.items));
  }
  for (io::Sample& s : data.samples) io::shape_prompt(s, shape);
  if (!quiet)
    std::fprintf(stderr, "%s: %s, prompts %s, the first: %s\n", data.file.c_str(), data.format.c_str(),
                 prompts_hash(data).c_str(), without_breaks(io::marked_question(data.samples.front())).c_str());
  return data;
}

bool takes_clock(const io::Dataset& data, double frames_per_second) {
  return std::any_of(data.samples.begin(), data.samples.end(), [&](const io::Sample& s) {
    std::error_code e;
    return s.clip && s.clip->seconds.empty() && s.clip->frames_per_second == frames_per_second &&
           std::filesystem::is_directory(s.images.front().file, e);
  });
}

std::string prompts_hash(const io::Dataset& data) {
  std::vector<std::string> prompts;
  for (const io::Sample& s : data.samples) prompts.push_back(io::marked_question(s));
  return io::texts_hash(prompts);
}

}  // namespace arrcoc::tools
