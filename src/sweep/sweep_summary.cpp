// Rows to shares, intervals and differences; tables of them.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "arrcoc/sweep/sweep.hpp"

namespace arrcoc {
namespace {

using Ordered = nlohmann::ordered_json;
using Rows = std::vector<const SweepRow*>;
using Scores = std::map<std::string, double, std::less<>>;  // question id -> 0, 1, or a mean over seeds

/// "pipeline@budget depth" without the seed.
std::string column_of(const SweepRow& r) { return r.pipeline + "\n" + r.budget + "\n" + r.depth; }

Scores scores_of(const Rows& rows) {
  std::map<std::string, std::pair<double, Index>, std::less<>> sums;
  for (const SweepRow* r : rows)
    if (r->score) {
      auto& [sum, n] = sums[r->id];
      sum += *r->score;
      ++n;
    }
  Scores out;
  for (const auto& [id, sum] : sums) out[id] = sum.first / static_cast<double>(sum.second);
  return out;
}

/// Question id -> what it shares with the other questions about its pictures.
using Pictures = std::map<std::string, std::string, std::less<>>;
void note_picture(Pictures& pictures, const SweepRow& r) {
  std::string& key = pictures[r.id];
  if (!key.empty()) return;
  for (const std::string& image : r.images) key += image + "\n";
  if (r.images.empty()) key = r.id;
}

/// Scores by picture.
std::vector<measure::PictureScores> by_picture(const Scores& scores, const Pictures& pictures) {
  std::map<std::string_view, measure::PictureScores> groups;
  for (const auto& [id, score] : scores) groups[pictures.at(id)].push_back(score);
  std::vector<measure::PictureScores> out;
  for (auto& [picture, own] : groups) out.push_back(std::move(own));
  return out;
}

template <class Wanted>
std::optional<Share> share_of(const Scores& scores, const Pictures& pictures, Wanted&& wanted) {
  Scores own;
  Share s;
  for (const auto& [id, score] : scores) {
    if (!wanted(id)) continue;
    own.emplace_hint(own.end(), id, score);
    ++s.n;
    s.right += score;
  }
  if (s.n == 0) return std::nullopt;
  s.effective_n = measure::spread_of(by_picture(own, pictures)).effective_n;
  s.interval = measure::wilson(std::min(1.0, s.accuracy()) * s.effective_n, s.effective_n);
  return s;
}

measure::Paired paired(const Scores& first, const Scores& second, const Pictures& pictures) {
  Scores differences;
  for (const auto& [id, score] : first)
    if (const auto other = second.find(id); other != second.end()) differences[id] = score - other->second;
  return measure::paired_difference(by_picture(differences, pictures));
}

using Columns = std::map<std::string, Rows>;  // column -> its rows, all seeds

SweepGroup group_of(const Rows& rows, const std::string& seed, const Columns& columns) {
  const SweepRow& head = *rows.front();
  SweepGroup g;
  g.pipeline = head.pipeline;
  g.name = head.name;
  g.budget = head.budget;
  g.depth = head.depth;
  g.seed = seed;
  g.rows = static_cast<Index>(rows.size());
  const auto rows_of = [&](const std::string& pipeline, const std::string& budget,
                           const std::string& depth) -> const Rows* {
    const auto at = columns.find(pipeline + "\n" + budget + "\n" + depth);
    return at == columns.end() ? nullptr : &at->second;
  };
  const Scores scores = scores_of(rows);
  std::map<std::string, std::string, std::less<>> scenario;
  Pictures pictures;
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
  const Rows* full = rows_of("full", "all", "all");
  if (full == nullptr) full = rows_of("stock", "all", "all");
  if (full != nullptr && full->front() != &head && g.all) {
    const auto p = paired(scores, scores_of(*full), pictures);
    if (p.n > 0) g.to_full = p;
  }
  if (const Rows* small = rows_of("downsample", head.budget, "all");
      small != nullptr && head.pipeline != "downsample") {
    const Scores theirs = scores_of(*small);
    g.where_downsample_fails = share_of(scores, pictures, [&](const std::string& id) {
      const auto at = theirs.find(id);
      return at != theirs.end() && at->second == 0;
    });
  }
  const Rows *blank = rows_of(head.pipeline + "_blank", head.budget, head.depth),
             *other = rows_of(head.pipeline + "_other", head.budget, head.depth);
  if (blank != nullptr && other != nullptr) {
    const Scores one = scores_of(*blank), two = scores_of(*other);
    Scores beyond;  // questions that have both rows
    for (const auto& [id, score] : scores)
      if (one.contains(id) && two.contains(id))
        beyond[id] = one.find(id)->second == 0 && two.find(id)->second == 0 ? score : 0;
    g.beyond_leaks = share_of(beyond, pictures, [](const std::string&) { return true; });
  }
  std::vector<std::pair<std::string, Share>> figures;
  for (const SweepRow* r : rows) {
    const Costs& c = r->costs;
    g.kept += static_cast<double>(r->kept);
    g.visual_tokens += static_cast<double>(c.visual_tokens_before);
    g.sequence_length += static_cast<double>(c.sequence_length);
    g.deepstack_additions += static_cast<double>(c.deepstack_additions);
    g.prefill_flops += c.prefill_flops;
    g.kv_bytes += c.kv_bytes;
    g.legacy_effective_tokens += static_cast<double>(c.legacy_effective_tokens);
    for (const auto& [name, value] : figures_of(*r)) {
      auto at = std::find_if(figures.begin(), figures.end(), [&n = name](const auto& f) { return f.first == n; });
      if (at == figures.end()) at = figures.insert(figures.end(), {std::string(name), Share{}});
      ++at->second.n;
      at->second.right += value;
    }
  }
  for (double* mean : {&g.kept, &g.visual_tokens, &g.sequence_length, &g.deepstack_additions, &g.prefill_flops,
                       &g.kv_bytes, &g.legacy_effective_tokens})
    *mean /= static_cast<double>(g.rows);
  g.figures = std::move(figures);
  return g;
}

std::string percent(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", 100 * x);
  return text;
}
std::string cell(const std::string& text, int width) {
  const auto n = static_cast<int>(text.size());
  return width < 0 ? text + std::string(static_cast<std::size_t>(std::max(0, -width - n)), ' ')
                   : std::string(static_cast<std::size_t>(std::max(0, width - n)), ' ') + text;
}
std::string title(const SweepGroup& g) {
  return g.pipeline + (g.budget == "all" ? "" : "@" + g.budget) + (g.depth == "all" ? "" : " depth=" + g.depth) +
         (g.seed == "0"      ? ""
          : g.seed == "mean" ? " (mean of seeds)"
                             : " seed=" + g.seed);
}
std::string short_number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", x);
  return text;
}

Ordered share_json(const Share& s) {
  return {{"n", s.n},
          {"n_effective", s.effective_n},
          {"right", s.right},
          {"accuracy", s.accuracy()},
          {"low", s.interval.low},
          {"high", s.interval.high}};
}
Ordered paired_json(const measure::Paired& p) {
  return {{"n", p.n},
          {"n_effective", p.effective_n},
          {"only_this", p.only_first},
          {"only_other", p.only_second},
          {"difference", p.difference},
          {"low", p.interval.low},
          {"high", p.interval.high},
          {"p", p.p_value}};
}

}  // namespace

std::vector<SweepGroup> summarise(const std::vector<SweepRow>& rows) {
  Columns columns;
  std::vector<std::string> order;
  for (const SweepRow& r : rows) {
    Rows& mine = columns[column_of(r)];
    if (mine.empty()) order.push_back(column_of(r));
    mine.push_back(&r);
  }
  std::vector<SweepGroup> out;
  for (const std::string& c : order) {
    const Rows& mine = columns.at(c);
    std::map<std::uint64_t, Rows> seeds;
    for (const SweepRow* r : mine) seeds[r->seed].push_back(r);
    for (const auto& [seed, part] : seeds) out.push_back(group_of(part, std::to_string(seed), columns));
    if (seeds.size() > 1) out.push_back(group_of(mine, "mean", columns));
  }
  return out;
}

std::string summary_table(const std::vector<SweepGroup>& groups) {
  std::size_t width = 8;
  for (const SweepGroup& g : groups) width = std::max(width, title(g).size());
  const int w = -static_cast<int>(width);
  std::string out = cell("pipeline", w) + cell("rows", 7) + cell("kept", 8) + cell("of", 8) + cell("right %", 9) +
                    cell("95 %", 14) + cell("- full", 8) + cell("95 %", 14) + cell("recall", 8) + cell("cover", 8) +
                    cell("mass", 8) + cell("AUC", 8) + cell("IoU20", 8) + cell("px", 7) + cell("ink", 8) +
                    cell("hole", 8) + cell("distinct", 9) + "\n";
  for (const SweepGroup& g : groups) {
    char text[64];
    std::snprintf(text, sizeof text, "%7ld%8.1f%8.1f", static_cast<long>(g.rows), g.kept, g.visual_tokens);
    out += cell(title(g), w) + text;
    out += g.all ? cell(percent(g.all->accuracy()), 9) +
                       cell(percent(g.all->interval.low) + ".." + percent(g.all->interval.high), 14)
                 : cell("-", 9) + cell("-", 14);
    out += g.to_full ? cell(percent(g.to_full->difference), 8) +
                           cell(percent(g.to_full->interval.low) + ".." + percent(g.to_full->interval.high), 14)
                     : cell("-", 8) + cell("-", 14);
    for (const auto& [name, columns] : {std::pair{"recall", 8},
                                        {"box_coverage", 8},
                                        {"mass_in_box", 8},
                                        {"auc", 8},
                                        {"iou20", 8},
                                        {"legibility", 7},
                                        {"ink_kept", 8},
                                        {"largest_hole", 8},
                                        {"distinctiveness", 9}}) {
      const auto at =
          std::find_if(g.figures.begin(), g.figures.end(), [&n = name](const auto& f) { return f.first == n; });
      std::snprintf(text, sizeof text, std::string_view(name) == "legibility" ? "%.1f" : "%.3f",
                    at == g.figures.end() ? 0 : at->second.accuracy());
      out += cell(at == g.figures.end() ? "-" : text, columns);
    }
    out += "\n";
    if (g.beyond_leaks)
      out += cell("  right, and wrong in both leak rows", w) + cell("", 23) +
             cell(percent(g.beyond_leaks->accuracy()), 9) +
             cell(percent(g.beyond_leaks->interval.low) + ".." + percent(g.beyond_leaks->interval.high), 14) + "\n";
  }
  // By scenario: one column each.
  std::map<std::string, Index> scenarios;
  for (const SweepGroup& g : groups)
    for (const auto& [name, s] : g.scenarios) scenarios[name] = std::max(scenarios[name], s.n);
  if (scenarios.size() < 2) return out;
  out += "\n" + cell("right % by scenario", w);
  for (const auto& [name, n] : scenarios) out += "  " + cell(name, 7);
  out += "\n" + cell("questions", w);
  for (const auto& [name, n] : scenarios)
    out += "  " + cell(std::to_string(n), static_cast<int>(std::max<std::size_t>(7, name.size())));
  out += "\n";
  for (const SweepGroup& g : groups) {
    if (!g.all) continue;
    out += cell(title(g), w);
    for (const auto& [name, n] : scenarios) {
      const auto at = g.scenarios.find(name);
      out += "  " + cell(at == g.scenarios.end() ? "-" : percent(at->second.accuracy()),
                         static_cast<int>(std::max<std::size_t>(7, name.size())));
    }
    out += "\n";
  }
  return out;
}

std::string summary_csv(const std::vector<SweepGroup>& groups) {
  std::string out = "pipeline,budget,depth,seed,scenario,n,right,accuracy,low,high\n";
  const auto line = [&](const SweepGroup& g, const std::string& scenario, const Share& s) {
    out += g.pipeline + "," + g.budget + "," + g.depth + "," + g.seed + "," + scenario + "," + std::to_string(s.n) +
           "," + detail::to_text(s.right) + "," + detail::to_text(s.accuracy()) + "," +
           detail::to_text(s.interval.low) + "," + detail::to_text(s.interval.high) + "\n";
  };
  for (const SweepGroup& g : groups) {
    if (!g.all) continue;
    line(g, "all", *g.all);
    for (const auto& [name, s] : g.scenarios) line(g, name, s);
  }
  return out;
}

std::string summary_json(const std::vector<SweepGroup>& groups,
                         const std::vector<std::pair<std::string, std::string>>& head) {
  Ordered out;
  for (const auto& [name, json] : head) out[name] = Ordered::parse(json);
  Ordered list = Ordered::array();
  for (const SweepGroup& g : groups) {
    Ordered j{{"pipeline", g.pipeline}, {"name", g.name}, {"budget", g.budget},
              {"depth", g.depth},       {"seed", g.seed}, {"rows", g.rows}};
    if (g.all) j["all"] = share_json(*g.all);
    if (!g.scenarios.empty()) {
      j["scenarios"] = Ordered::object();
      for (const auto& [name, s] : g.scenarios) j["scenarios"][name] = share_json(s);
    }
    if (g.to_full) j["difference_to_full"] = paired_json(*g.to_full);
    if (g.where_downsample_fails) j["where_downsample_fails"] = share_json(*g.where_downsample_fails);
    if (g.beyond_leaks) j["beyond_leaks"] = share_json(*g.beyond_leaks);
    j["means"] = {{"kept", g.kept},
                  {"visual_tokens", g.visual_tokens},
                  {"sequence_length", g.sequence_length},
                  {"deepstack_additions", g.deepstack_additions},
                  {"prefill_flops", g.prefill_flops},
                  {"kv_bytes", g.kv_bytes},
                  {"legacy_effective_tokens", g.legacy_effective_tokens}};
    j["figures"] = Ordered::object();
    for (const auto& [name, s] : g.figures) j["figures"][name] = {{"n", s.n}, {"mean", s.accuracy()}};
    list.push_back(std::move(j));
  }
  out["groups"] = std::move(list);
  return out.dump(2, ' ', false, Ordered::error_handler_t::replace) + "\n";
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
  Pictures pictures;
  for (const SweepRow& r : first) {
    const auto at = theirs.find(r.key);
    if (at == theirs.end() || !r.score || !at->second->score) continue;
    require_that(r.question == at->second->question, Code::bad_text, "compare",
                 [&] { return "'" + r.key + "' asks two questions: the runs are of different data"; });
    const std::string label = r.key.substr(std::min(r.key.size(), r.id.size() + 1));
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

std::string compare_table(const std::vector<ComparedGroup>& groups) {
  std::size_t width = 8;
  for (const ComparedGroup& g : groups) {
    width = std::max(width, g.label.size());
    for (const auto& [name, p] : g.scenarios) width = std::max(width, name.size() + 2);
  }
  const int w = -static_cast<int>(width);
  std::string out = cell("pipeline", w) + cell("questions", 11) + cell("first %", 9) + cell("second %", 10) +
                    cell("difference", 12) + cell("95 %", 14) + cell("p", 8) + "\n";
  const auto difference = [&](const measure::Paired& p) {
    return cell(percent(p.difference), 12) + cell(percent(p.interval.low) + ".." + percent(p.interval.high), 14) +
           cell(short_number(p.p_value), 8) + "\n";
  };
  for (const ComparedGroup& g : groups) {
    out += cell(g.label, w) + cell(std::to_string(g.difference.n), 11) + cell(percent(g.first.accuracy()), 9) +
           cell(percent(g.second.accuracy()), 10) + difference(g.difference);
    if (g.scenarios.size() > 1)
      for (const auto& [name, p] : g.scenarios)
        out += cell("  " + name, w) + cell(std::to_string(p.n), 11) + cell("", 19) + difference(p);
  }
  return out;
}

std::string compare_json(const std::vector<ComparedGroup>& groups) {
  Ordered list = Ordered::array();
  for (const ComparedGroup& g : groups) {
    Ordered j{{"column", g.label},
              {"first", share_json(g.first)},
              {"second", share_json(g.second)},
              {"difference", paired_json(g.difference)}};
    j["scenarios"] = Ordered::object();
    for (const auto& [name, p] : g.scenarios) j["scenarios"][name] = paired_json(p);
    list.push_back(std::move(j));
  }
  return Ordered{{"columns", list}}.dump(2, ' ', false, Ordered::error_handler_t::replace) + "\n";
}

}  // namespace arrcoc
