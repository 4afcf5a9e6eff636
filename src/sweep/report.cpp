// The page: its static part, then questions as data that a script draws when they are wanted.
#include "arrcoc/sweep/report.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "arrcoc/core/random.hpp"
#include "arrcoc/io/atomic_file.hpp"
#include "arrcoc/pipeline/clip.hpp"
#include "arrcoc/sweep/run_folder.hpp"
#include "files/json_util.hpp"
#include "report_assets.hpp"
#include "sweep/base64.hpp"
#include "sweep/clip_sheet.hpp"
#include "sweep/kept_maps.hpp"
#include "sweep/report_parts.hpp"
#include "sweep/report_pictures.hpp"
#include "sweep/row_scores.hpp"
#include "sweep/run_units.hpp"

namespace arrcoc {
namespace {

namespace fs = std::filesystem;
using io::Ordered;

/// A question's rows: [first, last) of the run's, [from, to) bytes of rows.jsonl.
struct Question {
  std::size_t first = 0, last = 0;
  std::int64_t from = 0, to = 0;
  Index unit = -1;
};

std::vector<Question> questions_of(const fs::path& run, const std::vector<SweepRow>& rows) {
  std::vector<Index> units;  // of each row
  std::error_code e;
  if (fs::exists(run / "units.jsonl", e))
    for (const UnitDone& u : read_units(run, read_record(run)).done)
      units.insert(units.end(), static_cast<std::size_t>(u.rows), u.unit);
  std::ifstream lines(run / "rows.jsonl", std::ios::binary);
  std::vector<Question> out;
  std::int64_t at = 0;
  std::string line;
  for (std::size_t i = 0; i < rows.size() && std::getline(lines, line); ++i) {
    if (i == 0 || rows[i].id != rows[i - 1].id) out.push_back({i, i, at, at, i < units.size() ? units[i] : Index{-1}});
    at += static_cast<std::int64_t>(line.size()) + 1;
    out.back().last = i + 1;
    out.back().to = at;
  }
  return out;
}

/// Two columns, the leaks of oracles apart, of which one is right and one is wrong.
bool disagree(const std::vector<SweepRow>& rows, const Question& q) {
  bool right = false, wrong = false;
  for (std::size_t i = q.first; i < q.last; ++i) {
    const SweepRow& r = rows[i];
    if (!r.score || leaks(r.pipeline)) continue;
    (*r.score >= 0.5 ? right : wrong) = true;
  }
  return right && wrong;
}

/// Those of the sample, then those on which columns disagree; both in an order drawn with the seed.
std::vector<std::size_t> candidates(const std::vector<SweepRow>& rows, const std::vector<Question>& questions,
                                    const ReportChoice& choice) {
  std::vector<std::size_t> order(questions.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Rng(derive_seed(choice.seed, "report")).shuffle(order);
  const auto drawn = order.begin() + std::min<std::ptrdiff_t>(std::ssize(order), choice.questions);
  const auto end =
      std::stable_partition(drawn, order.end(), [&](std::size_t q) { return disagree(rows, questions[q]); });
  order.erase(end, order.end());
  return order;
}

/// What a run was asked, by name.
Ordered asked_of(const std::vector<std::pair<std::string, std::string>>& head) {
  for (const auto& [name, json] : head)
    if (name == "run") return io::own_json(json).value("asked", Ordered::object());
  return Ordered::object();
}

/// As the run decoded them.
io::DecodeOptions decode_of(const std::vector<std::pair<std::string, std::string>>& head) {
  io::DecodeOptions out;
  const Ordered asked = asked_of(head);
  const std::string alpha = asked.value("alpha", "white");
  out.exif = asked.value("exif", false);
  out.alpha = alpha == "drop" ? io::Alpha::drop : alpha == "rgba" ? io::Alpha::rgba : io::Alpha::white;
  return out;
}
io::ClipOptions clips_of(const std::vector<std::pair<std::string, std::string>>& head) {
  io::ClipOptions out;
  out.alpha = decode_of(head).alpha;
  out.frames_per_second = asked_of(head).value("clip.fps", 0.0);
  return out;
}

/// The lines of units' maps by key; some stay, as questions about one picture are drawn apart from each other.
class Maps {
 public:
  explicit Maps(fs::path run) : run_(std::move(run)) {}
  const io::Json* of(Index unit, const std::string& key) {
    const Unit& own = unit_of(unit);
    const auto at = own.lines.find(key);
    return at == own.lines.end() ? nullptr : &at->second;
  }
  /// Textures of a unit, by their places; null: there is none.
  const io::Json* texture(Index unit, std::size_t place) {
    const std::vector<io::Json>& all = unit_of(unit).textures;
    return place < all.size() ? &all[place] : nullptr;
  }

 private:
  struct Unit {
    std::map<std::string, io::Json> lines;
    std::vector<io::Json> textures;
  };
  const Unit& unit_of(Index unit) {
    if (units_.size() >= 32 && !units_.contains(unit)) units_.clear();
    const auto [at, fresh] = units_.try_emplace(unit);
    if (fresh) read(unit, at->second);
    return at->second;
  }
  void read(Index unit, Unit& own) const {
    std::error_code e;
    const fs::path file = maps_file(run_, unit);
    if (unit < 0 || !fs::exists(file, e)) return;
    std::ifstream in(file, std::ios::binary);
    Index number = 0;
    for (std::string line; std::getline(in, line);) {
      io::Json json = io::parse_json(line, Code::bad_text, file.string() + ", line " + std::to_string(++number));
      std::string key = json.is_object() ? json.value("key", std::string()) : std::string();
      if (json.is_object() && json.contains("textures"))
        for (io::Json& texture : json["textures"]) own.textures.push_back(std::move(texture));
      own.lines.emplace(std::move(key), std::move(json));
    }
  }
  fs::path run_;
  std::map<Index, Unit> units_;
};

/// Equal maps of a question's columns stand once, and are named by their place; so do textures, whose maps are
/// channels.
class MapTable {
 public:
  /// What a decision saw, of a clip as its sheet has it. `texture_at`: a texture by its place in the unit.
  template <class F>
  void take(io::Json& seen, F&& texture_at) {
    if (!seen.is_object()) return;
    if (seen.contains("texture")) {
      const io::Json* texture =
          seen["texture"].is_number_unsigned() ? texture_at(seen["texture"].get<std::size_t>()) : nullptr;
      if (texture == nullptr || !texture->is_object()) seen.erase("texture");
      else seen["texture"] = texture_place(seen.contains("frames") ? on_sheet(*texture, seen) : *texture);
    }
    lay_out(seen);
    if (seen.contains("maps"))
      for (io::Json& map : seen["maps"]) map = place_of(map);
    if (seen.contains("relevance")) seen["relevance"] = place_of(seen["relevance"]);
  }
  const Ordered& maps() const { return maps_; }
  const Ordered& textures() const { return textures_; }

 private:
  /// A texture of all tokens of a clip.
  static io::Json on_sheet(io::Json texture, const io::Json& seen) {
    for (const char* key : {"frames", "grid"}) texture[key] = seen.at(key);
    lay_out(texture);
    return texture;
  }
  std::size_t texture_place(const io::Json& texture) {
    const auto [at, fresh] = texture_places_.try_emplace(io::json_text(texture), texture_places_.size());
    if (!fresh) return at->second;
    Ordered own{{"channels", Ordered(texture.value("channels", io::Json::array()))}, {"maps", Ordered::array()}};
    for (const io::Json& map : texture.value("maps", io::Json::array())) own["maps"].push_back(place_of(map));
    textures_.push_back(std::move(own));
    return at->second;
  }
  std::size_t place_of(const io::Json& map) {
    const auto [at, fresh] = places_.try_emplace(io::json_text(map), maps_.size());
    if (fresh) maps_.push_back(Ordered(map));
    return at->second;
  }
  std::map<std::string, std::size_t> places_, texture_places_;
  Ordered maps_ = Ordered::array(), textures_ = Ordered::array();
};

/// What is drawn of a question, out of its rows' lines.
class Details {
 public:
  Details(const fs::path& run, const io::Dataset* data, const std::map<std::string, std::size_t>& columns,
          Pictures& pictures)
      : rows_(run / "rows.jsonl", std::ios::binary), maps_(run), columns_(columns), pictures_(pictures) {
    if (data != nullptr)
      for (const io::Sample& s : data->samples) samples_.emplace(s.id, &s);
  }

  /// Elements of the page: new pictures, and the question.
  std::string elements(const Question& q, std::size_t number, const std::string& id) {
    std::string out;
    Ordered json{{"pictures", Ordered::array()}, {"boxes", Ordered::array()}};
    const auto at = samples_.find(id);
    const bool clip = at != samples_.end() && at->second->clip;
    if (at != samples_.end() && !clip) put_pictures(*at->second, json, out);
    MapTable table;
    Ordered columns = Ordered::object();
    rows_.clear();
    rows_.seekg(q.from);
    std::string line;
    for (std::size_t i = q.first; i < q.last && std::getline(rows_, line); ++i) {
      const io::Json row = io::parse_json(line, Code::bad_text, "rows.jsonl", 1'000'000);
      const std::string key = row.value("key", std::string());
      if (clip && json["pictures"].empty() && row.contains("clips")) put_clip(*at->second, row["clips"][0], json, out);
      const auto column = columns_.find(key.substr(std::min(key.size(), id.size() + 1)));
      if (column == columns_.end()) continue;
      columns[std::to_string(column->second)] = column_json(row, maps_.of(q.unit, key), [&](io::Json& seen) {
        table.take(seen, [&](std::size_t place) { return maps_.texture(q.unit, place); });
      });
    }
    json["columns"] = std::move(columns);
    json["maps"] = table.maps();
    if (!table.textures().empty()) json["textures"] = table.textures();
    return out + "<script type=\"application/json\" id=\"q-" + std::to_string(number) + "\">" + script_json(json) +
           "</script>\n";
  }

 private:
  void put_pictures(const io::Sample& s, Ordered& json, std::string& out) {
    for (std::size_t p = 0; p < s.images.size(); ++p) {
      const Pictures::Shown shown = pictures_.show(s.images[p], s.image_names[p], out);
      Ordered boxes = Ordered::array();
      if (!shown.element.empty() && p < s.boxes.size())
        for (const Box& b : s.boxes[p]) {
          const auto h = static_cast<double>(shown.height), w = static_cast<double>(shown.width);
          boxes.push_back({b.row0 / h, b.col0 / w, b.row1 / h, b.col1 / w});
        }
      json["pictures"].push_back({{"id", shown.element}, {"size", {shown.height, shown.width}}});
      json["boxes"].push_back(std::move(boxes));
    }
  }

  void put_clip(const io::Sample& s, const io::Json& clip, Ordered& json, std::string& out) {
    const auto frames = clip.at("frames").get<std::vector<Index>>();
    const auto pairs = std::max<Index>(1, std::ssize(clip.at("seconds"))), slots = slots_of(std::ssize(frames), pairs);
    const Pictures::Shown shown = pictures_.show_clip(s, frames, slots, out);
    const auto [across, down] = sheet_shape(pairs);
    Ordered boxes = Ordered::array();
    for (const Box& b : boxes_of_pairs(s.boxes[0], frames, slots)) {
      if (shown.element.empty() || b.frame < 0) continue;
      const auto h = static_cast<double>(shown.height), w = static_cast<double>(shown.width),
                 row = static_cast<double>(b.frame / across), col = static_cast<double>(b.frame % across),
                 tall = static_cast<double>(down), wide = static_cast<double>(across);
      boxes.push_back(
          {(row + b.row0 / h) / tall, (col + b.col0 / w) / wide, (row + b.row1 / h) / tall, (col + b.col1 / w) / wide});
    }
    json["pictures"].push_back({{"id", shown.element}, {"size", {shown.height * down, shown.width * across}}});
    json["boxes"].push_back(std::move(boxes));
  }

  /// take(what a decision saw of a picture): its maps become places.
  template <class F>
  static Ordered column_json(const io::Json& row, const io::Json* kept, F&& take) {
    Ordered out = Ordered::object();
    for (const char* key : {"name", "stopped", "loyal", "extracted", "clamped", "depth", "tokens", "kept"})
      if (row.contains(key)) out[key] = row[key];
    if (row.contains("costs"))
      for (const char* key : {"token_layers", "deepstack_additions", "prefill_flops", "evidence_flops", "kv_bytes"})
        if (row["costs"].contains(key)) out["costs"][key] = row["costs"][key];
    if (kept != nullptr) {
      io::Json own = *kept;
      if (own.contains("decisions"))
        for (io::Json& decision : own["decisions"])
          if (decision.contains("pictures"))
            for (io::Json& seen : decision["pictures"]) take(seen);
      if (own.contains("pictures"))
        for (io::Json& picture : own["pictures"]) lay_out(picture);
      for (const char* key : {"on_square", "pictures", "decisions"})
        if (own.contains(key)) out[key] = own[key];
      return out;
    }
    if (!row.contains("grids")) return out;
    for (std::size_t p = 0; p < row["grids"].size(); ++p) {  // --kept alone
      io::Json picture{{"grid", row["grids"][p]}};
      if (row.contains("clips") && p < row["clips"].size()) picture["frames"] = row["clips"][p].at("seconds").size();
      if (row.contains("kept_tokens") && p < row["kept_tokens"].size()) picture["kept"] = row["kept_tokens"][p];
      lay_out(picture);
      out["pictures"].push_back(Ordered(picture));
    }
    return out;
  }

  std::ifstream rows_;
  Maps maps_;
  const std::map<std::string, std::size_t>& columns_;
  Pictures& pictures_;
  std::map<std::string, const io::Sample*> samples_;
};

template <class F>
std::map<std::string, std::size_t> numbered(const std::vector<SweepRow>& rows, std::vector<std::string>& names, F&& f) {
  std::map<std::string, std::size_t> out;
  for (const SweepRow& r : rows)
    if (out.try_emplace(f(r), out.size()).second) names.push_back(f(r));
  return out;
}

}  // namespace

ReportFacts write_report(const fs::path& run, const io::Dataset* data, const ReportChoice& choice,
                         const std::function<void(std::string_view)>& out) {
  require_that(choice.questions >= 0 && choice.most_bytes >= 0 && choice.picture_side >= 16, Code::bad_usage, "report",
               "expected counts of at least 0, and pictures of at least 16 px");
  const std::vector<SweepRow> rows = read_rows(run.string());
  ReportFacts facts;
  facts.tables = report_tables(run, rows);
  const ReportTables& tables = facts.tables;
  const auto put = [&](std::string_view part) {
    out(part);
    facts.bytes += static_cast<std::int64_t>(part.size());
  };
  put("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'; script-src '" +
      std::string(report_script_hash) + "'" +
      (plots_script.empty() ? std::string() : " '" + std::string(plots_script_hash) + "'") + "\"><title>" +
      html_text(tables.title) + "</title><style>");
  put(plots_style);
  put(report_style);
  put("</style></head><body>");
  put(static_part(tables, !plots_script.empty()));
  const std::vector<Question> questions = questions_of(run, rows);
  facts.questions = static_cast<Index>(questions.size());
  std::vector<std::string> column_names, scenario_names;
  const auto columns = numbered(rows, column_names, column_label);
  const auto scenarios = numbered(rows, scenario_names, [](const SweepRow& r) { return r.scenario; });
  Pictures pictures(choice.picture_side, decode_of(tables.head), clips_of(tables.head));
  Details details(run, data, columns, pictures);
  std::set<std::size_t> drawn;
  std::int64_t spent = 0;
  const std::vector<std::size_t> wanted = candidates(rows, questions, choice);
  for (const std::size_t q : wanted) {
    const std::string part = details.elements(questions[q], q, rows[questions[q].first].id);
    spent += static_cast<std::int64_t>(part.size());
    if (spent > choice.most_bytes) break;
    put(part);
    drawn.insert(q);
    facts.pictures = pictures.count();
    facts.missing = pictures.missing();
  }
  facts.drawn = static_cast<Index>(drawn.size());
  std::vector<std::span<const SweepRow>> each;
  for (const Question& q : questions) each.push_back(std::span(rows).subspan(q.first, q.last - q.first));
  put("<script type=\"application/json\" id=\"rows\">[");
  for (std::size_t q = 0; q < questions.size(); ++q)
    put((q == 0 ? "" : ",\n") + list_line(each[q], columns, scenarios, drawn.contains(q)));
  put("]</script>\n<script type=\"application/json\" id=\"facts\">" +
      script_json({{"columns", column_names},
                   {"scenarios", scenario_names},
                   {"wanted", wanted.size()},
                   {"drawn", facts.drawn},
                   {"pictures", facts.pictures},
                   {"missing", facts.missing},
                   {"most_bytes", choice.most_bytes},
                   {"seed", choice.seed}}) +
      "</script>\n<script type=\"application/json\" id=\"protocol\">" + script_json(protocol_json(each, columns)) +
      "</script>\n");
  if (!plots_script.empty()) {
    put("<script type=\"application/json\" id=\"plots-data\">" + script_json(plots_json(tables)) +
        "</script>\n<script>");
    put(plots_script);
    put("</script>\n");
  }
  put("<script>");
  put(report_script);
  put("</script></body></html>\n");
  return facts;
}

}  // namespace arrcoc
