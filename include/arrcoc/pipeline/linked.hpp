#pragma once
// Pipelines by type without compiling their driver again: for a backend whose driver a library holds (libarrcoc that of
// EigenDispatch). One of these once in a program's unit, at global scope, behind the headers of the part that it is
// about; without the library the linker names what is missing. Includes nothing, so that each costs its part alone.

/// What `realize` runs: the decisions of a pipeline over features (pipeline/realize.hpp).
#define ARRCOC_LINKED_DECISIONS(B) ARRCOC_DECISIONS_OF(extern, B)

/// The model (qwen3vl/model.hpp).
#define ARRCOC_LINKED_MODEL(B) ARRCOC_MODEL_OF(extern, B)

/// Every way of a question through the model, with both of the above (pipeline/passes.hpp).
#define ARRCOC_LINKED_JOURNEYS(B) ARRCOC_JOURNEYS_OF(extern, B)

// `where`: extern, or nothing in the library's own unit.
#define ARRCOC_DECISIONS_OF(where, B)                                                                        \
  where template struct arrcoc::AnyDecision<B>;                                                              \
  where template struct arrcoc::AnyPipeline<B>;                                                              \
  where template class arrcoc::Shelf<B>;                                                                     \
  where template class arrcoc::Looks<B>;                                                                     \
  where template arrcoc::AnyInjector<B> arrcoc::erase_injector(arrcoc::GatherInjector);                      \
  where template arrcoc::AnyQuery<B> arrcoc::erase_query(arrcoc::MeanQuery);                                 \
  where template arrcoc::AnySplit arrcoc::erase_split(arrcoc::SizeSplit);                                    \
  where template void arrcoc::check_pipeline(const arrcoc::AnyPipeline<B>&, std::string_view);               \
  where template arrcoc::Realized arrcoc::realize(B&, const arrcoc::AnyPipeline<B>&, const arrcoc::Picture&, \
                                                  arrcoc::qwen3vl::VisionOut<B>, const arrcoc::Query<B>*,    \
                                                  const arrcoc::RunOptions&, arrcoc::Trace*);

#define ARRCOC_MODEL_OF(where, B)                                                                \
  where template arrcoc::qwen3vl::VisionTower<B>::VisionTower(B&, const arrcoc::VisionConfig&,   \
                                                              const arrcoc::WeightLookup&);      \
  where template arrcoc::qwen3vl::LanguageModel<B>::LanguageModel(B&, const arrcoc::TextConfig&, \
                                                                  const arrcoc::WeightLookup&);  \
  where template class arrcoc::qwen3vl::Model<B>;

#define ARRCOC_JOURNEYS_OF(where, B)       \
  ARRCOC_DECISIONS_OF(where, B)            \
  ARRCOC_MODEL_OF(where, B)                \
  where template class arrcoc::Journey<B>; \
  where template class arrcoc::Passes<B>;
