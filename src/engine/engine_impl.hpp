#pragma once
// The engine, once for every backend.
#include <chrono>
#include <map>
#include <utility>

#include "arrcoc/engine/engine.hpp"
#include "arrcoc/engine/framed.hpp"
#include "arrcoc/engine/plugin_host.hpp"
#include "arrcoc/engine/unused.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "arrcoc/io/model_folder.hpp"
#include "arrcoc/pipeline/clip.hpp"
#include "arrcoc/pipeline/picture.hpp"
#include "arrcoc/registry/builtin.hpp"
#include "engine_limits.hpp"
#include "hot.hpp"
#include "loaded_model.hpp"

namespace arrcoc {

inline io::ModelFolder open_folder(const EngineOptions& o) {
  return io::open_model(o.model, o.hub_cache, o.chat_template);
}

/// Whether a backend shall compute in bf16. Error{backend_missing} where that was asked for and cannot be.
inline bool wants_bf16(const EngineOptions& o, const io::ModelFolder& folder, bool available, std::string_view backend,
                       std::string_view why_not) {
  require_that(o.dtype == "auto" || o.dtype == "f32" || o.dtype == "bf16", Code::bad_config, "dtype",
               [&] { return "expected auto, f32 or bf16, got '" + o.dtype + "'"; });
  require_that(o.dtype != "bf16" || available, Code::backend_missing, "dtype", [&] {
    return "bf16 on " + std::string(backend) + ": " + std::string(why_not) +
           "; expected auto or f32 (bf16 weights are read as they are)";
  });
  return o.dtype == "bf16" || (o.dtype == "auto" && available && folder.config.stored_dtype == "bfloat16");
}

/// Error{backend_missing} for what the eigen backend alone can: another form of weights than the stored one,
/// instructions by name.
inline void refuse_eigen_options(const EngineOptions& o, std::string_view backend) {
  require_that(o.weights.all_stored(), Code::backend_missing, "weights", [&] {
    return "other forms of weights are the eigen backend's: expected auto with --backend " + std::string(backend);
  });
  require_that(o.isa == "auto", Code::backend_missing, "isa", [&] {
    return "instructions are chosen on the eigen backend alone: expected auto with --backend " + std::string(backend);
  });
}

/// Error{backend_missing} for a choice between attentions that a backend does not have.
inline void refuse_attention(const EngineOptions& o, std::string_view backend) {
  require_that(o.attention == "auto", Code::backend_missing, "attention", [&] {
    return "a choice of attention is the torch backend's: expected auto with --backend " + std::string(backend);
  });
}

/// Tensors that are checked for NaN and infinity as they are read. `copied`: what is read is made anew in memory of its
/// own, so that the file's pages need not stay.
inline WeightLookup checked_weights(const io::ModelFolder& folder, bool copied) {
  return [lookup = folder.weights, forget = copied ? folder.forget_pages : nullptr,
          read = Index{0}](std::string_view name) mutable {
    auto t = lookup(name);
    if (!t || qwen3vl::read_on_use(name)) return t;
    if (read > Index{1} << 26 && forget) forget(), read = 0;
    check_finite(name, *t);
    read += t->bytes();
    return t;
  };
}

/// What a backend's maker knows of it, for the summary.
struct EngineFacts {
  WeightFormats weights{};
  std::string isa{};
  std::vector<PathSpeed> measured{};
  std::vector<std::string> quantised_files{};
};

template <class B>
class EngineOn : public Engine {
 public:
  EngineOn(B backend, io::ModelFolder folder, bool bf16, EngineFacts facts = {}, bool load_beside = false)
      : b_(std::move(backend)),
        folder_(std::move(folder)),
        model_(b_, folder_.config,
               facts.quantised_files.empty() ? checked_weights(folder_, !facts.weights.all_stored()) : folder_.weights,
               load_beside) {
    register_builtin(registry_);
    summary_ = {folder_.path.string(),
                folder_.identity,
                folder_.config.stored_dtype,
                std::string(B::name),
                {},
                {},
                folder_.weight_bytes,
                folder_.untrained,
                folder_.config,
                b_.threads()};
    summary_.dtype = bf16 ? "bf16" : "f32";
    summary_.weights = facts.weights;
    summary_.isa = std::move(facts.isa);
    summary_.measured = std::move(facts.measured);
    summary_.quantised_files = std::move(facts.quantised_files);
  }
  const ModelSummary& model() const override { return summary_; }
  void note_attention(std::string whose, std::pair<double, double> milliseconds) {
    summary_.attention = std::move(whose);
    summary_.attention_times = milliseconds;
  }
  double wait_loaded() override {
    model_.get();
    return model_.milliseconds();
  }
  MachineLimits limits() const override { return measure_limits(b_, folder_.config.stored_dtype == "bfloat16"); }
  std::vector<Entry> strategies() const override { return registry_.entries(); }
  void load_plugin(const std::filesystem::path& file) override { arrcoc::load_plugin(file, registry_.host); }

  AnswerResult answer(const AnswerRequest& r) override {
    require_that(!r.prompt.empty(), Code::bad_prompt, "answer", "the question is empty");
    if (r.stock || r.pipeline.framing == Framing::native) return answer_framed(r);
    refuse_clips(r, "picture=" + name_of(r.pipeline.framing));
    AnswerRequest other = r;
    for (InputPicture& in : other.pictures) in = framed(std::move(in), r.pipeline.framing);
    return answer_framed(other);
  }

  ManyResult answer_many(const ManyRequest& m) override;  // engine_many.hpp

 private:
  /// One question about pictures that are cut into patches as they are.
  AnswerResult answer_framed(const AnswerRequest& r) {
    if (!r.stock && r.pipeline.passes != "once") {
      refuse_clips(r, "passes=" + r.pipeline.passes);
      return answer_passes(r, r.pictures, {});
    }
    AnswerResult out;
    Trace trace;
    MadePipeline<B> made;
    if (r.stock) {
      refuse_stock_choices(r.levels, r.scoring_question);
      out.pipeline = "stock";
    } else {
      made = registry_.make(r.pipeline);
      out.pipeline = full_name(made.spec, r.budget);
      out.settings = made.settings;
      out.scorers = made.pipeline.decisions.back().scorer_names();
    }
    const std::vector<Picture> pictures = prepare(r, out, trace);
    const std::vector<io::PromptSource> sources = prompt_sources(r, out);
    const Prompt prompt = build_prompt(r, r.prompt, sources, trace, r.places);
    std::optional<Prompt> asking;
    if (const auto question = scoring_question(r.pipeline, r.scoring_question, r.stock))
      asking = build_prompt(r, scoring_text(r, r.prompt, *question), sources, trace);
    RunOptions run = options(r);
    if (r.dump) dump_prompt(r, prompt);

    Journey<B> journey(b_, model_.get(), r.stock ? nullptr : &made.pipeline, pictures, prompt, run, &trace);
    if (asking) journey.score_with(*asking);
    journey.decide(Phase::pixels);
    if (r.generate || r.dump || (!r.stock && looks_at_model(made.pipeline))) {
      if (r.on_stage && !pictures.empty()) r.on_stage("vision");
      journey.encode();
      if (r.dump) dump_encoded(r, prompt, journey);
    }
    journey.decide(Phase::vision);
    if (r.levels != all_levels) journey.mask_levels(r.levels);
    qwen3vl::Generated g;
    if (r.generate) g = generate(r, journey, run, out, trace);
    else journey.take_layer_decisions();
    take_outcome(journey, out);
    if (r.dump) dump_outcome(r, prompt, journey, g);
    out.times = std::move(trace.times);
    out.events = std::move(trace.events);
    add_unused_events(folder_.config, r.pictures, r.prompt, out.events);
    return out;
  }

  static void take_outcome(const Journey<B>& journey, AnswerResult& out) {
    out.costs = journey.costs();
    out.pictures = journey.pictures();
    out.decisions = journey.looks().decisions();
    out.reselected = journey.reselected();
  }
  static void refuse_stock_choices(std::uint32_t levels, const std::optional<std::string>& question) {
    require_that(levels == all_levels, Code::bad_config, "answer",
                 "'stock' is the model without a pipeline: its DeepStack levels cannot be chosen");
    require_that(!question, Code::bad_config, "answer", "'stock' is the model without a pipeline: no question scores");
  }
  /// Another question than the one that is answered, where a pipeline is scored with one.
  static std::optional<std::string> scoring_question(const PipelineSpec& spec, const std::optional<std::string>& given,
                                                     bool stock) {
    if (stock) return std::nullopt;
    require_that(!given || spec.asking != Asking::blank, Code::bad_config, "answer",
                 "query=blank and a scoring question exclude each other");
    if (spec.asking == Asking::blank) return "";
    require_that(given || spec.asking == Asking::own, Code::bad_config, "answer",
                 "query=other: expected the other question (--scoring-question)");
    return given;
  }

  // --- engine_passes.hpp ---
  AnswerResult answer_passes(const AnswerRequest& r, const std::vector<InputPicture>& pictures,
                             const std::vector<std::vector<Box>>& boxes);

  // --- engine_many.hpp ---
  struct Asked;
  void begin_ask(Asked& q, const ManyRequest& m, const AnswerResult& seen);
  void run_asked(Asked& q, const AnswerRequest& shared, qwen3vl::KvCache<B>* begun, bool& ready);
  void allocate_asked(Asked& q);
  static bool by_itself(const Ask& a) {
    return !a.stock && (a.pipeline.passes != "once" || a.pipeline.framing != Framing::native);
  }
  static AnswerRequest request_of(const AnswerRequest& shared, const Ask& a);
  AnswerResult answer_alone(const AnswerRequest& shared, const Ask& a);

  /// The sides that a picture is resized to; `size`: with at most so many of the tokens it would have without.
  qwen3vl::Size size_of(const InputPicture& in, const AnswerRequest& r,
                        const std::optional<Budget>& size = std::nullopt) const {
    const ModelConfig& c = folder_.config;
    PreprocessConfig how = c.preprocess;
    how.min_pixels = r.min_pixels.value_or(how.min_pixels);
    how.max_pixels = r.max_pixels.value_or(how.max_pixels);
    require_that(how.min_pixels > 0 && how.min_pixels <= how.max_pixels, Code::bad_config, "answer", [&] {
      return "pixels of the resized picture: expected 0 < min <= max, got " + std::to_string(how.min_pixels) + " and " +
             std::to_string(how.max_pixels);
    });
    require_that(c.has_vision, Code::bad_prompt, "answer",
                 "this checkpoint has no vision tower, but the question has a picture");
    return size_at(in.image.view(), c.vision, how, size);
  }
  Picture prepare_one(const InputPicture& in, const qwen3vl::Size& size, qwen3vl::Resize resize) const {
    Picture p = picture_of(in.image.view(), folder_.config.vision, folder_.config.preprocess, size, resize);
    p.boxes = in.boxes;
    return p;
  }

  // --- pictures and clips: engine_clips.hpp ---
  static void refuse_clips(const AnswerRequest& r, const std::string& what);
  static std::vector<RequestPart> parts_of(const AnswerRequest& r, std::size_t pictures, std::size_t clips);
  static std::vector<io::PromptSource> prompt_sources(const AnswerRequest& r, const AnswerResult& seen);
  Picture prepare_clip(const InputClip& in, const AnswerRequest& r, SeenSource& seen, qwen3vl::Size& size) const;
  std::vector<Box> boxes_in(const Picture& picture, const SeenSource& seen, const std::vector<Box>& boxes) const;
  std::vector<Picture> prepare(const AnswerRequest& r, AnswerResult& out, Trace& trace) const;

  /// The question that scores while `prompt` is answered; a rendered one that is left out leaves its frame.
  std::string scoring_text(const AnswerRequest& r, const std::string& prompt, const std::string& question) const {
    return r.rendered && question.empty() ? io::without_question(prompt, *folder_.tokenizer) : question;
  }
  /// A question about the pictures and clips of `r`, with its system text and what stands among them. `places`: of
  /// pictures inside the question, in place of `r.parts`.
  Prompt build_prompt(const AnswerRequest& r, const std::string& question, const std::vector<io::PromptSource>& sources,
                      Trace& trace, const std::vector<Index>& places = {}) const {
    const StageTimer timer(&trace, "tokenize");
    const auto clips = static_cast<std::size_t>(
        std::count_if(sources.begin(), sources.end(), [](const io::PromptSource& s) { return !s.seconds.empty(); }));
    require_that(!r.rendered || (!r.literal && r.system.empty()), Code::bad_usage, "prompt",
                 "a rendered prompt has its system text and its special tokens in it");
    const bool text_among = std::any_of(r.parts.begin(), r.parts.end(),
                                        [](const RequestPart& p) { return p.kind == RequestPart::Kind::text; });
    require_that((!r.rendered && places.empty()) || (clips == 0 && !text_among), Code::bad_usage, "prompt",
                 "a prompt that says where its pictures stand has no clips, and no text but its own");
    std::vector<io::Message> messages =
        r.rendered ? io::rendered_prompt(question, *folder_.tokenizer)
                   : io::question_about(places.empty() ? 0 : sources.size(), question, r.system, places);
    if (!r.rendered && places.empty()) {
      std::vector<io::ContentPart> content;
      for (const RequestPart& part : parts_of(r, sources.size() - clips, clips))
        content.push_back({part.kind == RequestPart::Kind::picture ? io::ContentPart::Kind::image
                           : part.kind == RequestPart::Kind::clip  ? io::ContentPart::Kind::video
                                                                   : io::ContentPart::Kind::text,
                           part.text});
      content.push_back(std::move(messages.back().content.back()));
      messages.back().content = std::move(content);
    }
    Prompt prompt = io::build_prompt_with_clips(messages, sources, *folder_.tokenizer, folder_.config,
                                                folder_.chat_template, r.clip_layout, !r.literal);
    check_context(static_cast<Index>(prompt.ids.size()), folder_.config.text, r.long_context, trace.events);
    return prompt;
  }

  RunOptions options(const AnswerRequest& r) const {
    const GenerationDefaults& d = folder_.config.generation;
    const GenerationChoice& g = r.generation;
    RunOptions o;
    o.budget = r.budget;
    o.scope = r.scope;
    o.seed = r.seed;
    o.resize = r.resize;
    o.generate.max_new_tokens = g.max_new_tokens.value_or(d.max_new_tokens.value_or(default_new_tokens));
    o.generate.seed = r.seed;
    o.generate.forced = g.forced;
    o.generate.keep_logits = static_cast<bool>(r.dump);
    if (!g.ignore_eos) o.generate.stop_ids = d.stop_ids;
    qwen3vl::SamplingConfig& s = o.generate.sampling;
    s = {g.sample,
         g.temperature.value_or(d.temperature),
         g.top_k.value_or(d.top_k),
         g.top_p.value_or(d.top_p),
         g.repetition_penalty.value_or(d.repetition_penalty),
         g.min_p.value_or(d.min_p),
         d.bans};
    require_that(o.generate.max_new_tokens > 0, Code::bad_config, "answer",
                 [&] { return "new tokens: expected at least 1, got " + std::to_string(o.generate.max_new_tokens); });
    require_that(s.min_p >= 0 && s.min_p <= 1, Code::bad_config, "answer",
                 [&] { return "min-p: expected a number in [0, 1], got " + std::to_string(s.min_p); });
    require_that(s.temperature >= 0 && s.temperature < 1e6f, Code::bad_config, "answer",
                 [&] { return "temperature: expected a number of at least 0, got " + std::to_string(s.temperature); });
    require_that(s.top_p > 0 && s.top_p <= 1, Code::bad_config, "answer",
                 [&] { return "top-p: expected a number in (0, 1], got " + std::to_string(s.top_p); });
    require_that(s.top_k >= 0, Code::bad_config, "answer",
                 [&] { return "top-k: expected at least 0 (0 = off), got " + std::to_string(s.top_k); });
    require_that(s.repetition_penalty > 0 && s.repetition_penalty < 1e6f, Code::bad_config, "answer", [&] {
      return "repetition penalty: expected a number above 0, got " + std::to_string(s.repetition_penalty);
    });
    if (s.temperature == 0) s.sample = false;
    return o;
  }

  /// Ids to text as they come.
  class TextStream {
   public:
    explicit TextStream(const io::Tokenizer& tokenizer) : size_(tokenizer.size()), decoder_(tokenizer) {}
    /// Appends to `text` what can be shown now, and returns it. Checkpoints pad their vocabulary; such ids have no
    /// text.
    std::string push(TokenId id, std::string& text, Trace& trace) {
      std::string piece;
      if (id < size_) piece = decoder_.push(id);
      else trace.events.push_back("decode: id " + std::to_string(id) + " has no text");
      text += piece;
      return piece;
    }
    std::string finish(std::string& text) {
      std::string piece = decoder_.finish();
      text += piece;
      return piece;
    }

   private:
    Index size_;
    io::StreamDecoder decoder_;
  };

  qwen3vl::Generated generate(const AnswerRequest& r, Journey<B>& journey, RunOptions& run, AnswerResult& out,
                              Trace& trace) {
    TextStream stream(*folder_.tokenizer);
    run.generate.on_token = [&](TokenId id) {
      const std::string piece = stream.push(id, out.text, trace);
      const bool wanted = piece.empty() || !r.on_text || r.on_text(piece);
      out.cancelled = !wanted || (r.cancelled && r.cancelled());
      return !out.cancelled;
    };
    if (r.on_stage) r.on_stage("language model");
    journey.inject();
    qwen3vl::Generated g = journey.generate();
    if (!out.cancelled) {
      const std::string piece = stream.finish(out.text);
      if (!piece.empty() && r.on_text) r.on_text(piece);
    }
    out.tokens = g.tokens;
    out.stopped = g.stopped;
    out.cached = g.cached;
    return g;
  }

  // --- dump ---
  template <class T>
  static HostTensor longs(const std::vector<T>& v) {
    return host_tensor(std::vector<std::int64_t>(v.begin(), v.end()), {static_cast<Index>(v.size())});
  }
  HostTensor matrix(const typename B::Tensor& t) { return host_tensor(b_.to_host(t), {b_.rows(t), b_.cols(t)}); }

  void dump_prompt(const AnswerRequest& r, const Prompt& prompt) const;
  void dump_encoded(const AnswerRequest& r, const Prompt& prompt, Journey<B>& journey) {
    const qwen3vl::VisionOut<B>& vision = journey.shelf()->vision();
    if (!prompt.question.empty()) {
      HostTensor query = matrix(b_.mean_rows(b_.gather_rows(journey.embeddings(), prompt.question)));
      query.shape = {query.count()};
      r.dump("query", query);
    }
    if (prompt.spans.empty()) return;
    r.dump("vision", matrix(vision.tokens));
    for (std::size_t k = 0; k < vision.deepstack.size(); ++k)
      r.dump("deepstack_" + std::to_string(k), matrix(vision.deepstack[k]));
  }
  void dump_outcome(const AnswerRequest& r, const Prompt& prompt, const Journey<B>& journey,
                    const qwen3vl::Generated& g) const;

  B b_;
  io::ModelFolder folder_;
  LoadedModel<B> model_;
  Registry<B> registry_;
  ModelSummary summary_;
};

}  // namespace arrcoc

#include "engine_clips.hpp"
#include "engine_dump.hpp"
#include "engine_many.hpp"
#include "engine_passes.hpp"
