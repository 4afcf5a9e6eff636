// Columns beside every token on as many questions of each class, as the page's table, as CSV, and for its script.
#include <algorithm>
#include <cmath>
#include <set>

#include "files/json_parse.hpp"
#include "sweep/csv.hpp"
#include "sweep/report_table.hpp"
#include "sweep/scorecards.hpp"

namespace arrcoc {
namespace {

using io::Ordered;
constexpr Index per_class = 50;  // as `compare --protocol` has it, and its seed

/// Whether two columns answer a question in common, and no question differs.
bool comparable(const RowList& a, const RowList& b) {
  std::map<std::string_view, const SweepRow*> theirs;
  for (const SweepRow* r : b)
    if (r->error.empty()) theirs.emplace(r->id, r);
  bool any = false;
  for (const SweepRow* r : a) {
    const auto at = r->error.empty() ? theirs.find(r->id) : theirs.end();
    if (at == theirs.end()) continue;
    if (at->second->question != r->question) return false;
    any = true;
  }
  return any;
}

/// "specific 50 of 420, vague 3, ..."
std::string drawn_text(const AbProtocol& t) {
  std::string out;
  for (const AbClass& c : t.classes) {
    const Index drawn = std::min(c.there, t.wanted);
    out += (out.empty() ? "" : ", ") + c.name + " " + std::to_string(drawn) +
           (drawn < c.there ? " of " + std::to_string(c.there) : "");
  }
  return out;
}

}  // namespace

std::vector<AbProtocol> protocols_of(const std::vector<SweepRow>& rows) {
  const RowColumns columns(rows);
  std::vector<AbProtocol> out;
  for (const std::string& key : columns.order) {
    const RowList& all = columns.rows.at(key);
    const RowList* whole = columns.whole(framing_of(all.front()->pipeline));
    if (whole == nullptr || whole == &all) continue;
    std::map<std::string, RowList> seeds;  // by label, of which `rows` has one after the other
    for (const SweepRow* r : all) seeds[column_label(*r)].push_back(r);
    for (const auto& [label, own] : seeds) {
      if (!comparable(*whole, own)) continue;
      out.push_back(ab_protocol(*whole, own, per_class, 0));
      for (AbClass& c : out.back().classes) c.questions.clear();
    }
  }
  return out;
}

std::string classes_part(const ReportTables& tables) {
  if (tables.protocols.empty()) return {};
  std::vector<Heading> headings{{"column", ""}};
  headings.insert(headings.end(), {{"mean", "of the classes' differences, each class alike"},
                                   {"95 %", "Student's t, by picture"},
                                   {"p", "of the mean"}});
  for (const std::string_view name : ab_classes) {
    headings.push_back({std::string(name), "percentage points, paired: this - every token"});
    headings.push_back({"p (Holm)", "of that difference, over the classes"});
    headings.push_back({"ink", "percentage points of the ink kept, paired"});
  }
  std::vector<std::pair<std::string, std::vector<Cell>>> rows;
  for (const AbProtocol& t : tables.protocols) {
    auto& [name, cells] = rows.emplace_back(t.b, std::vector<Cell>{});
    cells.push_back(t.difference ? percent_cell(*t.difference) : nothing);
    cells.push_back(t.difference ? interval(t.interval) : nothing);
    cells.push_back(t.difference ? p_cell(t.p) : nothing);
    for (const AbClass& c : t.classes) {
      const bool scored = c.difference.n > 0;
      cells.push_back(scored ? percent_cell(c.difference.difference) : nothing);
      cells.push_back(scored ? p_cell(c.p) : nothing);
      cells.push_back(c.ink ? percent_cell(c.ink->difference) : nothing);
    }
  }
  const AbProtocol& first = tables.protocols.front();
  return "<section id=\"classes\"><h2>By class of question</h2>" +
         filled_table("class-table", "Each column beside every token, on as many questions of each class", headings,
                      std::move(rows)) +
         "<p class=\"small\">A: " + html_text(first.a) + " (on a changed picture its own). Drawn by seed 0 and the " +
         "questions' ids, at most " + std::to_string(first.wanted) + " of each class: " + drawn_text(first) +
         ". Any two columns stand side by side below the questions, by <code>arrcoc compare RUN --columns A,B "
         "--protocol</code>, and in classes.csv.</p></section>";
}

std::string classes_csv(const ReportTables& tables) {
  std::string out =
      "a,b,class,there,drawn,scored,right_a,right_b,difference,low,high,p_holm,detectable,ink_difference\n";
  const auto number = [](const std::optional<double>& x) { return "," + (x ? detail::to_text(*x) : std::string()); };
  for (const AbProtocol& t : tables.protocols) {
    const std::string columns = csv_field(t.a) + "," + csv_field(t.b) + ",";
    for (const AbClass& c : t.classes) {
      const auto scored = [&](double x) { return c.difference.n > 0 ? std::optional(x) : std::nullopt; };
      out += columns + c.name + "," + std::to_string(c.there) + "," + std::to_string(std::min(c.there, t.wanted)) +
             "," + std::to_string(c.difference.n) + number(c.a ? std::optional(c.a->accuracy()) : std::nullopt) +
             number(c.b ? std::optional(c.b->accuracy()) : std::nullopt) + number(scored(c.difference.difference)) +
             number(scored(c.difference.interval.low)) + number(scored(c.difference.interval.high)) +
             number(scored(c.p)) + number(c.detectable) +
             number(c.ink ? std::optional(c.ink->difference) : std::nullopt) + "\n";
    }
    if (t.difference)
      out += columns + "mean,,,,," + number(t.difference) + number(t.interval.low) + number(t.interval.high) +
             number(t.p) + ",,\n";
  }
  return out;
}

Ordered protocol_json(const std::vector<std::span<const SweepRow>>& questions,
                      const std::map<std::string, std::size_t>& columns) {
  Ordered classes = Ordered::array(), pictures = Ordered::array(), inks = Ordered::array();
  PictureOf picture_of;
  std::map<std::string, std::size_t> known;
  std::vector<std::string> ids;
  std::set<std::size_t> elsewhere;
  for (const std::span<const SweepRow> rows : questions) {
    const SweepRow& own = question_row(rows);
    ids.push_back(own.id);
    const auto answered = std::find_if(
        rows.begin(), rows.end(), [&](const SweepRow& r) { return r.error.empty() && r.question == own.question; });
    const auto name =
        std::find(std::begin(ab_classes), std::end(ab_classes), ab_class(answered == rows.end() ? own : *answered));
    classes.push_back(name - std::begin(ab_classes));
    note_picture(picture_of, own);
    pictures.push_back(known.try_emplace(picture_of.at(own.id), known.size()).first->second);
    Ordered ink = Ordered::array();
    for (std::size_t c = 0; c < columns.size(); ++c) ink.push_back(nullptr);
    for (const SweepRow& r : rows) {
      const std::size_t column = columns.at(column_label(r));
      if (r.error.empty() && r.question != own.question) elsewhere.insert(column);
      if (r.figures.ink_kept) ink[column] = std::round(1000 * *r.figures.ink_kept);
    }
    inks.push_back(std::move(ink));
  }
  Ordered turns = Ordered::array();
  for (std::size_t i = 0; i < ids.size(); ++i) turns.push_back(0);
  const std::vector<std::size_t> order = ab_order(ids, 0);
  for (std::size_t turn = 0; turn < order.size(); ++turn) turns[order[turn]] = turn;
  return {{"classes", Ordered(std::vector<std::string>(std::begin(ab_classes), std::end(ab_classes)))},
          {"per_class", per_class},
          {"of", std::move(classes)},
          {"turn", std::move(turns)},
          {"picture", std::move(pictures)},
          {"ink", std::move(inks)},
          {"asks_else", Ordered(elsewhere)}};
}

}  // namespace arrcoc
