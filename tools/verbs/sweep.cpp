// arrcoc sweep: questions with known answers through pipelines x budgets; arrcoc compare: two sweeps, question by
// question.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "arrcoc/build_info.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/io/jsonl.hpp"
#include "arrcoc/measure/metrics.hpp"
#include "arrcoc/sweep/run.hpp"
#include "data.hpp"
#include "outputs.hpp"
#include "question.hpp"

namespace arrcoc::tools {
namespace {

namespace fs = std::filesystem;

struct SweepFlags : QuestionFlags {
  DataFlags data;
  std::string out, flavour = "vlmevalkit";
  std::vector<std::string> pipelines, depths{"all"};
  std::vector<Index> budgets;
  std::vector<double> keep_ratios;
  std::vector<std::uint64_t> seeds{0, 1, 2};
  Index limit = 0;
  bool model_free = false, kept = false, no_shared_prefix = false, query_controls = false;
};

struct CompareFlags {
  std::string first, second;
  std::optional<std::string> json;
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

/// The run's files, in a folder that gets its name when they are whole.
class RunFolder {
 public:
  explicit RunFolder(const fs::path& out) : part_(out) {
    rows_.open(part_.path() / "rows.jsonl", std::ios::binary);
    timings_.open(part_.path() / "timings.jsonl", std::ios::binary);
    check();
  }
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  void row(const std::string& line) { rows_ << line; }
  void timing(const std::string& line) { timings_ << line; }
  void flush() {
    rows_.flush();
    timings_.flush();
    check();
  }
  void finish(const std::string& summary, const std::string& csv) {
    rows_.close();
    timings_.close();
    check();
    io::write_file(part_.path() / "summary.json", summary);
    io::write_file(part_.path() / "summary.csv", csv);
    part_.finish();
  }

 private:
  void check() const {
    require_that(!rows_.fail() && !timings_.fail(), Code::bad_output, "sweep",
                 [&] { return "cannot write to " + part_.path().string() + " (is the disk full?)"; });
  }
  io::UnfinishedFolder part_;
  std::ofstream rows_, timings_;
};

std::vector<Budget> budgets_of(const SweepFlags& f) {
  require_that(f.budgets.empty() || f.keep_ratios.empty(), Code::bad_usage, "budget",
               "--budget and --keep-ratio exclude each other; NAME@BUDGET gives one pipeline its own");
  std::vector<Budget> out;
  for (const Index b : f.budgets) {
    require_that(b >= 1, Code::bad_budget, "budget",
                 [&] { return "expected at least 1 token, got " + std::to_string(b); });
    out.push_back({b, 0.25});
  }
  for (const double r : f.keep_ratios) out.push_back({0, r});
  if (out.empty()) out.push_back({});
  return out;
}

/// What the summary says of the run besides its figures. Nothing in it changes from run to run on one machine.
std::vector<std::pair<std::string, std::string>> run_head(const SweepFlags& f, const ModelSummary& m,
                                                          const std::vector<SweepColumn>& columns,
                                                          const io::Dataset& data, std::size_t pictures) {
  std::string settings = "{";
  for (const SweepColumn& c : columns)
    if (!c.spec.settings.empty()) {
      settings += (settings.size() > 1 ? "," : "") + json_text(c.label()) + ":{";
      bool first = true;
      for (const auto& [path, value] : c.spec.settings) {
        settings += (first ? "" : ",") + json_text(path) + ":" + json_text(value);
        first = false;
      }
      settings += "}";
    }
  return {
      {"arrcoc", json_text(build_info.version)},
      {"build", "{\"compiler\":" + json_text(build_info.compiler) + ",\"type\":" + json_text(build_info.build_type) +
                    ",\"native\":" + (build_info.native ? "true" : "false") + "}"},
      {"model", "{\"path\":" + json_text(m.path) + ",\"identity\":" + json_text(m.identity) +
                    ",\"untrained\":" + (m.untrained ? "true" : "false") + "}"},
      {"backend", "{\"name\":" + json_text(m.backend) + ",\"dtype\":\"" + m.dtype +
                      "\",\"threads\":" + std::to_string(m.threads) + "}"},
      {"data", "{\"path\":" + json_text(f.data.file) + ",\"format\":" + json_text(data.format) + ",\"questions\":" +
                   std::to_string(data.samples.size()) + ",\"problems\":" + std::to_string(data.problems.size()) +
                   ",\"pictures\":" + std::to_string(pictures) + ",\"split\":" + json_text(f.data.choice.split) +
                   ",\"scenarios\":" + listed(f.data.choice.scenarios, json_text) +
                   ",\"limit\":" + std::to_string(f.data.choice.limit) + ",\"shape\":" + json_text(f.data.shape) +
                   ",\"prompts\":" + json_text(prompts_hash(data)) + ",\"flavour\":" + json_text(f.flavour) + "}"},
      {"run", "{\"model_free\":" + std::string(f.model_free ? "true" : "false") +
                  ",\"max_new_tokens\":" + std::to_string(f.run.max_new_tokens) + ",\"system\":" + json_text(f.system) +
                  ",\"shared_prefix\":" + (f.no_shared_prefix ? "false" : "true") +
                  ",\"columns\":" + listed(columns, [](const SweepColumn& c) { return json_text(c.label()); }) +
                  ",\"settings\":" + settings + "}}"}};
}

int run_sweep(SweepFlags f, const Command& command) {
  require_that(!f.data.file.empty(), Code::bad_usage, "sweep", "expected questions: --data DIR or FILE");
  require_that(!f.out.empty(), Code::bad_usage, "sweep", "expected a folder for the results: --out DIR");
  const auto flavour = measure::flavour_of(f.flavour);
  require_that(flavour.has_value(), Code::bad_usage, "sweep",
               [&] { return "--flavour: expected official, vlmevalkit or lmms, got '" + f.flavour + "'"; });
  require_that(f.run.max_new_tokens >= 1, Code::bad_config, "sweep",
               [&] { return "--max-new-tokens: expected at least 1, got " + std::to_string(f.run.max_new_tokens); });
  check_threads(f.threads, "sweep");
  SweepChoice choice;
  for (const std::string& name : f.pipelines) {
    choice.pipelines.push_back(name);
    if (!f.query_controls || name.starts_with("stock")) continue;
    const auto at = std::min(name.rfind('@'), name.size());
    for (const char* control : {":query=blank", ":query=other"})
      choice.pipelines.push_back(name.substr(0, at) + control + name.substr(at));
  }
  choice.budgets = budgets_of(f);
  choice.depths = f.depths;
  choice.seeds = f.seeds;
  for (const auto& [path, text] : command.config)
    if (!path.starts_with("run.")) choice.settings[path] = text;
  for (const auto& [path, text] : command.settings) choice.settings[path] = text;
  const std::vector<fs::path> plugins(f.plugins.begin(), f.plugins.end());
  sweep_columns(choice, 32, list_strategies(plugins));  // what was typed is checked before the model is opened
  check_new_folder(f.out);
  take_route(f);
  f.strict = f.data.strict;
  const io::Dataset data = read_data(f.data, f.quiet);
  const std::vector<io::Sample>& samples = data.samples;
  const std::vector<PictureQuestions> groups = by_picture(samples);

  Progress loading(f.quiet);
  loading.stage("loading the model");
  const std::unique_ptr<Engine> engine = open_engine(f);
  loading.stop();
  const ModelSummary& model = engine->model();
  AnswerRequest shared;
  read_shared(f, shared);
  shared.cancelled = interrupt_asked;
  settle(f, model, shared);
  SweepRunner runner(
      *engine,
      sweep_columns(choice, static_cast<Index>(model.config.vision.deepstack_taps.size()), engine->strategies()),
      std::move(shared), decode_options(f), f.model_free, !f.no_shared_prefix);
  runner.score_by(*flavour);

  const Writing writing;  // Ctrl-C: the unfinished folder goes, then 130
  RunFolder folder(f.out);
  Meter meter("sweep", "questions", static_cast<Index>(samples.size()), f.quiet);
  std::vector<SweepRow> rows;
  Index done = 0, failed = 0;
  for (const PictureQuestions& questions : groups) {
    PictureRows part = runner.run_or_explain(questions);
    if (part.cancelled || interrupt_asked()) return interrupted_status();
    folder.timing("{\"images\":" + listed(questions.front()->image_names, json_text) + ",\"milliseconds\":" +
                  times_json(part.shared) + ",\"peak_memory_bytes\":" + detail::to_text(peak_memory_bytes()) + "}\n");
    for (std::size_t i = 0; i < part.rows.size(); ++i) {
      folder.row(row_json(part.rows[i], f.kept));
      folder.timing("{\"key\":" + json_text(part.rows[i].key) + ",\"milliseconds\":" + times_json(part.times[i]) +
                    "}\n");
      failed += part.rows[i].error.empty() ? 0 : 1;
      part.rows[i].prediction.reset();  // what the summary does not need
      part.rows[i].kept_tokens.clear();
      if (part.rows[i].metric != "yesno") part.rows[i].answers.clear();
      rows.push_back(std::move(part.rows[i]));
    }
    folder.flush();
    done += static_cast<Index>(questions.size());
    meter.show(done);
  }
  const double seconds = meter.seconds();
  const std::vector<SweepGroup> summary = summarise(rows);
  folder.timing("{\"seconds\":" + detail::to_text(seconds) + ",\"questions\":" + std::to_string(samples.size()) +
                ",\"rows\":" + std::to_string(rows.size()) + "}\n");
  folder.finish(summary_json(summary, run_head(f, model, runner.columns(), data, groups.size())), summary_csv(summary));
  const std::string table = summary_table(summary);
  require_that(std::fwrite(table.data(), 1, table.size(), stdout) == table.size() && std::fflush(stdout) == 0,
               Code::bad_output, "sweep", "stdout: cannot be written");
  if (failed > 0)
    std::fprintf(stderr, "%lld rows failed; rows.jsonl has the reason of each under \"error\"\n",
                 static_cast<long long>(failed));
  const int status = failed > 0 && failed == static_cast<Index>(rows.size()) ? 1 : 0;
  if (f.quiet) return status;
  if (model.untrained && !f.model_free)
    std::fputs("the model's weights are random: the answers mean nothing\n", stderr);
  std::fprintf(stderr, "%s: %zu questions about %zu pictures, %zu rows in %.1f s\n", f.out.c_str(), samples.size(),
               groups.size(), rows.size(), seconds);
  return status;
}

int run_compare(const CompareFlags& f) {
  RunFiles files;
  files.reads("the run", f.first);
  files.reads("the run", f.second);
  if (f.json) files.writes("--json", *f.json);
  const std::vector<ComparedGroup> groups = compare_runs(read_rows(f.first), read_rows(f.second));
  const Writing writing;
  const bool to_stdout = f.json && (f.json->empty() || *f.json == "-");
  if (f.json) io::write_file(to_stdout ? "-" : *f.json, compare_json(groups));
  if (!to_stdout) io::write_file("-", compare_table(groups));
  return 0;
}

}  // namespace

void add_sweep(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("sweep", "questions with known answers through pipelines x budgets");
  auto f = std::make_shared<SweepFlags>();
  f->run.max_new_tokens = 32;
  apply_run_config(*f, command);
  f->pipelines = {"full", "default", "random", "grid", "centre", "downsample", "oracle"};
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
            verb->add_option("--budget", f->budgets, "tokens kept per picture; comma-separated")->delimiter(','),
            verb->add_option("--keep-ratio", f->keep_ratios,
                             "shares of the tokens kept, in (0, 1]; comma-separated (default 0.25)")
                ->delimiter(','),
            verb->add_option("--depth", f->depths,
                             "DeepStack levels of kept tokens: all, none, each, or levels joined by +; comma-separated")
                ->delimiter(','),
            verb->add_option("-s,--seed", f->seeds, "of random pipelines; comma-separated (default 0,1,2)")
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
        });
  add_picture_flags(*verb, *f);
  add_machine_flags(*verb, *f);
  add_generation_flags(*verb, *f);
  group("Output", {
                      verb->add_option("--out", f->out,
                                       "the folder to make: rows.jsonl, timings.jsonl, summary.json, summary.csv"),
                      verb->add_flag("--kept", f->kept, "rows list the tokens kept"),
                      verb->add_flag("-q,--quiet", f->quiet, "nothing on stderr but errors"),
                  });
  verb->callback([f, &command] { command.run = [f, &command] { return run_sweep(*f, command); }; });
}

void add_compare(CLI::App& app, Command& command) {
  CLI::App* verb = app.add_subcommand("compare", "two sweeps, question by question: second - first");
  auto f = std::make_shared<CompareFlags>();
  verb->add_option("FIRST", f->first, "a sweep's folder, or a file in it")->required();
  verb->add_option("SECOND", f->second, "another one, over the same questions")->required();
  verb->add_option("--json", f->json, "as JSON into FILE; no value or -: stdout")->expected(0, 1);
  verb->callback([f, &command] { command.run = [f] { return run_compare(*f); }; });
}

}  // namespace arrcoc::tools
