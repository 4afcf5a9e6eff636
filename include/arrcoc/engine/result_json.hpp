#pragma once
// Results as JSON text. docs/cli.md names every key; the "config" object of a result is a valid --config.
#include <string>
#include <vector>

#include "arrcoc/engine/engine.hpp"

namespace arrcoc {

/// What a result says besides what the engine gave.
struct ResultNotes {
  std::vector<ConfigField> config;  // "run" and every stage, resolved
  double load_milliseconds = 0;     // opening the model and importing its weights, beside which pictures may be decoded
  double peak_memory_bytes = 0;
  std::vector<std::string> heatmaps;       // files written
  std::string dump;                        // folder written, empty: none
  const AnswerResult* baseline = nullptr;  // the stock model on the same question
};

/// The whole of `answer --json`, or of `allocate --json` when the request does not generate. `indent` < 0: one line.
std::string result_json(const ModelSummary& model, const AnswerRequest& request, const AnswerResult& result,
                        const ResultNotes& notes, int indent = 2);

/// `allocate --evidence` without a model.
std::string evidence_json(const EvidenceRequest& request, const EvidenceResult& result, const ResultNotes& notes,
                          int indent = 2);

/// `list --json`: kind, name, phase, needs, spend, source, seeds, settings ...; presets under "pipelines".
std::string entries_json(const std::vector<Entry>& entries, int indent = 2);

}  // namespace arrcoc
