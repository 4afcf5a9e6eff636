// arrcoc sweep: questions with known answers through pipelines x budgets.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "arrcoc/build_info.hpp"
#include "arrcoc/io/jsonl.hpp"
#include "arrcoc/measure/metrics.hpp"
#include "arrcoc/sweep/run.hpp"
#include "arrcoc/sweep/run_folder.hpp"
#include "data.hpp"
#include "question.hpp"
#include "report.hpp"
#include "so_far.hpp"
#include "sweep_choice.hpp"
#include "workers.hpp"

namespace arrcoc::tools {
namespace {

namespace fs = std::filesystem;

struct SweepFlags : QuestionFlags, ColumnFlags {
  DataFlags data;
  StoreFlags store;
  std::string out, shard, flavour = "vlmevalkit";
  Index limit = 0, evidence_mib = 1024;
  bool progress = false, model_free = false, kept = false, no_shared_prefix = false, keep_maps = false,
       no_report = false;
};

std::string json_text(std::string_view text) { return io::string_line(text); }
template <class List, class F>
std::string listed(const List& list, F&& f) {
  std::string out = "[";
  for (const auto& x : list) out += (out.size() > 1 ? "," : "") + f(x);
  return out + "]";
}

std::string times_json(const std::vector<StageTime>& times) {
  std::string out = "{";
  for (const StageTime& t : times)
    out += (out.size() > 1 ? "," : "") + json_text(t.stage) + ":" + detail::to_text(t.milliseconds);
  return out + "}";
}

/// {"a":"x"}
std::string object(const std::map<std::string, std::string>& members) {
  std::string out = "{";
  for (const auto& [name, json] : members) out += (out.size() > 1 ? "," : "") + json_text(name) + ":" + json;
  return out + "}";
}

/// Settings of each column, digests of the files that they name.
std::pair<std::string, std::string> settings_of(const std::vector<SweepColumn>& columns) {
  std::map<std::string, std::string> settings, files;
  for (const SweepColumn& c : columns) {
    std::map<std::string, std::string> own;
    for (const auto& [path, value] : c.spec.settings) {
      own[path] = json_text(value);
      std::error_code e;
      if (!files.contains(value) && fs::is_regular_file(value, e)) files[value] = json_text(content_digest(value));
    }
    if (!own.empty()) settings[c.label()] = object(own);
  }
  return {object(settings), object(files)};
}

/// What decides the answers besides model, data and columns. `clips`: of data that has some.
std::string asked_how(const SweepFlags& f, const std::optional<ClipFlags>& clips) {
  constexpr std::string_view elsewhere =
      " pipeline budget keep_ratio budget_scope seed depth max_new_tokens backend dtype isa attention ";
  std::map<std::string, std::string> out;
  for (const ConfigField& field : flatten(f.run))
    if (elsewhere.find(" " + field.path + " ") == std::string_view::npos)
      out[field.path] = field.type == "string" ? json_text(field.value) : field.value;
  if (clips)
    for (const ConfigField& field : clip_settings(*clips))
      out[field.path] = field.type == "string" ? json_text(field.value) : field.value;
  if (f.image_min_tokens) out["image_min_tokens"] = std::to_string(*f.image_min_tokens);
  if (f.image_max_tokens) out["image_max_tokens"] = std::to_string(*f.image_max_tokens);
  for (const std::string& file : f.plugins)
    out["plugin " + fs::path(file).filename().string()] = json_text(content_digest(file));
  return object(out);
}

/// What the summary says of the run besides its figures. Nothing in it changes from run to run on one machine.
std::vector<std::pair<std::string, std::string>> run_head(const SweepFlags& f, const ModelSummary& m,
                                                          const std::vector<SweepColumn>& columns,
                                                          const io::Dataset& data, std::size_t pictures,
                                                          const std::optional<ClipFlags>& clips) {
  const auto [settings, files] = settings_of(columns);
  return {
      {"arrcoc", json_text(build_info.version)},
      {"build", "{\"compiler\":" + json_text(build_info.compiler) + ",\"type\":" + json_text(build_info.build_type) +
                    ",\"native\":" + (build_info.native ? "true" : "false") + "}"},
      {"model", "{\"path\":" + json_text(m.path) + ",\"identity\":" + json_text(m.identity) + ",\"content\":" +
                    json_text(content_digest(m.path)) + ",\"untrained\":" + (m.untrained ? "true" : "false") + "}"},
      {"backend", "{\"name\":" + json_text(m.backend) + ",\"dtype\":\"" + m.dtype +
                      (m.isa.empty() ? "" : "\",\"isa\":\"" + m.isa) +
                      (m.attention == "library" ? "\",\"attention\":\"library" : "") +
                      "\",\"threads\":" + std::to_string(m.threads) + "}"},
      {"data", "{\"path\":" + json_text(f.data.file) + ",\"format\":" + json_text(data.format) + ",\"digest\":" +
                   json_text(data_digest(data)) + ",\"questions\":" + std::to_string(data.samples.size()) +
                   ",\"problems\":" + std::to_string(data.problems.size()) +
                   ",\"pictures\":" + std::to_string(pictures) + ",\"split\":" + json_text(f.data.choice.split) +
                   ",\"scenarios\":" + listed(f.data.choice.scenarios, json_text) +
                   ",\"limit\":" + std::to_string(f.data.choice.limit) + ",\"shape\":" + json_text(f.data.shape) +
                   ",\"prompts\":" + json_text(prompts_hash(data)) + ",\"flavour\":" + json_text(f.flavour) + "}"},
      {"run", "{\"model_free\":" + std::string(f.model_free ? "true" : "false") +
                  ",\"max_new_tokens\":" + std::to_string(f.run.max_new_tokens) + ",\"system\":" + json_text(f.system) +
                  ",\"shared_prefix\":" + (f.no_shared_prefix ? "false" : "true") +
                  ",\"kept\":" + (f.kept ? "true" : "false") + (f.keep_maps ? ",\"maps\":true" : "") +
                  ",\"asked\":" + asked_how(f, clips) +
                  ",\"columns\":" + listed(columns, [](const SweepColumn& c) { return json_text(c.label()); }) +
                  ",\"settings\":" + settings + ",\"files\":" + files + "}"}};
}

/// Of data of clips alone, where --pipeline says nothing: what reads a picture anew has no place there.
const std::vector<std::string> clip_columns{
    "full", "default", "random", "grid", "uniform_frames", "none/frame_change/fixed:scale=none/top_k/gather", "oracle"};

int run_sweep(SweepFlags f, const Command& command) {
  require_that(!f.data.file.empty(), Code::bad_usage, "sweep", "expected questions: --data DIR or FILE");
  require_that(!f.out.empty(), Code::bad_usage, "sweep", "expected a folder for the results: --out DIR");
  const auto flavour = measure::flavour_of(f.flavour);
  require_that(flavour.has_value(), Code::bad_usage, "sweep",
               [&] { return "--flavour: expected official, vlmevalkit or lmms, got '" + f.flavour + "'"; });
  require_that(f.run.max_new_tokens >= 1, Code::bad_config, "sweep",
               [&] { return "--max-new-tokens: expected at least 1, got " + std::to_string(f.run.max_new_tokens); });
  check_threads(f.threads, "sweep");
  const bool columns_given = !f.pipelines.empty();
  if (!columns_given) f.pipelines = {"full", "default", "random", "grid", "centre", "downsample", "oracle"};
  SweepChoice choice = choice_of(f);
  for (const auto& [path, text] : command.config)
    if (!path.starts_with("run.") && !is_clip_setting(path)) choice.fixed[path] = text;
  choice.settings = command.settings;
  const std::vector<fs::path> plugins(f.plugins.begin(), f.plugins.end());
  sweep_columns(choice, 32, list_strategies(plugins));  // what was typed is checked before the model is opened
  require_that(f.store.address.empty() || f.shard.empty(), Code::bad_usage, "sweep",
               "--store and --shard exclude each other: a store hands the pictures out");
  const std::optional<Worker> worker = check_store(f.store);
  const fs::path whole = f.out;  // of all workers
  if (worker) f.out = worker_folder(whole, worker->rank).string();
  check_run_folder(f.out);
  const Shard shard = shard_of(f.shard);
  take_route(f);
  if (f.run.rendered) {
    require_that(f.data.shape == "auto" || f.data.shape == "none", Code::bad_usage, "shape",
                 [&] { return "--shape " + f.data.shape + ": a rendered prompt has its shape"; });
    f.data.shape = "none";
  }
  f.strict = f.data.strict;
  AnswerRequest shared;
  io::ClipOptions opening = clip_options(f.clip);
  opening.frames_per_second = f.clip.clock;
  const io::Dataset data = read_data(f.data, f.quiet, opening);
  const auto is_clip = [](const io::Sample& s) { return s.clip.has_value(); };
  const bool clips = std::any_of(data.samples.begin(), data.samples.end(), is_clip);
  const bool clips_alone = std::all_of(data.samples.begin(), data.samples.end(), is_clip);
  if (!columns_given && clips_alone) choice.pipelines = clip_columns;
  else if (!columns_given && clips) std::erase(choice.pipelines, "downsample");
  if (clips_alone) refuse_idle(f.of_pictures, "it is of pictures, and the data has none");
  check_clip_settings(f, shared, clips, "it is of clips, and the data has none");
  if (!takes_clock(data, f.clip.clock)) refuse_idle({f.clip.fps_flag}, "every clip of the data has a clock");
  const std::vector<io::Sample>& samples = data.samples;
  const std::vector<PictureQuestions> groups = by_picture(samples);
  require_that(shard.index <= static_cast<Index>(groups.size()), Code::bad_usage, "shard", [&] {
    return "expected at most as many shards as pictures, got shard " + std::to_string(shard.index) + " of " +
           std::to_string(groups.size()) + " pictures";
  });
  Progress loading(f.quiet);
  loading.stage("loading the model");
  choose_as_before(f.out, f.run.backend, "dtype", "auto", f.run.dtype);
  choose_as_before(f.out, f.run.backend, "isa", "auto", f.run.isa);
  if (f.run.backend == "torch") choose_as_before(f.out, f.run.backend, "attention", "own", f.run.attention);
  const std::unique_ptr<Engine> engine = open_engine(f);
  loading.stop();
  const ModelSummary& model = engine->model();
  read_shared(f, shared);
  shared.cancelled = interrupt_asked;
  std::optional<ClipFlags> clip_flags;
  if (clips) shared.video_limits = clip_flags.emplace(resolved_clips(f, model.config)).limits;
  settle(f, model, shared);
  SweepRunner runner(
      *engine,
      sweep_columns(choice, static_cast<Index>(model.config.vision.deepstack_taps.size()), engine->strategies()),
      std::move(shared), decode_options(f), f.model_free, !f.no_shared_prefix);
  if (clips)
    runner.open_clips_by([choose = chosen_frames(*clip_flags), options = clip_options(*clip_flags)](
                             const io::Sample& s) { return io::open_clip(s, choose, options); });
  runner.score_by(*flavour);
  if (clips && !clips_alone) runner.of_both();
  if (f.keep_maps) runner.keep_maps();
  runner.hold_evidence(f.evidence_mib << 20);
  const RunRecord record{run_head(f, model, runner.columns(), data, groups.size(), clip_flags),
                         static_cast<Index>(groups.size()), shard};
  const Writing writing;  // a signal waits for the end of an append, and a folder without a unit goes
  RunFolder folder(f.out, record);
  std::optional<Team> team;
  if (worker) {
    std::vector<bool> has;
    for (Index u = 0; u < record.units; ++u) has.push_back(folder.has(u));
    team.emplace(f.store, *worker, whole, record, has);
  }
  Index asked = 0, before = 0;  // questions of this shard; those done by earlier processes
  for (std::size_t u = 0; u < groups.size(); ++u)
    if (const auto n = static_cast<Index>(groups[u].size()); shard.has(static_cast<Index>(u))) {
      asked += n;
      before += folder.has(static_cast<Index>(u)) ? n : 0;
    }
  SoFar so_far;
  if (before > 0)
    for (const SweepRow& row : read_rows(f.out)) {
      so_far.add(row);
      if (row.error.empty()) runner.has_answered(column_label(row));
    }
  if (before > 0 && !f.quiet)
    std::fprintf(stderr, "%s: %lld of %lld questions are done already\n", f.out.c_str(), static_cast<long long>(before),
                 static_cast<long long>(asked));
  Meter meter("sweep", "questions", asked, f.quiet || !(f.progress || is_terminal(STDERR_FILENO)), before);
  Index done = before, boxes_lost = 0, last = -1;
  const auto next = [&]() -> std::optional<Index> {
    if (team) return team->next();
    do ++last;
    while (last < record.units && (!shard.has(last) || folder.has(last)));
    return last < record.units ? std::optional(last) : std::nullopt;
  };
  while (const std::optional<Index> unit = next()) {
    const auto u = static_cast<std::size_t>(*unit);
    const PictureRows part = runner.run_or_explain(groups[u]);
    if (part.cancelled || interrupt_asked()) {
      meter.seconds();
      if (!folder.done().empty() && !f.quiet)
        std::fprintf(stderr, "%s: %lld of %lld questions are done; the same command goes on\n", f.out.c_str(),
                     static_cast<long long>(done), static_cast<long long>(asked));
      return interrupted_status();
    }
    if (team && !team->still_ours()) {  // somebody else does it
      team->done();
      continue;
    }
    std::string rows, times = "{\"images\":" + listed(io::source_names(*groups[u].front()), json_text) +
                              ",\"milliseconds\":" + times_json(part.shared) +
                              ",\"encodings\":" + std::to_string(part.encodings) +
                              ",\"dropped\":" + std::to_string(part.dropped) +
                              ",\"peak_memory_bytes\":" + detail::to_text(peak_memory_bytes()) + "}\n";
    for (std::size_t i = 0; i < part.rows.size(); ++i) {
      rows += row_json(part.rows[i], f.kept);
      times += "{\"key\":" + json_text(part.rows[i].key) + ",\"milliseconds\":" + times_json(part.times[i]) + "}\n";
      so_far.add(part.rows[i]);
    }
    folder.append(*unit, static_cast<Index>(part.rows.size()), rows, times, part.maps);
    if (team) team->done();
    done += static_cast<Index>(groups[u].size());
    boxes_lost += part.boxes_lost;
    meter.show(done, so_far.text());
  }
  const double seconds = meter.seconds();
  if (team && interrupt_asked()) return interrupted_status();
  if (boxes_lost > 0 && !f.quiet)
    std::fprintf(stderr, "%lld questions have no box in a frame that was looked at, and are asked as without boxes\n",
                 static_cast<long long>(boxes_lost));
  if (done > before)
    folder.add_timing("{\"seconds\":" + detail::to_text(seconds) + ",\"questions\":" + std::to_string(done - before) +
                      ",\"rows\":" + std::to_string(so_far.rows) + ",\"command\":" + json_text(command.line) + "}\n");
  if (team) {
    folder.sync();
    if (!f.quiet)
      std::fprintf(stderr,
                   "%s: %lld questions, %lld rows in %.1f s; when all workers have ended, arrcoc merge %s/rank* "
                   "--out RUN\n",
                   f.out.c_str(), static_cast<long long>(done), static_cast<long long>(so_far.rows), seconds,
                   whole.c_str());
    return 0;
  }
  const std::vector<SweepGroup> summary = folder.finish();
  const std::string table = summary_table(summary);
  require_that(std::fwrite(table.data(), 1, table.size(), stdout) == table.size() && std::fflush(stdout) == 0,
               Code::bad_output, "sweep", "stdout: cannot be written");
  if (!f.no_report) make_report(f.out, fs::path(f.out) / "report.html", &data, {});
  if (so_far.failed > 0)
    std::fprintf(stderr, "%lld rows failed; rows.jsonl has the reason of each under \"error\"\n",
                 static_cast<long long>(so_far.failed));
  const int status = so_far.failed > 0 && so_far.failed == so_far.rows ? 1 : 0;
  if (f.quiet) return status;
  if (model.untrained && !f.model_free)
    std::fputs("the model's weights are random: the answers mean nothing\n", stderr);
  std::fprintf(stderr, "%s: %lld questions, %lld rows in %.1f s\n", f.out.c_str(), static_cast<long long>(asked),
               static_cast<long long>(so_far.rows), seconds);
  return status;
}

}  // namespace

void add_sweep(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("sweep", "questions with known answers through pipelines x budgets");
  auto f = std::make_shared<SweepFlags>();
  f->run.max_new_tokens = 32;
  apply_run_config(*f, command);
  const auto group = [&](const char* name, std::initializer_list<CLI::Option*> options) {
    for (CLI::Option* o : options) o->group(name);
  };
  add_data_flags(*verb, f->data);
  group("Data", {
                    verb->add_option("--flavour", f->flavour,
                                     "whose rules score, where toolkits differ: official, vlmevalkit or lmms"),
                });
  group("Columns",
        {
            verb->add_option("--pipeline", f->pipelines,
                             "presets, full names, stock; NAME@BUDGET has its own budget; comma-separated")
                ->delimiter(','),
            verb->add_option("--budget", f->budgets,
                             "tokens kept per picture; comma-separated, or a range first:last:step")
                ->delimiter(','),
            verb->add_option("--keep-ratio", f->keep_ratios,
                             "shares of the tokens kept, in (0, 1]; comma-separated or a range (default 0.25)")
                ->delimiter(','),
            verb->add_option("--depth", f->depths,
                             "DeepStack levels of kept tokens: all, none, each, or levels joined by +; comma-separated")
                ->delimiter(','),
            verb->add_option("-s,--seed", f->seeds, "of random pipelines; comma-separated or a range (default 0:2)")
                ->delimiter(','),
            verb->add_option("--picture", f->pictures,
                             "every pipeline on changed pictures: native, flip, brightness_x, shift_n, jpeg_n, "
                             "scale_x, grey_square; comma-separated")
                ->delimiter(','),
            verb->add_option("--corrupt", f->corrupt,
                             "every pipeline with that share of its tokens swapped for dropped ones; comma-separated "
                             "or a range")
                ->delimiter(','),
            verb->add_flag(
                "--query-controls", f->query_controls,
                "beside every pipeline the same one scored without a question, and with another one about the picture"),
            verb->add_option("--config", f->config_file, "settings from a JSON file; any result file will do"),
            verb->add_option("--plugin", f->plugins, "a shared module with strategies; repeatable")
                ->allow_extra_args(false),
        });
  group("Model",
        {
            verb->add_option("-m,--model", f->model,
                             "a Hugging Face folder, or org/name in the local Hub cache (default: ARRCOC_MODEL)"),
            verb->add_flag("--model-free", f->model_free, "no answers: the figures of what is kept alone"),
            verb->add_option("--system", f->system, "a system prompt"),
            verb->add_option("--chat-template", f->run.chat_template, "auto (refuses an unknown template) or builtin"),
            verb->add_flag("--no-shared-prefix", f->no_shared_prefix,
                           "every prompt is run whole, also where its beginning was run before"),
            verb->add_option("--evidence-mib", f->evidence_mib,
                             "of what the tower gave for a set of pictures, kept for all its columns (default 1024); "
                             "what makes room is made again")
                ->check(CLI::Range(Index{0}, Index{1} << 30)),
        });
  add_prompt_flags(*verb, *f);
  add_picture_flags(*verb, *f);
  add_clip_setting_flags(*verb, *f, command, true);
  for (const char* name : {"--image-min-tokens", "--image-max-tokens", "--min-pixels", "--max-pixels", "--exif"})
    if (const CLI::Option* o = verb->get_option_no_throw(name)) f->of_pictures.push_back(o);
  add_machine_flags(*verb, *f);
  add_generation_flags(*verb, *f);
  group("Output",
        {
            verb->add_option("--out", f->out,
                             "the run's folder: rows.jsonl, timings.jsonl, summary.json, summary.csv, report.html; the "
                             "same command goes on with what is there"),
            verb->add_option("--shard", f->shard,
                             "i/n: every n-th picture from the i-th, into a folder of its own (`merge` "
                             "makes one run of all); slurm: the task of an array job"),
            verb->add_option("--store", f->store.address,
                             "host:port of `arrcoc store`, under torchrun: pictures are handed out, each worker writes "
                             "OUT/rankN (`merge` makes one run of all)"),
            verb->add_option("--lease", f->store.lease,
                             "seconds after which a worker that hangs loses its picture to another (default 60)"),
            verb->add_flag("--progress", f->progress, "a line of progress where stderr is no terminal too"),
            verb->add_flag("--kept", f->kept, "rows list the tokens kept"),
            verb->add_flag("--keep-maps", f->keep_maps,
                           "RUN/maps: kept tokens with their causes, scorers' maps in 8 bits, weights"),
            verb->add_flag("--no-report", f->no_report, "no report.html at the end"),
            verb->add_flag("-q,--quiet", f->quiet, "nothing on stderr but errors"),
        });
  verb->callback([f, &command] { command.run = [f, &command] { return run_sweep(*f, command); }; });
}

}  // namespace arrcoc::tools
