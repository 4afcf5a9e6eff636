// The list of questions, as the page's script reads it.
#include "files/json_parse.hpp"
#include "sweep/report_parts.hpp"

namespace arrcoc {

using io::Ordered;

const SweepRow& question_row(std::span<const SweepRow> rows) {
  for (const SweepRow& r : rows)
    if (!r.question.empty()) return r;
  return rows.front();
}

std::string list_line(std::span<const SweepRow> rows, const std::map<std::string, std::size_t>& columns,
                      const std::map<std::string, std::size_t>& scenarios, bool drawn) {
  const SweepRow& own = question_row(rows);
  Ordered cells = Ordered::array();
  for (std::size_t c = 0; c < columns.size(); ++c) cells.push_back(nullptr);
  for (const SweepRow& r : rows) {
    Ordered cell{r.score ? Ordered(*r.score) : Ordered(nullptr),
                 r.prediction ? Ordered(*r.prediction) : Ordered(nullptr), r.kept};
    if (!r.error.empty()) cell.push_back(r.error);
    cells[columns.at(column_label(r))] = std::move(cell);
  }
  return script_json({own.id, scenarios.at(own.scenario), own.question, own.answers, own.metric, drawn ? 1 : 0, cells});
}

}  // namespace arrcoc
