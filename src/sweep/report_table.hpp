#pragma once
// A table of the page: cells that sort by a number, headings that explain themselves.
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrcoc/core/config.hpp"
#include "sweep/report_parts.hpp"
#include "sweep/text_cells.hpp"

namespace arrcoc {

/// "163 M"
inline std::string scaled(double x) {
  const char* units[] = {"", " k", " M", " G", " T", " P"};
  std::size_t u = 0;
  for (; x >= 1000 && u + 1 < std::size(units); ++u) x /= 1000;
  char text[48];
  std::snprintf(text, sizeof text, "%.3g%s", x, units[u]);
  return text;
}

/// A cell, and the number that it is sorted by.
struct Cell {
  std::string text;
  std::optional<double> value;
};
inline const Cell nothing{"–", std::nullopt};

inline Cell percent_cell(double x) { return {percent(x), x}; }
inline Cell interval(const measure::Interval& i) { return {percent(i.low) + " … " + percent(i.high), i.low}; }

inline Cell p_cell(double p) { return {p < 0.001 ? "< 0.001" : fixed(p, 3), p}; }

struct Heading {
  std::string name, title;  // title: what the word means
};

/// Rows begin with a name.
inline std::string table(const std::string& id, const std::string& caption, const std::vector<Heading>& headings,
                         const std::vector<std::pair<std::string, std::vector<Cell>>>& rows) {
  std::string out = "<div class=\"tools\"><label>Filter <input type=\"search\" data-filters=\"" + id +
                    "\" placeholder=\"part of a name\"></label></div><div class=\"wide-box\" tabindex=\"0\" "
                    "role=\"region\" aria-label=\"" +
                    html_text(caption) + "\"><table class=\"sorts\" id=\"" + id + "\"><caption>" + html_text(caption) +
                    "</caption><thead><tr>";
  for (const Heading& h : headings)
    out += "<th scope=\"col\"" + (h.title.empty() ? "" : " title=\"" + html_text(h.title) + "\"") + ">" +
           html_text(h.name) + "</th>";
  out += "</tr></thead><tbody>";
  for (const auto& [name, cells] : rows) {
    out += "<tr><th scope=\"row\">" + html_text(name) + "</th>";
    for (const Cell& c : cells)
      out += "<td" + (c.value ? " data-v=\"" + detail::to_text(*c.value) + "\"" : std::string()) + ">" +
             html_text(c.text) + "</td>";
    out += "</tr>";
  }
  return out + "</tbody></table></div>";
}

/// `table` without the columns in which no row has anything. `headings`: of the name and of each cell.
inline std::string filled_table(const std::string& id, const std::string& caption, const std::vector<Heading>& headings,
                                std::vector<std::pair<std::string, std::vector<Cell>>> rows) {
  std::vector<Heading> own{headings.front()};
  std::vector<bool> has(headings.size() - 1, false);
  for (const auto& [name, cells] : rows)
    for (std::size_t i = 0; i < cells.size(); ++i) has[i] = has[i] || cells[i].text != nothing.text;
  for (std::size_t i = 0; i < has.size(); ++i)
    if (has[i]) own.push_back(headings[i + 1]);
  for (auto& [name, cells] : rows) {
    std::vector<Cell> some;
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (has[i]) some.push_back(std::move(cells[i]));
    cells = std::move(some);
  }
  return table(id, caption, own, rows);
}

}  // namespace arrcoc
