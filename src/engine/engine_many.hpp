#pragma once
// EngineOn::answer_many: pictures encoded once, each pipeline made once, each distinct question tokenised once, and
// what prompts have in common run once.
#include <deque>

#include "engine_impl.hpp"
#include "evidence_cache.hpp"

namespace arrcoc {

/// Places of asks, one column after the other, so that what only one of them looks at can go.
inline std::vector<std::size_t> by_column(const std::vector<Ask>& asks) {
  std::vector<const Ask*> columns;
  std::vector<std::pair<std::size_t, std::size_t>> order;
  for (std::size_t i = 0; i < asks.size(); ++i) {
    const auto known = std::find_if(columns.begin(), columns.end(), [&](const Ask* c) {
      return c->stock == asks[i].stock && c->pipeline == asks[i].pipeline && c->budget == asks[i].budget &&
             c->seed == asks[i].seed && c->levels == asks[i].levels;
    });
    order.emplace_back(known - columns.begin(), i);
    if (known == columns.end()) columns.push_back(&asks[i]);
  }
  std::sort(order.begin(), order.end());
  std::vector<std::size_t> out;
  for (const auto& [column, i] : order) out.push_back(i);
  return out;
}

/// One ask on its way.
template <class B>
struct EngineOn<B>::Asked {
  const Ask* ask = nullptr;
  const Prompt *prompt = nullptr, *asking = nullptr;  // asking: the question that scores, where it is another
  const MadePipeline<B>* made = nullptr;              // null: stock
  RunOptions run;
  std::vector<Picture> pictures;  // with the boxes of this question, without pixels
  std::optional<Journey<B>> journey;
  AnswerResult out;
  Trace trace;
};

/// What `answer` would be asked, without the pictures, which are large.
template <class B>
AnswerRequest EngineOn<B>::request_of(const AnswerRequest& shared, const Ask& a) {
  AnswerRequest r;
  r.system = shared.system;
  r.parts = shared.parts;
  r.scope = shared.scope;
  r.generation = shared.generation;
  r.resize = shared.resize;
  r.min_pixels = shared.min_pixels;
  r.max_pixels = shared.max_pixels;
  r.long_context = shared.long_context;
  r.video_limits = shared.video_limits;
  r.video_route = shared.video_route;
  r.clip_layout = shared.clip_layout;
  r.clip_timestamps = shared.clip_timestamps;
  r.cancelled = shared.cancelled;
  r.literal = shared.literal;
  r.rendered = shared.rendered;
  r.prompt = a.prompt;
  r.places = a.places;
  r.scoring_question = a.scoring_question;
  r.stock = a.stock;
  r.pipeline = a.pipeline;
  r.budget = a.budget;
  r.seed = a.seed;
  r.levels = a.levels;
  r.generate = a.generate;
  return r;
}

template <class B>
void EngineOn<B>::begin_ask(Asked& q, const ManyRequest& m, const AnswerResult& seen) {
  const Ask& a = *q.ask;
  q.run = options(request_of(m.shared, a));
  if (a.stock) {
    refuse_stock_choices(a.levels, a.scoring_question);
    q.out.pipeline = "stock";
  } else {
    q.out.pipeline = full_name(q.made->spec, a.budget);
    q.out.settings = q.made->settings;
    q.out.scorers = q.made->pipeline.decisions.back().scorer_names();
  }
  q.out.grids = seen.grids;
  q.out.sizes = seen.sizes;
  q.out.sources = seen.sources;
}

template <class B>
ManyResult EngineOn<B>::answer_many(const ManyRequest& m) {
  ManyResult result;
  Trace trace;  // of the pictures
  AnswerResult seen;
  std::vector<Picture> pictures = prepare(m.shared, seen, trace);
  std::deque<MadePipeline<B>> pipelines;  // one for each spec
  std::deque<Asked> asked;
  std::vector<Request> requests;
  bool look = false;
  for (const Ask& a : m.asks) {
    Asked& q = asked.emplace_back();
    q.ask = &a;
    if (by_itself(a)) {
      refuse_clips(m.shared, a.pipeline.framing == Framing::native ? "passes=" + a.pipeline.passes
                                                                   : "picture=" + name_of(a.pipeline.framing));
      continue;
    }
    if (!a.stock) {
      auto known =
          std::find_if(pipelines.begin(), pipelines.end(), [&](const auto& p) { return p.spec == a.pipeline; });
      if (known == pipelines.end()) known = pipelines.insert(pipelines.end(), registry_.make(a.pipeline));
      q.made = &*known;
      if (q.made->pipeline.decisions.front().phase() >= Phase::vision)  // else it encodes by itself
        for (const Request& r : q.made->pipeline.requests(Request::Site::tower)) add_once(requests, r);
    }
    begin_ask(q, m, seen);
    look = look || a.generate || (q.made != nullptr && looks_at_model(q.made->pipeline));
  }

  struct Worded {
    Prompt prompt;
    typename B::Tensor embeddings;
  };
  std::map<std::pair<std::string, std::vector<Index>>, Worded> prompts;
  const auto worded = [&](const std::string& question, const std::vector<Index>& places, Trace& t) -> const Worded& {
    const auto [at, fresh] = prompts.try_emplace({question, places});
    if (fresh) {
      at->second.prompt = build_prompt(m.shared, question, prompt_sources(m.shared, seen), t, places);
      if (look) at->second.embeddings = model_.get().text().embed(b_, at->second.prompt.ids);
    }
    return at->second;
  };

  std::vector<qwen3vl::Pixels> whole;  // pixels once for all asks, until everything is encoded
  std::vector<TokenSet> sources;
  const bool clips = streams(pictures);
  for (Picture& p : pictures) {
    sources.push_back(p.tokens());
    if (clips) continue;
    whole.push_back(std::move(p.pixels));
    p.pixels = {{}, whole.back().patches};
  }
  const auto inside = [](const Asked& q) { return q.made != nullptr && looks_inside(q.made->pipeline); };
  const auto pull_whole = [&] {
    AnswerResult again;
    if (whole.empty()) whole = whole_pixels(prepare(m.shared, again, trace), &trace);
  };
  const auto textures = std::make_shared<TextureShelf>();
  EvidenceCache<B> shelves(m.evidence_bytes);  // by what is encoded, and asked of it
  std::int64_t apart = 0;                      // bytes of waiting asks' own
  const auto encode = [&](Asked& q) {
    Journey<B>& journey = *q.journey;
    const bool by_pairs = clips && !inside(q);
    if (clips && !by_pairs && (look || journey.decides(Phase::tower))) pull_whole();
    std::string key = by_pairs ? "pairs" : journey.encodes();
    if (journey.decides(Phase::tower)) {
      journey.encode(nullptr, &whole, {}, &trace);
      apart += journey.shelf()->bytes(b_);
      ++result.encodings;
      return;
    }
    if (!by_pairs && !key.empty()) key += " " + full_name(q.made->spec);  // its own requests alone
    auto& shelf = shelves.at(key);
    if (shelf) return journey.encode(shelf);
    if (look) ++result.encodings;
    if (look && by_pairs) journey.encode(nullptr, nullptr, {}, &trace);
    else if (look) journey.encode(nullptr, &whole, key.empty() ? requests : std::vector<Request>{}, &trace);
    else journey.encode(std::make_shared<Shelf<B>>(sources, qwen3vl::VisionOut<B>{}));
    shelf = journey.shelf();
  };

  std::map<std::string, std::vector<std::size_t>> groups;  // waiting asks that begin alike
  std::vector<const std::vector<std::size_t>*> order;
  const auto answer_waiting = [&] {
    for (const auto* group : order) {
      qwen3vl::KvCache<B> begun;
      bool ready = false;
      for (const std::size_t i : *group) {
        result.cancelled = m.shared.cancelled && m.shared.cancelled();
        if (result.cancelled) return;
        if (asked[i].ask->generate) run_asked(asked[i], m.shared, group->size() > 1 ? &begun : nullptr, ready);
        else allocate_asked(asked[i]);
        result.cancelled = asked[i].out.cancelled;
        if (result.cancelled) return;
      }
    }
    order.clear();
    groups.clear();
    apart = 0;
  };
  const std::vector<Box> none;
  for (const std::size_t i : by_column(m.asks)) {
    Asked& q = asked[i];
    if (by_itself(*q.ask)) continue;
    const Worded& words = worded(q.ask->prompt, q.ask->places, q.trace);
    q.prompt = &words.prompt;
    if (!q.ask->stock)
      if (const auto question = scoring_question(q.made->spec, q.ask->scoring_question, false))
        q.asking = &worded(scoring_text(m.shared, q.ask->prompt, *question), {}, q.trace).prompt;
    q.pictures = pictures;
    for (std::size_t p = 0; p < pictures.size(); ++p)
      q.pictures[p].boxes = boxes_in(pictures[p], seen.sources[p], p < q.ask->boxes.size() ? q.ask->boxes[p] : none);
    q.journey.emplace(b_, model_.get(), q.made ? &q.made->pipeline : nullptr, q.pictures, *q.prompt, q.run, &q.trace,
                      textures);
    if (look) q.journey->give_embeddings(words.embeddings);
    if (q.asking != nullptr) q.journey->score_with(*q.asking);
    q.journey->decide(Phase::pixels);
    encode(q);
    q.journey->decide(Phase::vision);
    q.journey->mask_levels(q.ask->levels);
    const std::string beginning = m.share_prefix && q.ask->generate ? q.journey->beginning() : "";
    const auto [group, new_group] = groups.try_emplace(beginning.empty()     ? "alone " + std::to_string(i)
                                                       : clips && !inside(q) ? "pairs " + beginning
                                                                             : beginning);
    group->second.push_back(i);
    if (new_group) order.push_back(&group->second);
    if (!shelves.over(b_, apart)) continue;
    answer_waiting();
    if (result.cancelled) return result;
    result.dropped += shelves.drop(b_);
  }
  whole.clear();
  answer_waiting();
  if (result.cancelled) return result;
  for (Asked& q : asked) {
    if (by_itself(*q.ask)) {
      result.answers.push_back(answer_alone(m.shared, *q.ask));
      result.cancelled = result.answers.back().cancelled;
      if (result.cancelled) return result;
      continue;
    }
    q.out.times = std::move(q.trace.times);
    q.out.events = std::move(q.trace.events);
    add_unused_events(folder_.config, m.shared.pictures, q.ask->prompt, q.out.events);
    result.answers.push_back(std::move(q.out));
  }
  result.times = std::move(trace.times);
  return result;
}

/// One ask whose pictures have sizes of their own, so that nothing is shared with other asks: it looks more than once,
/// or frames them.
template <class B>
AnswerResult EngineOn<B>::answer_alone(const AnswerRequest& shared, const Ask& a) {
  AnswerRequest r = request_of(shared, a);
  std::vector<std::vector<Box>> boxes = a.boxes;
  boxes.resize(shared.pictures.size());
  if (a.pipeline.framing == Framing::native) return answer_passes(r, shared.pictures, boxes);
  for (std::size_t p = 0; p < shared.pictures.size(); ++p) {
    InputPicture in = shared.pictures[p];
    in.boxes = std::move(boxes[p]);
    r.pictures.push_back(framed(std::move(in), a.pipeline.framing));
  }
  return answer_framed(r);
}

/// Answers one ask. `begun`: the group's shared first part, made by the first ask that comes (`ready`); null: nothing
/// is shared.
template <class B>
void EngineOn<B>::run_asked(Asked& q, const AnswerRequest& shared, qwen3vl::KvCache<B>* begun, bool& ready) {
  // Fewer rows than these may go through kernels that add in another order, and the bits of `answer` would be lost.
  constexpr Index least_shared = 16;
  TextStream stream(*folder_.tokenizer);
  q.run.generate.on_token = [&](TokenId id) {
    stream.push(id, q.out.text, q.trace);
    q.out.cancelled = shared.cancelled && shared.cancelled();
    return !q.out.cancelled;
  };
  Journey<B>& journey = *q.journey;
  journey.inject();
  const auto rows = static_cast<Index>(journey.input().rows.size());
  const Index cut = journey.prefix_rows();
  if (begun != nullptr && cut >= least_shared && rows - cut >= least_shared) {
    if (!ready) {
      journey.prefill_beginning(cut, *begun);
      ready = true;
    }
    journey.continue_from(*begun);
  }
  qwen3vl::Generated g = journey.generate();
  take_outcome(journey, q.out);
  if (!q.out.cancelled) stream.finish(q.out.text);
  q.out.tokens = std::move(g.tokens);
  q.out.stopped = g.stopped;
  q.out.cached = std::move(g.cached);
  q.journey.reset();
}

/// One ask that is not answered: what is left of its decisions.
template <class B>
void EngineOn<B>::allocate_asked(Asked& q) {
  q.journey->take_layer_decisions();
  take_outcome(*q.journey, q.out);
  q.journey.reset();
}

}  // namespace arrcoc
