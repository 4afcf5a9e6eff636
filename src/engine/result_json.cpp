#include "arrcoc/engine/result_json.hpp"

#include "arrcoc/build_info.hpp"
#include "arrcoc/io/chat_template.hpp"
#include "arrcoc/io/config_json.hpp"
#include "arrcoc/pipeline/pair_costs.hpp"
#include "costs_json.hpp"
#include "files/json_util.hpp"
#include "passes_json.hpp"

namespace arrcoc {
namespace {

using Json = io::Ordered;

std::string text_of(const Json& json, int indent) { return io::json_text(json, indent) + "\n"; }

/// float32 as the shortest decimal that reads back to it.
Json number(float f) { return io::own_json(detail::to_text(f)); }

Json build_json() {
  return {{"compiler", build_info.compiler}, {"type", build_info.build_type},   {"machine", build_info.machine},
          {"native", build_info.native},     {"sanitize", build_info.sanitize}, {"eigen", build_info.eigen},
          {"torch", build_info.torch},       {"xtensor", build_info.xtensor}};
}

Json config_json(const std::vector<ConfigField>& fields) { return io::own_json(io::settings_to_json(fields, -1)); }

Json times_json(const std::vector<StageTime>& times) {
  Json out = Json::object();
  for (const StageTime& t : times) out[t.stage] = t.milliseconds;
  return out;
}

Json costs_with_layers(const Costs& c) {
  Json out = costs_json(c), layers = Json::array();
  for (const LayerCost& l : c.layers)
    layers.push_back({{"rows", l.rows}, {"visual", l.visual}, {"flops", l.flops}, {"kv_bytes", l.kv_bytes}});
  out["layers"] = layers;
  return out;
}

/// "select", or the modes of the phases at which the pipeline decides.
std::string mode_of(const AnswerResult& r) {
  std::string out;
  Phase before = Phase::vision;
  for (const DecisionTrace& d : r.decisions) {
    const bool tiers = d.phase == Phase::pixels && !d.pictures.empty() && !d.pictures[0].allocation.regions.empty();
    const std::string_view word = tiers                      ? "tier"
                                  : d.phase == Phase::pixels ? "early"
                                  : d.phase == Phase::vision ? "select"
                                                             : name_of(d.phase);
    if (out.empty() || d.phase != before) out += (out.empty() ? "" : "+") + std::string(word);
    before = d.phase;
  }
  if (!r.reselected.empty()) out += out.empty() ? "reversible" : "+reversible";
  return out.empty() ? "select" : out;
}

/// Of each temporal patch of a clip: its time, the tokens it has, those that were kept, and what they cost.
Json pairs_json(const Allocation& a, const SeenSource& source, const std::vector<PairCost>& costs,
                ClipTimestamps form) {
  Json out = Json::array();
  for (std::size_t f = 0; f < source.pairs.size(); ++f)
    out.push_back({{"frame", f},
                   {"seconds", source.pairs[f]},
                   {"timestamp", io::clip_time_text(source.pairs[f], form)},
                   {"tokens", a.grid().count()},
                   {"kept", costs[f].kept},
                   {"token_layers", costs[f].token_layers},
                   {"prefill_flops", costs[f].prefill_flops},
                   {"kv_bytes", costs[f].kv_bytes}});
  return out;
}

/// Grid, kept tokens with their places and reasons. "budgets": tokens spent at each position; SELECT spends one.
/// `source`: of a clip, for the times of its tokens; else null.
Json allocation_json(const Realized& r, Index levels, const SeenSource* source = nullptr) {
  const Allocation& a = r.allocation;
  Json kept = Json::array(), positions = Json::array(), budgets = Json::array(), tensions = Json::object(),
       said = Json::object();
  for (std::size_t i = 0; i < a.kept.size(); ++i) {
    const Place place = a.tokens.at(a.kept[i]);
    const auto whole = [&](float x) { return place.unit() ? Json(static_cast<Index>(x)) : number(x); };
    const Json row = whole(place.row), col = whole(place.col);
    Json depth = Json::array();
    for (Index l = 0; l < levels; ++l)
      if (a.depth[i] >> l & 1u) depth.push_back(l);
    kept.push_back({{"token", a.kept[i]},
                    {"row", row},
                    {"col", col},
                    {"levels", depth},
                    {"cause", name_of(a.why[i].cause)},
                    {"rank", a.why[i].rank},
                    {"value", number(a.why[i].value)}});
    if (!place.unit()) kept.back().update({{"rows", number(place.rows)}, {"cols", number(place.cols)}});
    if (a.tokens.frames > 1 || source != nullptr) kept.back()["frame"] = place.frame;
    if (source != nullptr) kept.back()["seconds"] = source->pairs[static_cast<std::size_t>(place.frame)];
    if (!a.entry.empty()) kept.back()["entry"] = a.entry[i];
    if (!a.merge.empty() && a.merge[i].size() > 1) {
      Json members = Json::array();
      for (const MergePart& m : a.merge[i]) members.push_back({{"token", m.token}, {"weight", number(m.weight)}});
      kept.back()["members"] = members;
    }
    positions.push_back({row, col});
    budgets.push_back(1);
  }
  for (const Tension& t : r.balanced.tensions) {
    tensions[t.name] = number(t.value);
    if (!t.said.empty()) said[t.name] = t.said;
  }
  Json weights = Json::array();
  for (const float w : r.balanced.weights) weights.push_back(number(w));
  Json regions = Json::array();
  for (const Region& g : a.regions)
    regions.push_back({{"row0", g.row0}, {"col0", g.col0}, {"row1", g.row1}, {"col1", g.col1}, {"tokens", g.tokens}});
  Json out{{"grid", {a.grid().rows, a.grid().cols}},
           {"tokens", a.tokens.count()},
           {"kept_count", a.kept.size()},
           {"clamped", a.clamped},
           {"positions", positions},
           {"budgets", budgets},
           {"kept", kept}};
  if (!tensions.empty()) out["tensions"] = tensions;
  if (!said.empty()) out["tensions_said"] = said;
  if (!weights.empty()) out["weights"] = weights;
  if (!regions.empty()) out["regions"] = regions;
  return out;
}

/// Who lived and who died by each decision of one picture: phase, layer and rule.
Json decisions_json(const std::vector<DecisionTrace>& decisions, std::size_t picture) {
  Json out = Json::array();
  for (const DecisionTrace& d : decisions) {
    const Allocation& a = d.pictures[picture].allocation;
    Json dropped = Json::array();
    for (Index t = 0, k = 0; t < a.tokens.count(); ++t) {
      if (k < a.count() && a.kept[static_cast<std::size_t>(k)] == t) {
        ++k;
        continue;
      }
      const Place p = a.tokens.at(t);
      dropped.push_back(!p.unit() ? t
                                  : p.frame * a.grid().count() +
                                        a.grid().at(static_cast<Index>(p.row), static_cast<Index>(p.col)));
    }
    out.push_back({{"phase", name_of(d.phase)},
                   {"layer", d.layer < 0 ? Json(nullptr) : Json(d.layer)},
                   {"rule", d.name},
                   {"tokens", a.tokens.count()},
                   {"kept_count", d.left(picture)},
                   {"dropped", dropped}});
    if (d.again) out.back()["again"] = true;
  }
  return out;
}

Json relevance_json(const Realized& r) {
  Json out = Json::array();
  for (const float v : r.balanced.relevance) out.push_back(number(v));
  return out;
}

}  // namespace

std::string result_json(const ModelSummary& m, const AnswerRequest& q, const AnswerResult& r, const ResultNotes& notes,
                        int indent) {
  Json out;
  out["arrcoc"] = build_info.version;
  out["build"] = build_json();
  out["model"] = {{"path", m.path},
                  {"identity", m.identity},
                  {"weights", m.stored_dtype},
                  {"weight_bytes", m.weight_bytes},
                  {"untrained", m.untrained}};
  out["backend"] = {{"name", m.backend}, {"dtype", m.dtype}, {"threads", m.threads}};
  if (!m.isa.empty()) out["backend"]["isa"] = m.isa;
  if (!m.weights.all_stored())
    out["backend"]["weights"] = {
        {"layers", name_of(m.weights.layers)}, {"head", name_of(m.weights.head)}, {"tower", name_of(m.weights.tower)}};
  if (!m.attention.empty()) out["backend"]["attention"] = m.attention;
  if (!m.quantised_files.empty()) out["backend"]["quantised_files"] = m.quantised_files;
  out["seed"] = io::exact(q.seed);
  out["pipeline"] = r.pipeline;
  out["mode"] = q.stock ? "stock" : mode_of(r);
  out["question"] = {{"prompt", q.prompt}, {"system", q.system}};
  if (q.scoring_question) out["question"]["scoring"] = *q.scoring_question;
  if (!q.places.empty()) out["question"]["places"] = q.places;
  if (q.generate) {
    out["answer"] = r.text;
    out["tokens"] = r.tokens;
    out["stopped"] = r.stopped;
  }
  const auto levels = static_cast<Index>(m.config.vision.deepstack_taps.size());
  Json pictures = Json::array();
  bool clamped = false;
  std::size_t picture = 0;  // of the request: as it was handed in
  for (std::size_t i = 0; i < r.pictures.size(); ++i) {
    Json p;
    const SeenSource& source = r.sources[i];
    p["file"] = source.name;
    if (source.is_clip()) p["size"] = {source.height, source.width};
    else p["size"] = {q.pictures[picture].image.height, q.pictures[picture].image.width}, ++picture;
    p["resized"] = {r.sizes[i].height, r.sizes[i].width};
    if (source.is_clip()) {
      p["frame_seconds"] = source.frames;
      if (!source.indices.empty()) p["frame_indices"] = source.indices;
      const Allocation& a = r.pictures[i].allocation;
      p["pairs"] = pairs_json(a, source, pair_costs(r.costs, r.decisions, a, i), q.clip_timestamps);
    }
    p.update(allocation_json(r.pictures[i], levels, source.is_clip() ? &source : nullptr));
    if (!r.decisions.empty()) p["decisions"] = decisions_json(r.decisions, i);
    for (const Reselected& token : r.reselected) p["reselected"].push_back(token.kept[i]);
    if (!q.generate) p["relevance"] = relevance_json(r.pictures[i]);
    clamped = clamped || r.pictures[i].allocation.clamped;
    pictures.push_back(std::move(p));
  }
  out["pictures"] = pictures;
  out["clamped"] = clamped;
  out["costs"] = costs_with_layers(r.costs);
  if (!r.passes.empty()) out["passes"] = passes_json(r.passes);
  out["milliseconds"] = times_json(r.times);
  out["milliseconds"]["load"] = notes.load_milliseconds;
  out["peak_memory_bytes"] = notes.peak_memory_bytes;
  if (!r.cached.empty()) out["cached_rows_per_layer"] = r.cached;
  out["events"] = r.events;
  if (!notes.heatmaps.empty()) out["heatmaps"] = notes.heatmaps;
  if (!notes.dump.empty()) out["dump"] = notes.dump;
  if (notes.baseline != nullptr) {
    const AnswerResult& b = *notes.baseline;
    out["baseline"] = {{"pipeline", b.pipeline},
                       {"answer", b.text},
                       {"tokens", b.tokens},
                       {"stopped", b.stopped},
                       {"costs", costs_with_layers(b.costs)},
                       {"milliseconds", times_json(b.times)}};
  }
  out["config"] = config_json(notes.config);
  return text_of(out, indent);
}

std::string evidence_json(const EvidenceRequest& q, const EvidenceResult& r, const ResultNotes& notes, int indent) {
  Json out;
  out["arrcoc"] = build_info.version;
  out["build"] = build_json();
  out["seed"] = io::exact(q.seed);
  out["pipeline"] = r.pipeline;
  out["mode"] = "select";
  Json p = allocation_json(r.realized, static_cast<Index>(q.deepstack.size()));
  p["relevance"] = relevance_json(r.realized);
  out["clamped"] = r.realized.allocation.clamped;
  out["pictures"] = Json::array({p});
  out["milliseconds"] = times_json(r.times);
  if (!notes.heatmaps.empty()) out["heatmaps"] = notes.heatmaps;
  out["config"] = config_json(notes.config);
  return text_of(out, indent);
}

std::string entries_json(const std::vector<Entry>& entries, int indent) {
  Json list = Json::array();
  for (const Entry& e : entries) {
    Json row{{"kind", name_of(e.kind)},
             {"name", e.name},
             {"phase", name_of(e.needs.phase)},
             {"needs", needs_text(e.needs.evidence)}};
    row["spend"] = e.spend ? Json(name_of(*e.spend)) : Json(nullptr);
    row["source"] = e.about.source;
    row["seeds"] = e.about.seeds;
    row["summary"] = e.about.summary;
    row["cost"] = e.about.cost;
    if (!e.reproduces_fault.empty()) row["reproduces_fault"] = e.reproduces_fault;
    Json settings = Json::array();
    for (const ConfigField& f : e.settings)
      settings.push_back({{"name", f.path}, {"type", f.type}, {"default", f.value}});
    row["settings"] = settings;
    list.push_back(std::move(row));
  }
  Json pipelines = Json::array();
  for (const Preset& p : presets())
    pipelines.push_back({{"name", p.name}, {"pipeline", p.pipeline}, {"summary", p.summary}, {"source", p.source}});
  return text_of(Json{{"strategies", list}, {"pipelines", pipelines}}, indent);
}

}  // namespace arrcoc
