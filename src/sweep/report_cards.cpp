// The scorecard as the page's tables and as CSV.
#include <algorithm>

#include "sweep/csv.hpp"
#include "sweep/report_table.hpp"

namespace arrcoc {
namespace {

struct Line {
  std::string name;
  std::vector<Cell> cells;
};

Cell share(const std::optional<double>& x) { return x ? percent_cell(*x) : nothing; }
Cell count(Index n) { return {std::to_string(n), static_cast<double>(n)}; }
Cell word(const std::string& text) { return {text, std::nullopt}; }

const CardChange* worst_of(const Scorecard& card) {
  const auto at = std::min_element(
      card.changes.begin(), card.changes.end(),
      [](const CardChange& a, const CardChange& b) { return a.difference.difference < b.difference.difference; });
  return at == card.changes.end() ? nullptr : &*at;
}

std::optional<double> figure(const SweepGroup& g, std::string_view name) {
  const auto at = std::find_if(g.figures.begin(), g.figures.end(), [&](const auto& f) { return f.first == name; });
  return at == g.figures.end() ? std::nullopt : std::optional<double>(at->second.accuracy());
}

const std::vector<Heading> headings{
    {"column", ""},
    {"way %", "1 accuracy: (right - random) / (oracle - random) at the same budget"},
    {"95 %", "of a ratio of means, by picture"},
    {"tokens %", "2 efficiency: visual tokens kept, of full's"},
    {"token-layers %", "of full's"},
    {"FLOPs %", "tower, evidence and prefill, of full's"},
    {"KV %", "of full's"},
    {"worst change", "3 robustness: the changed picture or swapped choice that costs most, of those in the run"},
    {"costs", "percentage points, paired: changed - as it is"},
    {"p", "of that difference"},
    {"map's ranks", "Spearman's correlation of the map there with the map as it is, mean"},
    {"question", "4 interpretability: percentage points that its own question brings over none (:query=blank)"},
    {"IoU 20", "the map's highest 20 % against the answer's boxes, where a person would look"},
    {"worst kind", "5 fairness: of scenarios and kinds with 20 questions and more the one that loses most to full"},
    {"loses", "percentage points, paired: this - full"},
    {"p (Holm)", "of that difference, over all kinds of the column"},
    {"spread", "percentage points between the kind that loses most and the one that loses least"},
    {"loyal %", "6 consistency: says what full says"},
    {"seeds agree %", "two seeds both right or both wrong"},
    {"stays right %", "of what is right, right with the next larger budget too"},
    {"wrong", "rows with a score below a half"},
    {"question", "the question does not say what it asks"},
    {"model", "full is wrong too"},
    {"reading", "full is right, every token under a box was kept, and the answer is wrong"},
    {"budget", "a token under a box was dropped, and the oracle with as many is wrong too"},
    {"choice", "a token under a box was dropped, and the oracle is right or was not asked"},
    {"unknown", "no full, or no box"}};

Line line_of(const ReportColumn& column) {
  const SweepGroup& g = column.group;
  const Scorecard& c = *g.card;
  Line out{column.title, {}};
  const auto add = [&](Cell cell) { out.cells.push_back(std::move(cell)); };
  add(c.way ? percent_cell(c.way->share) : nothing);
  add(c.way ? interval(c.way->interval) : nothing);
  for (double CardCosts::*cost :
       {&CardCosts::tokens, &CardCosts::token_layers, &CardCosts::flops, &CardCosts::kv_bytes})
    add(c.costs ? percent_cell(*c.costs.*cost) : nothing);
  const CardChange* worst = worst_of(c);
  add(worst ? word(worst->what) : nothing);
  add(worst ? percent_cell(worst->difference.difference) : nothing);
  add(worst ? p_cell(worst->difference.p_value) : nothing);
  add(worst && worst->rank_correlation ? Cell{fixed(*worst->rank_correlation, 3), worst->rank_correlation} : nothing);
  add(c.own_question ? percent_cell(c.own_question->difference) : nothing);
  const auto iou = figure(g, "iou20");
  add(iou ? Cell{fixed(*iou, 3), iou} : nothing);
  const CardLoss* loss = c.losses.empty() ? nullptr : &c.losses.front();
  add(loss ? word(loss->by + " " + loss->name) : nothing);
  add(loss ? percent_cell(loss->to_full.difference) : nothing);
  add(loss ? p_cell(loss->p) : nothing);
  add(share(c.spread));
  add(g.loyalty ? percent_cell(g.loyalty->accuracy()) : nothing);
  add(share(c.seeds_agree));
  add(share(c.stays_right));
  for (const Index n : {c.failures.n, c.failures.question, c.failures.model, c.failures.reading, c.failures.budget,
                        c.failures.choice, c.failures.unknown})
    add(count(n));
  return out;
}

template <class F>
void each_card(const ReportTables& tables, F&& f) {
  for (const ReportColumn& c : tables.columns)
    if (c.group.card && c.group.all) f(c);
}

}  // namespace

std::string cards_part(const ReportTables& tables) {
  std::vector<std::pair<std::string, std::vector<Cell>>> cards, changes, losses, parts;
  each_card(tables, [&](const ReportColumn& c) {
    Line line = line_of(c);
    cards.emplace_back(std::move(line.name), std::move(line.cells));
    const auto add = [&](auto& table, const std::string& what, const measure::Paired& p, Cell last) {
      table.emplace_back(c.title, std::vector<Cell>{word(what), count(p.n), percent_cell(p.difference),
                                                    interval(p.interval), p_cell(p.p_value), std::move(last)});
    };
    for (const CardChange& change : c.group.card->changes)
      add(changes, change.what, change.difference,
          change.rank_correlation ? Cell{fixed(*change.rank_correlation, 3), change.rank_correlation} : nothing);
    for (const CardLoss& l : c.group.card->losses) add(losses, l.by + " " + l.name, l.to_full, p_cell(l.p));
    for (const CardPart& p : c.group.card->parts) add(parts, p.what, p.brings, word(p.without));
  });
  if (cards.empty()) return {};
  const auto list = [](const std::string& id, const std::string& caption, const std::string& what, const Heading& last,
                       const auto& rows) {
    if (rows.empty()) return std::string();
    return "<details><summary>" + caption + "</summary>" +
           table(id, caption,
                 {{"column", ""},
                  {what, ""},
                  {"questions", ""},
                  {"points", "paired, percentage points"},
                  {"95 %", ""},
                  {"p", "of the difference"},
                  last},
                 rows) +
           "</details>";
  };
  return "<section id=\"cards\"><h2>Scorecard</h2>" +
         filled_table("scorecard", "Seven levels, and what is wrong by what it is owed to", headings,
                      std::move(cards)) +
         "<p class=\"small\">A dash: the run has not the columns for it (random and oracle; full; "
         ":picture= and :corrupt=; :query=blank; several seeds; a larger budget). A heading's title says what it "
         "is.</p>" +
         list("changes", "Every changed picture and swapped choice", "change", {"map's ranks", "Spearman, mean"},
              changes) +
         list("losses", "Every kind of question, beside full", "kind", {"p (Holm)", "over the column's kinds"},
              losses) +
         list("parts", "What single parts bring", "part", {"beside", "the column that is the same without it"}, parts) +
         "</section>";
}

std::string cards_csv(const ReportTables& tables) {
  std::string out =
      "column,way,way_low,way_high,tokens,token_layers,flops,kv_bytes,worst_change,change_difference,change_p,"
      "rank_correlation,own_question_brings,iou20,worst_kind,kind_difference,kind_p_holm,spread,loyalty,seeds_agree,"
      "stays_right,wrong,wrong_question,wrong_model,wrong_reading,wrong_budget,wrong_choice,wrong_unknown\n";
  each_card(tables, [&](const ReportColumn& c) {
    const Line line = line_of(c);
    out += csv_field(line.name);
    for (std::size_t i = 0; i < line.cells.size(); ++i) {
      const Cell& cell = line.cells[i];
      const bool named = i == 6 || i == 12;  // the worst change, the worst kind
      const auto& way = c.group.card->way;
      if (i == 1)
        out += way ? "," + detail::to_text(way->interval.low) + "," + detail::to_text(way->interval.high) : ",,";
      else if (named) out += "," + (cell.text == nothing.text ? std::string() : csv_field(cell.text));
      else out += "," + (cell.value ? detail::to_text(*cell.value) : std::string());
    }
    out += "\n";
  });
  return out;
}

}  // namespace arrcoc
