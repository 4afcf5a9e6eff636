// Every published method keeps what its transcription (plugins/METHOD/METHOD.py) keeps: scores to 1e-6, selections and
// members equal, weights to 1e-6.
#include "plugins/fixtures.hpp"

using namespace arrcoc;
using namespace arrcoc::tests::fixtures;

TEST_CASE("every published method keeps what its transcription keeps") {
  int picks = 0;
  const int methods = for_each_pick([&](const std::string& method, const Json& c, const Json& pick) {
    const Stages stages = stages_of(method, c.value("decision", std::size_t{0}), pick);
    Image image(1, 1);
    const Evidence e = evidence_of(c, image);
    std::vector<float> maps;
    for (const auto& scorer : stages.scorers) {
      const std::vector<float> map = scorer->score(e);
      maps.insert(maps.end(), map.begin(), map.end());
    }
    check_scores(maps, pick);
    const Balanced balanced = stages.balancer->balance(maps, e);
    const Budget budget = budget_of(pick);
    Rng rng(1);
    const Allocation a = stages.allocator->allocate(balanced.relevance, e, budget, rng);
    CHECK_NOTHROW(check_allocation(a, method));
    CHECK_NOTHROW(check_spend(a, stages.allocator.facts.spend, budget, method));
    check_kept(a, pick);
    ++picks;
  });
  int folders = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    folders += entry.is_directory() && entry.path().filename() != "__pycache__";
  CHECK(methods == folders);
  CHECK(picks >= 2 * methods);
}
