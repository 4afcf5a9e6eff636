// A column's card out of a run's rows.
#include <cmath>
#include <set>

#include "arrcoc/balancers/question_kind.hpp"
#include "arrcoc/core/config.hpp"
#include "arrcoc/registry/grammar.hpp"
#include "files/json_parse.hpp"
#include "sweep/scorecards.hpp"

namespace arrcoc {
namespace {

constexpr Index least_of_kind = 20;  // questions

/// Ratio of the means of two scores' gains over a third, by picture.
std::optional<WayToOracle> way_of(const Scores& own, const Scores& random, const Scores& oracle,
                                  const PictureOf& pictures) {
  struct Sums {
    double up = 0, below = 0, n = 0;
  };
  std::map<std::string_view, Sums> by;
  Sums all;
  for (const auto& [id, score] : own) {
    const auto r = random.find(id), o = oracle.find(id);
    if (r == random.end() || o == oracle.end()) continue;
    for (Sums* s : {&by[pictures.at(id)], &all}) {
      s->up += score - r->second;
      s->below += o->second - r->second;
      ++s->n;
    }
  }
  const auto groups = static_cast<double>(by.size());
  if (by.size() < 2 || all.below <= 0) return std::nullopt;
  const double ratio = all.up / all.below;
  double squares = 0;
  for (const auto& [picture, s] : by) squares += (s.up - ratio * s.below) * (s.up - ratio * s.below);
  const double error = std::sqrt(groups / (groups - 1) * squares) / all.below;
  return WayToOracle{static_cast<Index>(all.n), ratio, {ratio - measure::z95 * error, ratio + measure::z95 * error}};
}

/// Means over seeds of each question that was answered.
std::map<std::string_view, CardCosts> costs_of(const RowList& rows) {
  std::map<std::string_view, CardCosts> out;
  std::map<std::string_view, double> seeds;
  for (const SweepRow* r : rows)
    if (r->error.empty()) ++seeds[r->id];
  for (const SweepRow* r : rows) {
    if (!r->error.empty()) continue;
    CardCosts& own = out[r->id];
    const Costs& c = r->costs;
    const double n = seeds.at(r->id);
    own.tokens += static_cast<double>(r->kept) / n;
    own.token_layers += c.token_layers / n;
    own.flops += (c.vision_flops + c.merger_flops + c.evidence_flops + c.prefill_flops) / n;
    own.kv_bytes += c.kv_bytes / n;
  }
  return out;
}

/// Over the questions that both answered.
std::optional<CardCosts> costs_beside(const RowList& own, const RowList& whole) {
  CardCosts a, b;
  const auto theirs = costs_of(whole);
  for (const auto& [id, mine] : costs_of(own))
    if (const auto at = theirs.find(id); at != theirs.end())
      for (double CardCosts::*cost :
           {&CardCosts::tokens, &CardCosts::token_layers, &CardCosts::flops, &CardCosts::kv_bytes})
        a.*cost += mine.*cost, b.*cost += at->second.*cost;
  for (const double below : {b.tokens, b.token_layers, b.flops, b.kv_bytes})
    if (!(below > 0)) return std::nullopt;
  return CardCosts{a.tokens / b.tokens, a.token_layers / b.token_layers, a.flops / b.flops, a.kv_bytes / b.kv_bytes};
}

/// "picture" and "corrupt" of a name; one of them alone makes a changed column.
std::vector<CardChange> changes_of(const RowColumns& columns, const SweepRow& head, const Scores& scores,
                                   const PictureOf& pictures) {
  std::vector<CardChange> out;
  for (const std::string& key : columns.order) {
    const RowList& rows = columns.rows.find(key)->second;
    const SweepRow& other = *rows.front();
    if (other.budget != head.budget || other.depth != head.depth || other.pipeline == head.pipeline) continue;
    if (other.pipeline.find(":picture=") == std::string::npos && other.pipeline.find(":corrupt=") == std::string::npos)
      continue;
    if (leaks(other.pipeline)) continue;
    const Settings settings = named_settings(other.pipeline);
    for (const char* path : {"picture", "corrupt"}) {
      const auto at = settings.find(path);
      if (at == settings.end() || without_setting(other.pipeline, path) != head.pipeline) continue;
      CardChange c{std::string(path) + "=" + at->second, paired(scores_of(rows), scores, pictures), {}};
      double sum = 0, n = 0;
      for (const SweepRow* r : rows)
        if (r->rank_correlation) sum += *r->rank_correlation, ++n;
      if (n > 0) c.rank_correlation = sum / n;
      if (c.difference.n > 0) out.push_back(std::move(c));
    }
  }
  return out;
}

std::vector<CardLoss> losses_of(const RowList& own, const Scores& scores, const Scores& whole,
                                const PictureOf& pictures) {
  std::map<std::pair<std::string, std::string>, std::set<std::string>> kinds;
  for (const SweepRow* r : own)
    for (const auto& [by, name] : {std::pair<std::string, std::string>{"scenario", r->scenario}, {"kind", r->kind}})
      if (!name.empty()) kinds[{by, name}].insert(r->id);
  std::map<std::string, int> several;
  for (const auto& [kind, ids] : kinds) ++several[kind.first];
  std::vector<CardLoss> out;
  for (const auto& [kind, ids] : kinds) {
    if (several[kind.first] < 2) continue;
    Scores mine;
    for (const std::string& id : ids)
      if (const auto at = scores.find(id); at != scores.end()) mine.insert(*at);
    CardLoss loss{kind.first, kind.second, paired(mine, whole, pictures), 1};
    loss.p = loss.to_full.p_value;
    if (loss.to_full.n >= least_of_kind) out.push_back(std::move(loss));
  }
  holm(out, [](CardLoss& l) -> double& { return l.p; });
  std::stable_sort(out.begin(), out.end(),
                   [](const CardLoss& a, const CardLoss& b) { return a.to_full.difference < b.to_full.difference; });
  return out;
}

std::optional<double> seeds_agree(const RowList& own) {
  std::map<std::string_view, std::pair<double, double>> right;  // of a question: right, all
  for (const SweepRow* r : own)
    if (r->score) {
      auto& [k, n] = right[r->id];
      k += *r->score >= 0.5;
      ++n;
    }
  double sum = 0, questions = 0;
  for (const auto& [id, of] : right) {
    const auto [k, n] = of;
    if (n < 2) continue;
    sum += (k * (k - 1) + (n - k) * (n - k - 1)) / (n * (n - 1));
    ++questions;
  }
  return questions > 0 ? std::optional<double>(sum / questions) : std::nullopt;
}

/// The same column with the next larger budget of its form, a count or a share.
const RowList* larger(const RowColumns& columns, const SweepRow& head) {
  const auto number = [&](const std::string& text) -> std::optional<double> {
    double value = 0;
    const bool share = text.find('.') != std::string::npos;
    if (share != (head.budget.find('.') != std::string::npos) || !detail::from_text(text, value).empty()) return {};
    return value;
  };
  const std::optional<double> own = number(head.budget);
  std::optional<double> next;
  const RowList* out = nullptr;
  for (const auto& [key, rows] : columns.rows) {
    const SweepRow& r = *rows.front();
    if (!own || r.pipeline != head.pipeline || r.depth != head.depth) continue;
    const auto value = number(r.budget);
    if (value && *value > *own && (!next || *value < *next)) next = value, out = &rows;
  }
  return out;
}

std::optional<double> stays_right(const Scores& scores, const RowList* with_more) {
  if (with_more == nullptr) return std::nullopt;
  const Scores more = scores_of(*with_more);
  double right = 0, stay = 0;
  for (const auto& [id, score] : scores)
    if (const auto at = more.find(id); at != more.end() && score >= 0.5) {
      ++right;
      stay += at->second >= 0.5;
    }
  return right > 0 ? std::optional<double>(stay / right) : std::nullopt;
}

/// Every name that is `spec` without one part, and what the part is. A decision, a scorer and a setting go; another
/// stage gives way to the plainest of its kind.
std::vector<std::pair<std::string, PipelineSpec>> without_parts(const PipelineSpec& spec) {
  std::vector<std::pair<std::string, PipelineSpec>> out;
  const auto drop_settings = [](PipelineSpec& s, const std::string& prefix) {
    std::erase_if(s.settings, [&](const auto& f) { return f.first.starts_with(prefix); });
  };
  const auto plain = [&](const std::string& what, std::string PipelineSpec::*stage, const char* plainest) {
    if (spec.*stage == plainest) return;
    PipelineSpec s = spec;
    s.*stage = plainest;
    drop_settings(s, what + ".");
    out.emplace_back(what + " " + spec.*stage, std::move(s));
  };
  plain("query", &PipelineSpec::query, "mean");
  plain("split", &PipelineSpec::split, "size");
  plain("passes", &PipelineSpec::passes, "once");
  for (std::size_t i = 0; i < spec.decisions.size(); ++i) {
    const std::string prefix = decision_prefix(i);
    const DecisionSpec& d = spec.decisions[i];
    for (std::size_t k = 0; k < d.scorers.size(); ++k) {
      PipelineSpec s = spec;
      std::vector<ScorerSpec>& scorers = s.decisions[i].scorers;
      scorers.erase(scorers.begin() + static_cast<std::ptrdiff_t>(k));
      drop_settings(s, prefix + "scorers." + d.scorers[k].alias + ".");
      out.emplace_back(prefix + "scorer " + d.scorers[k].alias, std::move(s));
    }
    for (const auto& [what, stage, plainest] :
         {std::tuple{"balancer", &DecisionSpec::balancer, "fixed"}, {"allocator", &DecisionSpec::allocator, "top_k"}}) {
      if (d.*stage == plainest) continue;
      PipelineSpec s = spec;
      s.decisions[i].*stage = plainest;
      drop_settings(s, prefix + what + ".");
      out.emplace_back(prefix + what + " " + d.*stage, std::move(s));
    }
    if (spec.decisions.size() < 2) continue;
    PipelineSpec s = spec;  // without the decision: later ones move up
    s.decisions.erase(s.decisions.begin() + static_cast<std::ptrdiff_t>(i));
    s.decisions.back().keep.reset();
    s.settings.clear();
    for (const auto& [path, value] : spec.settings) {
      std::size_t at = 0;
      for (std::size_t j = 1; j < spec.decisions.size(); ++j)
        if (path.starts_with(decision_prefix(j))) at = j;
      const bool shared = path.starts_with("texture.") || path.starts_with("query.") || path.starts_with("split.") ||
                          path.starts_with("passes.");
      if (shared) s.settings[path] = value;
      else if (at != i)
        s.settings[decision_prefix(at > i ? at - 1 : at) + path.substr(decision_prefix(at).size())] = value;
    }
    out.emplace_back("decision " + std::to_string(i + 1), std::move(s));
  }
  for (const auto& [path, value] : spec.settings) {
    PipelineSpec s = spec;
    s.settings.erase(path);
    out.emplace_back(path + "=" + value, std::move(s));
  }
  return out;
}

/// A name without its budget, as `full_name` writes it; empty for one that this version does not read.
std::string plain_name(const std::string& name) {
  try {
    PipelineSpec spec = parse_pipeline_name(name);
    spec.budget.reset();
    return full_name(spec);
  } catch (const Error&) { return {}; }
}

std::vector<CardPart> parts_of(const CardNames& names, const SweepRow& head, const Scores& scores,
                               const PictureOf& pictures) {
  const std::string own = plain_name(head.name);
  if (own.empty()) return {};
  std::vector<CardPart> out;
  for (const auto& [what, spec] : without_parts(parse_pipeline_name(own))) {
    const std::string name = full_name(spec);
    auto at = names.find(column_key(name, head.budget, head.depth));
    if (at == names.end()) at = names.find(column_key(name, "all", head.depth));
    if (at == names.end() || at->second->front()->pipeline == head.pipeline) continue;
    CardPart part{what, at->second->front()->pipeline, paired(scores, scores_of(*at->second), pictures)};
    if (part.brings.n > 0) out.push_back(std::move(part));
  }
  return out;
}

bool says_nothing(const SweepRow& r) {
  if (r.question.empty() || asks_nothing(r.kind)) return true;
  return !r.figures.recall && read_question(r.question).kind == QuestionKind::vague;
}

CardFailures failures_of(const RowList& own, const Scores& whole, const Scores& oracle) {
  CardFailures out;
  const auto wrong = [](const Scores& scores, const std::string& id) {
    const auto at = scores.find(id);
    return at != scores.end() && at->second < 0.5;
  };
  for (const SweepRow* r : own) {
    if (!r->score || *r->score >= 0.5) continue;
    ++out.n;
    if (says_nothing(*r)) ++out.question;
    else if (wrong(whole, r->id)) ++out.model;
    else if (!whole.contains(r->id) || !r->figures.miss) ++out.unknown;
    else if (*r->figures.miss == 0) ++out.reading;
    else if (wrong(oracle, r->id)) ++out.budget;
    else ++out.choice;
  }
  return out;
}

}  // namespace

std::string framing_of(const std::string& name) {
  if (name.find(":picture=") == std::string::npos) return {};
  const std::string pipeline = leaks(name) ? name.substr(0, name.rfind('_')) : name;
  const Settings settings = named_settings(pipeline);
  const auto at = settings.find("picture");
  return at == settings.end() ? std::string() : ":picture=" + at->second;
}

CardNames card_names(const RowColumns& columns) {
  CardNames out;
  for (const std::string& key : columns.order) {
    const RowList& rows = columns.rows.find(key)->second;
    const SweepRow& r = *rows.front();
    if (leaks(r.pipeline)) continue;
    if (const std::string name = plain_name(r.name); !name.empty())
      out.emplace(column_key(name, r.budget, r.depth), &rows);
  }
  return out;
}

Scorecard scorecard(const RowColumns& columns, const CardNames& names, const RowList& own) {
  const SweepRow& head = *own.front();
  const Scores scores = scores_of(own);
  PictureOf pictures;
  for (const SweepRow* r : own) note_picture(pictures, *r);
  const std::string framed = framing_of(head.pipeline);
  const auto at_same = [&](const std::string& pipeline) {
    return columns.find(pipeline + framed, head.budget, head.depth);
  };
  const RowList *unchanged = columns.whole(), *whole_rows = framed.empty() ? unchanged : columns.whole(framed),
                *random = at_same("random"), *best = at_same("oracle");
  const auto scores_or_none = [](const RowList* rows) { return rows == nullptr ? Scores{} : scores_of(*rows); };
  const Scores whole = scores_or_none(whole_rows), oracle = scores_or_none(best);
  Scorecard card;
  if (&own != random && &own != best) card.way = way_of(scores, scores_or_none(random), oracle, pictures);
  if (unchanged != nullptr) card.costs = costs_beside(own, *unchanged);
  card.changes = changes_of(columns, head, scores, pictures);
  if (const RowList* blank = columns.find(head.pipeline + ":query=blank", head.budget, head.depth); blank != nullptr)
    if (const auto p = paired(scores, scores_of(*blank), pictures); p.n > 0) card.own_question = p;
  if (whole_rows != nullptr && whole_rows != &own) card.losses = losses_of(own, scores, whole, pictures);
  if (card.losses.size() > 1)
    card.spread = card.losses.back().to_full.difference - card.losses.front().to_full.difference;
  card.seeds_agree = seeds_agree(own);
  card.stays_right = stays_right(scores, larger(columns, head));
  card.parts = parts_of(names, head, scores, pictures);
  card.failures = failures_of(own, whole, oracle);
  return card;
}

io::Ordered card_json(const Scorecard& c) {
  using Json = io::Ordered;
  Json out = Json::object();
  if (c.way)
    out["way_to_oracle"] = {
        {"n", c.way->n}, {"share", c.way->share}, {"low", c.way->interval.low}, {"high", c.way->interval.high}};
  if (c.costs)
    out["costs_of_full"] = {{"tokens", c.costs->tokens},
                            {"token_layers", c.costs->token_layers},
                            {"flops", c.costs->flops},
                            {"kv_bytes", c.costs->kv_bytes}};
  for (const CardChange& change : c.changes) {
    Json j{{"change", change.what}, {"difference", paired_json(change.difference)}};
    if (change.rank_correlation) j["rank_correlation"] = *change.rank_correlation;
    out["changes"].push_back(std::move(j));
  }
  if (c.own_question) out["own_question_brings"] = paired_json(*c.own_question);
  for (const CardLoss& l : c.losses)
    out["losses"].push_back(
        {{"by", l.by}, {"name", l.name}, {"difference_to_full", paired_json(l.to_full)}, {"p_holm", l.p}});
  if (c.spread) out["spread"] = *c.spread;
  if (c.seeds_agree) out["seeds_agree"] = *c.seeds_agree;
  if (c.stays_right) out["stays_right"] = *c.stays_right;
  for (const CardPart& p : c.parts)
    out["parts"].push_back({{"part", p.what}, {"without", p.without}, {"brings", paired_json(p.brings)}});
  out["failures"] = {{"n", c.failures.n},
                     {"question", c.failures.question},
                     {"model", c.failures.model},
                     {"reading", c.failures.reading},
                     {"budget", c.failures.budget},
                     {"choice", c.failures.choice},
                     {"unknown", c.failures.unknown}};
  return out;
}

}  // namespace arrcoc
