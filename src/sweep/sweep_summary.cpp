// Rows to shares, intervals and differences.
#include <algorithm>

#include "sweep/row_scores.hpp"
#include "sweep/scorecards.hpp"

namespace arrcoc {
namespace {

using measure::YesNo;

SweepGroup group_of(const RowList& rows, const std::string& seed, const RowColumns& columns) {
  const SweepRow& head = *rows.front();
  SweepGroup g;
  g.pipeline = head.pipeline;
  g.name = head.name;
  g.budget = head.budget;
  g.depth = head.depth;
  g.seed = seed;
  g.rows = static_cast<Index>(rows.size());
  const Scores scores = scores_of(rows);
  std::map<std::string, std::string, std::less<>> scenario;
  PictureOf pictures;
  for (const SweepRow* r : rows) {
    scenario[r->id] = r->scenario;
    note_picture(pictures, *r);
  }
  g.all = share_of(scores, pictures, [](const std::string&) { return true; });
  for (const auto& [id, own] : scenario)
    if (!g.scenarios.contains(own))
      if (const auto s = share_of(scores, pictures,
                                  [&, &name = own](const std::string& other) { return scenario.at(other) == name; }))
        g.scenarios[own] = *s;
  const RowList* full = columns.whole(framing_of(head.pipeline));
  if (full == nullptr) full = columns.whole();
  if (full != nullptr && full->front() != &head && g.all) {
    const auto p = paired(scores, scores_of(*full), pictures);
    if (p.n > 0) g.to_full = p;
  }
  if (const RowList* small = columns.find("downsample", head.budget, "all");
      small != nullptr && head.pipeline != "downsample") {
    const Scores theirs = scores_of(*small);
    g.where_downsample_fails = share_of(scores, pictures, [&](const std::string& id) {
      const auto at = theirs.find(id);
      return at != theirs.end() && at->second < 0.5;
    });
  }
  for (const std::string_view control : {":query=blank", ":query=other"}) {
    if (!head.pipeline.ends_with(control)) continue;
    const RowList* own =
        columns.find(head.pipeline.substr(0, head.pipeline.size() - control.size()), head.budget, head.depth);
    if (own == nullptr) continue;
    const auto p = paired(scores_of(*own), scores, pictures);
    if (p.n > 0) g.own_question = p;
  }
  const RowList *blank = columns.find(head.pipeline + "_blank", head.budget, head.depth),
                *other = columns.find(head.pipeline + "_other", head.budget, head.depth);
  if (blank != nullptr && other != nullptr) {
    const Scores one = scores_of(*blank), two = scores_of(*other);
    Scores beyond;  // questions that have both rows
    for (const auto& [id, score] : scores)
      if (one.contains(id) && two.contains(id))
        beyond[id] = one.find(id)->second < 0.5 && two.find(id)->second < 0.5 ? score : 0;
    g.beyond_leaks = share_of(beyond, pictures, [](const std::string&) { return true; });
  }
  Scores loyal, whole;  // whole: picture -> 1 while all its yes and no questions are right
  PictureOf alone;
  std::map<std::string, std::pair<double, Index>, std::less<>> loyal_sums;
  std::vector<std::pair<std::string, Share>> figures;
  for (const SweepRow* r : rows) {
    if (!r->error.empty()) {
      ++g.failed;
      continue;
    }
    if (r->loyal) {
      loyal_sums[r->id].first += *r->loyal;
      ++loyal_sums[r->id].second;
    }
    if (r->metric == "yesno" && r->score) {
      if (!g.yes_no) g.yes_no.emplace();
      const auto said = r->extracted == "yes" ? YesNo::yes : r->extracted == "no" ? YesNo::no : YesNo::unknown;
      const std::string& picture = pictures.at(r->id) + "\n" + std::to_string(r->seed);
      const auto at = whole.emplace(picture, 1).first;
      if (*r->score != 1) at->second = 0;
      alone[picture] = pictures.at(r->id);
      g.yes_no->add(measure::yes_or_no(r->answers.empty() ? "" : r->answers[0], measure::Flavour::lmms), said);
    }
    const Costs& c = r->costs;
    g.kept += static_cast<double>(r->kept);
    g.visual_tokens += static_cast<double>(c.visual_tokens_before);
    g.sequence_length += static_cast<double>(c.sequence_length);
    g.deepstack_additions += static_cast<double>(c.deepstack_additions);
    g.prefill_flops += c.prefill_flops;
    g.kv_bytes += c.kv_bytes;
    g.legacy_effective_tokens += static_cast<double>(c.legacy_effective_tokens);
    g.token_layers += c.token_layers;
    g.tower_flops += c.vision_flops + c.merger_flops;
    g.evidence_flops += c.evidence_flops;
    for (const auto& [name, value] : figures_of(*r)) {
      auto at = std::find_if(figures.begin(), figures.end(), [&n = name](const auto& f) { return f.first == n; });
      if (at == figures.end()) at = figures.insert(figures.end(), {std::string(name), Share{}});
      ++at->second.n;
      at->second.right += value;
    }
  }
  for (double* mean : {&g.kept, &g.visual_tokens, &g.sequence_length, &g.deepstack_additions, &g.prefill_flops,
                       &g.kv_bytes, &g.legacy_effective_tokens, &g.token_layers, &g.tower_flops, &g.evidence_flops})
    *mean /= static_cast<double>(std::max<Index>(1, g.rows - g.failed));
  for (const auto& [id, sum] : loyal_sums) loyal[id] = sum.first / static_cast<double>(sum.second);
  g.pictures_right = share_of(whole, alone, [](const std::string&) { return true; });
  g.loyalty = share_of(loyal, pictures, [](const std::string&) { return true; });
  g.figures = std::move(figures);
  return g;
}

}  // namespace

std::vector<SweepGroup> summarise(const std::vector<SweepRow>& rows) {
  const RowColumns columns(rows);
  const CardNames names = card_names(columns);
  std::vector<SweepGroup> out;
  for (const std::string& c : columns.order) {
    const RowList& mine = columns.rows.at(c);
    std::map<std::uint64_t, RowList> seeds;
    for (const SweepRow* r : mine) seeds[r->seed].push_back(r);
    for (const auto& [seed, part] : seeds) out.push_back(group_of(part, std::to_string(seed), columns));
    if (seeds.size() > 1) out.push_back(group_of(mine, "mean", columns));
    if (!leaks(mine.front()->pipeline)) out.back().card = scorecard(columns, names, mine);
  }
  return out;
}

std::vector<ComparedGroup> compare_runs(const std::vector<SweepRow>& first, const std::vector<SweepRow>& second) {
  std::map<std::string, const SweepRow*, std::less<>> theirs;
  for (const SweepRow& r : second) theirs.emplace(r.key, &r);
  struct Pairs {
    Scores a, b;
    std::map<std::string, std::pair<Scores, Scores>> scenarios;
  };
  std::map<std::string, Pairs> columns;
  std::vector<std::string> order;
  PictureOf pictures;
  for (const SweepRow& r : first) {
    const auto at = theirs.find(r.key);
    if (at == theirs.end() || !r.score || !at->second->score) continue;
    require_that(r.question == at->second->question, Code::bad_text, "compare",
                 [&] { return "'" + r.key + "' asks two questions: the runs are of different data"; });
    const std::string label = column_label(r);
    const auto [column, fresh] = columns.try_emplace(label);
    if (fresh) order.push_back(label);
    Pairs& p = column->second;
    auto& [a, b] = p.scenarios[r.scenario];
    note_picture(pictures, r);
    p.a[r.id] = a[r.id] = *r.score;
    p.b[r.id] = b[r.id] = *at->second->score;
  }
  require_that(!order.empty(), Code::bad_text, "compare",
               "expected runs with scored rows in common, got none: neither question ids nor pipelines, budgets, "
               "depths and seeds agree");
  std::vector<ComparedGroup> out;
  const auto any = [](const std::string&) { return true; };
  for (const std::string& label : order) {
    const Pairs& p = columns.at(label);
    ComparedGroup g{
        label, *share_of(p.a, pictures, any), *share_of(p.b, pictures, any), paired(p.b, p.a, pictures), {}};
    for (const auto& [name, s] : p.scenarios) g.scenarios[name] = paired(s.second, s.first, pictures);
    out.push_back(std::move(g));
  }
  return out;
}

}  // namespace arrcoc
