#pragma once
// Sweeps: every question through every column (pipeline x budget x depth x seed), one row each; then shares of right
// answers with their intervals. docs/sweep.md names every key and figure.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arrcoc/engine/engine.hpp"
#include "arrcoc/measure/choice.hpp"
#include "arrcoc/measure/statistics.hpp"
#include "arrcoc/measure/tokens.hpp"
#include "arrcoc/sweep/scorecard.hpp"

namespace arrcoc {

// --- what is run ---

/// What a column does besides running its pipeline. blank and other go with every oracle: the question left out, and
/// the boxes of another question about the same picture.
enum class ColumnKind : std::uint8_t { plain, stock, oracle, oracle_blank, oracle_other };

struct SweepColumn {
  ColumnKind kind = ColumnKind::plain;
  std::string pipeline;       // as typed, without the budget: "default", "oracle_blank", a full name
  std::string budget;         // "64", "0.25"; "all" where none applies
  std::string depth = "all";  // DeepStack levels of kept tokens: "all", "none", "0+2"
  std::uint64_t seed = 0;
  PipelineSpec spec;
  Budget tokens;
  std::uint32_t levels = all_levels;
  std::string label() const;  // "random@0.25 depth=none seed=1": seed and depth where they are not 0 and "all"
};

struct SweepChoice {
  std::vector<std::string> pipelines;      // presets, full names, stock; NAME@BUDGET has a budget of its own
  std::vector<Budget> budgets;             // one column each
  std::vector<std::string> depths{"all"};  // "all", "none", "each" (one level alone, each in turn), "0+2"
  std::vector<std::uint64_t> seeds{0};     // random pipelines run with each, the others with the first
  Settings fixed;     // stage.field -> value, for every pipeline whose stage has the field and whose name sets none
  Settings settings;  // likewise, over `fixed`; several values ("0.3,0.5", "0.1:0.9:0.2") are an axis: a column each
};

inline constexpr std::size_t most_columns = 4096;

/// The values that a text stands for: parts between commas, each a value or, of numbers, a range first:last[:step] with
/// both ends, whose step is 1 unless given. `type` as in ConfigField; a list type ("int[]") is one value. Error{wrong}
/// naming `what`; Error{bad_usage} for more than most_columns values.
std::vector<std::string> axis_values(std::string_view text, std::string_view type, const std::string& what,
                                     Code wrong = Code::bad_config);

/// `levels`: DeepStack levels of the model; `entries`: its strategies, for the settings. The name of a column of an
/// axis has the value: "default:balancer.explore=0.3". Error{bad_usage} for a column named twice and for more than
/// most_columns, Error{unknown_strategy}, Error{bad_budget}, Error{bad_config} for a depth or a value,
/// Error{unknown_setting} for a setting that no pipeline has.
std::vector<SweepColumn> sweep_columns(const SweepChoice& choice, Index levels, const std::vector<Entry>& entries);

// --- what comes out ---

/// What was looked at of a clip, and what was kept of it.
struct SweptClip {
  std::vector<Index> frames;    // numbers of the sampled frames in the file
  std::vector<double> seconds;  // of each temporal patch
  std::vector<Index> kept;      // tokens of each
};

struct SweepRow {
  std::string key;  // id and the column's label: the same in every run
  std::string id, scenario, split, kind, metric;
  Index difficulty = 0;
  std::vector<std::string> images;            // the pictures, or the clip
  std::string pipeline, name, budget, depth;  // name: the full name with its budget
  std::uint64_t seed = 0, draw = 0;           // draw: the seed this picture's run was given, as `answer -s` takes it
  std::string question;                       // as asked: empty where it was left out
  std::vector<std::string> answers;
  std::optional<std::string> prediction;  // none: nothing was generated
  std::optional<double> score;            // in [0, 1]; none: not generated, failed, or nobody can answer
  std::string extracted;                  // what the metric read out of the prediction: a letter, yes, a box
  std::optional<double> loyal;            // 1: says what the whole picture's column says, 0: does not
  std::string error;                      // why there is no answer; empty: nothing failed
  bool stopped = false, clamped = false;
  std::vector<Grid> grids;
  Index kept = 0;                               // of costs.visual_tokens_before
  std::string kept_hash;                        // FNV-1a, 64 bits, over the kept tokens and their depths
  std::vector<std::vector<Index>> kept_tokens;  // of each picture
  Costs costs;
  std::vector<PassResult> passes;  // several looks: each in turn
  measure::TokenFigures figures;
  std::optional<double> rank_correlation;  // of a changed picture's maps with those of the picture as it is
  std::vector<std::vector<float>> maps;    // of each picture: the relevance, where it is of the whole grid; not written
  std::vector<SweptClip> clips;            // of a question about a clip
  std::optional<double> seconds_off;       // of an answer that states a time, where the true one does
  std::optional<double> distinctiveness;   // mean distance to the tokens kept for other questions about the picture
};

/// The column of a row, as in its key: SweepColumn::label().
std::string column_label(const SweepRow& row);

/// Name and value of every figure that is there, in the order of the table in docs/sweep.md.
std::vector<std::pair<std::string_view, double>> figures_of(const SweepRow& row);

/// FNV-1a over kept tokens and depths, 16 hexadecimal digits.
std::string kept_hash(const std::vector<Allocation>& allocations);

/// One line with its end; `with_kept` adds the lists of kept tokens.
std::string row_json(const SweepRow& row, bool with_kept);
/// The rows of a run: DIR, a file in it, or a file of rows by any name; without grids, kept tokens and looks. Error
/// 401, 402, 409.
std::vector<SweepRow> read_rows(const std::string& run);

// --- what it means ---

struct Share {
  Index n = 0;
  double right = 0;        // may be fractional: a mean over seeds
  double effective_n = 0;  // of as many independent questions the interval is
  measure::Interval interval;
  double accuracy() const { return n > 0 ? right / static_cast<double>(n) : 0; }
};

struct SweepGroup {
  std::string pipeline, name, budget, depth, seed;  // seed: a number, or "mean" over all of them
  Index rows = 0;
  std::optional<Share> all;  // none: nothing was scored
  std::map<std::string, Share> scenarios;
  std::optional<measure::Paired> to_full;       // on the questions that both answered
  std::optional<Share> where_downsample_fails;  // questions that downsampling to the same budget gets wrong
  std::optional<measure::Paired>
      own_question;                   // NAME:query=blank or other: NAME scored with its own question, minus this
  std::optional<Share> beyond_leaks;  // oracle: right here, and wrong in both leak rows
  std::optional<Share> loyalty;       // says what full, else stock, says
  std::optional<measure::YesNoFigures> yes_no;  // of the rows with metric yesno
  std::optional<Share> pictures_right;          // of those with yesno questions: all of them right (MME's acc+)
  Index failed = 0;                             // rows without an answer, left out of every figure
  double kept = 0, visual_tokens = 0, sequence_length = 0, deepstack_additions = 0, prefill_flops = 0, kv_bytes = 0,
         legacy_effective_tokens = 0, token_layers = 0, tower_flops = 0, evidence_flops = 0;  // means
  std::vector<std::pair<std::string, Share>> figures;  // mean = right / n; no interval
  std::optional<Scorecard> card;  // of a column that is no leak row; where there are several seeds, of their mean
};

/// One group for each column, in the order of the rows, and one more ("mean") for each that has several seeds.
std::vector<SweepGroup> summarise(const std::vector<SweepRow>& rows);

/// "random@0.25 (mean of seeds)", "default@64 depth=none".
std::string title_of(const SweepGroup& group);

/// What differs between columns in one setting of their names, in the budget or in the picture.
struct SweepAxis {
  struct Line {
    std::string column;                        // without the setting
    std::vector<std::optional<Share>> shares;  // of each value; a mean over seeds where there are several
  };
  std::string path;  // "allocator.lambda", "budget", "picture"
  std::vector<std::string> values;
  std::vector<Line> lines;
};
/// Axes on which a column has two values or more that were scored.
std::vector<SweepAxis> axes_of(const std::vector<SweepGroup>& groups);

/// Text for people: one line a group, then by scenario, then by axis.
std::string summary_table(const std::vector<SweepGroup>& groups);
std::string summary_csv(const std::vector<SweepGroup>& groups);
/// `head`: more members of the object, as ("name", JSON text).
std::string summary_json(const std::vector<SweepGroup>& groups,
                         const std::vector<std::pair<std::string, std::string>>& head);

/// The same column in two runs, over the questions that both have.
struct ComparedGroup {
  std::string label;
  Share first, second;
  measure::Paired difference;  // second - first
  std::map<std::string, measure::Paired> scenarios;
};
/// Pairs rows by key. Error{bad_text} when no key is in both, or one key asks two questions.
std::vector<ComparedGroup> compare_runs(const std::vector<SweepRow>& first, const std::vector<SweepRow>& second);
std::string compare_table(const std::vector<ComparedGroup>& groups);
std::string compare_json(const std::vector<ComparedGroup>& groups);

}  // namespace arrcoc
