#pragma once
// What a decision gets to see.
#include "arrcoc/pipeline/clip_textures.hpp"
#include "arrcoc/pipeline/looks.hpp"

namespace arrcoc {

/// Error{missing_evidence} naming the stage that looks at pixels, or at answer boxes without their frames, which are of
/// one picture, not of a clip. `host`: what the decision's stages may look at on the host plane.
template <class B>
void refuse_pixels(const AnyDecision<B>& decision, unsigned host) {
  if (!(host & (Need::rgb | Need::boxes))) return;
  std::string name;
  const auto look = [&](const StageFacts& f) {
    const unsigned own = f.may_need.evidence;
    const bool of_one = (own & Need::rgb) || ((own & Need::boxes) && !(own & Need::size));
    if (name.empty() && of_one) name = f.name;
  };
  for (const AnyScorer<B>& s : decision.scorers)
    if (s.on_host()) look(s.facts());
  look(decision.balancer.facts);
  look(decision.allocator.facts);
  if (name.empty()) return;
  fail(Code::missing_evidence, name,
       "looks at the pixels or boxes of a picture: expected one that looks at features or textures, got a clip");
}

/// Evidence of one picture or clip for one decision: what it asked for and no more.
template <class B>
void Looks<B>::look(Seen& out, const AnyDecision<B>& decision, std::size_t p, Shelf<B>* shelf) {
  const Picture& picture = pictures_[p];
  const unsigned host = decision.may_need(true).evidence, any = decision.may_need().evidence;
  if (picture.is_clip()) refuse_pixels(decision, host);
  Evidence& e = out.host;
  e.tokens = out.tensor.tokens = living_[p];
  if ((host & (Need::rgb | Need::textures)) && !picture.is_clip()) e.rgb = picture.native;
  if (host & Need::size) e.size = FrameSize{picture.native.height, picture.native.width};
  if (host & Need::boxes) e.boxes = picture.boxes;
  if (host & Need::asked) e.asked = asked_;
  if ((host & (Need::previous | Need::previous_attention)) && p < options_.previous.size())
    e.previous = options_.previous[p];
  if (host & Need::textures) e.textures = out.textures = textures(p);
  if (any & (Need::vision | Need::deepstack | Need::similarity)) look_at_features(out, decision, p, shelf);
  if ((any & (Need::query | Need::question)) && query_ != nullptr) {
    out.tensor.query = query_->vector;
    out.tensor.question = query_->words;
    if (host & Need::query) {
      HostTensor q = Shelf<B>::copied(b_, query_->vector);
      q.shape = {q.dim(1)};
      e.query = std::move(q);
    }
    if (host & Need::question) e.question = Shelf<B>::copied(b_, query_->words);
  }
  for (const Request& r : decision.requests()) {
    if (shelf != nullptr)
      for (const Answered& a : shelf->answers(p))
        if (a.request == r) e.answers.push_back(answer_of(a, places_in(shelf->encoded_tokens(p), so_far_[p].kept)));
    for (const Heard& h : heard_[p])
      if (h.answer.request == r) e.answers.push_back(answer_of(h.answer, places_in(h.alive, so_far_[p].kept)));
  }
}

/// Vision embeddings, DeepStack levels and similarity of the living tokens. Copies of the whole raster are shared.
template <class B>
void Looks<B>::look_at_features(Seen& out, const AnyDecision<B>& decision, std::size_t p, Shelf<B>* shelf) {
  const unsigned host = decision.may_need(true).evidence, any = decision.may_need().evidence;
  require_that(shelf != nullptr && shelf->encoded(), Code::missing_evidence, "pipeline",
               "a stage needs vision embeddings, which this phase does not have");
  Evidence& e = out.host;
  const std::vector<Index> rows = places_in(shelf->encoded_tokens(p), so_far_[p].kept);
  const bool whole = static_cast<Index>(rows.size()) == shelf->rows(p);
  const auto alive = [&](typename B::Tensor t) { return whole ? t : b_.gather_rows(t, rows); };
  if (any & (Need::vision | Need::similarity)) out.tensor.vision = alive(shelf->tokens(b_, p));
  if (any & Need::deepstack)
    for (std::size_t l = 0; l < shelf->levels(); ++l) out.tensor.deepstack.push_back(alive(shelf->level(b_, p, l)));
  if (host & Need::vision) {
    if (whole) e.vision = shelf->vision_host(b_, p);
    else e.vision = Shelf<B>::copied(b_, out.tensor.vision);
  }
  if (host & Need::deepstack) {
    if (whole) e.deepstack = shelf->levels_host(b_, p);
    else {
      std::vector<HostTensor> levels;
      for (const auto& l : out.tensor.deepstack) levels.push_back(Shelf<B>::copied(b_, l));
      e.deepstack = std::move(levels);
    }
  }
  if (host & Need::similarity) {
    require_that(decision.similarity != nullptr, Code::bad_usage, "pipeline",
                 "a stage asks for similarity: expected AnyDecision::similarity, as cosines_of");
    if (whole) e.similarity = shelf->similarity(b_, p, decision.similarity);
    else e.similarity = decision.similarity(Shelf<B>::copied(b_, out.tensor.vision));
  }
}

template <class B>
std::shared_ptr<const Textures> Looks<B>::textures(std::size_t p) {
  const StageTimer timer(trace_, "texture");
  const Picture& picture = pictures_[p];
  if (so_far_[p].tokens != picture.tokens())  // others than the raster that is shared
    return std::make_shared<const Textures>(pipeline_->texture->generate(picture.native, living_[p]));
  std::shared_ptr<const Textures> own;
  auto& whole = pipeline_->texture_key.empty() ? own : texture_shelf_->at(p, pipeline_->texture_key);
  if (!whole)
    whole = std::make_shared<const Textures>(picture.is_clip()
                                                 ? clip_textures(*pipeline_->texture, picture)
                                                 : pipeline_->texture->generate(picture.native, picture.tokens()));
  if (living_[p].raster()) return whole;
  Textures some{whole->channels, {}};
  const auto width = static_cast<std::ptrdiff_t>(whole->channel_count());
  for (const Index t : so_far_[p].kept)
    some.values.insert(some.values.end(), whole->values.begin() + t * width, whole->values.begin() + (t + 1) * width);
  return std::make_shared<const Textures>(std::move(some));
}

}  // namespace arrcoc
