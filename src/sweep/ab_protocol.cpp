// Two columns, class by class.
#include "arrcoc/sweep/ab_protocol.hpp"

#include <cmath>

#include "arrcoc/balancers/question_kind.hpp"
#include "arrcoc/core/config.hpp"
#include "arrcoc/core/random.hpp"
#include "files/json_parse.hpp"
#include "sweep/csv.hpp"
#include "sweep/scorecards.hpp"
#include "sweep/text_cells.hpp"

namespace arrcoc {
namespace {

using io::Ordered;
constexpr double z80 = 0.8416212335729143;  // the normal distribution's 80 % point

struct Pair {
  const SweepRow* a = nullptr;
  const SweepRow* b = nullptr;
};

std::vector<Pair> pairs_of(const RowList& a, const RowList& b) {
  std::map<std::string_view, const SweepRow*> theirs;
  for (const SweepRow* r : b) theirs.emplace(r->id, r);
  std::vector<Pair> out;
  for (const SweepRow* r : a) {
    const auto at = theirs.find(r->id);
    if (at == theirs.end() || !r->error.empty() || !at->second->error.empty()) continue;
    require_that(r->question == at->second->question, Code::bad_text, "compare",
                 [&] { return "'" + r->id + "' asks two questions: the runs are of different data"; });
    out.push_back({r, at->second});
  }
  require_that(!out.empty(), Code::bad_text, "compare", "expected columns with questions in common, got none");
  return out;
}

/// The first `wanted` in an order that id and seed decide.
void draw(std::vector<Pair>& pairs, Index wanted, std::uint64_t seed) {
  std::vector<std::string> ids;
  for (const Pair& p : pairs) ids.push_back(p.a->id);
  std::vector<Pair> out;
  for (const std::size_t i : ab_order(ids, seed))
    if (static_cast<Index>(out.size()) < wanted) out.push_back(pairs[i]);
  pairs = std::move(out);
}

/// b - a of the share of ink kept; none where no pair has it.
std::optional<measure::Paired> ink_of(const std::vector<Pair>& pairs, const PictureOf& pictures) {
  Scores a, b;
  for (const Pair& p : pairs)
    if (p.a->figures.ink_kept && p.b->figures.ink_kept)
      a[p.a->id] = *p.a->figures.ink_kept, b[p.a->id] = *p.b->figures.ink_kept;
  if (a.empty()) return std::nullopt;
  return paired(b, a, pictures);
}

AbClass class_of(std::string_view name, const std::vector<Pair>& drawn, const PictureOf& pictures) {
  AbClass out;
  out.name = name;
  Scores a, b;
  for (const Pair& p : drawn) {
    out.questions.push_back(
        {p.a->id, p.a->question, p.a->prediction.value_or(""), p.b->prediction.value_or(""), p.a->score, p.b->score});
    if (p.a->score && p.b->score) a[p.a->id] = *p.a->score, b[p.a->id] = *p.b->score;
  }
  const auto any = [](const std::string&) { return true; };
  out.a = share_of(a, pictures, any);
  out.b = share_of(b, pictures, any);
  out.difference = paired(b, a, pictures);
  out.p = out.difference.p_value;
  Scores differences;
  for (const auto& [id, score] : b) differences[id] = score - a.at(id);
  const measure::Spread s = measure::spread_of(by_picture(differences, pictures));
  if (s.variance > 0 && s.effective_n > 0)
    out.detectable = std::min(1.0, (measure::z95 + z80) * std::sqrt(s.variance / s.effective_n));
  out.ink = ink_of(drawn, pictures);
  return out;
}

/// Every class alike; a picture's questions of all classes stand or fall together.
void put_mean(AbProtocol& out, const PictureOf& pictures) {
  double classes = 0;
  for (const AbClass& c : out.classes) classes += c.difference.n > 0;
  if (classes == 0) return;
  double mean = 0;
  std::map<std::string_view, double> parts;  // of each picture: its weighted distances from the class's mean
  for (const AbClass& c : out.classes) {
    if (c.difference.n == 0) continue;
    mean += c.difference.difference / classes;
    for (const AbQuestion& q : c.questions)
      if (q.a && q.b)
        parts[pictures.at(q.id)] +=
            (*q.b - *q.a - c.difference.difference) / (classes * static_cast<double>(c.difference.n));
  }
  out.difference = mean;
  const auto groups = static_cast<double>(parts.size());
  if (parts.size() < 2) return;
  double squares = 0;
  for (const auto& [picture, part] : parts) squares += part * part;
  const double error = std::sqrt(groups / (groups - 1) * squares);
  const auto degrees = static_cast<Index>(parts.size()) - 1;
  if (error > 1e-12) {
    const double half = measure::student95(degrees) * error;
    out.interval = {std::max(-1.0, mean - half), std::min(1.0, mean + half)};
    out.p = 1 - measure::student_within(mean / error, degrees);
    return;
  }
  // Where every question of a class differs alike there is no spread to take: the classes' own intervals, adjusted for
  // that, as if they erred together; and signs by picture.
  out.interval = {0, 0};
  for (const AbClass& c : out.classes)
    if (c.difference.n > 0) {
      out.interval.low += c.difference.interval.low / classes;
      out.interval.high += c.difference.interval.high / classes;
    }
  out.p = mean == 0 ? 1.0 : std::exp2(1.0 - groups);
}

}  // namespace

std::string_view ab_class(const SweepRow& row) {
  if (asks_nothing(row.kind)) return "vague";
  switch (read_question(row.question).kind) {
    case QuestionKind::count: return "counting";
    case QuestionKind::detail: return "detail";
    case QuestionKind::describe: return "vague";
    case QuestionKind::vague: return row.figures.recall ? "specific" : "vague";
    case QuestionKind::unusual:
    case QuestionKind::specific: break;
  }
  return "specific";
}

std::vector<std::size_t> ab_order(const std::vector<std::string>& ids, std::uint64_t seed) {
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t i = 0; i < ids.size(); ++i) order.emplace_back(derive_seed(seed, ids[i]), i);
  std::sort(order.begin(), order.end(), [&](const auto& x, const auto& y) {
    return x.first != y.first ? x.first < y.first : ids[x.second] < ids[y.second];
  });
  std::vector<std::size_t> out;
  for (const auto& [at, i] : order) out.push_back(i);
  return out;
}

AbProtocol ab_protocol(const std::vector<SweepRow>& a, const std::vector<SweepRow>& b, Index wanted,
                       std::uint64_t seed) {
  const auto list = [](const std::vector<SweepRow>& rows) {
    RowList out;
    for (const SweepRow& r : rows) out.push_back(&r);
    return out;
  };
  return ab_protocol(list(a), list(b), wanted, seed);
}

AbProtocol ab_protocol(const RowList& a, const RowList& b, Index wanted, std::uint64_t seed) {
  require_that(wanted > 0, Code::bad_usage, "compare", "--per-class: expected at least one question");
  std::map<std::string_view, std::vector<Pair>> classes;
  PictureOf pictures;
  for (const Pair& p : pairs_of(a, b)) {
    classes[ab_class(*p.a)].push_back(p);
    note_picture(pictures, *p.a);
  }
  AbProtocol out;
  out.wanted = wanted;
  out.seed = seed;
  out.a = column_label(*a.front());
  out.b = column_label(*b.front());
  for (const std::string_view name : ab_classes) {
    std::vector<Pair>& own = classes[name];
    const auto there = static_cast<Index>(own.size());
    draw(own, wanted, seed);
    out.classes.push_back(class_of(name, own, pictures));
    out.classes.back().there = there;
  }
  std::vector<AbClass*> scored;
  for (AbClass& c : out.classes)
    if (c.difference.n > 0) scored.push_back(&c);
  holm(scored, [](AbClass* c) -> double& { return c->p; });
  put_mean(out, pictures);
  return out;
}

std::string ab_table(const AbProtocol& t) {
  std::string out = "A: " + t.a + "\nB: " + t.b + "\n\n" + "class     questions  scored    A %    B %   B - A" +
                    cell("95 %", 16) + cell("p (Holm)", 10) + cell("detectable", 12) + cell("ink, B - A", 12) + "\n";
  bool few = false;
  for (const AbClass& c : t.classes) {
    few = few || static_cast<Index>(c.questions.size()) < t.wanted;
    out += c.name + std::string(10 - c.name.size(), ' ') + cell(std::to_string(c.questions.size()), 9) +
           cell(std::to_string(c.difference.n), 8);
    const bool any = c.difference.n > 0;
    out += cell(c.a ? percent(c.a->accuracy()) : "-", 7) + cell(c.b ? percent(c.b->accuracy()) : "-", 7) +
           cell(any ? percent(c.difference.difference) : "-", 8) + cell(any ? range(c.difference.interval) : "-", 16) +
           cell(any ? fixed(c.p, 3) : "-", 10) + cell(c.detectable ? percent(*c.detectable) : "-", 12) +
           cell(c.ink ? percent(c.ink->difference) : "-", 12) + "\n";
  }
  if (t.difference)
    out += "mean of the classes" + std::string(22, ' ') + cell(percent(*t.difference), 8) +
           cell(range(t.interval), 16) + cell(fixed(t.p, 3), 10) + "\n";
  if (few) {
    out += "\nfewer than " + std::to_string(t.wanted) + " of a class:";
    for (const AbClass& c : t.classes)
      if (static_cast<Index>(c.questions.size()) < t.wanted)
        out += " " + c.name + " " + std::to_string(c.questions.size());
    out += "\n";
  }
  return out;
}

std::string ab_json(const AbProtocol& t) {
  Ordered out{{"a", t.a}, {"b", t.b}, {"per_class", t.wanted}, {"seed", t.seed}, {"classes", Ordered::array()}};
  for (const AbClass& c : t.classes) {
    Ordered j{{"class", c.name}, {"there", c.there}, {"drawn", c.questions.size()}};
    if (c.a && c.b) {
      j["a"] = share_json(*c.a);
      j["b"] = share_json(*c.b);
      j["difference"] = paired_json(c.difference);
      j["p_holm"] = c.p;
    }
    if (c.detectable) j["detectable"] = *c.detectable;
    if (c.ink) j["ink_kept"] = paired_json(*c.ink);
    j["ids"] = Ordered::array();
    for (const AbQuestion& q : c.questions) j["ids"].push_back(q.id);
    out["classes"].push_back(std::move(j));
  }
  if (t.difference)
    out["mean"] = {{"difference", *t.difference}, {"low", t.interval.low}, {"high", t.interval.high}, {"p", t.p}};
  return io::json_text(out, 2) + "\n";
}

std::string ab_csv(const AbProtocol& t) {
  std::string out = "class,id,question,answer_a,answer_b,score_a,score_b\n";
  const auto score = [](const std::optional<double>& x) { return x ? detail::to_text(*x) : std::string(); };
  for (const AbClass& c : t.classes)
    for (const AbQuestion& q : c.questions)
      out += c.name + "," + csv_field(q.id) + "," + csv_field(q.question) + "," + csv_field(q.prediction_a) + "," +
             csv_field(q.prediction_b) + "," + score(q.a) + "," + score(q.b) + "\n";
  return out;
}

}  // namespace arrcoc
