#pragma once
// Looking more than once: a rule says what to look at next, and every look is a journey of its own, with its own size
// of the pictures, through the same stages. What a look leaves is a Look: its places, relevance and kept tokens, and of
// its answer the probability and what it looked at. Costs of looks add up.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "arrcoc/pipeline/answer_attention.hpp"
#include "arrcoc/pipeline/journey.hpp"
#include "arrcoc/pipeline/pass_rules.hpp"
#include "arrcoc/pipeline/pass_stages.hpp"

namespace arrcoc {

/// The pictures at one size, and the prompt about them.
struct PassInput {
  std::vector<Picture> pictures;
  Prompt prompt;
  std::optional<Prompt> asking;  // the question that scores, where it is another
};

struct PassRecord {
  Pass pass;
  std::vector<Look> looks;  // of each picture, over all its tokens at this size
  PassSeen seen;
  Outcome outcome;     // generated: empty where it did not answer; costs: of what this look ran
  Index fed_back = 0;  // tokens of its answer that were fed back
};

/// Mean probability of an answer's tokens; of an empty answer that of the token that stopped it. 0: nothing came.
inline double mean_probability(const qwen3vl::Generated& g) {
  const std::size_t n = g.tokens.empty() ? g.probabilities.size() : std::min(g.tokens.size(), g.probabilities.size());
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += g.probabilities[i];
  return n > 0 ? sum / static_cast<double>(n) : 0;
}

/// Error{missing_evidence} when a stage of the first look wants an earlier one. `where` names the pipeline.
template <class B>
void check_passes(const AnyPipeline<B>& pipeline, std::string_view where) {
  std::string rule = "once";
  std::optional<Pass> first = passes::native();
  if (pipeline.passes) {
    first = pipeline.passes->next(Index{1} << 30, {});
    rule = pipeline.passes.facts.name;
  }
  require_that(first.has_value(), Code::bad_config, "passes", [&] { return "'" + rule + "' takes no look at all"; });
  if (first->everything || first->adds) return;
  for (const AnyDecision<B>& d : pipeline.decisions)
    require_that(!(d.may_need(true).evidence & (Need::previous | Need::previous_attention)), Code::missing_evidence,
                 "pipeline", [&] {
                   return std::string(where) + ": a stage looks at an earlier look, which the first one of passes '" +
                          rule + "' does not have; expected passes=coarse_answer, escalate or fixations";
                 });
}

/// Work of all looks, added up; what is a state (lengths, cache, layers) is of the look that answers. What earlier
/// looks decoded is evidence. `natives`: tokens of the native pictures.
inline Costs sum_of_costs(const std::vector<PassRecord>& records, Index natives) {
  Costs sum = records.back().outcome.costs;
  sum.sequence_length_before += natives - sum.visual_tokens_before;
  sum.visual_tokens_before = natives;
  for (std::size_t i = 0; i + 1 < records.size(); ++i) {
    const Costs& c = records[i].outcome.costs;
    sum.visual_tokens_encoded += c.visual_tokens_encoded;
    sum.deepstack_additions += c.deepstack_additions;
    sum.vision_flops += c.vision_flops;
    sum.merger_flops += c.merger_flops;
    sum.evidence_flops += c.evidence_flops + static_cast<double>(records[i].fed_back) * c.decode_flops_per_token;
    sum.prefill_flops += c.prefill_flops;
    sum.token_layers += c.token_layers;
  }
  return sum;
}

template <class B>
class Passes {
 public:
  struct Options {
    RunOptions run;
    std::uint32_t levels = all_levels;  // DeepStack levels that a kept token may receive
    bool generate = true;               // false: the last look does not answer
    std::function<bool()> cancelled{};  // asked between looks; true ends them
    std::function<void(const Pass&)> on_pass{};
  };

  /// `input`: the pictures at a size, none: native; called once for each size. Everything must outlive this.
  Passes(B& b, const qwen3vl::Model<B>& model, const AnyPipeline<B>& pipeline,
         std::function<PassInput(const std::optional<Budget>&)> input, Options options, Trace* trace = nullptr)
      : b_(b),
        model_(model),
        pipeline_(pipeline),
        input_of_(std::move(input)),
        options_(std::move(options)),
        trace_(trace),
        attention_((pipeline.may_need().evidence & Need::previous_attention) != 0) {
    check_passes(pipeline, "passes");
  }

  /// Every look in turn; at least one. The last one's answer is the answer. `native`: tokens of the largest picture.
  std::vector<PassRecord> run(Index native) {
    std::vector<PassRecord> out;
    std::vector<PassSeen> seen;
    for (;;) {
      const std::optional<Pass> pass = next(native, seen);
      if (!pass || (!out.empty() && options_.cancelled && options_.cancelled())) return out;
      if (options_.on_pass) options_.on_pass(*pass);
      out.push_back(take(*pass, out.empty() ? nullptr : &out.back(), native));
      seen.push_back(out.back().seen);
    }
  }

 private:
  std::optional<Pass> next(Index native, const std::vector<PassSeen>& seen) const {
    if (pipeline_.passes) return pipeline_.passes->next(native, seen);
    return OncePasses{}.next(native, seen);
  }
  const PassInput& input(const std::optional<Budget>& size) {
    const auto key = size ? std::pair(size->tokens, size->keep_ratio) : std::pair(Index{0}, 0.0);
    const auto known = inputs_.find(key);
    return known != inputs_.end() ? known->second : inputs_.emplace(key, input_of_(size)).first->second;
  }
  PassRecord take(const Pass& pass, const PassRecord* before, Index native);
  RunOptions options_for(const Pass& pass, const PassRecord* before, const PassInput& in, Index native) const;
  bool encode(Journey<B>& journey, const Pass& pass, const PassRecord* before, bool wanted);
  void remember(PassRecord& record, const Journey<B>& journey, const AnswerAttention<B>* attention) const;

  B& b_;
  const qwen3vl::Model<B>& model_;
  const AnyPipeline<B>& pipeline_;
  std::function<PassInput(const std::optional<Budget>&)> input_of_;
  Options options_;
  Trace* trace_;
  bool attention_;
  std::map<std::pair<Index, double>, PassInput> inputs_;
  std::shared_ptr<Shelf<B>> shelf_;  // of the last look, where the next one encodes the same
};

}  // namespace arrcoc

#include "arrcoc/pipeline/passes_steps.hpp"
