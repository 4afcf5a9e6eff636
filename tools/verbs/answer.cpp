#include <chrono>
#include <cstdio>

#include "arrcoc/engine/result_json.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "question.hpp"
#include "tell.hpp"

namespace arrcoc::tools {
namespace {

struct AnswerFlags : QuestionFlags {
  bool compare = false, no_stream = false, legacy = false;
};

double total(const AnswerResult& r) {
  double ms = 0;
  for (const StageTime& t : r.times) ms += t.milliseconds;
  return ms;
}

void tell_costs(const AnswerResult& r, double load_ms, bool legacy) {
  std::fprintf(stderr, "\n%-28s %12s\n", "stage", "ms");
  if (load_ms > 0) std::fprintf(stderr, "%-28s %12.1f\n", "load model", load_ms);
  for (const StageTime& t : r.times) std::fprintf(stderr, "%-28s %12.1f\n", t.stage.c_str(), t.milliseconds);
  const Costs& c = r.costs;
  const auto row = [](const char* name, const std::string& value) {
    std::fprintf(stderr, "%-28s %12s\n", name, value.c_str());
  };
  const auto pair = [](Index before, Index after) {
    return before == after ? std::to_string(after) : std::to_string(before) + " -> " + std::to_string(after);
  };
  std::fputc('\n', stderr);
  const bool plain = r.decisions.size() < 2 && (r.decisions.empty() || r.decisions[0].phase == Phase::vision);
  for (const DecisionTrace& d : r.decisions) {
    if (plain) break;
    Index before = 0, after = 0;
    for (const Realized& one : d.pictures) before += one.allocation.tokens.count(), after += one.allocation.count();
    const std::string at = d.layer < 0 ? "" : " " + std::to_string(d.layer);
    row(("decided, " + std::string(name_of(d.phase)) + at + (d.again ? ", again" : "")).c_str(), pair(before, after));
  }
  for (const PassResult& p : r.passes) {
    Index before = 0, after = 0;
    for (std::size_t i = 0; i < p.grids.size(); ++i) before += p.grids[i].count(), after += p.kept[i];
    char sure[32] = "";
    if (p.text) std::snprintf(sure, sizeof sure, ", sure to %.3f", p.probability);
    row(("look, " + p.what + sure).c_str(), pair(before, after));
  }
  row("visual tokens", pair(c.visual_tokens_before, c.visual_tokens_after));
  if (c.token_layers != static_cast<double>(c.visual_tokens_after)) row("token-layers", amount(c.token_layers));
  tell_pairs(r);
  if (!r.reselected.empty()) row("seen by a decoded token", amount(c.decode_visual_tokens));
  row("sequence length", pair(c.sequence_length_before, c.sequence_length));
  row("DeepStack additions", std::to_string(c.deepstack_additions));
  row("vision FLOPs", amount(c.vision_flops));
  row("merger FLOPs", amount(c.merger_flops));
  row("prefill FLOPs", amount(c.prefill_flops));
  if (c.evidence_flops > 0) row("evidence FLOPs", amount(c.evidence_flops));
  row("decode FLOPs per token", amount(c.decode_flops_per_token));
  row("KV bytes", amount(c.kv_bytes));
  row("peak memory bytes", amount(peak_memory_bytes()));
  if (legacy) row("effective tokens (legacy)", std::to_string(c.legacy_effective_tokens));
}

void tell_comparison(const AnswerResult& r, const AnswerResult& b) {
  std::fprintf(stderr, "\n%-28s %16s %16s\n", "", "this pipeline", "stock");
  const auto row = [](const char* name, double mine, double theirs) {
    std::fprintf(stderr, "%-28s %16.1f %16.1f\n", name, mine, theirs);
  };
  const auto count = [](const char* name, Index mine, Index theirs) {
    std::fprintf(stderr, "%-28s %16lld %16lld\n", name, static_cast<long long>(mine), static_cast<long long>(theirs));
  };
  count("visual tokens", r.costs.visual_tokens_after, b.costs.visual_tokens_after);
  count("sequence length", r.costs.sequence_length, b.costs.sequence_length);
  count("answer tokens", static_cast<Index>(r.tokens.size()), static_cast<Index>(b.tokens.size()));
  const auto time = [](const AnswerResult& a, std::string_view stage) {
    for (const auto& t : a.times)
      if (t.stage == stage) return t.milliseconds;
    return 0.0;
  };
  for (const char* stage : {"vision", "prefill", "decode"})
    row((std::string(stage) + " ms").c_str(), time(r, stage), time(b, stage));
  row("all stages ms", total(r), total(b));
  std::fprintf(stderr, "stock answer%s: %s\n", r.tokens == b.tokens ? " (the same tokens)" : "", b.text.c_str());
}

/// A model of fewer bytes answers in less time than its first answer takes to touch fresh memory: a comparison would be
/// of that.
constexpr Index warm_up_below = Index{64} << 20;

int run_answer(AnswerFlags& f, const Command& command) {
  Question q = read_question(f, command);
  AnswerRequest& r = q.request;
  Progress progress(f.quiet);
  progress.stage("loading the model");
  const auto start = std::chrono::steady_clock::now();
  const std::unique_ptr<Engine> engine = open_engine(f, true);
  ResultNotes notes;
  notes.load_milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  read_pictures(f, q);  // while the weights are imported
  settle(f, engine->model(), r);
  add_clips(f, engine->model().config, q);

  const bool json_out = f.json && (f.json->empty() || *f.json == "-");
  const bool stream = !json_out && !f.no_stream;
  std::vector<std::pair<std::string, HostTensor>> arrays;
  if (!f.dump.empty()) r.dump = [&](std::string_view name, const HostTensor& t) { arrays.emplace_back(name, t); };
  r.on_stage = [&](std::string_view what) { progress.stage(std::string(what)); };
  bool broken = false;
  r.on_text = [&](std::string_view piece) {
    progress.stop();
    if (!stream) return true;
    broken = std::fwrite(piece.data(), 1, piece.size(), stdout) != piece.size() || std::fflush(stdout) != 0;
    return !broken;
  };
  if (f.compare && engine->model().weight_bytes < warm_up_below) {
    AnswerRequest warm = r;
    warm.dump = nullptr;
    warm.on_text = nullptr;
    engine->answer(warm);
  }
  const AnswerResult result = engine->answer(r);
  notes.load_milliseconds += engine->wait_loaded();
  progress.stop();
  if (stream && !broken) broken = std::fputc('\n', stdout) == EOF || std::fflush(stdout) != 0;
  require_that(!broken, Code::bad_output, "answer", "stdout: cannot be written");
  if (!json_out && !stream)
    require_that(std::fwrite(result.text.data(), 1, result.text.size(), stdout) == result.text.size() &&
                     std::fputc('\n', stdout) != EOF && std::fflush(stdout) == 0,
                 Code::bad_output, "answer", "stdout: cannot be written");

  AnswerResult baseline;
  if (f.compare) {
    AnswerRequest stock = r;
    stock.stock = true;
    stock.dump = nullptr;
    stock.on_text = nullptr;
    Progress again(f.quiet);
    stock.on_stage = [&](std::string_view what) { again.stage("stock: " + std::string(what)); };
    baseline = engine->answer(stock);
    notes.baseline = &baseline;
  }

  std::vector<Drawn> drawn;
  if (!f.heatmap.empty()) drawn = draw_heatmaps(f.heatmap, engine->model().config, r, result);
  const Writing writing;
  notes.config = resolved_config(q, result.settings, result.pipeline);
  notes.peak_memory_bytes = peak_memory_bytes();
  notes.heatmaps = write_drawn(drawn);
  if (!f.dump.empty()) {
    write_arrays(f.dump, arrays);
    notes.dump = f.dump;
  }
  if (f.json) io::write_file(json_out ? "-" : *f.json, result_json(engine->model(), r, result, notes));
  if (f.quiet) return 0;
  if (engine->model().untrained) std::fputs("the model's weights are random: the answer means nothing\n", stderr);
  tell_kept(r, result);
  tell_costs(result, notes.load_milliseconds, f.legacy);
  if (f.compare) tell_comparison(result, baseline);
  for (const auto& name : notes.heatmaps) std::fprintf(stderr, "heatmap: %s\n", name.c_str());
  return 0;
}

}  // namespace

void add_answer(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("answer", "image + question -> answer, kept tokens, heatmap, costs");
  auto f = std::make_shared<AnswerFlags>();
  add_question_flags(*verb, *f, command);
  add_generation_flags(*verb, *f);
  verb->add_option("--force-ids", f->force_ids, "token ids (.npy) fed back instead of the chosen ones")
      ->group("Generation");
  add_clip_flags(*verb, *f, command);
  verb->add_flag("--compare", f->compare, "run the stock model beside it")->group("Output");
  verb->add_flag("--legacy", f->legacy, "tell tokens x levels too, as older notes count (not a cost)")->group("Output");
  verb->add_flag("--no-stream", f->no_stream, "print the answer when it is complete")->group("Output");
  verb->callback([f, verb, &command] {
    take_parts(*verb, *f);
    command.run = [f, &command] { return run_answer(*f, command); };
  });
}

}  // namespace arrcoc::tools
