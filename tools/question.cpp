#include "question.hpp"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>

#include "arrcoc/build_info.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/heatmap.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/npy.hpp"

namespace arrcoc::tools {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

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

std::vector<std::string> scorer_names(const std::string& text) {
  return text == "none" ? std::vector<std::string>{}
                        : parse_pipeline_name("none/" + text + "/flat/full/gather").scorers;
}

/// "name@128", "name@0.25" -> name; the budget goes into `run`.
std::string take_budget(std::string name, RunConfig& run) {
  const auto at = name.rfind('@');
  if (at == std::string::npos) return name;
  const std::string text = name.substr(at + 1);
  const bool ratio = text.find('.') != std::string::npos;
  const std::string wrong = ratio ? detail::from_text(text, run.keep_ratio) : detail::from_text(text, run.budget);
  require_that(wrong.empty() && (ratio || run.budget > 0), Code::bad_budget, "pipeline",
               [&] { return "'" + name + "': expected tokens or a ratio after @"; });
  if (ratio) run.budget = 0;
  return name.substr(0, at);
}

/// Flags over the config file over the preset. Settings of the file go with the stages the file names.
PipelineSpec choose_pipeline(QuestionFlags& f, const Command& command) {
  const auto spec_of = [&](const std::string& name) {
    return name == "stock" ? PipelineSpec{} : preset_pipeline(name);
  };
  const PipelineSpec filed = spec_of(take_budget(f.run.pipeline, f.run));
  PipelineSpec spec = filed;
  if (f.pipeline) {
    f.run.pipeline = take_budget(*f.pipeline, f.run);
    spec = spec_of(f.run.pipeline);
  } else {
    f.run.pipeline = take_budget(f.run.pipeline, f.run);
  }
  const bool parts = f.texture || f.scorers || f.balancer || f.allocator || f.injector;
  require_that(f.run.pipeline != "stock" || !parts, Code::bad_usage, "pipeline",
               "'stock' is the model without a pipeline: it has no stages to choose");
  if (f.texture) spec.texture = *f.texture;
  if (f.scorers) spec.scorers = scorer_names(*f.scorers);
  if (f.balancer) spec.balancer = *f.balancer;
  if (f.allocator) spec.allocator = *f.allocator;
  if (f.injector) spec.injector = *f.injector;
  if (parts) f.run.pipeline = full_name(spec);
  for (const auto& [path, text] : command.config) {
    if (path.starts_with("run.")) continue;
    const std::string head = path.substr(0, path.find('.'));
    const bool gone = (head == "texture" && filed.texture != spec.texture) ||
                      (head == "balancer" && filed.balancer != spec.balancer) ||
                      (head == "allocator" && filed.allocator != spec.allocator) ||
                      (head == "injector" && filed.injector != spec.injector) ||
                      (head == "scorers" && filed.scorers != spec.scorers &&
                       std::none_of(spec.scorers.begin(), spec.scorers.end(),
                                    [&p = path](const auto& s) { return p.starts_with("scorers." + s + "."); }));
    if (!gone) spec.settings[path] = text;
  }
  for (const auto& [path, text] : command.settings) spec.settings[path] = text;
  require_that(f.run.pipeline != "stock" || spec.settings.empty(), Code::unknown_setting, "settings",
               [&] { return spec.settings.begin()->first + ": no such setting: 'stock' has no stages"; });
  return spec;
}

void choose_budget(QuestionFlags& f) {
  require_that((f.budget ? 1 : 0) + (f.keep_ratio ? 1 : 0) + (f.pruning_ratio ? 1 : 0) <= 1, Code::bad_usage, "budget",
               "--budget, --keep-ratio and --pruning-ratio exclude each other");
  if (f.budget) {
    require_that(*f.budget >= 1, Code::bad_budget, "budget",
                 [&] { return "expected at least 1 token, got " + std::to_string(*f.budget); });
    f.run.budget = *f.budget;
  }
  if (f.keep_ratio || f.pruning_ratio) {
    f.run.budget = 0;
    f.run.keep_ratio = f.keep_ratio ? *f.keep_ratio : 1.0 - *f.pruning_ratio;
  }
  Budget{f.run.budget, f.run.keep_ratio}.resolve(1);  // refuses what is out of range
}

InputPicture read_picture(const std::string& name, const QuestionFlags& f) {
  const auto start = std::chrono::steady_clock::now();
  io::DecodeOptions o;
  o.alpha = chosen<io::Alpha>("alpha", f.run.alpha, {{"white", io::Alpha::white}, {"drop", io::Alpha::drop}});
  o.exif = f.run.exif;
  InputPicture p;
  p.image = io::read_image(name, o);
  p.name = name;
  p.decode_milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return p;
}

/// "R0,C0,R1,C1" of picture 1, or "I:R0,C0,R1,C1".
void add_box(const std::string& text, std::vector<InputPicture>& pictures) {
  const auto wrong = [&] {
    fail(Code::bad_usage, "box", "expected [PICTURE:]ROW0,COL0,ROW1,COL1 in pixels, got '" + text + "'");
  };
  std::size_t picture = 1, from = 0;
  if (const auto colon = text.find(':'); colon != std::string::npos) {
    if (!detail::from_text(std::string_view(text).substr(0, colon), picture).empty()) wrong();
    from = colon + 1;
  }
  std::vector<double> corners;
  while (from <= text.size()) {
    const std::size_t to = std::min(text.find(',', from), text.size());
    double value = 0;
    if (!detail::from_text(std::string_view(text).substr(from, to - from), value).empty()) wrong();
    corners.push_back(value);
    from = to + 1;
  }
  if (corners.size() != 4 || picture < 1 || picture > pictures.size()) wrong();
  pictures[picture - 1].boxes.push_back({corners[0], corners[1], corners[2], corners[3]});
}

std::vector<TokenId> read_ids(const std::string& file) {
  const HostTensor t = io::read_npy(file);
  require_that(t.dtype == DType::i64 || t.dtype == DType::i32, Code::bad_array, "force-ids",
               [&] { return file + ": expected integers, got " + std::string(name_of(t.dtype)); });
  std::vector<TokenId> ids;
  for (Index i = 0; i < t.count(); ++i) {
    std::int64_t id = 0;
    std::int32_t small = 0;
    if (t.dtype == DType::i64) std::memcpy(&id, t.data + i * 8, 8);
    else {
      std::memcpy(&small, t.data + i * 4, 4);
      id = small;
    }
    require_that(id >= 0 && id < (1 << 30), Code::bad_array, "force-ids",
                 [&] { return file + ": expected token ids, got " + std::to_string(id); });
    ids.push_back(static_cast<TokenId>(id));
  }
  require_that(!ids.empty(), Code::bad_array, "force-ids",
               [&] { return file + ": expected at least one id, got none"; });
  return ids;
}

std::string read_prompt(const QuestionFlags& f) {
  require_that(!(f.prompt && f.prompt_file), Code::bad_usage, "prompt", "--prompt and --file exclude each other");
  require_that(f.prompt || f.prompt_file, Code::bad_usage, "prompt", "expected a question: -p TEXT or -f FILE");
  std::string text = f.prompt ? *f.prompt : io::read_file(*f.prompt_file);
  if (f.prompt_file && text.ends_with('\n')) text.pop_back();
  require_that(!text.empty(), Code::bad_prompt, "prompt", "the question is empty");
  return text;
}

}  // namespace

void add_question_flags(CLI::App& app, QuestionFlags& f, Command& command) {
  std::vector<ConfigProblem> problems;
  apply(f.run, "run", command.config, problems);
  throw_problems(problems, "config");
  const auto group = [&](const char* name, std::initializer_list<CLI::Option*> options) {
    for (CLI::Option* o : options) o->group(name);
  };
  group("Question",
        {
            app.add_option("-m,--model", f.model,
                           "a Hugging Face folder, or org/name in the local Hub cache (default: ARRCOC_MODEL)"),
            app.add_option("-i,--image", f.images, "a picture (JPEG, PNG, WebP); repeatable, in prompt order")
                ->allow_extra_args(false),
            app.add_option("-p,--prompt", f.prompt, "the question"),
            app.add_option("-f,--file", f.prompt_file, "the question, from a file"),
            app.add_option("--system", f.system, "a system prompt"),
            app.add_option("--chat-template", f.run.chat_template, "auto (refuses an unknown template) or builtin"),
        });
  group("Budget", {
                      app.add_option("--budget", f.budget, "tokens kept per picture"),
                      app.add_option("--keep-ratio", f.keep_ratio, "share of tokens kept, in (0, 1] (default 0.25)"),
                      app.add_option("--pruning-ratio", f.pruning_ratio, "1 - keep ratio"),
                      app.add_option("--budget-scope", f.run.budget_scope,
                                     "image: the budget is each picture's; prompt: split over the pictures"),
                  });
  group(
      "Pipeline",
      {
          app.add_option("--pipeline", f.pipeline,
                         "a preset (default, full, random, uniform, grid, centre, oracle), "
                         "texture/scorers/balancer/allocator/injector, or stock"),
          app.add_option("--texture", f.texture, "texture stage"),
          app.add_option("--scorers", f.scorers, "scorers, joined by +"),
          app.add_option("--balancer", f.balancer, "balancer"),
          app.add_option("--allocator", f.allocator, "allocator"),
          app.add_option("--injector", f.injector, "injector"),
          app.add_option("--plugin", f.plugins, "a shared module with strategies; repeatable")->allow_extra_args(false),
          app.add_option("--config", f.config_file, "settings from a JSON file; any result file will do"),
          app.add_option("--box", f.boxes,
                         "answer box for the oracle: [PICTURE:]ROW0,COL0,ROW1,COL1 in pixels; repeatable")
              ->allow_extra_args(false),
          app.add_option("-s,--seed", f.run.seed, "of random strategies and of sampling"),
      });
  group("Pictures", {
                        app.add_option("--alpha", f.run.alpha,
                                       "transparent pixels: white (behind them) or drop (alpha is ignored)"),
                        app.add_flag("--exif", f.run.exif, "turn the picture as its EXIF says"),
                        app.add_option("--resize", f.run.resize, "torchvision, pillow or pillow13"),
                        app.add_option("--min-pixels", f.run.min_pixels, "of the resized picture"),
                        app.add_option("--max-pixels", f.run.max_pixels, "of the resized picture"),
                        app.add_option("--image-min-tokens", f.image_min_tokens, "the same in tokens"),
                        app.add_option("--image-max-tokens", f.image_max_tokens, "the same in tokens"),
                    });
  group("Machine",
        {
            app.add_option("--backend", f.run.backend, "eigen, torch or xtensor"),
            app.add_option("--dtype", f.run.dtype,
                           "of the arithmetic: f32, bf16, or auto: bf16 where the file holds it and the backend can"),
            app.add_option("-t,--threads", f.threads, "0: as many as the machine has"),
        });
  group(
      "Output",
      {
          app.add_option("--json", f.json, "the whole result as JSON into FILE; no value or -: stdout")->expected(0, 1),
          app.add_option("--heatmap", f.heatmap, "relevance and kept tokens over the picture, as PNG"),
          app.add_option("--dump", f.dump, "named intermediates as .npy into a new folder"),
          app.add_flag("-q,--quiet", f.quiet, "nothing on stderr but errors"),
      });
}

Question read_question(QuestionFlags& f, const Command& command) {
  Question q;
  AnswerRequest& r = q.request;
  r.pipeline = choose_pipeline(f, command);
  r.stock = f.run.pipeline == "stock";
  choose_budget(f);
  r.budget = {f.run.budget, f.run.keep_ratio};
  r.scope = chosen<BudgetScope>("budget-scope", f.run.budget_scope,
                                {{"image", BudgetScope::image}, {"prompt", BudgetScope::prompt}});
  r.seed = f.run.seed;
  r.resize = chosen<qwen3vl::Resize>("resize", f.run.resize,
                                     {{"torchvision", qwen3vl::Resize::torchvision},
                                      {"pillow", qwen3vl::Resize::pillow},
                                      {"pillow13", qwen3vl::Resize::pillow13}});
  require_that(f.run.min_pixels >= 0 && f.run.max_pixels >= 0, Code::bad_config, "answer",
               "--min-pixels, --max-pixels: expected at least 1");
  if (f.run.min_pixels > 0) r.min_pixels = f.run.min_pixels;
  if (f.run.max_pixels > 0) r.max_pixels = f.run.max_pixels;
  require_that(f.threads >= 0, Code::bad_config, "answer",
               [&] { return "--threads: expected at least 0, got " + std::to_string(f.threads); });
  if (f.evidence.empty()) r.prompt = read_prompt(f);
  r.system = f.system;

  GenerationChoice& g = r.generation;
  const RunConfig& c = f.run;
  g.max_new_tokens = c.max_new_tokens;
  g.sample = c.sample || c.temperature > 0 || c.top_p >= 0 || c.top_k >= 0;
  if (c.temperature != -1) g.temperature = static_cast<float>(c.temperature);
  if (c.top_p != -1) g.top_p = static_cast<float>(c.top_p);
  if (c.repetition_penalty != -1) g.repetition_penalty = static_cast<float>(c.repetition_penalty);
  if (c.top_k != -1) g.top_k = c.top_k;
  g.ignore_eos = c.ignore_eos;
  if (f.force_ids) g.forced = read_ids(*f.force_ids);

  if (f.json) check_output(*f.json);
  check_output(f.heatmap);
  if (!f.dump.empty()) check_new_folder(f.dump);
  for (const auto& name : f.images) r.pictures.push_back(read_picture(name, f));
  for (const auto& box : f.boxes) add_box(box, r.pictures);
  require_that(f.heatmap.empty() || !r.pictures.empty(), Code::bad_usage, "heatmap",
               "there is no picture to draw on: expected -i");
  q.run = flatten(f.run, "run");
  return q;
}

std::string model_name(const std::string& given) {
  if (!given.empty()) return given;
  if (std::string named = environment("ARRCOC_MODEL"); !named.empty()) return named;
  fail(Code::bad_usage, "model",
       "expected -m DIR, -m ORG/NAME or ARRCOC_MODEL, got none; `arrcoc demo-model --out DIR` writes a small model to "
       "try");
}

std::filesystem::path hub_cache() {
  if (auto cache = environment("HF_HUB_CACHE"); !cache.empty()) return cache;
  if (auto home = environment("HF_HOME"); !home.empty()) return std::filesystem::path(home) / "hub";
  if (auto home = environment("XDG_CACHE_HOME"); !home.empty())
    return std::filesystem::path(home) / "huggingface" / "hub";
  if (auto home = environment("HOME"); !home.empty())
    return std::filesystem::path(home) / ".cache" / "huggingface" / "hub";
  return {};
}

std::unique_ptr<Engine> open_engine(const QuestionFlags& f) {
  const std::string& backend = f.run.backend;
  require_that(backend == "eigen" || backend == "torch" || backend == "xtensor", Code::bad_config, "backend",
               [&] { return "expected eigen, torch or xtensor, got '" + backend + "'"; });
  EngineOptions o;
  o.model = model_name(f.model);
  o.hub_cache = hub_cache();
  o.chat_template = f.run.chat_template;
  o.threads = f.threads;
  o.dtype = f.run.dtype;
  std::unique_ptr<Engine> engine;
  if (backend == "eigen") engine = make_eigen_engine(o);
#ifdef ARRCOC_HAVE_TORCH
  if (backend == "torch") engine = make_torch_engine(o);
#endif
#ifdef ARRCOC_HAVE_XTENSOR
  if (backend == "xtensor") engine = make_xtensor_engine(o);
#endif
  require_that(engine != nullptr, Code::backend_missing, "backend", [&] {
    return "'" + backend + "' is not built into this program; configure with -D" + backend +
           "=enabled, or take --backend eigen";
  });
  for (const auto& file : f.plugins) engine->load_plugin(file);
  return engine;
}

void size_in_tokens(const QuestionFlags& f, const ModelSummary& model, AnswerRequest& r) {
  const Index side = model.config.vision.patch_size * model.config.vision.spatial_merge_size;
  const auto set = [&](const std::optional<Index>& tokens, std::optional<Index>& pixels, const char* flag) {
    if (!tokens) return;
    require_that(*tokens >= 1 && *tokens < 100'000'000, Code::bad_config, "answer",
                 [&] { return std::string(flag) + ": expected at least 1, got " + std::to_string(*tokens); });
    pixels = *tokens * side * side;
  };
  set(f.image_min_tokens, r.min_pixels, "--image-min-tokens");
  set(f.image_max_tokens, r.max_pixels, "--image-max-tokens");
}

std::vector<ConfigField> resolved_config(const Question& q, const std::vector<ConfigField>& stages) {
  std::vector<ConfigField> all = q.run;
  for (ConfigField& f : all) {  // what the run really used
    if (f.path == "run.pipeline" && !q.request.stock) f.value = full_name(q.request.pipeline);
    if (f.path == "run.min_pixels" && q.request.min_pixels) f.value = std::to_string(*q.request.min_pixels);
    if (f.path == "run.max_pixels" && q.request.max_pixels) f.value = std::to_string(*q.request.max_pixels);
  }
  all.insert(all.end(), stages.begin(), stages.end());
  return all;
}

std::vector<std::string> write_heatmaps(const std::string& file, const std::vector<InputPicture>& pictures,
                                        const std::vector<Realized>& realized) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < realized.size() && i < pictures.size(); ++i) {
    std::filesystem::path path = file;
    if (i > 0) path.replace_filename(path.stem().string() + "-" + std::to_string(i + 1) + path.extension().string());
    const Allocation& a = realized[i].allocation;
    std::vector<float> relevance = realized[i].balanced.relevance;
    if (relevance.empty()) relevance.assign(static_cast<std::size_t>(a.grid.count()), 1.f);
    io::write_png(path, io::render_heatmap(pictures[i].image.view(), a.grid, relevance, a.kept).view());
    names.push_back(path.string());
  }
  return names;
}

}  // namespace arrcoc::tools
