// The flags of every verb that asks, group by group.
#include "question.hpp"

namespace arrcoc::tools {
namespace {

void group(const char* name, std::initializer_list<CLI::Option*> options) {
  for (CLI::Option* o : options) o->group(name);
}

}  // namespace

void apply_run_config(QuestionFlags& f, const Command& command) {
  std::vector<ConfigProblem> problems;
  apply(f.run, "run", command.config, problems);
  throw_problems(problems, "config");
}

void add_picture_flags(CLI::App& app, QuestionFlags& f) {
  group(
      "Pictures",
      {
          app.add_option(
              "--route", f.route,
              "alpha, EXIF and resize as a reference has them: hf-path, hf-pil or qwen-vl-utils; the flags below win"),
          f.alpha_flag = app.add_option("--alpha", f.run.alpha,
                                        "transparent pixels: white (behind them), rgba (white in RGBA pictures alone) "
                                        "or drop (alpha is ignored)"),
          app.add_option("--max-decoded-pixels", f.run.max_decoded_pixels,
                         "of a picture as it is stored; 0: 100 million, or more for a longer file"),
          f.exif_flag = app.add_flag("--exif,!--no-exif", f.run.exif, "turn the picture as its EXIF says"),
          f.resize_flag = app.add_option("--resize", f.run.resize, "torchvision, pillow, pillow13 or qwen-vl-utils"),
          app.add_option("--min-pixels", f.run.min_pixels, "of the resized picture"),
          app.add_option("--max-pixels", f.run.max_pixels, "of the resized picture"),
          app.add_option("--image-min-tokens", f.image_min_tokens, "the same in tokens"),
          app.add_option("--image-max-tokens", f.image_max_tokens, "the same in tokens"),
      });
}

void add_machine_flags(CLI::App& app, QuestionFlags& f) {
  group("Machine",
        {
            app.add_option("--backend", f.run.backend, "eigen, torch or xtensor"),
            app.add_option("--device", f.run.device, "of the torch backend: cpu, cuda, cuda:1 ..."),
            app.add_option("--dtype", f.run.dtype,
                           "of the arithmetic: f32, bf16, or auto: bf16 where the file holds it and the backend can"),
            app.add_option(
                "--isa", f.run.isa,
                "instructions of the eigen backend: auto (the fastest), generic, avx2, avx512, avx512bf16 or amx"),
            app.add_option("--attention", f.run.attention,
                           "of the torch backend on the CPU: own, library, or auto: the faster one, measured"),
            app.add_option("--weights", f.run.weights,
                           "of the language model's layers: auto (as stored), bf16, int8 or int4"),
            app.add_option("--weights-head", f.run.weights_head, "the same of its head"),
            app.add_option("--weights-tower", f.run.weights_tower, "the same of the vision tower"),
            app.add_option("-t,--threads", f.threads, "0: as many as the machine has"),
            app.add_flag("--long-context", f.run.long_context, "take a prompt longer than the model\'s positions"),
        });
}

void add_generation_flags(CLI::App& app, QuestionFlags& f) {
  group("Generation",
        {
            app.add_option("-n,--max-new-tokens", f.run.max_new_tokens,
                           "at most so many tokens (default: the model's, or 128)"),
            app.add_flag("--sample", f.run.sample, "draw with the model's generation_config (default: greedy)"),
            app.add_option("--temperature", f.run.temperature, "implies --sample; 0 is greedy"),
            app.add_option("--top-k", f.run.top_k, "implies --sample; 0 is off"),
            app.add_option("--top-p", f.run.top_p, "implies --sample; in (0, 1]"),
            app.add_option("--min-p", f.run.min_p, "implies --sample; in [0, 1], 0 is off"),
            app.add_option("--repetition-penalty", f.run.repetition_penalty, "1 is off; greedy takes it too"),
            app.add_flag("--ignore-eos", f.run.ignore_eos, "do not stop at the model's stop tokens"),
        });
}

void add_prompt_flags(CLI::App& app, QuestionFlags& f) {
  group("Question",
        {
            app.add_flag("--literal", f.run.literal,
                         "what looks like a special token in the question and --system is text"),
            app.add_flag("--rendered", f.run.rendered,
                         "the question is the whole prompt, with <|vision_start|><|image_pad|><|vision_end|> for each "
                         "picture; no chat template"),
        });
}

void add_question_flags(CLI::App& app, QuestionFlags& f, Command& command) {
  apply_run_config(f, command);
  group("Question",
        {
            app.add_option("-m,--model", f.model,
                           "a Hugging Face folder, or org/name in the local Hub cache (default: ARRCOC_MODEL)"),
            app.add_option("-i,--image", f.images,
                           "a picture (" + io::picture_formats() +
                               "), or its file:// or data: URL; repeatable, in prompt order")
                ->allow_extra_args(false),
            app.add_option("-p,--prompt", f.prompt, "the question"),
            app.add_option("-f,--file", f.prompt_file, "the question, from a file"),
            app.add_option("--messages", f.messages,
                           "a conversation with its pictures, from a JSON file of messages: in place of -i and -p"),
            app.add_option("--scoring-question", f.scoring_question,
                           "another question that scores, while -p is answered; may be empty"),
            app.add_option("--system", f.system, "a system prompt"),
            app.add_option("--chat-template", f.run.chat_template, "auto (refuses an unknown template) or builtin"),
            app.add_flag("--interleave", f.interleave, "<image> in the question is where a picture stands"),
            app.add_flag("--strict", f.strict, "something that was given and is not used is an error"),
        });
  add_prompt_flags(app, f);
  group("Budget",
        {
            app.add_option("--budget", f.budget, "tokens kept per picture"),
            app.add_option("--keep-ratio", f.keep_ratio, "share of tokens kept, in (0, 1] (default 0.25)"),
            app.add_option("--pruning-ratio", f.pruning_ratio, "1 - keep ratio"),
            app.add_option("--budget-scope", f.run.budget_scope,
                           "image: the budget is each picture's; prompt: split over the pictures"),
            app.add_option("--depth", f.run.depth, "DeepStack levels of kept tokens: all, none, or levels joined by +"),
        });
  group(
      "Pipeline",
      {
          app.add_option("--pipeline", f.pipeline,
                         "a preset (" + preset_names() + "), texture/scorers/balancer/allocator/injector, or stock"),
          app.add_option("--plugin", f.plugins, "a shared module with strategies; repeatable")->allow_extra_args(false),
          app.add_option("--config", f.config_file, "settings from a JSON file; any result file will do"),
          app.add_option("--box", f.boxes,
                         "answer box for the oracle: [PICTURE:]ROW0,COL0,ROW1,COL1 in pixels; repeatable")
              ->allow_extra_args(false),
          app.add_option("-s,--seed", f.run.seed, "of random strategies and of sampling"),
      });
  for (const StageKind& s : stage_table)
    app.add_option(std::string(s.flag), f.stages[s.kind], std::string(s.summary))->group("Pipeline");
  add_picture_flags(app, f);
  add_machine_flags(app, f);
  group(
      "Output",
      {
          app.add_option("--json", f.json, "the whole result as JSON into FILE; no value or -: stdout")->expected(0, 1),
          app.add_option("--heatmap", f.heatmap,
                         "relevance and kept tokens over the picture, as PNG; of a clip a sheet of its pairs, or "
                         "FILE.webp, an animation"),
          app.add_option("--dump", f.dump, "named intermediates as .npy into a new folder"),
          app.add_flag("-q,--quiet", f.quiet, "nothing on stderr but errors"),
      });
}

namespace {

/// What a reference does with a picture: transformers given a file's name, or a picture of Pillow's; qwen-vl-utils with
/// Pillow 13, whose own limits of the resized picture count.
struct Route {
  const char *alpha, *resize;
  bool exif;
  Index min_pixels = 0, max_pixels = 0;
};

}  // namespace

void take_route(QuestionFlags& f) {
  if (f.route.empty()) return;
  constexpr Index token = 32 * 32;
  const Route route = chosen<Route>("route", f.route,
                                    {{"hf-path", {"drop", "torchvision", true}},
                                     {"hf-pil", {"white", "torchvision", false}},
                                     {"qwen-vl-utils", {"rgba", "qwen-vl-utils", false, 4 * token, 16384 * token}}});
  if (f.alpha_flag->count() == 0) f.run.alpha = route.alpha;
  if (f.resize_flag->count() == 0) f.run.resize = route.resize;
  if (f.exif_flag->count() == 0) f.run.exif = route.exif;
  if (f.run.min_pixels == 0) f.run.min_pixels = route.min_pixels;
  if (f.run.max_pixels == 0) f.run.max_pixels = route.max_pixels;
}

}  // namespace arrcoc::tools
