#pragma once
// One question at a time on a loaded model, with the backend erased: plain data in, plain data out.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/core/clip.hpp"
#include "arrcoc/core/config.hpp"
#include "arrcoc/core/image.hpp"
#include "arrcoc/core/prompt.hpp"
#include "arrcoc/core/trace.hpp"
#include "arrcoc/core/weight_format.hpp"
#include "arrcoc/engine/model_summary.hpp"
#include "arrcoc/pipeline/journey.hpp"
#include "arrcoc/qwen3vl/resize.hpp"
#include "arrcoc/qwen3vl/smart_resize.hpp"
#include "arrcoc/qwen3vl/video_size.hpp"
#include "arrcoc/registry/registry.hpp"

namespace arrcoc {

struct EngineOptions {
  std::string model;                   // a Hugging Face folder, or org/name in the Hub cache
  std::filesystem::path hub_cache;     // where Hub snapshots lie; may be empty
  std::string chat_template = "auto";  // or "builtin"
  int threads = 0;                     // 0: as many as the machine has
  std::string device = "cpu";          // torch only
  std::string dtype = "auto";          // of the arithmetic: f32, bf16, or auto: the faster, of bf16 only if stored
  std::string isa = "auto";            // eigen only: instructions of its kernels, by their names in eigen/isa.hpp
  WeightFormats weights{};             // eigen only
  std::string attention = "auto";      // torch on the CPU: own, library, or auto: the faster one, measured
  bool load_beside = false;  // eigen: weights come on a thread of their own; who needs them waits for errors too
};

/// A decoded picture.
struct InputPicture {
  Image image;       // [H, W, 3] as decoded
  std::string name;  // for messages and results
  double decode_milliseconds = 0;
  std::vector<Box> boxes{};           // answer boxes in native pixels; the oracle reads them
  std::vector<std::string> unused{};  // what the file says and the pixels do not (io::DecodeOptions)
};

/// A clip, opened once for each answer and pulled frame by frame.
struct InputClip {
  std::function<std::unique_ptr<FrameSource>()> open;
  std::string name;  // for messages and results
  std::vector<Box>
      boxes{};  // answer boxes in native pixels of frames, by their numbers in the file; the oracle reads them
};

/// What stands in front of a question.
struct RequestPart {
  enum class Kind : std::uint8_t { picture, clip, text } kind = Kind::picture;
  std::string text{};  // text parts
};

inline constexpr Index default_new_tokens = 128;  // where neither the run nor the model says

struct GenerationChoice {
  std::optional<Index> max_new_tokens;  // default: the model's, or 128
  bool sample = false;                  // with the model's own values unless given here
  std::optional<float> temperature, top_p, min_p, repetition_penalty;
  std::optional<Index> top_k;
  bool ignore_eos = false;
  std::vector<TokenId> forced;  // fed back instead of the chosen tokens; sets the length
};

struct AnswerRequest {
  std::vector<InputPicture> pictures;                  // in prompt order, before the question's text
  std::vector<InputClip> clips{};                      // likewise
  std::vector<RequestPart> parts{};                    // their order, and text among them; empty: pictures, then clips
  std::optional<qwen3vl::VideoLimits> video_limits{};  // default: the model's (qwen3vl::limits_of)
  qwen3vl::VideoRoute video_route = qwen3vl::VideoRoute::transformers;
  ClipLayout clip_layout = ClipLayout::nested;
  ClipTimestamps clip_timestamps = ClipTimestamps::seconds;
  std::string prompt, system;
  std::vector<Index> places;  // byte of `prompt` before which each picture stands; empty: all before its text
  bool literal = false;       // what looks like a special token in `prompt` and `system` is text
  bool rendered = false;      // `prompt` is everything that the model reads, with a placeholder for each picture
  std::optional<std::string> scoring_question;  // scores instead of `prompt`, which is answered; may be empty
  bool stock = false;                           // no pipeline at all: the model's own path
  PipelineSpec pipeline;
  Budget budget;
  BudgetScope scope = BudgetScope::image;
  std::uint64_t seed = 0;
  GenerationChoice generation;
  qwen3vl::Resize resize = qwen3vl::Resize::torchvision;
  std::optional<Index> min_pixels, max_pixels;  // of the resized picture; default: the model's
  std::uint32_t levels = all_levels;            // DeepStack levels that a kept token may receive
  bool generate = true;                         // false: stop after the allocation
  bool long_context = false;                    // true: a prompt longer than the model's positions is no error
  /// Called with the text as it comes; false ends the generation.
  std::function<bool(std::string_view)> on_text;
  /// Asked between tokens; true ends the generation.
  std::function<bool()> cancelled;
  /// Called with what is going on ("vision"): for progress only.
  std::function<void(std::string_view)> on_stage;
  /// Named intermediates: input_ids, position_ids, pixel_values, vision, deepstack_k, logits, ... Empty: nothing is
  /// collected.
  std::function<void(std::string_view name, const HostTensor&)> dump;
};

/// One of several looks (pipeline/passes.hpp).
struct PassResult {
  std::string what;  // "coarse", "native", "fixation 2", "level 1"
  std::vector<Grid> grids;
  std::vector<Index> kept;                    // of each picture
  std::vector<std::optional<double>> recall;  // of each picture: share of the tokens under answer boxes that were kept
  std::optional<std::string> text;            // none: it did not answer
  std::vector<TokenId> tokens;
  double probability = 0;  // mean of the answer's tokens
  double left = 0;         // share of the relevance above its lowest that kept tokens do not cover
  Costs costs;             // of this look
};

/// A picture or clip of a question.
struct SeenSource {
  std::string name;
  Index height = 0, width = 0;            // px as decoded
  std::vector<double> frames{}, pairs{};  // of a clip: seconds of each frame that was looked at, of each temporal patch
  std::vector<Index> indices{};           // of a clip: numbers of those frames in the file, where known
  bool is_clip() const { return !frames.empty(); }
};

struct AnswerResult {
  std::string text;
  std::vector<TokenId> tokens;  // without the stop token
  bool stopped = false;         // a stop token came
  bool cancelled = false;
  std::vector<Realized> pictures;        // of pictures and clips in prompt order; stock: everything kept
  std::vector<SeenSource> sources;       // likewise
  std::vector<DecisionTrace> decisions;  // each in turn
  std::vector<Grid> grids;               // tokens of each picture
  std::vector<qwen3vl::Size> sizes;      // pixels after the resize
  std::vector<Index> cached;             // rows cached per layer after the prefill
  Costs costs;
  std::vector<StageTime>
      times;  // decode_image, resize, tokenize, vision, texture, score, balance, allocate, inject, prefill, decode
  std::vector<std::string> events;
  std::string pipeline;                // full name, "stock" without a pipeline
  std::vector<ConfigField> settings;   // of every stage, resolved
  std::vector<std::string> scorers;    // rows of each Realized::maps, of the last decision
  std::vector<Reselected> reselected;  // what each token that was fed back looked at (injector `reversible`)
  std::vector<PassResult> passes;      // several looks: each in turn; the rest is of the last one, costs are the sum
};

/// One question about pictures and clips that others ask about too, through one pipeline.
struct Ask {
  std::string prompt;                           // may be empty
  std::vector<Index> places;                    // of the pictures in it, as in AnswerRequest
  std::optional<std::string> scoring_question;  // scores instead of `prompt`
  std::vector<std::vector<Box>> boxes;          // answer boxes of each picture or clip; shorter or empty: none
  bool stock = false;
  PipelineSpec pipeline;
  Budget budget;
  std::uint64_t seed = 0;
  std::uint32_t levels = all_levels;  // DeepStack levels that a kept token may receive
  bool generate = true;
};

struct ManyRequest {
  AnswerRequest shared;  // pictures, clips and how they are taken, system, scope, generation, resize, pixel limits,
                         // cancelled; the rest is each ask's own
  std::vector<Ask> asks;
  bool share_prefix = true;  // asks whose prompts agree up to the last picture's end run that part once
  // Bytes of what the tower gave that are kept for other asks and those that wait; beyond, asks are answered before
  // others begin, and what was unused for longest is made again where it is wanted.
  std::int64_t evidence_bytes = std::int64_t{1} << 30;
};

struct ManyResult {
  std::vector<AnswerResult> answers;  // one for each ask, in order
  std::vector<StageTime> times;       // decode_image, resize, vision: of the pictures, once
  bool cancelled = false;             // answers are incomplete
  Index encodings = 0, dropped = 0;   // how often the tower ran for these asks; how often its results made room
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const ModelSummary& model() const = 0;
  virtual double wait_loaded() = 0;  // until the weights are there; milliseconds that importing them took
  /// Errors of every layer below. May be called again and again; not from two threads at once.
  virtual AnswerResult answer(const AnswerRequest& request) = 0;
  /// Many questions about the same pictures and clips, which are encoded once (a clip of which some ask for all pairs
  /// at once, and others do not, twice). Each answer is what `answer` gives for it alone: to the bit on eigen for
  /// models without experts, elsewhere within the rounding of a shared prefix. A prefix's time is its first ask's.
  virtual ManyResult answer_many(const ManyRequest& request) = 0;
  /// Measured with the backend's own products in the type that the weights are in; takes about a second.
  virtual MachineLimits limits() const = 0;
  virtual std::vector<Entry> strategies() const = 0;
  /// Adds a plug-in's strategies (engine/plugin_host.hpp).
  virtual void load_plugin(const std::filesystem::path& file) = 0;
};

/// Opens the model and imports its weights. Error 401..407 for the files, 404 for weights.
std::unique_ptr<Engine> make_eigen_engine(const EngineOptions& options);
/// As above on libtorch, and on xtensor; only in builds with that option (build_info).
std::unique_ptr<Engine> make_torch_engine(const EngineOptions& options);
std::unique_ptr<Engine> make_xtensor_engine(const EngineOptions& options);

/// Every built-in strategy and those of the plug-ins, without a model.
std::vector<Entry> list_strategies(const std::vector<std::filesystem::path>& plugins = {});

/// Evidence of a model that runs elsewhere: what is given is used, what a stage needs and is not given is
/// Error{missing_evidence}.
struct EvidenceRequest {
  ImageView picture;  // native pixels; may be empty when no stage reads them
  Grid grid;
  HostTensor vision, query;           // [N, D], [D]
  std::vector<HostTensor> deepstack;  // [N, D] each
  std::vector<float> relevance;       // [N]: given, only the allocator runs
  std::vector<Box> boxes;
  PipelineSpec pipeline;
  Budget budget;
  std::uint64_t seed = 0;
  std::vector<std::filesystem::path> plugins;
};
struct EvidenceResult {
  Realized realized;
  std::string pipeline;
  std::vector<ConfigField> settings;
  std::vector<std::string> scorers;
  std::vector<StageTime> times;
};
EvidenceResult allocate_evidence(const EvidenceRequest& request);

}  // namespace arrcoc
