#pragma once
// The fixtures through a backend: what a method looks at lies there as the tower and the embeddings would leave it, and
// the decision is taken as a run takes it.
#include "arrcoc/pipeline/looks.hpp"
#include "plugins/fixtures.hpp"

namespace arrcoc::tests::fixtures {

/// Scores and tokens equal the transcription's. Cases where some tokens are gone by then have nothing but answers of
/// the model, which are of the host on any backend: these are left to the host's test.
template <class B>
void decided_on(B& b) {
  const auto given = [&](const Json& c, const char* key) {
    const HostTensor t = tensor(c.at(key));
    std::vector<float> values;
    for (Index i = 0; i < t.count(); ++i) values.push_back(float_at(t, i));
    const Index rows = t.shape.size() == 1 ? 1 : t.dim(0);
    return b.from_host(values, rows, t.count() / rows);
  };
  int picks = 0, from_backend = 0;
  for_each_pick([&](const std::string& method, const Json& c, const Json& pick) {
    if (c.contains("alive")) return;
    const Stages stages = stages_of(method, c.value("decision", std::size_t{0}), pick);
    AnyPipeline<B> pipeline;
    AnyDecision<B>& decision = pipeline.decisions.emplace_back();
    for (const auto& scorer : stages.scorers) decision.scorers.push_back({scorer, {}, {}});
    decision.balancer = stages.balancer;
    decision.allocator = stages.allocator;
    decision.similarity = cosines_of<>;
    decision.injector.facts.phase = Phase::vision;
    decision.injector.facts.honours = ~0u;
    Image image(1, 1);
    const Evidence seen = evidence_of(c, image);
    std::vector<Picture> pictures{{image.view(), seen.tokens.grid, {}, {}}};
    pictures[0].pixels.patches.frames = seen.tokens.frames;
    qwen3vl::VisionOut<B> vision;
    if (c.contains("vision")) {
      vision.tokens = given(c, "vision");
      vision.count = seen.tokens.count();
    }
    RunOptions options;
    options.budget = budget_of(pick);
    Shelf<B> shelf({seen.tokens}, std::move(vision));
    Looks<B> looks(b, &pipeline, pictures, options, nullptr, std::make_shared<TextureShelf>());
    if (c.contains("question")) looks.give_query({given(c, "question"), given(c, "question"), 0});
    for (const Answered& a : seen.answers) looks.hear(0, a, {});
    const DecisionTrace taken = looks.choose(0, &shelf, -1);
    check_scores(taken.pictures[0].maps, pick);
    check_kept(taken.pictures[0].allocation, pick);
    ++picks;
    from_backend += c.contains("vision") || c.contains("question");
  });
  CHECK(from_backend > picks / 2);
}

}  // namespace arrcoc::tests::fixtures
