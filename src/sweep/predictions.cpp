#include "arrcoc/sweep/predictions.hpp"

#include <algorithm>
#include <set>

#include "files/dataset_parts.hpp"
#include "files/json_parse.hpp"

namespace arrcoc {
namespace {

using io::Ordered;
using RowById = std::map<std::string, const SweepRow*, std::less<>>;

constexpr std::string_view no_answer = "Failed to obtain answer via API.";  // what VLMEvalKit writes and looks for

/// An id as the number it was, where it can have been one.
Ordered id_json(const std::string& id) {
  const bool number = !id.empty() && id.size() <= 18 && id.find_first_not_of("0123456789") == id.npos &&
                      (id.size() == 1 || id[0] != '0');
  return number ? Ordered(std::stoll(id)) : Ordered(id);
}

/// One text as it is, several as a list that Python reads.
std::string listed(const std::vector<std::string>& texts) {
  return texts.size() == 1 ? texts[0] : io::json_text(Ordered(texts));
}

std::string prediction_cell(const SweepRow& r) { return io::tsv_cell(r.prediction ? *r.prediction : no_answer); }

/// Every column of the source but the picture, and the prediction.
std::string copied_tsv(const RowById& rows, const std::filesystem::path& source) {
  io::TsvReader tsv(source);
  std::vector<io::TsvCell> row;
  Index line = 0;
  if (!tsv.next(row, line)) return {};
  std::size_t image = SIZE_MAX, index = 0;
  std::string out;
  const std::size_t wide = row.size();
  for (std::size_t i = 0; i < wide; ++i) {
    if (row[i].text == "image") image = i;
    else if (row[i].text != "prediction") out += io::tsv_cell(row[i].text) + "\t";
    if (row[i].text == "index") index = i;
  }
  std::vector<bool> written(wide, true);
  for (std::size_t i = 0; i < wide; ++i) written[i] = i != image && row[i].text != "prediction";
  out += "prediction\n";
  while (tsv.next(row, line, image)) {
    if (row.size() != wide) continue;
    const auto at = rows.find(row[index].text);
    if (at == rows.end()) continue;
    for (std::size_t i = 0; i < wide; ++i)
      if (written[i]) out += io::tsv_cell(row[i].text) + "\t";
    out += prediction_cell(*at->second) + "\n";
  }
  return out;
}

std::string made_tsv(const std::vector<SweepRow>& rows, const std::map<std::string, const io::Sample*>& samples) {
  std::size_t options = 0;
  bool hints = false, categories = false;
  for (const auto& [id, s] : samples) {
    options = std::max(options, s->options.size());
    hints = hints || !s->hint.empty();
    categories = categories || !s->category.empty();
  }
  std::string out = std::string("index\t") + (hints ? "hint\t" : "") + "question\t";
  for (std::size_t i = 0; i < options; ++i) out += std::string(1, static_cast<char>('A' + i)) + "\t";
  out += std::string("answer\t") + (categories ? "category\t" : "") + "prediction\n";
  for (const SweepRow& r : rows) {
    const auto at = samples.find(r.id);
    const io::Sample none, &s = at == samples.end() ? none : *at->second;
    out += io::tsv_cell(r.id) + "\t";
    if (hints) out += io::tsv_cell(s.hint) + "\t";
    out += io::tsv_cell(at == samples.end() ? r.question : s.question) + "\t";
    for (std::size_t i = 0; i < options; ++i)
      out += io::tsv_cell(i < s.options.size() ? s.options[i] : std::string()) + "\t";
    out += io::tsv_cell(listed(r.answers)) + "\t";
    if (categories) out += io::tsv_cell(s.category) + "\t";
    out += prediction_cell(r) + "\n";
  }
  return out;
}

}  // namespace

std::vector<SweepRow> rows_of_column(std::vector<SweepRow> rows, const std::string& label, std::string_view verb,
                                     std::string_view flag) {
  std::vector<std::string> labels;
  for (const SweepRow& r : rows)
    if (std::find(labels.begin(), labels.end(), column_label(r)) == labels.end()) labels.push_back(column_label(r));
  std::string known;
  for (const std::string& l : labels) known += (known.empty() ? "" : ", ") + l;
  const std::string wanted = label.empty() && labels.size() == 1 ? labels.front() : label;
  require_that(std::find(labels.begin(), labels.end(), wanted) != labels.end(), Code::bad_usage, verb, [&] {
    return std::string(flag) + ": expected one of " + known + (label.empty() ? ", got none" : ", got '" + label + "'");
  });
  std::erase_if(rows, [&](const SweepRow& r) { return column_label(r) != wanted; });
  return rows;
}

std::string predictions_text(const std::vector<SweepRow>& rows, std::string_view form, const std::string& model,
                             const io::Dataset* data) {
  require_that(std::find(std::begin(prediction_forms), std::end(prediction_forms), form) != std::end(prediction_forms),
               Code::bad_usage, "convert",
               [&] { return "--to: expected vlmevalkit, lmms, llava or vqa2, got '" + std::string(form) + "'"; });
  std::map<std::string, const io::Sample*> samples;
  if (data != nullptr)
    for (const io::Sample& s : data->samples) samples.emplace(s.id, &s);
  if (form == "vlmevalkit") {
    if (data == nullptr || data->format != "vlmevalkit") return made_tsv(rows, samples);
    RowById by_id;
    for (const SweepRow& r : rows) by_id.emplace(r.id, &r);
    return copied_tsv(by_id, data->file);
  }
  std::string out;
  Ordered results = Ordered::array();
  Index number = 0;
  for (const SweepRow& r : rows) {
    const std::string text = r.prediction.value_or("");
    if (form == "vqa2") {
      results.push_back({{"question_id", id_json(r.id)}, {"answer", text}});
    } else if (form == "llava") {
      out += io::json_text(Ordered{{"question_id", id_json(r.id)},
                                   {"prompt", r.question},
                                   {"text", text},
                                   {"answer_id", io::hex16(io::fnv1a(r.key))},
                                   {"model_id", model},
                                   {"metadata", Ordered::object()}}) +
             "\n";
    } else {
      Ordered doc{{"id", id_json(r.id)}, {"question", r.question}, {"answers", r.answers}, {"images", r.images}};
      if (const auto at = samples.find(r.id); at != samples.end()) {
        doc["question"] = at->second->question;
        if (!at->second->options.empty()) doc["options"] = at->second->options;
        if (!at->second->category.empty()) doc["category"] = at->second->category;
      }
      Ordered j{{"doc_id", number++},
                {"doc", doc},
                {"target", listed(r.answers)},
                {"input", r.question},
                {"resps", {{text}}},
                {"filtered_resps", {text}},
                {"doc_hash", io::hex16(io::fnv1a(io::json_text(doc)))}};
      j[r.metric] = r.score ? Ordered(*r.score) : Ordered(nullptr);
      out += io::json_text(j) + "\n";
    }
  }
  return form == "vqa2" ? io::json_text(results, 2) + "\n" : out;
}

}  // namespace arrcoc
