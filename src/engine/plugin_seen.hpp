#pragma once
// What crosses the edge of a plug-in from the host's side: evidence and requests (engine/plugin_abi.hpp).
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "arrcoc/core/evidence.hpp"
#include "arrcoc/engine/plugin_abi.hpp"

namespace arrcoc {

/// A struct of the module as far as both know it; the rest is zero.
template <class T>
T known_part(const T& from) {
  T out{};
  std::memcpy(static_cast<void*>(&out), &from, std::min<std::size_t>(from.bytes, sizeof(T)));
  return out;
}

/// A request of the module. Error{bad_plugin} with the strategy's name for one that is not known here.
inline Request request_of(const arrcoc_request& from, const std::string& name) {
  const arrcoc_request r = known_part(from);
  require_that(r.site <= 1 && r.what <= 4 && r.rows <= 6 && r.heads <= 2 && r.payers <= 2 && r.rope <= 1,
               Code::bad_plugin, "plugin", [&] { return name + ": makes a request that is not known here"; });
  Request out;
  out.site = static_cast<Request::Site>(r.site);
  out.index = r.index;
  out.what = static_cast<Request::What>(r.what);
  out.rows = static_cast<Request::Rows>(r.rows);
  out.heads = static_cast<Request::Over>(r.heads);
  out.payers = static_cast<Request::Over>(r.payers);
  out.rope = static_cast<Request::Rope>(r.rope);
  if (r.list != nullptr) out.list.assign(r.list, r.list + r.list_count);
  return out;
}

/// Evidence as the module sees it; the views are valid as long as `e` is.
struct SeenEvidence {
  std::vector<arrcoc_place> places, before;
  std::vector<const char*> names;
  std::vector<const float*> levels;
  std::vector<double> boxes;
  std::vector<arrcoc_answer> answers;
  arrcoc_evidence view{};

  SeenEvidence(const Evidence& e, const std::vector<Request>& requests) {
    view.bytes = sizeof view;
    view.tokens = e.count();
    view.rows = e.tokens.grid.rows;
    view.cols = e.tokens.grid.cols;
    view.frames = e.tokens.frames;
    view.places = listed(e.tokens, places);
    if (e.rgb) {
      view.height = e.rgb->height;
      view.width = e.rgb->width;
      view.rgb = e.rgb->rgb;
    }
    if (e.textures) {
      for (const auto& n : e.textures->channels) names.push_back(n.c_str());
      view.channels = e.textures->channel_count();
      view.textures = e.textures->values.data();
      view.channel_names = names.data();
    }
    if (e.vision) view.vision = e.vision->floats().data();
    if (e.deepstack) {
      for (const HostTensor& l : *e.deepstack) levels.push_back(l.floats().data());
      view.levels = static_cast<Index>(levels.size());
      view.deepstack = levels.data();
    }
    if (e.query) view.query = e.query->floats().data();
    if (e.question) {
      view.words = e.question->dim(0);
      view.question = e.question->floats().data();
    }
    if (e.asked) view.asked = e.asked->c_str();
    view.features = e.vision      ? e.vision->dim(1)
                    : e.query     ? e.query->count()
                    : e.question  ? e.question->dim(1)
                    : e.deepstack ? e.deepstack->front().dim(1)
                                  : 0;
    if (e.boxes) {
      for (const Box& b : *e.boxes) boxes.insert(boxes.end(), {b.row0, b.col0, b.row1, b.col1});
      view.box_count = static_cast<Index>(e.boxes->size());
      view.boxes = boxes.data();
    }
    if (e.similarity) {
      view.similarity = const_cast<SimilarityRows*>(&*e.similarity);
      view.similarity_row = [](void* s, std::int64_t token, float* out) {
        const auto& rows = *static_cast<const SimilarityRows*>(s);
        rows.row(token, {out, static_cast<std::size_t>(rows.count())});
      };
    }
    for (const Request& r : requests) {
      const HostTensor& t = e.answer(r);
      answers.push_back({sizeof(arrcoc_answer), t.floats().data(), t.shape.data(), t.shape.size()});
    }
    view.answers = answers.data();
    view.answer_count = answers.size();
    if (e.previous) {
      view.previous_tokens = e.previous->tokens.count();
      view.previous_places = listed(e.previous->tokens, before);
      view.previous_relevance = e.previous->relevance.data();
    }
  }
  SeenEvidence(const SeenEvidence&) = delete;

 private:
  static const arrcoc_place* listed(const TokenSet& t, std::vector<arrcoc_place>& out) {
    for (const Place& p : t.places) out.push_back({p.row, p.col, p.rows, p.cols, p.frame});
    return out.empty() ? nullptr : out.data();
  }
};

}  // namespace arrcoc
