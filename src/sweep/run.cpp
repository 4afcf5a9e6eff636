#include "arrcoc/sweep/run.hpp"

#include <chrono>
#include <cmath>

#include "arrcoc/engine/framed.hpp"
#include "arrcoc/measure/metrics.hpp"
#include "sweep/kept_maps.hpp"
#include "sweep/run_slot.hpp"
#include "sweep/scorecards.hpp"

namespace arrcoc {

std::vector<PictureQuestions> by_picture(const std::vector<io::Sample>& samples) {
  std::vector<PictureQuestions> out;
  std::map<std::vector<std::string>, std::size_t> known;
  for (const io::Sample& s : samples) {
    std::vector<std::string> names = s.image_names;
    if (s.clip) {  // frames are another thing than pictures of that name
      names = {"clip", s.clip->name, detail::to_text(s.clip->frames_per_second)};
      for (const double time : s.clip->seconds) names.push_back(detail::to_text(time));
    }
    const auto [at, fresh] = known.emplace(std::move(names), out.size());
    if (fresh) out.emplace_back();
    out[at->second].push_back(&s);
  }
  return out;
}

std::string SweepRunner::asked(const Slot& slot) {
  return slot.column->kind == ColumnKind::oracle_blank ? std::string() : io::marked_question(*slot.sample);
}

namespace {

/// Those in frames that are looked at (ascending numbers; none: all), and those of every frame.
std::vector<std::vector<Box>> looked_at(std::vector<std::vector<Box>> boxes, const std::vector<Index>& frames) {
  for (std::vector<Box>& list : boxes)
    std::erase_if(list, [&](const Box& b) {
      return !frames.empty() && b.frame >= 0 && !std::binary_search(frames.begin(), frames.end(), b.frame);
    });
  return boxes;
}

}  // namespace

std::vector<SweepRunner::Slot> SweepRunner::slots(const PictureQuestions& questions,
                                                  const std::vector<Index>& frames) const {
  const auto empty = [](const std::vector<std::vector<Box>>& boxes) {
    return std::all_of(boxes.begin(), boxes.end(), [](const auto& b) { return b.empty(); });
  };
  std::string picture;
  for (const auto& name : io::source_names(*questions.front())) picture += name + "\n";
  std::vector<Slot> out;
  std::vector<std::vector<std::vector<Box>>> all;
  for (const io::Sample* s : questions) all.push_back(looked_at(s->boxes, frames));
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const io::Sample& s = *questions[i];
    const std::vector<std::vector<Box>>& boxes = all[i];
    for (const SweepColumn& c : columns_) {
      Slot slot;
      slot.sample = &s;
      slot.column = &c;
      Ask& a = slot.ask;
      a.prompt = c.kind == ColumnKind::oracle_blank ? std::string() : s.question;
      if (s.pictures_inside() && c.kind != ColumnKind::oracle_blank) a.places = s.places;
      a.boxes = boxes;
      a.stock = c.kind == ColumnKind::stock;
      a.pipeline = c.spec;
      a.budget = c.tokens;
      a.seed = slot.draw = derive_seed(c.seed, picture);  // of the picture, so that its questions share what they can
      a.levels = c.levels;
      a.generate = !model_free_ && s.metric != "none";
      const bool leak = c.kind == ColumnKind::oracle_blank || c.kind == ColumnKind::oracle_other;
      if (leak && empty(boxes)) continue;
      if (c.kind == ColumnKind::oracle_blank && many_.shared.rendered) continue;  // its frame is the caller's
      if (c.kind == ColumnKind::oracle && empty(boxes))
        a.pipeline.decisions.back().allocator = "grid";  // no box to point at: the lattice that fills an oracle
      if (c.kind == ColumnKind::oracle_other) {          // the next question, in a ring, that looks elsewhere
        const std::vector<std::vector<Box>>* other = nullptr;
        for (std::size_t k = 1; k < questions.size() && other == nullptr; ++k) {
          const auto& next = all[(i + k) % questions.size()];
          if (!empty(next) && next != boxes) other = &next;
        }
        if (other == nullptr) continue;
        a.boxes = *other;
      }
      if (c.spec.asking == Asking::other) {  // the next question about the picture, in a ring
        for (std::size_t k = 1; k < questions.size() && !a.scoring_question; ++k)
          if (questions[(i + k) % questions.size()]->question != s.question)
            a.scoring_question = questions[(i + k) % questions.size()]->question;
        if (!a.scoring_question) continue;
      }
      out.push_back(std::move(slot));
    }
  }
  return out;
}

/// Rows to be and what they became, in the same order.
struct SweepRunner::Work {
  std::vector<Slot> wanted;
  std::vector<SweepRow> rows;
  std::vector<std::vector<StageTime>> times;
  std::vector<StageTime> shared;
  std::vector<std::string> maps;  // of each row; empty where it failed
  KeptTextures textures;          // those of `maps`
  InkMaps inks;
  Index boxes_lost = 0, encodings = 0, dropped = 0;
  bool cancelled = false;
};

std::vector<Index> SweepRunner::frames_of(const PictureQuestions& questions) const {
  const bool named = std::any_of(questions.begin(), questions.end(), [](const io::Sample* s) {
    return s->clip && std::any_of(s->boxes[0].begin(), s->boxes[0].end(), [](const Box& b) { return b.frame >= 0; });
  });
  return named ? open_clip_(*questions.front())->info().indices : std::vector<Index>{};
}

void SweepRunner::open_pictures(const PictureQuestions& questions) {
  many_.shared.pictures.clear();
  many_.shared.clips.clear();
  if (questions.front()->clip) {
    require_that(open_clip_ != nullptr, Code::bad_usage, "sweep", "a clip, and nobody says how it is opened");
    // `open` is called once for each time that the clip is encoded; the sample outlives the unit.
    many_.shared.clips.push_back(
        {[this, sample = questions.front()] { return open_clip_(*sample); }, questions.front()->clip->name});
    return;
  }
  for (std::size_t p = 0; p < questions.front()->images.size(); ++p) {
    const auto start = std::chrono::steady_clock::now();
    InputPicture in;
    io::DecodeOptions decode = decode_;
    decode.unused = &in.unused;
    in.image = io::read_image(questions.front()->images[p], decode);
    in.name = questions.front()->image_names[p];
    in.decode_milliseconds =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    many_.shared.pictures.push_back(std::move(in));
  }
}

void SweepRunner::answer(Work& work, std::size_t from, std::size_t to) {
  many_.asks.clear();
  for (std::size_t i = from; i < to; ++i) many_.asks.push_back(work.wanted[i].ask);
  ManyResult done = engine_.answer_many(many_);
  work.cancelled = work.cancelled || done.cancelled;
  if (work.cancelled) return;
  if (work.shared.empty()) work.shared = std::move(done.times);
  work.encodings += done.encodings;
  work.dropped += done.dropped;
  for (std::size_t i = from; i < to; ++i) {
    work.rows[i] = row_of(work.wanted[i], done.answers[i - from], work.inks);
    work.times[i] = std::move(done.answers[i - from].times);
    const Ask& ask = work.wanted[i].ask;
    if (keeps_maps_)
      work.maps[i] = maps_line(work.rows[i].key, done.answers[i - from],
                               !ask.stock && ask.pipeline.framing != Framing::native, work.textures);
  }
}

namespace {

/// Of the question or its pictures; anything else is of the machine or the model.
bool of_data(Code c) {
  return c == Code::bad_image || c == Code::bad_video || c == Code::bad_text || c == Code::bad_prompt ||
         c == Code::bad_usage || c == Code::file_missing || c == Code::file_unreadable || c == Code::bad_number ||
         c == Code::out_of_memory;
}
/// Of a strategy and its settings: of the question only where the column has answered others.
bool of_strategy(Code c) {
  return c == Code::bad_config || c == Code::bad_budget || c == Code::shape_mismatch || c == Code::bad_stage_output ||
         c == Code::missing_evidence || c == Code::bad_array || c == Code::bad_plugin;
}
/// Of what a strategy was given, not of how it is set.
bool of_input(Code c) {
  return c == Code::shape_mismatch || c == Code::bad_stage_output || c == Code::missing_evidence;
}

/// Why `f` failed, where that may be the question's fault; empty: it did not.
template <class F, class Known>
std::string failure_of(F&& f, Known&& known) {
  try {
    f();
    return {};
  } catch (const Error& error) {
    if (!of_data(error.code()) && !(of_strategy(error.code()) && known(error.code()))) throw;
    return error.what();
  } catch (const std::bad_alloc&) { return "[memory] an allocation failed: the picture or the prompt is too large"; }
}

}  // namespace

void SweepRunner::answer_or_explain(Work& work, std::size_t from, std::size_t to) {
  const bool alone = to - from == 1;
  const Slot& first = work.wanted[from];
  const auto known = [&](Code c) {
    const bool of_kind = mixed_ && (first.sample->clip || of_input(c));
    return !alone || of_kind || answered_.contains(first.column->label());
  };
  const std::string reason = failure_of([&] { answer(work, from, to); }, known);
  if (work.cancelled) return;
  if (reason.empty()) {
    for (std::size_t i = from; i < to; ++i) answered_.insert(work.wanted[i].column->label());
    return;
  }
  if (alone) return explain(work, from, reason);
  // Each question alone; of one question each column.
  const bool one = work.wanted[from].sample == work.wanted[to - 1].sample;
  for (std::size_t i = from, end = from; i < to && !work.cancelled; i = end) {
    while (end < to && (end == i || (!one && work.wanted[end].sample == work.wanted[i].sample))) ++end;
    answer_or_explain(work, i, end);
  }
}

void SweepRunner::explain(Work& work, std::size_t i, const std::string& reason) const {
  work.rows[i] = begun_row(*work.wanted[i].sample, *work.wanted[i].column);
  work.rows[i].question = asked(work.wanted[i]);
  work.rows[i].error = reason;
}

PictureRows SweepRunner::run_or_explain(const PictureQuestions& questions) {
  std::vector<Index> frames;
  const std::string reason = failure_of(
      [&] {
        open_pictures(questions);
        frames = frames_of(questions);
      },
      [](Code) { return false; });
  Work work = begin(questions, frames);
  if (reason.empty()) answer_or_explain(work, 0, work.wanted.size());
  else
    for (std::size_t i = 0; i < work.wanted.size(); ++i) explain(work, i, reason);
  return finish(std::move(work));
}

SweepRunner::Work SweepRunner::begin(const PictureQuestions& questions, const std::vector<Index>& frames) const {
  Work work;
  work.wanted = slots(questions, frames);
  for (const io::Sample* s : questions)
    if (s->clip && !s->boxes[0].empty() && looked_at(s->boxes, frames)[0].empty()) ++work.boxes_lost;
  work.rows.resize(work.wanted.size());
  work.times.resize(work.wanted.size());
  work.maps.resize(work.wanted.size());
  return work;
}

/// Of a changed picture's maps with those of the picture as it is, cell by cell where their middles meet; mean over the
/// pictures.
std::optional<double> SweepRunner::correlation_of(const SweepRow& changed, const SweepRow& usual,
                                                  Framing framing) const {
  double sum = 0;
  Index n = 0;
  for (std::size_t p = 0; p < changed.maps.size() && p < usual.maps.size(); ++p) {
    if (changed.maps[p].empty() || usual.maps[p].empty()) continue;
    const Image& image = many_.shared.pictures[p].image;
    const auto [height, width] = framed_size(image.height, image.width, framing);
    const Grid seen = changed.grids[p], native = usual.grids[p];
    const auto middle = [](Index i, Index cells, Index side) {
      return (static_cast<double>(i) + 0.5) * static_cast<double>(side) / static_cast<double>(cells);
    };
    const auto cell = [](double at, Index cells, Index side) {
      return static_cast<Index>(std::floor(at * static_cast<double>(cells) / static_cast<double>(side)));
    };
    std::vector<double> a, b;
    for (Index r = 0; r < seen.rows; ++r)
      for (Index c = 0; c < seen.cols; ++c) {
        const auto [y, x] =
            unframed(middle(r, seen.rows, height), middle(c, seen.cols, width), image.height, image.width, framing);
        const Index row = cell(y, native.rows, image.height), col = cell(x, native.cols, image.width);
        if (row < 0 || col < 0 || row >= native.rows || col >= native.cols) continue;
        a.push_back(changed.maps[p][static_cast<std::size_t>(seen.at(r, c))]);
        b.push_back(usual.maps[p][static_cast<std::size_t>(native.at(row, col))]);
      }
    if (const auto correlation = measure::rank_correlation(a, b)) {
      sum += *correlation;
      ++n;
    }
  }
  return n > 0 ? std::optional(sum / static_cast<double>(n)) : std::nullopt;
}

/// What rows say of each other.
PictureRows SweepRunner::finish(Work&& work) const {
  PictureRows out;
  out.cancelled = work.cancelled;
  if (out.cancelled) return out;
  out.rows = std::move(work.rows);
  out.times = std::move(work.times);
  out.shared = std::move(work.shared);
  out.boxes_lost = work.boxes_lost;
  out.encodings = work.encodings;
  out.dropped = work.dropped;
  for (const std::string& line : work.maps) out.maps += line;
  const std::vector<Slot>& wanted = work.wanted;
  // Who says what the whole picture's column says.
  const auto whole = [&](const std::string& pipeline) {
    return std::any_of(columns_.begin(), columns_.end(),
                       [&](const SweepColumn& c) { return c.pipeline == pipeline && c.depth == "all"; });
  };
  const auto reference_of = [&](const std::string& framed) {
    for (const std::string& name : {"full" + framed, "stock" + framed, std::string("full")})
      if (whole(name)) return name;
    return std::string("stock");
  };
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    const std::string reference = reference_of(framing_of(out.rows[i].pipeline));
    for (std::size_t j = 0; j < out.rows.size(); ++j)
      if (i != j && wanted[j].sample == wanted[i].sample && out.rows[j].pipeline == reference &&
          out.rows[j].depth == "all" && wanted[i].column->kind != ColumnKind::oracle_blank && out.rows[i].prediction &&
          out.rows[j].prediction)
        out.rows[i].loyal = measure::exact_match(*out.rows[i].prediction, {*out.rows[j].prediction}) ? 1 : 0;
  }
  // Whether a changed picture is looked at as the picture itself is.
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    const Framing framing = wanted[i].column->spec.framing;
    const ColumnKind kind = wanted[i].column->kind;
    const bool leak = kind == ColumnKind::oracle_blank || kind == ColumnKind::oracle_other;
    if (leak || framing == Framing::native || !out.rows[i].error.empty()) continue;
    const std::string pipeline = without_setting(out.rows[i].pipeline, "picture");
    for (std::size_t j = 0; j < out.rows.size(); ++j) {
      const SweepRow &a = out.rows[i], &b = out.rows[j];
      if (wanted[j].sample == wanted[i].sample && b.pipeline == pipeline && b.budget == a.budget &&
          b.depth == a.depth && b.seed == a.seed && b.error.empty())
        out.rows[i].rank_correlation = correlation_of(a, b, framing);
    }
  }
  for (SweepRow& row : out.rows) row.maps.clear();
  // How differently the questions of one column look at the picture.
  for (std::size_t i = 0; i < out.rows.size(); ++i) {
    double sum = 0;
    Index n = 0;
    for (std::size_t j = 0; j < out.rows.size(); ++j) {
      if (wanted[i].column != wanted[j].column || wanted[i].sample->question == wanted[j].sample->question ||
          out.rows[i].grids != out.rows[j].grids)
        continue;
      for (std::size_t p = 0; p < out.rows[i].kept_tokens.size(); ++p)
        sum += measure::distance(out.rows[i].kept_tokens[p], out.rows[j].kept_tokens[p]);
      n += static_cast<Index>(out.rows[i].kept_tokens.size());
    }
    if (n > 0) out.rows[i].distinctiveness = sum / static_cast<double>(n);
  }
  return out;
}

/// What a row holds before anything was run.
SweepRow SweepRunner::begun_row(const io::Sample& s, const SweepColumn& c) const {
  SweepRow row;
  row.key = s.id + " " + c.label();
  row.id = s.id;
  row.scenario = s.scenario;
  row.split = s.split;
  row.kind = s.kind;
  row.metric = s.metric;
  row.difficulty = s.difficulty;
  row.images = io::source_names(s);
  row.pipeline = c.pipeline;
  row.name = c.label();
  row.budget = c.budget;
  row.depth = c.depth;
  row.seed = c.seed;
  row.answers = s.answers;
  return row;
}

SweepRow SweepRunner::row_of(const Slot& slot, const AnswerResult& result, InkMaps& inks) const {
  const io::Sample& s = *slot.sample;
  const SweepColumn& c = *slot.column;
  SweepRow row = begun_row(s, c);
  row.name = result.pipeline;
  row.draw = slot.draw;
  row.question = asked(slot);
  if (slot.ask.generate) {
    row.prediction = result.text;
    // An answer in coordinates is of the picture that was seen.
    const bool moved = s.metric.starts_with("box") && (slot.ask.pipeline.framing.kind == Framing::Kind::flip ||
                                                       slot.ask.pipeline.framing.kind == Framing::Kind::shift);
    if (s.metric != "unscored" && !moved) {
      measure::Expected expected{s.answers, s.options, s.category};
      if (s.clip) {
        expected.width = static_cast<double>(result.sources.at(0).width);
        expected.height = static_cast<double>(result.sources.at(0).height);
      } else {
        expected.width = static_cast<double>(many_.shared.pictures[0].image.width);
        expected.height = static_cast<double>(many_.shared.pictures[0].image.height);
      }
      measure::Verdict verdict = measure::judge(s.metric, result.text, expected, flavour_);
      row.score = verdict.score;
      row.extracted = std::move(verdict.extracted);
    }
  }
  row.stopped = result.stopped;
  row.costs = result.costs;
  row.passes = result.passes;
  take_figures(slot, result, inks, row);
  return row;
}

}  // namespace arrcoc
