// The generic code asks nothing of a backend beyond the contract: it compiles against the archetype, whose bodies are
// empty.
#include <doctest/doctest.h>

#include "arrcoc/injectors/entry.hpp"
#include "arrcoc/injectors/gather.hpp"
#include "arrcoc/injectors/merge.hpp"
#include "arrcoc/injectors/order.hpp"
#include "arrcoc/qwen3vl/generate.hpp"
#include "arrcoc/qwen3vl/model.hpp"
#include "arrcoc/scorers/features/participatory.hpp"
#include "core/archetype_backend.hpp"

using namespace arrcoc;
using B = arrcoc::tests::ArchetypeBackend;

template class arrcoc::qwen3vl::VisionTower<B>;
template class arrcoc::qwen3vl::LanguageModel<B>;
template class arrcoc::qwen3vl::Model<B>;

TEST_CASE("the archetype satisfies the contract, and the model, injectors and scorers need no more") {
  // Naming a function compiles its body.
  const auto generate = &qwen3vl::generate<B>;
  const auto inject = &GatherInjector::inject<B>;
  const auto enter = &EntryInjector::inject<B>;
  const auto merge = &MergeInjector::inject<B>;
  const auto order = &OrderInjector::inject<B>;
  const auto score = &ParticipatoryScorer::score<B>;
  CHECK((generate != nullptr));
  CHECK((inject != nullptr));
  CHECK((enter != nullptr));
  CHECK((merge != nullptr));
  CHECK((order != nullptr));
  CHECK((score != nullptr));
}
