#include "question.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "arrcoc/build_info.hpp"
#include "arrcoc/engine/unused.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/conversation.hpp"
#include "arrcoc/io/dataset.hpp"
#include "arrcoc/io/image_file.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/io/npy.hpp"
#include "outputs.hpp"

namespace arrcoc::tools {
namespace {

constexpr std::uint64_t max_prompt_bytes = 64 << 20;
constexpr Index max_picture_pixels = Index{1} << 32;

/// A preset or full name; its budget goes into `run`.
PipelineSpec named_pipeline(const std::string& name, RunConfig& run) {
  if (name == "stock") return {};
  PipelineSpec spec = preset_pipeline(name);
  if (const auto budget = std::exchange(spec.budget, std::nullopt)) {
    run.budget = budget->tokens;
    if (budget->tokens == 0) run.keep_ratio = budget->keep_ratio;
  }
  return spec;
}

/// Puts the stage that a flag names into a pipeline.
void replace_stage(PipelineSpec& spec, Kind kind, const std::string& name) {
  DecisionSpec& d = spec.decisions.front();
  if (kind == Kind::scorer) {
    d.scorers = parse_scorers(name, spec.settings, "scorers");
    return;
  }
  std::string& place = kind == Kind::texture     ? spec.texture
                       : kind == Kind::query     ? spec.query
                       : kind == Kind::split     ? spec.split
                       : kind == Kind::passes    ? spec.passes
                       : kind == Kind::balancer  ? d.balancer
                       : kind == Kind::allocator ? d.allocator
                                                 : d.injector;
  place = parse_stage(name, spec.settings, stage_kind(kind).prefix);
}

/// Flags over the config file over the preset. Settings of the file go with the stages the file names. Without a
/// pipeline: the default, or three_ways where stages alone are named or there is no language model to look with.
PipelineSpec choose_pipeline(QuestionFlags& f, const Command& command) {
  const bool stages = std::any_of(f.stages.begin(), f.stages.end(), [](const auto& s) {
    return s.second && s.first != Kind::query && s.first != Kind::split && s.first != Kind::passes;
  });
  if (!f.pipeline && !command.config.contains("run.pipeline") && (stages || !f.evidence.empty()))
    f.run.pipeline = "three_ways";
  const PipelineSpec filed = named_pipeline(f.run.pipeline, f.run);
  PipelineSpec spec = f.pipeline ? named_pipeline(*f.pipeline, f.run) : filed;
  if (f.pipeline) f.run.pipeline = *f.pipeline;
  const bool parts = std::any_of(f.stages.begin(), f.stages.end(), [](const auto& s) { return s.second.has_value(); });
  require_that(f.run.pipeline != "stock" || !parts, Code::bad_usage, "pipeline",
               "'stock' is the model without a pipeline: it has no stages to choose");
  for (const auto& [kind, name] : f.stages)
    if (name) replace_stage(spec, kind, *name);
  std::map<std::string, std::string> before, now;  // prefix of settings -> stage
  const auto list = [](const PipelineSpec& s, std::map<std::string, std::string>& out) {
    if (!s.decisions.empty())
      for_each_stage(s, [&](Kind, const std::string& prefix, const std::string& name) { out[prefix] = name; });
  };
  list(filed, before);
  list(spec, now);
  for (const auto& [path, text] : command.config) {
    if (path.starts_with("run.") || is_clip_setting(path)) continue;
    const bool gone = std::any_of(before.begin(), before.end(), [&, &p = path](const auto& stage) {
      const auto at = now.find(stage.first);
      return p.starts_with(stage.first + ".") && (at == now.end() || at->second != stage.second);
    });
    if (!gone) spec.settings[path] = text;
  }
  for (const auto& [path, text] : command.settings) spec.settings[path] = text;
  require_that(f.run.pipeline != "stock" || spec.settings.empty(), Code::unknown_setting, "settings",
               [&] { return spec.settings.begin()->first + ": no such setting: 'stock' has no stages"; });
  if (f.run.pipeline != "stock") f.run.pipeline = full_name(spec);
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
  InputPicture p;
  io::DecodeOptions o = decode_options(f);
  o.unused = &p.unused;
  p.image = io::read_picture(name, o);
  p.name = io::picture_label(name);
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

/// What is written may be neither what is read nor written twice.
void check_files(const QuestionFlags& f) {
  RunFiles files;
  for (const auto& name : f.images)
    if (!io::is_data_url(name)) files.reads("--image", io::picture_path(name));
  for (const auto& name : f.videos) files.reads("--video", io::picture_path(name));
  for (const auto& file : {f.prompt_file, f.config_file, f.force_ids})
    if (file) files.reads("the input", *file);
  for (const auto& file : f.plugins) files.reads("--plugin", file);
  files.reads("--evidence", f.evidence);
  if (std::error_code e; std::filesystem::is_directory(f.model, e)) files.reads("--model", f.model);
  if (f.json) files.writes("--json", *f.json);
  const std::size_t heatmaps = f.heatmap.empty() ? 0 : std::max<std::size_t>(1, f.images.size() + f.videos.size());
  const bool animated = f.images.empty() && !f.videos.empty() && is_webp(f.heatmap);
  for (std::size_t i = 0; i < heatmaps; ++i)
    if (animated) files.writes("--heatmap", heatmap_name(f.heatmap, i));
    else files.writes_png("--heatmap", heatmap_name(f.heatmap, i));
  if (!f.dump.empty()) files.makes("--dump", f.dump);
}

std::string read_prompt(const QuestionFlags& f) {
  require_that(!(f.prompt && f.prompt_file), Code::bad_usage, "prompt", "--prompt and --file exclude each other");
  require_that(f.prompt || f.prompt_file, Code::bad_usage, "prompt", "expected a question: -p TEXT or -f FILE");
  std::string text = f.prompt ? *f.prompt : io::read_file(*f.prompt_file, max_prompt_bytes);
  if (f.prompt_file && text.ends_with('\n')) text.pop_back();
  require_that(!text.empty(), Code::bad_prompt, "prompt", "the question is empty");
  return text;
}

constexpr std::size_t max_conversation_bytes = std::size_t{64} << 20;

/// --messages: turns and pictures of a file become a rendered prompt and names beside the file.
void take_conversation(QuestionFlags& f, AnswerRequest& r) {
  require_that(
      !f.prompt && !f.prompt_file && f.images.empty() && f.videos.empty() && f.system.empty() && !f.run.literal &&
          !f.run.rendered && !f.interleave,
      Code::bad_usage, "messages",
      "--messages holds the question, system text and pictures: it goes without -p, -f, -i, --video, --system, "
      "--literal, --rendered and --interleave");
  const std::filesystem::path file = *f.messages;
  const io::Conversation c = io::read_conversation(io::read_file(file, max_conversation_bytes), file.string());
  for (const io::VisionEntry& e : c.entries) {
    require_that(e.kind == io::ContentPart::Kind::image, Code::bad_usage, "messages",
                 [&] { return "a conversation of pictures: expected no clip, got " + e.name + "; ask with --video"; });
    const bool url = e.name.starts_with("data:") || e.name.find("://") != std::string::npos;
    f.images.push_back(url ? e.name : (file.parent_path() / e.name).string());
  }
  r.rendered = true;
  r.prompt = io::render_chat(
      c.messages,
      io::recognise_chat_template(io::find_model_folder(model_name(f.model), hub_cache()), f.run.chat_template));
}

}  // namespace

void read_shared(const QuestionFlags& f, AnswerRequest& r) {
  r.resize = chosen<qwen3vl::Resize>("resize", f.run.resize,
                                     {{"torchvision", qwen3vl::Resize::torchvision},
                                      {"pillow", qwen3vl::Resize::pillow},
                                      {"pillow13", qwen3vl::Resize::pillow13},
                                      {"qwen-vl-utils", qwen3vl::Resize::qwen_vl_utils}});
  require_that(f.run.min_pixels >= 0 && f.run.max_pixels >= 0, Code::bad_config, "answer",
               "--min-pixels, --max-pixels: expected at least 1");
  require_that(f.run.max_decoded_pixels >= 0 && f.run.max_decoded_pixels <= max_picture_pixels, Code::bad_config,
               "answer", [&] {
                 return "--max-decoded-pixels: expected 0 to " + std::to_string(max_picture_pixels) + ", got " +
                        std::to_string(f.run.max_decoded_pixels);
               });
  if (f.run.min_pixels > 0) r.min_pixels = f.run.min_pixels;
  if (f.run.max_pixels > 0) r.max_pixels = f.run.max_pixels;
  check_threads(f.threads, "answer");
  r.system = f.system;
  r.literal = f.run.literal;
  r.rendered = f.run.rendered;
  require_that(!r.rendered || (!r.literal && r.system.empty() && !f.interleave), Code::bad_usage, "prompt",
               "--rendered and --literal, --system or --interleave exclude each other: all of it is in the prompt");
  r.long_context = f.run.long_context;
  GenerationChoice& g = r.generation;
  const RunConfig& c = f.run;
  if (c.max_new_tokens != -1) g.max_new_tokens = c.max_new_tokens;
  g.sample = c.sample || c.temperature > 0 || c.top_p >= 0 || c.min_p >= 0 || c.top_k >= 0;
  if (c.temperature != -1) g.temperature = static_cast<float>(c.temperature);
  if (c.top_p != -1) g.top_p = static_cast<float>(c.top_p);
  if (c.min_p != -1) g.min_p = static_cast<float>(c.min_p);
  if (c.repetition_penalty != -1) g.repetition_penalty = static_cast<float>(c.repetition_penalty);
  if (c.top_k != -1) g.top_k = c.top_k;
  g.ignore_eos = c.ignore_eos;
}

io::DecodeOptions decode_options(const QuestionFlags& f) {
  io::DecodeOptions o;
  o.alpha = chosen<io::Alpha>("alpha", f.run.alpha,
                              {{"white", io::Alpha::white}, {"rgba", io::Alpha::rgba}, {"drop", io::Alpha::drop}});
  o.exif = f.run.exif;
  o.max_pixels = f.run.max_decoded_pixels;
  return o;
}

Question read_question(QuestionFlags& f, const Command& command) {
  Question q;
  AnswerRequest& r = q.request;
  take_route(f);
  r.pipeline = choose_pipeline(f, command);
  r.stock = f.run.pipeline == "stock";
  choose_budget(f);
  r.budget = {f.run.budget, f.run.keep_ratio};
  r.scope = chosen<BudgetScope>("budget-scope", f.run.budget_scope,
                                {{"image", BudgetScope::image}, {"prompt", BudgetScope::prompt}});
  r.seed = f.run.seed;
  r.scoring_question = f.scoring_question;
  r.levels = parse_depth(f.run.depth, 32);
  read_shared(f, r);
  if (f.messages) take_conversation(f, r);
  else if (f.evidence.empty()) r.prompt = read_prompt(f);
  GenerationChoice& g = r.generation;
  if (f.force_ids) g.forced = read_ids(*f.force_ids);

  check_files(f);
  if (f.interleave) {
    r.places = io::take_picture_marks(r.prompt);
    require_that(r.places.size() == f.images.size(), Code::bad_usage, "prompt", [&] {
      return "--interleave: expected an <image> in the question for each of " + std::to_string(f.images.size()) +
             " pictures, got " + std::to_string(r.places.size());
    });
  }
  require_that(f.heatmap.empty() || !f.images.empty() || !f.videos.empty(), Code::bad_usage, "heatmap",
               "there is no picture to draw on: expected -i or --video");
  check_clips(f, r);
  q.run = flatten(f.run, "run");
  return q;
}

void read_pictures(const QuestionFlags& f, Question& q) {
  AnswerRequest& r = q.request;
  for (const auto& name : f.images) r.pictures.push_back(read_picture(name, f));
  for (const auto& box : f.boxes) add_box(box, r.pictures);
}

WeightFormats weight_formats(const RunConfig& run) {
  const auto read = [](const std::string& name, std::string_view where) {
    const auto f = weight_format(name);
    require_that(f.has_value(), Code::bad_config, where,
                 [&] { return "expected auto, bf16, int8 or int4, got '" + name + "'"; });
    return *f;
  };
  return {read(run.weights, "weights"), read(run.weights_head, "weights-head"),
          read(run.weights_tower, "weights-tower")};
}

std::unique_ptr<Engine> open_engine(const QuestionFlags& f, bool beside) {
  const std::string& backend = f.run.backend;
  require_that(backend == "eigen" || backend == "torch" || backend == "xtensor", Code::bad_config, "backend",
               [&] { return "expected eigen, torch or xtensor, got '" + backend + "'"; });
  EngineOptions o;
  o.model = model_name(f.model);
  o.hub_cache = hub_cache();
  o.chat_template = f.run.rendered ? "builtin" : f.run.chat_template;
  o.threads = f.threads;
  o.dtype = f.run.dtype;
  o.isa = f.run.isa;
  o.weights = weight_formats(f.run);
  o.attention = f.run.attention;
  o.load_beside = beside;
  o.device = f.run.device;
  require_that(o.device == "cpu" || backend == "torch", Code::bad_config, "device", [&] {
    return "--device is the torch backend's: expected cpu with --backend " + backend + ", got '" + o.device + "'";
  });
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

void settle(const QuestionFlags& f, const ModelSummary& model, AnswerRequest& r) {
  size_in_tokens(f, model, r);
  if (!r.generation.max_new_tokens)
    r.generation.max_new_tokens = model.config.generation.max_new_tokens.value_or(default_new_tokens);
  const std::vector<std::string> unused = unused_inputs(model.config, r.pictures, r.prompt);
  if (unused.empty()) return;
  std::string all = unused[0];
  for (std::size_t i = 1; i < unused.size(); ++i) all += "; " + unused[i];
  require_that(!f.strict, Code::unused_input, "strict", [&] { return "given and not used: " + all; });
  if (!f.quiet) std::fprintf(stderr, "not used: %s\n", all.c_str());
}

std::vector<ConfigField> resolved_config(const Question& q, const std::vector<ConfigField>& stages,
                                         const std::string& pipeline) {
  std::vector<ConfigField> all = q.run;
  for (ConfigField& f : all) {  // what the run really used
    if (f.path == "run.pipeline" && !q.request.stock) f.value = pipeline.substr(0, pipeline.rfind('@'));
    if (f.path == "run.max_new_tokens" && q.request.generation.max_new_tokens)
      f.value = std::to_string(*q.request.generation.max_new_tokens);
    if (f.path == "run.min_pixels" && q.request.min_pixels) f.value = std::to_string(*q.request.min_pixels);
    if (f.path == "run.max_pixels" && q.request.max_pixels) f.value = std::to_string(*q.request.max_pixels);
  }
  all.insert(all.end(), stages.begin(), stages.end());
  return all;
}

}  // namespace arrcoc::tools
